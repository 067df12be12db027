"""Where an EXR keeps its parts and chunks, read from the bytes alone: is the file whole, is it safe?

Both EXR libraries open a torn file without a word and take memory for whatever size a header states,
so this runs before either. Source: "OpenEXR File Layout" of the OpenEXR documentation.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.errors import CorruptPlateError
from flashdepth_vfx.plate import Window

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "ExrPart",
    "check_whole",
    "check_window",
    "layout_in",
    "read_layout",
]

#: The largest picture that is read: pixels on a side of either window, and in all.
MAX_SIDE = 32_768
MAX_PIXELS = 1 << 30

_MAGIC = 20_000_630
_TILED, _LONG_NAMES, _DEEP, _MULTIPART = 0x200, 0x400, 0x800, 0x1000
_MAX_PARTS = 1024
#: Attributes whose values are kept while the header is read, and the most bytes that one may have.
_WANTED = {
    "chunkCount": 4,
    "compression": 1,
    "dataWindow": 16,
    "displayWindow": 16,
    "flashdepth/version": 256,
    "name": 4096,
    "tiles": 9,
    "type": 64,
    "view": 4096,
}
#: Rows in a chunk of a scanline part, by the number that stands for the compression.
_ROWS = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32, 256, 1)


@dataclass(frozen=True)
class ExrPart:
    """One part: its names, windows and the place of its table of `chunks` offsets in the file.

    `made_here`: this package wrote it, by its own mark. `numbered`: each of its chunks begins with the number
    of the part, as in a multipart file, which may have but one.
    """

    name: str | None
    view: str | None
    data_window: Window
    display_window: Window
    deep: bool
    tiled: bool
    chunks: int
    table: int
    made_here: bool
    numbered: bool


@dataclass(frozen=True)
class _Header:
    values: Mapping[str, bytes]

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        return None if value is None else value.decode(errors="replace")

    def window(self, name: str) -> Window:
        x0, y0, x1, y1 = struct.unpack("<4i", self.values[name])
        return Window(x0, y0, x1 - x0 + 1, y1 - y0 + 1)


def read_layout(path: Path) -> tuple[ExrPart, ...]:
    """The parts of an EXR, in file order, from its headers alone.

    Raises `CorruptPlateError` for an empty file, something that is not an EXR, a damaged header, or
    a window beyond `MAX_SIDE` or `MAX_PIXELS`; `OSError` as `open` does.
    """
    with path.open("rb") as file:
        return layout_in(path, file)


def layout_in(path: Path, file: BinaryIO) -> tuple[ExrPart, ...]:
    """The same of an open file, from its first byte on; `path` is what errors call it."""
    try:
        return _read_parts(path, file)
    except (struct.error, KeyError, EOFError) as error:
        raise CorruptPlateError(path, f"its EXR header is damaged or cut off ({error})") from error


def check_whole(path: Path, parts: tuple[ExrPart, ...]) -> None:
    """Raise `CorruptPlateError` unless every chunk of every part is in the file, to its last byte."""
    size = path.stat().st_size
    with path.open("rb") as file:
        last, last_part = 0, parts[0]
        for part in parts:
            file.seek(part.table)
            raw = file.read(8 * part.chunks)
            offsets: NDArray[np.uint64] = np.frombuffer(raw[: len(raw) // 8 * 8], "<u8")
            absent = part.chunks - int(np.count_nonzero(offsets))
            beyond = int(np.count_nonzero(offsets >= size))
            if absent or beyond:
                raise CorruptPlateError(
                    path,
                    f"it is torn: it lacks {absent + beyond} of its {part.chunks} blocks of pixels; "
                    "copy it again, or have it made again",
                )
            if part.chunks and int(offsets.max()) > last:
                last, last_part = int(offsets.max()), part
        end = _end_of_chunk(file, last, last_part)
    if end > size:
        raise CorruptPlateError(
            path, f"it is torn: it ends {end - size} bytes short; copy it again"
        )


def check_window(path: Path, window: Window) -> None:
    """Raise `CorruptPlateError` for a window that is empty, or too large to be a picture."""
    width, height = window.width, window.height
    if width < 1 or height < 1:
        raise CorruptPlateError(path, f"its window {window} holds no pixels")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise CorruptPlateError(
            path,
            f"its header states {width}x{height} pixels; more than {MAX_SIDE} on a side or "
            f"{MAX_PIXELS} in all is not read",
        )


def _read_parts(path: Path, file: BinaryIO) -> tuple[ExrPart, ...]:
    start = file.read(8)
    if not start:
        raise CorruptPlateError(path, "it is empty (0 bytes)")
    if len(start) < 8 or struct.unpack("<i", start[:4])[0] != _MAGIC:
        raise CorruptPlateError(path, "it is not an EXR: its first bytes are not those of one")
    flags = struct.unpack("<I", start[4:])[0]
    headers = list(_headers(file, multipart=bool(flags & _MULTIPART)))
    table = file.tell()
    parts: list[ExrPart] = []
    for header in headers:
        part = _part(path, header, flags, table)
        parts.append(part)
        table += 8 * part.chunks
    if not parts:
        raise CorruptPlateError(path, "it has no part")
    return tuple(parts)


def _headers(file: BinaryIO, *, multipart: bool) -> Iterator[_Header]:
    """The headers one after another; a multipart file ends its list with an empty one."""
    for _ in range(_MAX_PARTS if multipart else 1):
        values: dict[str, bytes] = {}
        while name := _text(file):
            _text(file)
            (size,) = struct.unpack("<i", file.read(4))
            if size < 0:
                raise EOFError(f"attribute {name!r} has a size of {size}")
            if name in _WANTED and size <= _WANTED[name]:
                values[name] = file.read(size)
            else:
                file.seek(size, os.SEEK_CUR)
        if multipart and not values:
            return
        yield _Header(values)


def _text(file: BinaryIO) -> str:
    """A name, up to its zero byte."""
    name = bytearray()
    while (byte := file.read(1)) != b"\0":
        if not byte or len(name) > 255:
            raise EOFError("a name has no end")
        name += byte
    return name.decode(errors="replace")


def _part(path: Path, header: _Header, flags: int, table: int) -> ExrPart:
    data, display = header.window("dataWindow"), header.window("displayWindow")
    for window in (data, display):
        check_window(path, window)
    kind = header.text("type")
    deep = bool(flags & _DEEP) if kind is None else kind.startswith("deep")
    tiled = bool(flags & _TILED) if kind is None else "tile" in kind
    # A one-part file may carry a stale count that a tool copied from elsewhere.
    if flags & _MULTIPART and "chunkCount" in header.values:
        chunks = int(struct.unpack("<i", header.values["chunkCount"])[0])
    elif tiled:
        chunks = _tile_count(header.values["tiles"], data)
    else:
        chunks = -(-data.height // _rows_in_chunk(header.values["compression"][0]))
    if not 0 < chunks <= MAX_PIXELS // 64:
        raise EOFError(f"{chunks} chunks")
    return ExrPart(
        name=header.text("name"),
        view=header.text("view"),
        data_window=data,
        display_window=display,
        deep=deep,
        tiled=tiled,
        chunks=chunks,
        table=table,
        made_here="flashdepth/version" in header.values,
        numbered=bool(flags & _MULTIPART),
    )


def _rows_in_chunk(compression: int) -> int:
    if compression >= len(_ROWS):
        raise EOFError(f"compression {compression} is of a later OpenEXR")
    return _ROWS[compression]


def _tile_count(description: bytes, data: Window) -> int:
    """Tiles of all levels. The description: width, height, and a byte of level and rounding mode."""
    width, height, mode = (int(number) for number in struct.unpack("<IIB", description))
    if not width or not height:
        raise EOFError("a tile holds no pixels")
    up = mode >> 4 == 1

    def sides(size: int) -> list[int]:
        levels = [size]
        while levels[-1] > 1:
            levels.append((levels[-1] + up) // 2)
        return levels

    def tiles(w: int, h: int) -> int:
        return -(-w // width) * -(-h // height)

    across, down = sides(data.width), sides(data.height)
    if mode & 0xF == 0:
        return tiles(data.width, data.height)
    if mode & 0xF == 1:
        count = len(sides(max(data.width, data.height)))
        across += [1] * (count - len(across))
        down += [1] * (count - len(down))
        return sum(tiles(w, h) for w, h in zip(across, down, strict=True))
    return sum(tiles(w, h) for w in across for h in down)


def _end_of_chunk(file: BinaryIO, offset: int, part: ExrPart) -> int:
    """The place after the last byte of the chunk at `offset`."""
    place = offset + 4 * part.numbered + (16 if part.tiled else 4)
    file.seek(place)
    if part.deep:
        table_bytes, sample_bytes, _ = struct.unpack("<3Q", file.read(24).ljust(24, b"\xff"))
        return int(place + 24 + table_bytes + sample_bytes)
    (size,) = struct.unpack("<I", file.read(4).ljust(4, b"\xff"))
    return int(place + 4 + size)
