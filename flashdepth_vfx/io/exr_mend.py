"""Headers that are sound EXR but that the `OpenEXR` module cannot turn into Python values.

One attribute of these makes it fail on the whole header: text that is not UTF-8 (Latin-1 from older
tools), a rational number over 0 (a frame rate that is not known), a key code with a number out of its
range, and a deep image's state, of which it does not know the type.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

__all__ = ["mended_header"]

_MULTIPART = 0x1000
#: Manufacturer, type, prefix, count, perforation offset, perforations a frame and a count. Source:
#: SMPTE 254, as OpenEXR's `KeyCode` has it.
_KEY_CODE = ((0, 99), (0, 99), (0, 999_999), (0, 9999), (0, 119), (1, 15), (20, 120))


def mended_header(data: bytes) -> bytes:
    """The bytes of an EXR with such attributes rewritten, for reading its headers alone.

    Latin-1 text becomes UTF-8, n/0 becomes 0/1, and what cannot be said is left out. Sizes change, so
    that the chunk tables that follow no longer hold. Raises `struct.error` or `ValueError` for a
    header that is cut off.
    """
    multipart = struct.unpack_from("<I", data, 4)[0] & _MULTIPART
    out, place = bytearray(data[:8]), 8
    while True:
        if data[place] == 0:
            out.append(0)
            place += 1
            if not multipart or data[place] == 0:
                return bytes(out) + data[place:]
        name_end = data.index(b"\0", place) + 1
        kind_end = data.index(b"\0", name_end) + 1
        (size,) = struct.unpack_from("<i", data, kind_end)
        value_end = kind_end + 4 + size
        if size < 0 or value_end >= len(data):
            raise ValueError("an attribute is cut off")
        mend = _MENDERS.get(data[name_end : kind_end - 1], bytes)
        value = mend(data[kind_end + 4 : value_end])
        if value is not None:
            out += data[place:kind_end] + struct.pack("<i", len(value)) + value
        place = value_end


def _text(value: bytes) -> bytes:
    try:
        value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1").encode()
    return value


def _texts(value: bytes) -> bytes:
    out, place = bytearray(), 0
    while place < len(value):
        (size,) = struct.unpack_from("<i", value, place)
        if size < 0:
            raise ValueError("a text is cut off")
        text = _text(value[place + 4 : place + 4 + size])
        out += struct.pack("<i", len(text)) + text
        place += 4 + size
    return bytes(out)


def _rational(value: bytes) -> bytes:
    return value if len(value) != 8 or any(value[4:]) else struct.pack("<iI", 0, 1)


def _key_code(value: bytes) -> bytes | None:
    numbers = struct.unpack("<7i", value)
    limits = zip(numbers, _KEY_CODE, strict=True)
    return value if all(low <= number <= high for number, (low, high) in limits) else None


def _nothing(_value: bytes) -> None:
    return None


_MENDERS: dict[bytes, Callable[[bytes], bytes | None]] = {
    b"string": _text,
    b"stringvector": _texts,
    b"rational": _rational,
    b"keycode": _key_code,
    b"deepImageState": _nothing,
}
