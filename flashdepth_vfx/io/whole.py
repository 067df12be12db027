"""Is a plate's file there to its last byte? Asked of files that may still be on their way."""

from __future__ import annotations

from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.io.exr_layout import check_whole, read_layout
from flashdepth_vfx.io.sequence import os_errors_name

__all__ = ["require_whole"]


def require_whole(reader: PlateReader, frame: int) -> None:
    """Raise `PlateError` unless the file of `frame` is there and whole.

    An EXR says by its table of blocks, a movie when it is opened; the others are read.
    """
    path = reader.path(frame)
    # Size and time, and that it is a file that may be read.
    reader.stamp(frame)
    if path.suffix.lower() in (".exr", ".sxr", ".mxr"):
        with os_errors_name(path):
            check_whole(path, read_layout(path))
    elif not reader.sequential:
        reader.read(frame)
