"""What is ignored leaves the resizes, is continued from around, and is told by the depth file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plates import windows
from test_preprocess import as_picture, header

from flashdepth_vfx.errors import PlateError
from flashdepth_vfx.ignored import Ignored, ignored_in, seen_part
from flashdepth_vfx.plate import MaskArray, Window
from flashdepth_vfx.preprocess import Canvas, filled, to_network

DATA = Window(-3, 5, 64, 48)
SAME = Canvas(DATA, 1.0, 48, 64)
SMALL = Canvas(Window(-10, 0, 80, 60), 1.0, 32, 40)
RNG = np.random.default_rng(2)


def a_rig(window: Window = DATA) -> MaskArray:
    ignored = np.zeros(window.shape, bool)
    ignored[10:30, 20:45] = True
    return ignored


@given(windows)
def test_a_window_is_read_as_it_is_written(window: Window) -> None:
    assert Window.parse(str(window)) == window


@pytest.mark.parametrize("canvas", [SAME, SMALL])
def test_the_network_sees_nothing_of_what_is_ignored(canvas: Canvas) -> None:
    one, ignored = RNG.random((*DATA.shape, 3), dtype=np.float32), a_rig()
    other = np.where(ignored[..., None], np.float32(1), one)
    seen, unseen = (to_network(p, DATA, canvas, ignored) for p in (one, other))
    assert torch.equal(seen, unseen)
    assert not torch.equal(seen, to_network(one, DATA, canvas))
    assert np.array_equal(filled(one, seen, DATA, canvas, ignored)[~ignored], one[~ignored])
    assert np.array_equal(
        filled(one, seen, DATA, canvas, ignored), filled(other, seen, DATA, canvas, ignored)
    )


def test_what_is_ignored_is_filled_from_around_it() -> None:
    ramp = np.broadcast_to(np.linspace(0.2, 0.8, 64, dtype=np.float32)[None, :, None], (48, 64, 3))
    picture, ignored = ramp.copy(), a_rig()
    picture[ignored] = 0
    shown = as_picture(to_network(picture, DATA, SAME, ignored))
    inside = shown[ignored]
    assert shown[~ignored] == pytest.approx(ramp[~ignored], abs=1e-5)
    assert 0.2 < inside.min() < inside.max() < 0.8
    assert np.abs(inside - ramp[ignored]).max() < 0.2


@pytest.mark.parametrize("canvas", [SAME, SMALL])
def test_depth_that_is_ignored_lies_between_that_around_it(canvas: Canvas) -> None:
    ignored = Ignored.of(a_rig(), DATA, canvas)
    disparity = torch.rand(canvas.height, canvas.width) + 3
    wild = torch.where(ignored.known, disparity, 900.0)
    got = ignored.replaced(wild)
    assert torch.equal(got[ignored.known], disparity[ignored.known])
    assert got.max() <= disparity[ignored.known].max()
    assert got.min() >= disparity[ignored.known].min()


def test_a_frame_that_shows_nothing_is_sky() -> None:
    nothing = Ignored.of(np.ones(DATA.shape, bool), DATA, SAME)
    assert not nothing.replaced(torch.rand(48, 64) + 1).any()
    assert (
        not to_network(np.ones((48, 64, 3), np.float32), DATA, SAME, np.ones(DATA.shape, bool))
        .isnan()
        .any()
    )


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_a_depth_file_tells_which_pixels_its_network_saw(
    height: int, width: int, seed: int
) -> None:
    data = Window(4, -7, width, height)
    canvas = Canvas(data, 1.0, height, width)
    ignored = np.random.default_rng(seed).random(data.shape) < 0.3
    told = Ignored.of(ignored, data, canvas)
    attributes = {**told.attributes(), "flashdepth/canvas": str(data)}
    again = ignored_in(attributes, header(data, data))
    assert again is not None
    assert np.array_equal(again, ignored)


def test_of_a_large_network_a_cell_counts_only_if_all_of_it_was_seen() -> None:
    data = Window(0, 0, 1500, 901)
    ignored = np.zeros(data.shape, bool)
    ignored[300:401, 700:] = ignored[-1, -1] = True
    told = Ignored.of(ignored, data, Canvas(data, 1.0, 901, 1500))
    again = ignored_in({**told.attributes(), "flashdepth/canvas": str(data)}, header(data, data))
    assert again is not None
    assert again[ignored].all()
    assert not again[:297].any()
    assert not again[404:890].any()
    assert not again[:890, :697].any()
    assert len(told.attributes()["flashdepth/ignored"]) < 300


def test_what_is_measured_leaves_out_what_was_not_seen() -> None:
    told = Ignored.of(a_rig(), DATA, SMALL)
    attributes = {**told.attributes(), "flashdepth/canvas": str(SMALL.window)}
    depth = np.full(DATA.shape, 7, np.float32)
    left = seen_part(depth, attributes, header(DATA, DATA))
    # The network's pixels are twice the plate's.
    assert not left[12:28, 22:43].any()
    kept = left[2:-2, 2:-2] == 7
    kept[6:30, 16:45] = True
    assert kept.all()
    assert seen_part(depth, {}, header(DATA, DATA)) is depth


@pytest.mark.parametrize(
    ("text", "canvas"),
    [
        ("a third", "64x48-3+5"),
        ("10.00 % of the plate; 64x48 AAAA", "64x48-3+5"),
        ("10.00 % of the plate; 64x48 #", "64x48-3+5"),
        ("10.00 % of the plate; 0x0 eJwDAAAAAAE=", "64x48-3+5"),
        (None, "nowhere"),
    ],
)
def test_a_damaged_map_is_one_clear_error(text: str | None, canvas: str) -> None:
    good = Ignored.of(a_rig(), DATA, SAME).attributes()["flashdepth/ignored"]
    attributes = {"flashdepth/ignored": text or good, "flashdepth/canvas": canvas}
    damaged = replace(header(DATA, DATA), path=Path("depth.0007.exr"))
    with pytest.raises(PlateError, match=r"depth\.0007\.exr: its flashdepth/ignored is damaged"):
        ignored_in(attributes, damaged)
