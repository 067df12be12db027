"""EXR files that are torn, damaged, hostile or deep are refused, before memory is taken for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plates import H, RawChannel, W, flat, picture, read_one, write_exr, write_raw_exr

from flashdepth_vfx.errors import CorruptPlateError, NoSuchChannelError, PlateError
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.plate import Window


def test_a_deep_image_is_refused_with_a_remedy(tmp_path: Path) -> None:
    samples = np.empty((4, 4), dtype=object)
    for row in range(4):
        for column in range(4):
            samples[row, column] = np.ones(2, np.float32)
    path = tmp_path / "deep.exr"
    header = {"type": OpenEXR.deepscanline, "compression": OpenEXR.ZIPS_COMPRESSION}
    OpenEXR.File(header, dict.fromkeys("RGB", samples)).write(str(path))
    with pytest.raises(PlateError, match="flatten"):
        read_one(path)


@settings(max_examples=80, deadline=None)
@given(st.floats(0, 0.9999))
def test_an_exr_cut_off_anywhere_is_refused(
    tmp_path_factory: pytest.TempPathFactory, kept: float
) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = write_exr(folder / "whole.exr", {"RGB": picture()}).read_bytes()
    torn = folder / "torn.exr"
    torn.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(CorruptPlateError):
        read_one(torn)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 600), st.integers(0, 255))
def test_a_damaged_header_is_refused_or_read_and_never_anything_else(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    data = bytearray(write_exr(folder / "whole.exr", {"RGB": picture()}).read_bytes())
    data[place % len(data)] = byte
    path = folder / "damaged.exr"
    path.write_bytes(data)
    try:
        plate = read_one(path)
    except (PlateError, NoSuchChannelError):
        return
    assert plate.rgb.shape == (*plate.header.data_window.shape, 3)


@pytest.mark.parametrize("compression", ["ZIP", "ZIPS", "DWAA"])
def test_damaged_pixels_are_refused(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "a.exr"
    code = getattr(OpenEXR, f"{compression}_COMPRESSION")
    write_exr(path, {"RGB": picture(64, 64)}, compression=code)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(b ^ 0x5A for b in data[middle : middle + 200])
    path.write_bytes(data)
    with pytest.raises(CorruptPlateError):
        read_one(path)


@pytest.mark.parametrize(
    "window",
    [
        Window(0, 0, 2**31 - 1, 2**31 - 1),
        Window(0, 0, 32_769, 4),
        Window(0, 0, 32_768, 32_769),
        Window(0, 0, 32_768, 32_768 + 1),
        Window(-(2**31), 0, 2**31, 1),
    ],
)
@pytest.mark.parametrize("which", ["data", "display"])
def test_a_header_that_states_a_huge_picture_is_refused_before_memory_is_taken(
    tmp_path: Path, window: Window, which: str
) -> None:
    small = Window(0, 0, W, H)
    raw = [RawChannel(n, flat(1)) for n in "RGB"]
    path = tmp_path / "huge.exr"
    if which == "data":
        write_raw_exr(path, raw, window, rows=2, display=small)
    else:
        write_raw_exr(path, raw, small, display=window)
    reader = open_plates(str(path))
    for call in (reader.header, reader.read):
        with pytest.raises(CorruptPlateError, match="32768 on a side"):
            call(1)


def test_an_empty_window_is_refused(tmp_path: Path) -> None:
    path = write_raw_exr(tmp_path / "a.exr", [RawChannel("Y", flat(1))], Window(5, 5, 0, 0), rows=0)
    with pytest.raises(CorruptPlateError, match="no pixels"):
        read_one(path)


def test_the_largest_side_is_read(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", {"RGB": np.ones((1, 32_768, 3), np.float16)})
    assert read_one(path).rgb.shape == (1, 32_768, 3)
