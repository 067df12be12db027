"""Mode: how the frames of a take are dealt out, named for what it guarantees."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Mode", "how_far_off"]

#: Per cent of nearness that a pixel was off on the mean, by the frames of the pre-roll: `nano`, on a film
#: (benchmarks/preroll.py, docs/farm.md).
_OFF_PERCENT = {0: 4.8, 4: 2.9, 8: 2.0, 16: 0.64, 32: 0.073}


class Mode(StrEnum):
    """How the frames of a take are dealt out."""

    #: One task a take: as an unbroken render.
    WHOLE = "whole"
    #: Chunks one after another, each from the state that the one before left: the same pixels, no faster.
    CHAIN = "chain"
    #: Chunks at once, each of which sees a few frames before its own: an approximation.
    PREROLL = "preroll"


def how_far_off(preroll_frames: int) -> str:
    """A sentence on what a pre-roll costs: by the longest that was measured and is no longer than it."""
    measured = max(frames for frames in _OFF_PERCENT if frames <= preroll_frames)
    return (
        f"approximate: where it was measured, with nano on a film, depth behind a pre-roll of {measured} frames was "
        f"{_OFF_PERCENT[measured]:g} % off on the mean (docs/farm.md); compare a shot of yours by flashdepth diff"
    )
