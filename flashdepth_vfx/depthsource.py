"""Depth of ours, read back: the disparity of its frames, and what their headers say."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from flashdepth_vfx.depthfile import code_said_by
from flashdepth_vfx.errors import PlateError
from flashdepth_vfx.ignored import seen_part
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.io.exr_writer import ExrDepthWriter, is_ours
from flashdepth_vfx.pipeline import each_header, read_ahead
from flashdepth_vfx.plate import FloatArray, Plate

__all__ = ["DepthSource"]

_T = TypeVar("_T")


class DepthSource:
    """The depth files of a shot. `given` are the attributes of each frame.

    Raises `PlateError` for a frame that is torn, or no depth of ours.
    """

    def __init__(
        self, reader: PlateReader, channel: str, workers: int, view: str | None = None
    ) -> None:
        self.reader, self._workers = reader, workers
        self._files = ExrDepthWriter(reader.sequence, channel=channel, view=view)
        self.given = dict(each_header(reader.frames, self._attributes))

    @property
    def frames(self) -> tuple[int, ...]:
        """Those on disk."""
        return self.reader.frames

    @property
    def headers(self) -> dict[int, tuple[Path, Mapping[str, Any]]]:
        """The file and the attributes of each frame."""
        return {frame: (self.reader.path(frame), told) for frame, told in self.given.items()}

    @property
    def uncalibrated(self) -> tuple[int, ...]:
        """The frames whose distances are nominal."""
        return tuple(f for f, told in self.given.items() if not told.get("flashdepth/calibrated"))

    def disparity(self, plate: Plate, pixels: FloatArray | None = None) -> FloatArray:
        """A frame's disparity in 100/m, by what its own header says; or that of other `pixels` of its file.

        Raises `PlateError` where it does not say, or cannot be turned back.
        """
        code = code_said_by(self.given[plate.header.frame], plate.header.path)
        return code.decode(np.ascontiguousarray(plate.rgb[..., 0] if pixels is None else pixels))

    def read(self, frame: int) -> tuple[Plate, FloatArray]:
        """A frame, and its disparity for who measures it: 0 where the network saw nothing of the scene."""
        plate = self.reader.read(frame)
        return plate, seen_part(self.disparity(plate), self.given[frame], plate.header)

    def ahead(
        self, frames: Iterable[int], load: Callable[[int], _T]
    ) -> Generator[tuple[int, _T], None, None]:
        """`(frame, load(frame))` in order, loaded on threads ahead of the caller."""
        return read_ahead(frames, load, workers=self._workers, ahead=2 * self._workers)

    def _attributes(self, frame: int) -> Mapping[str, Any]:
        found = self._files.attributes(frame)
        if found is None or not is_ours(found):
            raise PlateError(self.reader.path(frame), "is not depth of ours; render it first")
        return found
