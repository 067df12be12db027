"""What every plate reader and depth writer is: the one contract that `render` and its tests know."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.plate import DepthFrame, Plate, PlateHeader

__all__ = ["DepthWriter", "PlateReader"]


class PlateReader(Protocol):
    """Plates of one shot, by frame number.

    `name` is the pattern or file as people write it, `sequence` the same in its parts (padding 0 for a
    movie and for a still); `frames` are the frame numbers on disk, ascending.
    A `sequential` reader (a movie) is read by one thread, in ascending order; going back costs a
    decode from the start. Any other reader may be called from several threads at once.
    """

    name: str
    sequence: FrameSequence
    frames: tuple[int, ...]
    sequential: bool

    def path(self, frame: int) -> Path:
        """The file that holds `frame`, or would hold it."""

    def header(self, frame: int) -> PlateHeader:
        """The frame's header alone. Raises `PlateError` (`MissingFrameError`, `CorruptPlateError`);
        `NoSuchChannelError` where the header lacks what was asked for.
        """

    def read(self, frame: int) -> Plate:
        """The frame's pixels. Raises as `header` does."""

    def stamp(self, frame: int) -> str:
        """A short text that changes when the frame's file does (size and modification time)."""

    def close(self) -> None:
        """Let go of files and decoders."""


class DepthWriter(Protocol):
    """Depth of one shot, by frame number. A file is whole or it is not there."""

    def path(self, frame: int) -> Path:
        """The file that holds `frame`, or would hold it."""

    def write(self, depth: DepthFrame) -> int:
        """Write one frame and return its bytes. Raises `OutputError`, `DiskFullError`."""

    def attributes(self, frame: int) -> dict[str, object] | None:
        """The header attributes of a frame that is whole on disk; None when it is absent or torn."""
