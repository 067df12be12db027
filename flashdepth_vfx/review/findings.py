"""What a reviewer is told to look at: each a sentence with the frames and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.review.measure import FrameMeasure
from flashdepth_vfx.review.passes import DepthPass
from flashdepth_vfx.review.records import RenderRecord

__all__ = ["findings", "trembling"]

#: A frame stands out that trembles so many times as much as the middle one, and more than this.
_TIMES, _LEAST_PERCENT = 6.0, 2.0
#: More of a frame that was not shown to the network than this is worth a look.
_UNSEEN_PERCENT = 95.0
#: Sentences that could be as many as frames are cut off here.
_MOST = 20


def findings(
    found: DepthPass,
    measured: Sequence[FrameMeasure],
    records: Sequence[RenderRecord],
    amiss: Sequence[str],
) -> tuple[str, ...]:
    """All of them, what is missing first."""
    return (
        *_of_files(found),
        *_of_renders(found, records),
        *_of_headers(found),
        *_of_measures(measured),
        *_shortened([*dict.fromkeys(w for record in records for w in record.warnings)]),
        *amiss,
    )


def trembling(measured: Sequence[FrameMeasure]) -> tuple[int, ...]:
    """The frames whose flicker stands out from that of the pass."""
    told = {m.frame: m.flicker_percent for m in measured if m.flicker_percent is not None}
    if not told:
        return ()
    limit = max(_TIMES * float(np.median([*told.values()])), _LEAST_PERCENT)
    return tuple(frame for frame, flicker in told.items() if flicker > limit)


def _of_files(found: DepthPass) -> Iterator[str]:
    if found.holes:
        yield f"{_frames(found.holes)} not there, between the first and the last of the pass"
    yield from _shortened([*found.torn.values()])


def _of_renders(found: DepthPass, records: Sequence[RenderRecord]) -> Iterator[str]:
    # A later render of the same range speaks for it.
    for record in {r.frames: r for r in records}.values():
        if not record.is_done:
            why = f": {record.error}" if record.error else ""
            yield f"the render of {record.frames} was {record.outcome}{why}; run it again, with --resume"


def _of_headers(found: DepthPass) -> Iterator[str]:
    for name, what in (("settings", "other settings"), ("device", "another device")):
        alike = found.alike(name)
        if len(alike) > 1:
            told = " against ".join(str(frames) for frames in alike.values())
            yield f"frames of {what} in one pass: {told}"
    records = found.records
    yield from _some(
        "repeat the frame before them, since their plates were not there",
        FrameRange.of(r.frame for r in records if r.held_from is not None),
    )
    yield from _some(
        "were computed in float32, since half precision did not hold them",
        FrameRange.of(r.frame for r in records if r.widened),
    )
    yield from _some(
        "have NaN or Inf in their plates",
        FrameRange.of(r.frame for r in records if r.nan_count + r.inf_count),
    )
    preroll = found.told("prerollFrames")
    if preroll:
        yield f"rendered in parts, each after a pre-roll of {preroll} frames: an approximation"


def _of_measures(measured: Sequence[FrameMeasure]) -> Iterator[str]:
    yield from _some(
        "tremble more than the rest: look at them in motion", FrameRange.of(trembling(measured))
    )
    yield from _some(
        "are ignored nearly whole: a matte that is inverted, or an alpha of 0?",
        FrameRange.of(m.frame for m in measured if m.unseen_percent > _UNSEEN_PERCENT),
    )
    by_name: Mapping[str, FrameRange] = {
        "hold Inf": FrameRange.of(m.frame for m in measured if m.not_finite),
        "are one value all over": FrameRange.of(
            m.frame for m in measured if m.low is not None and m.low == m.high
        ),
    }
    for what, frames in by_name.items():
        yield from _some(what, frames)


def _some(what: str, frames: FrameRange) -> Iterator[str]:
    if frames:
        yield f"{_frames(frames)} {what}"


def _frames(frames: FrameRange) -> str:
    return f"{len(frames)} frame{'s' if len(frames) > 1 else ''} ({frames})"


def _shortened(sentences: Sequence[str]) -> Iterator[str]:
    yield from sentences[:_MOST]
    if len(sentences) > _MOST:
        yield f"and {len(sentences) - _MOST} more like these"
