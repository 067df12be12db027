"""Single files of data sets, each read whole or not at all, with errors that name them."""

from __future__ import annotations

import contextlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.errors import CorruptPlateError, PlateError, UsageError
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.exr_channels import list_channels
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.channels import choose_depth_channel

__all__ = [
    "UNREADABLE",
    "line_of",
    "read_array",
    "read_codes",
    "read_depth_exr",
    "read_picture",
    "reading",
]

UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, MemoryError),
    *(SyntaxError, IndexError, struct.error, zipfile.BadZipFile, zlib.error),
)
"""What numpy, json, h5py and zipfile raise for a file that is cut off, overwritten, or something else."""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """What goes wrong in the block is `PlateError` where the file is not there, else `CorruptPlateError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise PlateError(path, "is not there; copy the set again") from error
    except UNREADABLE as error:
        raise CorruptPlateError(path, f"{error or type(error).__name__}; copy it again") from error


def read_picture(path: Path) -> FloatArray:
    """`(H, W, 3)` of a PNG, a JPEG or an EXR, integers as 0 to 1. Raises `PlateError`."""
    return _plate(path)


def read_codes(path: Path) -> NDArray[np.uint16]:
    """The first channel of a 16-bit PNG, `(H, W)`, as the file's own whole numbers. Raises `PlateError`."""
    return np.rint(_plate(path)[..., 0].astype(np.float64) * 65535.0).astype(np.uint16)


def read_depth_exr(path: Path) -> FloatArray:
    """`(H, W)` of the EXR's channel that is depth, or its only one. Raises `PlateError`."""
    with reading(path):
        _, channels = list_channels(read_headers(path))
    names = [channel.shown for channel in channels]
    try:
        channel = choose_depth_channel(path, names, None, own_file=True)
    except UsageError as error:
        raise CorruptPlateError(path, str(error)) from error
    return _plate(path, (channel,))[..., 0]


def read_array(path: Path) -> NDArray[Any]:
    """A numpy file's array. Raises `PlateError`."""
    with reading(path):
        found = np.load(path, allow_pickle=False)
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu":
            raise ValueError("it holds no array of numbers")
        return found


def line_of(path: Path, line: int, count: int) -> list[float]:
    """The `count` numbers of a text file's line, from 0. Raises `PlateError`."""
    with reading(path):
        lines = path.read_text(encoding="utf-8").splitlines()
        if not 0 <= line < len(lines):
            raise ValueError(f"it has {len(lines)} lines, and no line {line + 1}")
        found = [float(word) for word in lines[line].split()]
        if len(found) != count:
            raise ValueError(f"line {line + 1} has {len(found)} numbers, not {count}")
        return found


def _plate(path: Path, channels: tuple[str, ...] | None = None) -> FloatArray:
    reader = open_plates(str(path), channels=channels)
    try:
        return reader.read(reader.frames[0]).rgb
    finally:
        reader.close()
