"""The plates that a pass was made from, as a display shows them: what a reviewer lays the depth beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flashdepth_vfx.color import ColorTransform, plan_color
from flashdepth_vfx.errors import FlashDepthError, PlateError
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.review.records import RenderRecord
from flashdepth_vfx.sheet import Picture, resized
from flashdepth_vfx.shotinfo import open_shot

__all__ = ["ShownPlates", "plates_of"]


class ShownPlates:
    """Plates, and their way to what is shown: that of the network's own eyes. May be called from several threads,
    unless `sequential`.
    """

    def __init__(self, reader: PlateReader, transform: ColorTransform) -> None:
        self._reader, self._transform = reader, transform
        self.sequential = reader.sequential
        self.frames_per_second = reader.header(reader.frames[0]).frames_per_second
        self._there = frozenset(reader.frames)

    def picture(self, frame: int, width_px: int) -> Picture | None:
        """`(h, width_px, 3)` in 0..1, small before it is turned into what is shown; None where it is not there, or
        cannot be read.
        """
        if frame not in self._there:
            return None
        try:
            plate = self._reader.read(frame)
        except PlateError:
            return None
        height, width = plate.rgb.shape[:2]
        small = resized(plate.rgb, width_px, max(round(width_px * height / width), 1))
        return self._transform.to_network(small)

    def close(self) -> None:
        """Let go of files and decoders."""
        self._reader.close()


def plates_of(records: Sequence[RenderRecord]) -> ShownPlates | None:
    """The plates of the last of a pass's renders; None where they are gone, or nobody said where they are."""
    if not records or (job := records[-1].job) is None:
        return None
    record = records[-1]
    settings = job.settings
    try:
        reader = open_shot(replace(job.shot, input=record.placed(job.shot.input)))
    except FlashDepthError:
        return None
    try:
        plan = plan_color(
            reader.header(reader.frames[0]),
            colorspace=settings.colorspace,
            ocio=settings.ocio,
            display_view=settings.display_view,
            exposure=record.exposure_stops,
        )
        return ShownPlates(reader, ColorTransform(plan))
    except FlashDepthError:
        reader.close()
        return None
