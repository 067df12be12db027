"""The parts of several EXRs in one, chunk by chunk as they lie on disk: no pixel is decoded.

Both EXR libraries decode what they copy, or lose header attributes that they do not know. Here headers and
chunks are bytes: a part keeps all of its own, and gains only what a file of several parts demands of each.
Source: "OpenEXR File Layout" of the OpenEXR documentation.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.errors import CorruptPlateError
from flashdepth_vfx.io.exr_layout import ExrPart, layout_in
from flashdepth_vfx.io.sequence import os_errors_name

__all__ = ["Attribute", "RawPart", "Source", "open_source", "text_attribute", "write_joined"]

_MAGIC, _VERSION = 20_000_630, 2
_LONG_NAMES, _DEEP, _MULTIPART = 0x400, 0x800, 0x1000
#: Bits of the second number that mean something by now; a file with another one is of a later OpenEXR.
_KNOWN = 0xFF | 0x200 | _LONG_NAMES | _DEEP | _MULTIPART


@dataclass(frozen=True)
class Attribute:
    """One header attribute, as its bytes."""

    name: bytes
    kind: bytes
    value: bytes


@dataclass(frozen=True)
class RawPart:
    """One part: its header in file order, where its chunks are, and its number in the file."""

    attributes: tuple[Attribute, ...]
    layout: ExrPart
    index: int

    def get(self, name: bytes) -> Attribute | None:
        """The attribute of that name."""
        return next((a for a in self.attributes if a.name == name), None)

    def with_(self, *given: Attribute) -> RawPart:
        """The same part with these attributes, in the places of those of their names or at the end."""
        new = {a.name: a for a in given}
        kept = [new.pop(a.name, a) for a in self.attributes]
        return replace(self, attributes=(*kept, *new.values()))

    def without(self, names: Iterable[bytes]) -> RawPart:
        """The same part without the attributes of these names."""
        gone = frozenset(names)
        return replace(self, attributes=tuple(a for a in self.attributes if a.name not in gone))


@dataclass(frozen=True)
class Source:
    """An open file whose `parts`, all of it or some, are to be joined with others'. `path` is what errors call it."""

    path: Path
    file: BinaryIO
    size_bytes: int
    long_names: bool
    parts: tuple[RawPart, ...]


def text_attribute(name: str, text: str) -> Attribute:
    """A `string` attribute."""
    return Attribute(name.encode(), b"string", text.encode())


def open_source(path: Path, file: BinaryIO) -> Source:
    """The headers of an open EXR. Raises `CorruptPlateError` for one that is damaged, or of a later OpenEXR."""
    with os_errors_name(path):
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        layout = layout_in(path, file)
        file.seek(0)
        _, flags = struct.unpack("<II", file.read(8))
        if flags & 0xFF != _VERSION or flags & ~_KNOWN:
            raise CorruptPlateError(path, f"is of a later OpenEXR (version field {flags:#x})")
        headers = list(_headers(path, file.read(layout[0].table - 8), len(layout)))
    numbered = zip(headers, layout, range(len(layout)), strict=True)
    parts = tuple(RawPart(*one) for one in numbered)
    return Source(path, file, size, bool(flags & _LONG_NAMES), parts)


def write_joined(out: BinaryIO, sources: Sequence[Source]) -> None:
    """Write one file of all parts of all `sources`, in order, with every chunk's bytes as they are.

    What a file of several parts demands is added to headers: `name` ("rgba" for the one part of a file
    that has none), `type`, `chunkCount`. Raises `CorruptPlateError` where two parts have one name, and for a
    chunk that is not what the tables say.
    """
    parts = [_as_one_of_several(part) for source in sources for part in source.parts]
    names = [part.get(b"name") for part in parts]
    if len(set(names)) < len(names):
        raise CorruptPlateError(sources[0].path, "two of its parts have one name")
    flags = _VERSION | _MULTIPART
    flags |= _LONG_NAMES if any(source.long_names for source in sources) else 0
    flags |= _DEEP if any(part.layout.deep for part in parts) else 0
    out.write(struct.pack("<II", _MAGIC, flags))
    for part in parts:
        out.write(b"".join(map(_attribute_bytes, part.attributes)) + b"\0")
    out.write(b"\0")
    table = out.tell()
    # Zeros until all chunks are there: so do readers tell a file that was cut off.
    tables: list[NDArray[np.uint64]] = [np.zeros(p.layout.chunks, "<u8") for p in parts]
    out.write(bytes(sum(places.nbytes for places in tables)))
    first = 0
    for source in sources:
        for place, chunk, body in _chunks(source):
            tables[first + place][chunk] = out.tell()
            out.write(struct.pack("<i", first + place))
            out.write(body)
        first += len(source.parts)
    out.seek(table)
    for places in tables:
        out.write(places.tobytes())


