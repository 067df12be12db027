"""Mode: how the frames of a take are dealt out, named for what it guarantees."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Mode"]


class Mode(StrEnum):
    """How the frames of a take are dealt out."""

    #: One task a take: as an unbroken render.
    WHOLE = "whole"
    #: Chunks one after another, each from the state that the one before left: the same pixels, no faster.
    CHAIN = "chain"
    #: Chunks at once, each of which sees a few frames before its own: an approximation.
    PREROLL = "preroll"
