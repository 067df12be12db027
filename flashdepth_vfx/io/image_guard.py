"""What OpenImageIO lets pass without a word: torn JPEG and Cineon files, and samples lost from DPX rows."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import numpy as np

from flashdepth_vfx.errors import CorruptPlateError
from flashdepth_vfx.plate import FileKind, FloatArray

__all__ = ["check_image_whole", "mend_dpx_rows"]

#: A JPEG marker: not a stuffed byte of the picture's data, not a restart within it.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_START, _END, _TEMPORARY = 0xD8, 0xD9, 0x01
#: The words that DPX and Cineon files start with, for numbers of either byte order.
_ORDERS = {b"SDPX": ">", b"XPDS": "<", b"\x80\x2a\x5f\xd7": ">", b"\xd7\x5f\x2a\x80": "<"}


def check_image_whole(path: Path, kind: FileKind) -> None:
    """Raise `CorruptPlateError` for a JPEG without its end, or a Cineon shorter than its picture.

    OpenImageIO fills what is missing of these with grey or black; of the other kinds it says so.
    """
    if kind == "jpeg" and not _jpeg_has_end(path.read_bytes()):
        raise CorruptPlateError(path, "it is cut off before its end marker; copy it again")
    if kind == "cineon":
        short = _cineon_bytes(path) - path.stat().st_size
        if short > 0:
            raise CorruptPlateError(path, f"it is torn: it ends {short} bytes short; copy it again")


def _jpeg_has_end(data: bytes) -> bool:
    """Whether the picture's end marker is there: not that of a thumbnail inside a segment."""
    place = 2
    while (match := _MARKER.search(data, place)) is not None:
        marker, place = match[1][0], match.end()
        if marker == _END:
            return True
        if marker in (_START, _TEMPORARY):
            continue
        if place + 2 > len(data):
            return False
        place += int(struct.unpack_from(">H", data, place)[0])
    return False


def _cineon_bytes(path: Path) -> int:
    """The bytes that the file has at least. Offsets: SMPTE 268M's forerunner, Cineon 4.5, section 2."""
    with path.open("rb") as file:
        head = file.read(1024).ljust(1024, b"\0")
    order = _ORDERS.get(head[:4], ">")
    start = struct.unpack_from(f"{order}I", head, 4)[0]
    channels, bits = head[193], head[198]
    width, height = struct.unpack_from(f"{order}II", head, 200)
    samples = channels * width * height
    in_words_of_three = head[681] in (5, 6) and bits == 10
    return int(start + (-(-samples // 3) * 4 if in_words_of_three else -(-samples * bits // 8)))


def mend_dpx_rows(path: Path, pixels: FloatArray) -> None:
    """Put back, in place, the last sample of each row of a 10-bit, four-channel DPX.

    Where three samples share a word and the last word of a row holds one (width 1 more than a
    multiple of 3), OpenImageIO leaves that sample 0. `pixels` is `(H, W, 4)`, 0..1, R, G, B, A. Other
    files are left as they are. Offsets: SMPTE 268M.
    """
    height, width, channels = pixels.shape
    with path.open("rb") as file:
        head = file.read(2048).ljust(2048, b"\0")
        order = _ORDERS.get(head[:4])
        if order is None or channels != 4 or width % 3 != 1 or head[803] != 10:
            return
        packing, encoding, start, padding = struct.unpack_from(f"{order}HHII", head, 804)
        if packing not in (1, 2) or encoding:
            return
        row_bytes = -(-width * 4 // 3) * 4
        stride = row_bytes + (padding if padding != 0xFFFFFFFF else 0)
        # ABGR files end their rows with red.
        channel = 0 if head[800] == 52 else 3
        shift = 22 if packing == 1 else 20
        for row in range(height):
            file.seek(start + row * stride + row_bytes - 4, os.SEEK_SET)
            (word,) = struct.unpack(f"{order}I", file.read(4))
            pixels[row, -1, channel] = np.float32((word >> shift & 1023) / 1023)
