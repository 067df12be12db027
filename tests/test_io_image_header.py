"""What DPX, TIFF and PNG headers say, in EXR's terms."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO
import pytest
from plates import picture, random_codes, read_one, write_dpx, write_image

from flashdepth_vfx.plate import Window


def test_a_tiff_crop_keeps_its_place_in_the_frame(tmp_path: Path) -> None:
    path = tmp_path / "crop.tif"
    spec = OpenImageIO.ImageSpec(30, 20, 3, "float")
    spec.x, spec.y, spec.full_width, spec.full_height = 7, 5, 60, 40
    out = OpenImageIO.ImageOutput.create(str(path))
    assert out.open(str(path), spec)
    assert out.write_image(picture())
    assert out.close()
    header = read_one(path).header
    assert header.data_window == Window(7, 5, 30, 20)
    assert header.display_window == Window(0, 0, 60, 40)


def test_dpx_metadata_is_told_in_exr_terms(tmp_path: Path) -> None:
    path = write_dpx(
        tmp_path / "a.dpx",
        random_codes(10, 4, 6),
        frame_rate=23.976,
        timecode=0x10_59_58_23,
        aspect=(2, 1),
    )
    header = read_one(path).header
    attributes = header.attributes
    timecode = attributes["timeCode"]
    assert (timecode.hours, timecode.minutes, timecode.seconds, timecode.frame) == (10, 59, 58, 23)
    assert not timecode.dropFrame
    assert repr(attributes["keyCode"]) == repr(OpenEXR.KeyCode(1, 2, 123456, 789, 4, 4, 64))
    assert attributes["framesPerSecond"] == Fraction(24000, 1001)
    assert header.frames_per_second == pytest.approx(23.976, abs=1e-3)
    assert attributes["project"] == "the project"
    assert attributes["owner"] == "the owner"
    assert attributes["comments"] == "picture"
    assert attributes["dpx:SlateInfo"] == "slate 12A"
    assert attributes["dpx:FrameId"] == "frame id"
    assert attributes["dpx:Transfer"] == "Logarithmic"
    assert header.pixel_aspect == 2.0
    assert "software" not in attributes


def test_drop_frame_time_code_stays_drop_frame(tmp_path: Path) -> None:
    path = write_dpx(tmp_path / "a.dpx", random_codes(10, 4, 6), timecode=0x01_00_00_42)
    timecode = read_one(path).header.attributes["timeCode"]
    assert (timecode.frame, bool(timecode.dropFrame)) == (2, True)


@pytest.mark.parametrize("timecode", [0xFFFFFFFF, 0x25000000, 0x01020A04, 0x01020330])
def test_bits_that_are_no_time_are_no_time_code(tmp_path: Path, timecode: int) -> None:
    path = write_dpx(tmp_path / "a.dpx", random_codes(10, 4, 6), timecode=timecode)
    assert "timeCode" not in read_one(path).header.attributes


@pytest.mark.parametrize(
    ("stated", "rate"),
    [
        (24.0, Fraction(24)),
        (23.98, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (12.5, Fraction(25, 2)),
        (0.0, None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_frame_rates_are_the_fractions_that_were_meant(
    tmp_path: Path, stated: float, rate: Fraction | None
) -> None:
    header = read_one(
        write_dpx(tmp_path / "a.dpx", random_codes(10, 4, 6), frame_rate=stated)
    ).header
    assert header.attributes.get("framesPerSecond") == rate
    assert (header.frames_per_second is None) == (rate is None)


@pytest.mark.parametrize(
    ("transfer", "hint"),
    [(0, None), (1, "Printing density"), (2, "Linear"), (3, "Logarithmic"), (6, "ITU-R 709-4")],
)
def test_the_transfer_that_a_dpx_names_is_its_hint(
    tmp_path: Path, transfer: int, hint: str | None
) -> None:
    path = write_dpx(tmp_path / "a.dpx", random_codes(10, 4, 6), transfer=transfer)
    said = read_one(path).header.color_hint
    assert (said or "").replace(" ", "").lower() == (hint or "").replace(" ", "").lower()


def _png_with(path: Path, chunks: bytes) -> Path:
    """A PNG without colour chunks of its own, and `chunks` before its pixels."""
    write_image(path, np.zeros((2, 2, 3), np.uint8))
    data, out, place = path.read_bytes(), b"\x89PNG\r\n\x1a\n", 8
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        kind = data[place + 4 : place + 8]
        if kind == b"IDAT":
            out += chunks
        if kind in (b"IHDR", b"IDAT", b"IEND"):
            out += data[place : place + size + 12]
        place += size + 12
    path.write_bytes(out)
    return path


def _chunk(kind: bytes, value: bytes) -> bytes:
    return (
        struct.pack(">I", len(value)) + kind + value + struct.pack(">I", zlib.crc32(kind + value))
    )


@pytest.mark.parametrize(
    ("chunks", "hint"),
    [
        (b"", None),
        (_chunk(b"sRGB", b"\0"), "sRGB Encoded Rec.709 (sRGB)"),
        (_chunk(b"gAMA", struct.pack(">I", 45455)), "Gamma 2.2 Encoded Rec.709"),
        (_chunk(b"gAMA", struct.pack(">I", 100000)), "Linear Rec.709 (sRGB)"),
        (_chunk(b"gAMA", struct.pack(">I", 12345)), None),
        (
            _chunk(b"gAMA", struct.pack(">I", 45455)) + _chunk(b"sRGB", b"\0"),
            "sRGB Encoded Rec.709 (sRGB)",
        ),
        (_chunk(b"gAMA", struct.pack(">I", 45455)) + _chunk(b"cICP", b"\x09\x10\0\1"), None),
    ],
)
def test_a_png_hints_at_what_it_says_itself(
    tmp_path: Path, chunks: bytes, hint: str | None
) -> None:
    assert read_one(_png_with(tmp_path / "a.png", chunks)).header.color_hint == hint
