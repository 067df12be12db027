"""EXR, DPX and Cineon plates laid down byte by byte, for what no library writes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flashdepth_vfx.plate import Window


@dataclass(frozen=True)
class RawChannel:
    """A channel to lay down as it is: `pixels` float32, every `step`-th sample of both directions."""

    name: str
    pixels: np.ndarray
    step: int = 1


def exr_attribute(name: str, kind: str, value: bytes) -> bytes:
    """One header attribute."""
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value


def write_raw_exr(
    path: Path,
    channels: Sequence[RawChannel],
    window: Window,
    *,
    extra: bytes = b"",
    display: Window | None = None,
    rows: int | None = None,
) -> Path:
    """An uncompressed EXR byte by byte; `extra` are more attributes, `rows` cuts the picture short."""
    ordered = sorted(channels, key=lambda c: c.name)
    table = b"".join(
        c.name.encode() + b"\0" + struct.pack("<iBxxxii", 2, 0, c.step, c.step) for c in ordered
    )
    head = struct.pack("<II", 20000630, 2)
    for name, kind, value in (
        ("channels", "chlist", table + b"\0"),
        ("compression", "compression", b"\0"),
        ("dataWindow", "box2i", _box_bytes(window)),
        ("displayWindow", "box2i", _box_bytes(display or window)),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<ff", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    ):
        head += exr_attribute(name, kind, value)
    head += extra + b"\0"
    chunks = []
    for row in range(window.height if rows is None else rows):
        data = b"".join(
            c.pixels[row // c.step].astype("<f4").tobytes() for c in ordered if row % c.step == 0
        )
        chunks.append(struct.pack("<ii", row + window.y, len(data)) + data)
    place = len(head) + 8 * len(chunks)
    offsets = []
    for chunk in chunks:
        offsets.append(place)
        place += len(chunk)
    path.write_bytes(head + struct.pack(f"<{len(offsets)}Q", *offsets) + b"".join(chunks))
    return path


def _box_bytes(window: Window) -> bytes:
    (x0, y0), (x1, y1) = window.to_exr()
    return struct.pack("<iiii", x0, y0, x1, y1)


def write_dpx(
    path: Path,
    codes: np.ndarray,
    *,
    bits: int = 10,
    descriptor: int | None = None,
    transfer: int = 3,
    big_endian: bool = True,
    frame_rate: float = 24.0,
    timecode: int = 0x01020304,
    orientation: int = 0,
    aspect: tuple[int, int] = (1, 1),
) -> Path:
    """A DPX of whole-number codes `(H, W, C)`, with a film header. Layout: SMPTE 268M."""
    height, width, channels = codes.shape
    order = ">" if big_endian else "<"
    flat = codes.reshape(height, width * channels).astype(np.uint32)
    if bits == 10:
        words = np.zeros((height, -(-flat.shape[1] // 3), 3), np.uint32)
        words.reshape(height, -1)[:, : flat.shape[1]] = flat
        shifted = (words[..., 0] << 22) | (words[..., 1] << 12) | (words[..., 2] << 2)
        data = shifted.astype(f"{order}u4").tobytes()
    else:
        stored = flat << 4 if bits == 12 else flat
        data = stored.astype("u1" if bits == 8 else f"{order}u2").tobytes()
    head = bytearray(b"\xff" * 2048)

    def put(place: int, form: str, *values: float) -> None:
        struct.pack_into(order + form, head, place, *values)

    def text(place: int, size: int, value: str) -> None:
        head[place : place + size] = value.encode().ljust(size, b"\0")

    put(0, "II", 0x53445058, 2048)
    text(8, 8, "V2.0")
    put(16, "IIIII", 2048 + len(data), 1, 1664, 384, 0)
    text(36, 100, path.name)
    text(136, 24, "2020:01:02:03:04:05")
    text(160, 100, "scanner software")
    text(260, 200, "the project")
    text(460, 200, "the owner")
    put(768, "HHII", orientation, 1, width, height)
    put(780, "IIfIf", 0, 0, 0.0, (1 << bits) - 1, 2.048)
    shape = {1: 6, 3: 50, 4: 51}[channels] if descriptor is None else descriptor
    put(800, "BBBBHHIII", shape, transfer, transfer, bits, 1, 0, 2048, 0, 0)
    text(820, 32, "picture")
    put(1408, "IIffII", 0, 0, 0.0, 0.0, width, height)
    for place, size in ((1432, 100), (1532, 24), (1556, 32), (1588, 32)):
        text(place, size, "")
    put(1620, "4H", 0, 0, 0, 0)
    put(1628, "II", *aspect)
    text(1664, 16, "010204123456" + "0789")
    text(1680, 32, "")
    put(1712, "IIIff", 10, 100, 1, frame_rate, 180.0)
    text(1732, 32, "frame id")
    text(1764, 100, "slate 12A")
    put(1920, "II", timecode, 0)
    path.write_bytes(bytes(head) + data)
    return path


def write_cineon(path: Path, codes: np.ndarray) -> Path:
    """A 10-bit RGB Cineon of whole-number codes `(H, W, 3)`. Layout: Cineon 4.5."""
    height, width, _ = codes.shape
    wide = codes.astype(np.uint32)
    data = ((wide[..., 0] << 22) | (wide[..., 1] << 12) | (wide[..., 2] << 2)).astype(">u4")
    head = struct.pack(">I", 0x802A5FD7) + struct.pack(
        ">5I8s100s12s12s36x", 2048, 1024, 1024, 0, 2048 + data.nbytes, b"V4.5", b"", b"", b""
    )
    head += struct.pack(">BBH", 0, 3, 0)
    for channel in range(8):
        number = channel + 1 if channel < 3 else 0
        head += struct.pack(">BBBBIIffff", 0, number, 10, 0, width, height, 0, 0, 1023, 0)
    head += struct.pack(">8f", *[0.0] * 8) + b"label".ljust(228, b"\0")
    head += struct.pack(">BBBBII20x", 0, 5, 0, 0, 0, 0)
    path.write_bytes(head.ljust(2048, b"\0") + data.tobytes())
    return path
