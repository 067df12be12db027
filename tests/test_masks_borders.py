"""Letterboxes and the black edges of undistorted plates: found where they are, and nowhere in the dark."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from mask_kit import (
    BARS,
    LOG_BLACK,
    WINDOW,
    letterboxed,
    night,
    night_sky,
    night_street,
    outside_of_lens,
    pillarboxed,
    planet,
    scene,
    subtitled,
    undistorted,
    write_shot,
)
from plates import windows, write_exr, write_image, write_movie
from render_kit import at

from flashdepth_vfx.io import open_plates
from flashdepth_vfx.masks import Borders, find_borders
from flashdepth_vfx.plate import FloatArray, MaskArray, Window

LETTERBOX = Borders(picture=Window(0, BARS, 160, 96 - 2 * BARS))
EDGES = Borders(black_edges=True)


def found(pattern: str) -> Borders:
    return find_borders(open_plates(pattern))


def empty_in(borders: Borders, path: str | Path) -> MaskArray:
    reader = open_plates(str(path))
    mask = borders.empty_of(reader.read(reader.frames[0]))
    assert mask is not None
    return mask


@pytest.mark.parametrize("value", [0.0, LOG_BLACK])
def test_a_letterbox_is_found_whatever_its_black_is(tmp_path: Path, value: float) -> None:
    assert found(write_shot(tmp_path, partial(letterboxed, value=value))) == LETTERBOX


def test_bars_on_the_sides_and_of_two_widths_are_found(tmp_path: Path) -> None:
    assert found(write_shot(tmp_path, pillarboxed)).picture == Window(20, 0, 119, 96)


def test_a_letterbox_of_a_movie_or_of_jpegs_is_found_through_their_noise(tmp_path: Path) -> None:
    frames = [letterboxed(f) for f in range(1, 13)]
    codes = [(rgb * 255).round().astype(np.uint8) for rgb in frames]
    for frame, rgb in enumerate(codes, start=1):
        write_image(at(str(tmp_path / "j/shot.####.jpg"), frame), rgb)
    write_movie(tmp_path / "shot.mov", frames, codec="prores_ks", pixel_format="yuv422p10le")
    for source in (tmp_path / "j/shot.####.jpg", tmp_path / "shot.mov"):
        picture = found(str(source)).picture
        assert picture is not None
        assert (picture.x, picture.width) == (0, 160)
        # A codec may blur a bar's edge by a row or two.
        assert abs(picture.y - BARS) <= 2 >= abs(picture.height - (96 - 2 * BARS))


@pytest.mark.parametrize("k", [0.12, 0.06, -0.06, -0.03])
def test_black_edges_of_a_lens_are_found_and_followed_as_it_breathes(
    tmp_path: Path, k: float
) -> None:
    pattern = write_shot(tmp_path, partial(undistorted, k=k))
    assert found(pattern) == EDGES
    for frame in (1, 2, 9):
        outside = outside_of_lens(frame, k)
        empty = empty_in(EDGES, at(pattern, frame))
        assert empty[outside].all()
        reach = np.pad(outside, 2)
        near = [reach[r : r + 96, c : c + 160] for r in range(5) for c in range(5)]
        assert not empty[~np.logical_or.reduce(near)].any()


DARK: dict[str, Callable[[int], FloatArray]] = {
    "a scene without black": scene,
    "a lamp in the dark, crushed": night,
    "a lamp in the dark, hardly crushed": partial(night, level=0.0, grain=0.003),
    "a lamp in the dark, without grain": partial(night, level=0.02, grain=0.0),
    "a black sky over a flat roof": night_sky,
    "roofs before a black sky, and a black gutter": night_street,
    "a planet in space": planet,
    "words on black": subtitled,
    "nothing at all": lambda frame: np.zeros((*WINDOW.shape, 3), np.float32),
}


@pytest.mark.parametrize("kind", DARK)
def test_a_dark_scene_loses_nothing(tmp_path: Path, kind: str) -> None:
    assert found(write_shot(tmp_path, DARK[kind])) == Borders()


def test_a_bar_on_one_side_alone_is_no_letterbox(tmp_path: Path) -> None:
    def one_bar(frame: int) -> FloatArray:
        rgb = scene(frame)
        rgb[-BARS:] = 0
        return rgb

    assert found(write_shot(tmp_path, one_bar)) == Borders()


def test_what_opens_in_one_frame_is_no_letterbox(tmp_path: Path) -> None:
    """A curtain, a blink: the bars are the shot's, not a moment's."""
    assert (
        found(write_shot(tmp_path, lambda f: scene(f) if f == 6 else letterboxed(f))) == Borders()
    )


def test_a_slate_at_the_head_black_frames_and_torn_ones_have_no_say(tmp_path: Path) -> None:
    def with_slate(frame: int) -> FloatArray:
        return scene(1) if frame == 1 else letterboxed(frame) * (frame > 5)

    pattern = write_shot(tmp_path, with_slate, range(1, 25))
    for frame in (11, 12):
        path = at(pattern, frame)
        path.write_bytes(path.read_bytes()[:400])
    assert found(pattern) == LETTERBOX


def test_data_windows_that_move_are_laid_beside_each_other(tmp_path: Path) -> None:
    pattern = str(tmp_path / "shot.####.exr")
    for frame in range(1, 9):
        data = Window(-frame, 3, 140, 80)
        write_exr(at(pattern, frame), {"RGB": scene(frame, data)}, data=data, display=WINDOW)
    assert found(pattern) == Borders()
    tall = Window(0, -10, 160, 116)
    for frame in range(1, 9):
        rgb = scene(frame, tall)
        rgb[:22] = rgb[-22:] = 0
        write_exr(at(pattern, frame), {"RGB": rgb}, data=tall, display=WINDOW)
    assert found(pattern) == LETTERBOX


@given(windows)
def test_borders_are_read_as_they_are_written(window: Window) -> None:
    for borders in (Borders(), EDGES, Borders(picture=window)):
        assert Borders.parse(str(borders)) == borders


@given(windows)
def test_outside_a_picture_is_all_that_is_not_in_it(window: Window) -> None:
    borders, data = Borders(picture=window), Window(-5, 4, 50, 40)
    rows, columns = np.mgrid[data.y : data.y + data.height, data.x : data.x + data.width]
    inside = (rows >= window.y) & (rows < window.y + window.height)
    inside &= (columns >= window.x) & (columns < window.x + window.width)
    empty = borders.outside(data)
    assert np.array_equal(np.zeros(data.shape, bool) if empty is None else empty, ~inside)
