"""EXR plates: windows and pixels, alpha, luminance and chroma."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plates import (
    H,
    RawChannel,
    W,
    exr_attribute,
    flat,
    flat_color,
    picture,
    planes,
    read_one,
    windows,
    write_exr,
    write_image,
    write_raw_exr,
)

from flashdepth_vfx.errors import CorruptPlateError
from flashdepth_vfx.plate import Window

_AP1 = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)


@settings(max_examples=60, deadline=None)
@given(windows, windows, st.booleans())
def test_windows_and_pixels_survive_whatever_they_are(
    tmp_path_factory: pytest.TempPathFactory, data: Window, display: Window, half: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "windows.exr"
    pixels = picture(*data.shape).astype(np.float16 if half else np.float32)
    write_exr(path, {"RGB": pixels}, data=data, display=display)
    plate = read_one(path)
    assert (plate.header.data_window, plate.header.display_window) == (data, display)
    assert np.array_equal(plate.rgb, pixels.astype(np.float32))


@pytest.mark.parametrize("tile", [7, 16, 64])
def test_tiled_plates_are_read_at_full_size(tmp_path: Path, tile: int) -> None:
    path = write_image(tmp_path / "a.exr", picture(40, 50), tile=tile)
    assert np.array_equal(read_one(path).rgb, picture(40, 50))


@pytest.mark.parametrize("name", [n for n in dir(OpenEXR) if n.endswith("_COMPRESSION")])
def test_every_compression_is_read(tmp_path: Path, name: str) -> None:
    pixels = picture(70, 40)
    path = write_exr(tmp_path / "a.exr", {"RGB": pixels}, compression=getattr(OpenEXR, name))
    assert np.abs(read_one(path).rgb - pixels).max() < 0.2


def test_pixel_aspect_is_read_and_nonsense_is_one(tmp_path: Path) -> None:
    for stated, taken in ((2.0, 2.0), (0.5, 0.5), (0.0, 1.0), (float("inf"), 1.0)):
        path = write_raw_exr(tmp_path / "a.exr", [RawChannel("Y", flat(1))], Window(0, 0, W, H))
        data = path.read_bytes().replace(
            exr_attribute("pixelAspectRatio", "float", struct.pack("<f", 1)),
            exr_attribute("pixelAspectRatio", "float", struct.pack("<f", stated)),
        )
        path.write_bytes(data)
        try:
            aspect = read_one(path).header.pixel_aspect
        except CorruptPlateError:
            continue  # OpenEXR refuses some of these itself, which is as well.
        assert aspect == taken


def test_values_beyond_one_nan_and_infinity_stay(tmp_path: Path) -> None:
    pixels = picture(4, 4)
    pixels[0, :3, 0] = (np.nan, np.inf, -np.inf)
    pixels[1, 0] = (-3.5, 1e30, 12.0)
    path = write_exr(tmp_path / "a.exr", {"RGB": pixels})
    assert np.array_equal(read_one(path).rgb, pixels, equal_nan=True)


def test_unsigned_integers_keep_their_numbers(tmp_path: Path) -> None:
    ids = np.arange(H * W, dtype=np.uint32).reshape(H, W)
    path = write_exr(tmp_path / "a.exr", {"id": ids, **planes("", 1, 2, 3)})
    assert np.array_equal(read_one(path, channels=["id"]).rgb[..., 1], ids.astype(np.float32))
    assert flat_color(read_one(path)) == [1, 2, 3]


def test_alpha_comes_along_premultiplied(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", planes("", 0.1, 0.2, 0.3, 0.5))
    plate = read_one(path)
    assert plate.premultiplied
    assert plate.alpha is not None
    assert plate.alpha.dtype == np.float32
    assert (plate.alpha == 0.5).all()


def test_without_alpha_nothing_is_premultiplied(tmp_path: Path) -> None:
    plate = read_one(write_exr(tmp_path / "a.exr", planes("", 0.1, 0.2, 0.3)))
    assert (plate.alpha, plate.premultiplied) == (None, False)


def test_one_luminance_becomes_three_equal_channels(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", {"Y": picture(H, W)[..., 0], "A": flat(0.5)})
    plate = read_one(path)
    assert all(np.array_equal(plate.rgb[..., c], picture(H, W)[..., 0]) for c in range(3))
    assert plate.alpha is not None


def luminance_chroma(rgb: tuple[float, float, float], weights: tuple[float, float, float]):
    red, _, blue = rgb
    y = sum(v * w for v, w in zip(rgb, weights, strict=True))
    half = np.full((H // 2, W // 2), 1, np.float32)
    return [
        RawChannel("Y", flat(y)),
        RawChannel("RY", half * (red - y) / y, 2),
        RawChannel("BY", half * (blue - y) / y, 2),
    ]


@pytest.mark.parametrize("origin", [(0, 0), (-4, 6)])
def test_luminance_and_chroma_become_the_colours_they_were(
    tmp_path: Path, origin: tuple[int, int]
) -> None:
    rgb = (0.2, 0.5, 0.7)
    window = Window(*origin, W, H)
    raw = luminance_chroma(rgb, (0.2126, 0.7152, 0.0722))
    plate = read_one(write_raw_exr(tmp_path / "a.exr", raw, window))
    assert np.allclose(plate.rgb, rgb, atol=2e-4)
    assert plate.header.data_window == window


def test_luminance_weighs_by_the_chromaticities_of_the_file(tmp_path: Path) -> None:
    rgb = (0.2, 0.5, 0.7)
    ap1_luminance = (0.2722287, 0.6740818, 0.0536895)
    raw = luminance_chroma(rgb, ap1_luminance)
    extra = exr_attribute("chromaticities", "chromaticities", struct.pack("<8f", *_AP1))
    plate = read_one(write_raw_exr(tmp_path / "a.exr", raw, Window(0, 0, W, H), extra=extra))
    assert np.allclose(plate.rgb, rgb, atol=1e-4)


def test_a_subsampled_channel_lies_on_its_samples_and_between_them(tmp_path: Path) -> None:
    coarse = np.arange(H // 2 * W // 2, dtype=np.float32).reshape(H // 2, W // 2)
    raw = [RawChannel("u", coarse, 2), *(RawChannel(n, flat(1)) for n in "RGB")]
    path = write_raw_exr(tmp_path / "a.exr", raw, Window(0, 0, W, H))
    seen = read_one(path, channels=["u"]).rgb[..., 0]
    assert np.array_equal(seen[::2, ::2], coarse)
    assert np.array_equal(seen[::2, 1:-1:2], (coarse[:, 1:] + coarse[:, :-1]) / 2)
    assert flat_color(read_one(path)) == [1, 1, 1]
