"""How long a Matroska or WebM file says it is: FFmpeg reads a cut-off one to where it ends, silently."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

__all__ = ["stated_bytes"]

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def stated_bytes(path: Path) -> int | None:
    """The bytes from the file's start to its segment's end; None for another file, or an open end.

    Source: RFC 8794 (EBML), section 6, and RFC 9559 (Matroska).
    """
    with path.open("rb") as file:
        if file.read(4) != _EBML:
            return None
        header = _size(file)
        if header is None:
            return None
        file.seek(header, 1)
        if file.read(4) != _SEGMENT:
            return None
        segment = _size(file)
        return None if segment is None else file.tell() + segment


def _size(file: BinaryIO) -> int | None:
    """An element's size: as many more bytes as the first has leading zeros; all ones is "unknown"."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    number = int.from_bytes(first + file.read(more), "big") & ((1 << (7 * (more + 1))) - 1)
    return None if number == (1 << (7 * (more + 1))) - 1 else number
