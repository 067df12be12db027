"""Pictures that are pushed: the pixels of a render, a state that is kept, and one that is begun anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from movie_plates import write_movie

from flashdepth_vfx import RenderJob, RenderSettings, Shot, render
from flashdepth_vfx.errors import PlateSizeError, SettingsError
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.live import DepthStream, Shade
from flashdepth_vfx.sheet import coloured


def _settings(weights: Path, **more: object) -> RenderSettings:
    return RenderSettings(weights=str(weights), device="cpu", **more)  # type: ignore[arg-type]


def _pictures(count: int, height: int = 96, width: int = 128) -> list[np.ndarray]:
    return [
        np.random.default_rng(n).random((height, width, 3)).astype(np.float32) for n in range(count)
    ]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"convention": "z", "scene_unit": "cm"},
        {"upsampling": "guided", "edge_matte": True},
        {"stabilise": True},
    ],
    ids=["plain", "z in cm", "guided", "stabilised"],
)
def test_pushed_pictures_equal_a_render_of_the_same_movie(
    nano_weights: Path, tmp_path: Path, more: dict[str, object]
) -> None:
    movie = write_movie(tmp_path / "take.mkv", _pictures(5))
    settings = _settings(nano_weights, cuts="none", empty="seen", **more)
    output = str(tmp_path / "depth" / "d.####.exr")
    render(RenderJob(shot=Shot(input=str(movie)), output=output, settings=settings))
    pushed = DepthStream(settings)
    reader = open_plates(str(movie))
    for frame in reader.frames:
        plate = reader.read(frame)
        made = pushed.push(plate.rgb, color_hint=plate.header.color_hint)
        whole = open_plates(output, channels=("depth.Z",)).read(frame)
        assert np.array_equal(made.depth, whole.rgb[..., 0])
        assert made.frame == frame


def test_the_state_is_kept_and_forgotten_as_it_is_asked(nano_weights: Path) -> None:
    settings = _settings(nano_weights)
    first, second = _pictures(2)
    fresh = DepthStream(settings).push(second).depth
    pushed = DepthStream(settings)
    pushed.push(first)
    after_another = pushed.push(second).depth
    assert not np.array_equal(fresh, after_another)
    pushed.reset()
    again = pushed.push(second)
    assert np.array_equal(again.depth, fresh)
    assert (again.frame, pushed.resets) == (3, 1)
    assert again.attributes["flashdepth/reset"] == 1


def test_a_view_that_is_turned_round_is_a_picture_too(nano_weights: Path) -> None:
    """As OpenCV gives blue first, and a buffer that may not be written to."""
    settings = _settings(nano_weights)
    rgb = np.random.default_rng(5).integers(0, 256, (64, 80, 3), np.uint8)
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    bgr.setflags(write=False)
    turned = DepthStream(settings).push(bgr[..., ::-1])
    assert np.array_equal(turned.depth, DepthStream(settings).push(rgb).depth)


def test_another_size_begins_anew(nano_weights: Path) -> None:
    settings = _settings(nano_weights)
    (small,) = _pictures(1, 64, 80)
    pushed = DepthStream(settings)
    pushed.push(_pictures(1)[0])
    changed = pushed.push(small)
    assert pushed.resets == 1
    assert np.array_equal(changed.depth, DepthStream(settings).push(small).depth)


def test_whole_numbers_are_shares_of_white(nano_weights: Path) -> None:
    settings = _settings(nano_weights)
    eight = np.random.default_rng(5).integers(0, 256, (64, 80, 3), np.uint8)
    depth = [
        DepthStream(settings).push(picture).depth
        for picture in (
            eight,
            eight.astype(np.uint16) * 257,
            eight.astype(np.float32) / np.float32(255),
        )
    ]
    assert np.array_equal(depth[0], depth[2])
    np.testing.assert_allclose(depth[0], depth[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((64, 80), np.uint8), "red first"),
        (np.zeros((64, 80, 4), np.uint8), "red first"),
        (np.zeros((64, 80, 3), np.int32), "uint8"),
        (np.zeros((8, 8, 3), np.uint8), "16 or more"),
    ],
)
def test_what_is_no_picture_is_refused(nano_weights: Path, picture: np.ndarray, words: str) -> None:
    pushed = DepthStream(_settings(nano_weights))
    with pytest.raises(PlateSizeError, match=words):
        pushed.push(picture)
    assert pushed.next_frame == 1


def test_what_needs_a_whole_shot_is_refused(nano_weights: Path) -> None:
    with pytest.raises(SettingsError, match="whole shot"):
        DepthStream(_settings(nano_weights, convention="normalised_near_white"))
    with pytest.raises(SettingsError, match="whole shot"):
        DepthStream(_settings(nano_weights, exposure_stops="auto"))


def test_a_shade_is_the_same_of_every_convention() -> None:
    distance = np.array([[0.5, 1.0, 4.0, 1e4]], np.float32)
    of = {
        "inverse_z": 1 / distance,
        "z": distance,
        "disparity": 100 / distance,
    }
    for convention, depth in of.items():
        shade = Shade(RenderSettings(convention=convention), near=2.0).of(depth.astype(np.float32))  # type: ignore[arg-type]
        np.testing.assert_allclose(shade, [[1.0, 1.0, 0.5, 2e-4]], rtol=1e-5)
    in_feet = RenderSettings(convention="disparity", scene_unit="ft")  # type: ignore[arg-type]
    feet = distance / 0.3048
    np.testing.assert_allclose(
        Shade(in_feet, near=2.0).of((100 / distance).astype(np.float32)),
        np.clip(2.0 / feet, 0, 1),
        rtol=1e-5,
    )


def test_what_a_source_says_of_its_colours_is_heard(nano_weights: Path) -> None:
    settings = _settings(nano_weights)
    (picture,) = _pictures(1)
    plain = DepthStream(settings).push(picture)
    hdr = DepthStream(settings).push(picture, color_hint="Rec.2100-PQ - Display")
    assert not np.array_equal(plain.depth, hdr.depth)
    assert "Rec.2100-PQ" in hdr.attributes["flashdepth/color"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_codes_that_a_gpu_looks_up_are_the_bits_of_a_picture(nano_weights: Path) -> None:
    settings = RenderSettings(weights=str(nano_weights), device="cuda", resolution="native")
    codes = np.random.default_rng(0).integers(0, 256, (98, 140, 3), np.uint8)
    looked_up, whole = DepthStream(settings), DepthStream(settings)
    for _ in range(3):
        one, other = looked_up.push(codes), whole.push(codes / np.float32(255))
        assert np.array_equal(one.depth, other.depth)


def test_colours_that_are_looked_up_are_those_that_are_mixed() -> None:
    depth = np.random.default_rng(0).random((40, 50)).astype(np.float32) * np.float32(1.2)
    shade = Shade(RenderSettings())
    mixed = coloured(shade.of(depth), 0.0, 1.0) * 255
    assert np.abs(shade.colours(depth) - mixed).max() < 0.6
