"""DPX, Cineon, TIFF, PNG and JPEG plates: exact codes, alpha, orientation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plates import (
    picture,
    random_codes,
    read_one,
    whole_range,
    write_cineon,
    write_dpx,
    write_image,
)

from flashdepth_vfx.errors import NoSuchChannelError, PlateError, UsageError
from flashdepth_vfx.plate import Window


@pytest.mark.parametrize("big_endian", [True, False])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@settings(max_examples=12, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20))
def test_dpx_codes_are_exact(
    tmp_path_factory: pytest.TempPathFactory, bits: int, big_endian: bool, height: int, width: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "codes.dpx"
    drawn = random_codes(bits, height, width)
    write_dpx(path, drawn, bits=bits, big_endian=big_endian)
    assert np.array_equal(read_one(path).rgb, whole_range(drawn, bits))


@pytest.mark.parametrize("big_endian", [True, False])
@pytest.mark.parametrize("width", range(3, 12))
@pytest.mark.parametrize("descriptor", [51, 52])
def test_a_10_bit_dpx_of_four_channels_keeps_every_sample_of_its_rows(
    tmp_path: Path, width: int, descriptor: int, big_endian: bool
) -> None:
    """OpenImageIO loses the last one where the width is one more than a multiple of three."""
    drawn = random_codes(10, 5, width, 4)
    path = write_dpx(tmp_path / "a.dpx", drawn, descriptor=descriptor, big_endian=big_endian)
    rgba = drawn if descriptor == 51 else drawn[..., ::-1]
    plate = read_one(path)
    assert plate.alpha is not None
    assert np.array_equal(plate.rgb, whole_range(rgba[..., :3], 10))
    assert np.array_equal(plate.alpha, whole_range(rgba[..., 3], 10))


def test_a_dpx_of_luminance_alone_is_repeated_to_three(tmp_path: Path) -> None:
    drawn = random_codes(16, 6, 7, 1)
    plate = read_one(write_dpx(tmp_path / "a.dpx", drawn, bits=16))
    assert np.array_equal(plate.rgb, np.repeat(whole_range(drawn, 16), 3, axis=-1))


def test_cineon_codes_are_exact(tmp_path: Path) -> None:
    drawn = random_codes(10, 7, 9)
    plate = read_one(write_cineon(tmp_path / "a.cin", drawn))
    assert np.array_equal(plate.rgb, whole_range(drawn, 10))
    assert plate.header.kind == "cineon"


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 16])
def test_whole_numbers_become_their_share_of_the_full_range(
    tmp_path: Path, suffix: str, bits: int
) -> None:
    drawn = random_codes(bits, 8, 9).astype(np.uint8 if bits == 8 else np.uint16)
    path = write_image(tmp_path / f"a{suffix}", drawn)
    assert np.allclose(read_one(path).rgb, whole_range(drawn, bits), atol=1e-7)


def test_floats_of_a_tiff_stay_as_they_are(tmp_path: Path) -> None:
    pixels = picture() * 40 - 3
    pixels[0, 0] = (np.nan, np.inf, -1e20)
    path = write_image(tmp_path / "a.tif", pixels)
    assert np.array_equal(read_one(path).rgb, pixels, equal_nan=True)


def _rgba() -> np.ndarray:
    return np.tile(np.array((200, 100, 50, 128), np.uint8), (4, 5, 1))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_unassociated_alpha_leaves_colour_as_stored(tmp_path: Path, suffix: str) -> None:
    path = write_image(tmp_path / f"a{suffix}", _rgba(), oiio__UnassociatedAlpha=1)
    plate = read_one(path)
    assert np.array_equal(np.round(plate.rgb * 255)[0, 0], (200, 100, 50))
    assert plate.alpha is not None
    assert round(float(plate.alpha[0, 0]) * 255) == 128
    assert not plate.premultiplied


def test_associated_alpha_says_so(tmp_path: Path) -> None:
    plate = read_one(write_image(tmp_path / "a.tif", _rgba()))
    assert np.array_equal(np.round(plate.rgb * 255)[0, 0], (200, 100, 50))
    assert plate.premultiplied


def test_grey_with_alpha_is_three_equal_channels_and_an_alpha(tmp_path: Path) -> None:
    grey = np.dstack((_rgba()[..., :1], _rgba()[..., 3:]))
    path = tmp_path / "a.png"
    spec = OpenImageIO.ImageSpec(5, 4, 2, "uint8")
    spec.channelnames, spec.alpha_channel = ("Y", "A"), 1
    spec.attribute("oiio:UnassociatedAlpha", 1)
    out = OpenImageIO.ImageOutput.create(str(path))
    assert out.open(str(path), spec)
    assert out.write_image(np.ascontiguousarray(grey))
    assert out.close()
    plate = read_one(path)
    assert np.array_equal(np.round(plate.rgb * 255)[0, 0], (200, 200, 200))
    assert plate.alpha is not None


def test_channels_are_read_by_name(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.png", _rgba(), oiio__UnassociatedAlpha=1)
    assert np.array_equal(np.round(read_one(path, channels=["A"]).rgb * 255)[0, 0], (128, 128, 128))
    assert np.array_equal(
        np.round(read_one(path, channels=["B", "G", "R"]).rgb * 255)[0, 0], (50, 100, 200)
    )
    with pytest.raises(NoSuchChannelError, match="R, G, B, A"):
        read_one(path, channels=["Z"])
    with pytest.raises(UsageError, match="name 1 or 3"):
        read_one(path, channels=["R", "G"])


@pytest.mark.parametrize("asked", [{"layer": "beauty"}, {"view": "left"}])
def test_layers_and_views_are_of_exr_alone(tmp_path: Path, asked: dict[str, object]) -> None:
    path = write_image(tmp_path / "a.png", _rgba())
    with pytest.raises(NoSuchChannelError, match="it has: none"):
        read_one(path, **asked)


def _stored_as(upright: np.ndarray, orientation: int) -> np.ndarray:
    """How a picture is stored under an EXIF number. Source: EXIF 2.32, 4.6.4 A, tag 274."""
    return {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_turned_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = (250, 10, 10)
    upright[8:, :16] = (10, 250, 10)
    upright[:8, 16:] = (10, 10, 250)
    path = write_image(
        tmp_path / f"a{suffix}", _stored_as(upright, orientation), Orientation=orientation
    )
    plate = read_one(path)
    assert plate.header.data_window == plate.header.display_window == Window(0, 0, 32, 16)
    assert plate.rgb.shape == (16, 32, 3)
    assert plate.rgb.flags.c_contiguous
    assert np.abs(plate.rgb - upright / 255).mean() < 0.05


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(0, np.s_[:, :]), (1, np.s_[:, ::-1]), (2, np.s_[::-1]), (3, np.s_[::-1, ::-1])],
)
def test_a_mirrored_dpx_is_turned_upright(tmp_path: Path, orientation: int, turn: object) -> None:
    """DPX numbers its orientations otherwise than EXIF. Source: SMPTE 268M, field 15."""
    drawn = random_codes(10, 6, 9)
    path = write_dpx(tmp_path / "a.dpx", drawn, aspect=(2, 1), orientation=orientation)
    plate = read_one(path)
    assert np.array_equal(plate.rgb, whole_range(drawn, 10)[turn])  # type: ignore[index]
    assert plate.header.pixel_aspect == 2.0


@pytest.mark.parametrize("orientation", [4, 5, 6, 7])
def test_a_dpx_on_its_side_is_refused_rather_than_scrambled(
    tmp_path: Path, orientation: int
) -> None:
    path = write_dpx(tmp_path / "a.dpx", random_codes(10, 6, 9), orientation=orientation)
    with pytest.raises(PlateError, match="save it upright"):
        read_one(path)


@pytest.mark.parametrize("orientation", [1, 6])
def test_pixel_aspect_turns_with_the_pixels(tmp_path: Path, orientation: int) -> None:
    path = write_image(
        tmp_path / "a.tif",
        np.zeros((4, 6, 3), np.uint8),
        Orientation=orientation,
        PixelAspectRatio=2.0,
    )
    assert read_one(path).header.pixel_aspect == pytest.approx(2.0 if orientation == 1 else 0.5)