def _as_one_of_several(part: RawPart) -> RawPart:
    layout = part.layout
    kind = "tiledimage" if layout.tiled else "scanlineimage"
    count = Attribute(b"chunkCount", b"int", struct.pack("<i", layout.chunks))
    # A file of one part may have any count, copied from elsewhere: the one of the layout is right.
    part = part.with_(count)
    name = part.get(b"name")
    if name is None or not name.value:
        part = part.with_(text_attribute("name", "rgba"))
    return part if part.get(b"type") else part.with_(text_attribute("type", kind))


def _headers(path: Path, data: bytes, count: int) -> Iterator[tuple[Attribute, ...]]:
    """The attributes of each of `count` headers, which follow one another in `data`."""
    place = 0
    try:
        for _ in range(count):
            attributes = []
            while data[place]:
                name_end = data.index(b"\0", place)
                kind_end = data.index(b"\0", name_end + 1)
                value = kind_end + 5
                (size,) = struct.unpack_from("<i", data, kind_end + 1)
                name, kind = data[place:name_end], data[name_end + 1 : kind_end]
                attributes.append(Attribute(name, kind, data[value : value + size]))
                place = value + size
            place += 1
            yield tuple(attributes)
    except (ValueError, IndexError, struct.error) as error:
        # `layout_in` has been through it: it became another file since.
        raise CorruptPlateError(path, f"changed while it was read ({error})") from error


def _attribute_bytes(attribute: Attribute) -> bytes:
    size = struct.pack("<i", len(attribute.value))
    return attribute.name + b"\0" + attribute.kind + b"\0" + size + attribute.value


def _chunks(source: Source) -> Iterator[tuple[int, int, bytes]]:
    """Of every chunk the place of its part in `source.parts`, its number there and its bytes.

    In the order of the file, as it is read fastest.
    """
    with os_errors_name(source.path):
        tables = [_table(source, part.layout) for part in source.parts]
    owners = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    numbers = np.concatenate([np.arange(len(table)) for table in tables])
    offsets = np.concatenate(tables)
    for at in np.argsort(offsets, kind="stable"):
        place = int(owners[at])
        with os_errors_name(source.path):
            body = _chunk(source, source.parts[place], int(offsets[at]))
        yield place, int(numbers[at]), body


def _table(source: Source, layout: ExrPart) -> NDArray[np.uint64]:
    source.file.seek(layout.table)
    offsets: NDArray[np.uint64] = np.frombuffer(_exactly(source, 8 * layout.chunks), "<u8")
    if not offsets.all():
        raise CorruptPlateError(source.path, "it is torn: it lacks blocks of pixels; copy it again")
    return offsets


def _chunk(source: Source, part: RawPart, offset: int) -> bytes:
    """A chunk from behind its part number on: place, sizes, data."""
    layout = part.layout
    if offset >= source.size_bytes:
        raise CorruptPlateError(source.path, "it is torn: it ends before its last block of pixels")
    source.file.seek(offset)
    if layout.numbered and struct.unpack("<i", _exactly(source, 4)) != (part.index,):
        reason = f"a block of pixels is not of part {part.index}, as its tables say"
        raise CorruptPlateError(source.path, reason)
    head = _exactly(source, 16 if layout.tiled else 4)
    if layout.deep:
        sizes = _exactly(source, 24)
        table_bytes, sample_bytes, _ = struct.unpack("<3Q", sizes)
        return head + sizes + _exactly(source, table_bytes + sample_bytes)
    size = _exactly(source, 4)
    return head + size + _exactly(source, struct.unpack("<I", size)[0])


def _exactly(source: Source, count: int) -> bytes:
    # Asked first, since a damaged size would be taken as memory.
    if count > source.size_bytes - source.file.tell():
        raise CorruptPlateError(source.path, "it is torn: a block of pixels is cut off")
    data = source.file.read(count)
    if len(data) != count:
        raise CorruptPlateError(source.path, "it became shorter while it was copied")
    return data
