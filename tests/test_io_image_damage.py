"""Torn JPEG and Cineon files, which OpenImageIO fills with grey, and hostile headers, are refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plates import random_codes, read_one, write_cineon, write_dpx, write_image

from flashdepth_vfx.errors import CorruptPlateError
from flashdepth_vfx.io import open_plates

RNG = np.random.default_rng(0)


def _jpeg(path: Path, **attributes: object) -> bytes:
    noise = RNG.integers(0, 255, (96, 128, 3)).astype(np.uint8)
    return write_image(path, noise, **attributes).read_bytes()


@pytest.mark.parametrize("progressive", [0, 1])
@settings(max_examples=25, deadline=None)
@given(kept=st.floats(0.01, 0.9999))
def test_a_jpeg_cut_off_anywhere_is_refused(
    tmp_path_factory: pytest.TempPathFactory, progressive: int, kept: float
) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = _jpeg(folder / "whole.jpg", jpeg__progressive=progressive)
    read_one(folder / "whole.jpg")
    torn = folder / "torn.jpg"
    torn.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(CorruptPlateError):
        read_one(torn)


def test_bytes_after_a_jpeg_and_a_thumbnail_inside_change_nothing(tmp_path: Path) -> None:
    whole = _jpeg(tmp_path / "a.jpg")
    thumbnail = b"Exif-like\0" + b"\xff\xd8\xff\xd9"
    segment = b"\xff\xe5" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    path = tmp_path / "b.jpg"
    path.write_bytes(whole[:2] + segment + whole[2:] + b"a phone's trailer")
    assert np.array_equal(read_one(path).rgb, read_one(tmp_path / "a.jpg").rgb)
    path.write_bytes(whole[:2] + segment + whole[2:-2])
    with pytest.raises(CorruptPlateError, match="cut off"):
        read_one(path)


@settings(max_examples=25, deadline=None)
@given(kept=st.floats(0.0, 0.9999))
def test_a_cineon_cut_off_anywhere_is_refused(
    tmp_path_factory: pytest.TempPathFactory, kept: float
) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = write_cineon(folder / "whole.cin", random_codes(10, 20, 30)).read_bytes()
    torn = folder / "torn.cin"
    torn.write_bytes(whole[: 2048 + int((len(whole) - 2048) * kept)])
    with pytest.raises(CorruptPlateError, match="bytes short"):
        read_one(torn)


@pytest.mark.parametrize("kind", ["png", "dpx", "cineon"])
def test_a_header_that_states_a_huge_picture_is_refused(tmp_path: Path, kind: str) -> None:
    big = 40_000
    path = tmp_path / f"a.{'cin' if kind == 'cineon' else kind}"
    if kind == "png":
        write_image(path, np.zeros((2, 2, 3), np.uint8))
        data = bytearray(path.read_bytes())
        data[16:24] = struct.pack(">II", big, big)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif kind == "dpx":
        data = bytearray(write_dpx(path, random_codes(10, 4, 6)).read_bytes())
        data[772:780] = struct.pack(">II", big, big)
    else:
        data = bytearray(write_cineon(path, random_codes(10, 4, 6)).read_bytes())
        for channel in range(3):
            data[200 + 28 * channel : 208 + 28 * channel] = struct.pack(">II", big, big)
    path.write_bytes(data)
    with pytest.raises(CorruptPlateError):
        read_one(path)
    with pytest.raises(CorruptPlateError):
        open_plates(str(path)).header(1)
