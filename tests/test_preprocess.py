"""The canvas, the resizes and the fill: nothing moves, nothing outside the plate reaches its depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flashdepth_vfx.errors import PlateSizeError
from flashdepth_vfx.plate import PlateHeader, Window
from flashdepth_vfx.preprocess import (
    Canvas,
    guide_of,
    plan_canvas,
    shot_window,
    to_network,
    to_plate,
)
from flashdepth_vfx.settings import Upsampling

MEAN = np.array((0.485, 0.456, 0.406), np.float32)
STD = np.array((0.229, 0.224, 0.225), np.float32)


def header(data: Window, display: Window, *, aspect: float = 1.0, frame: int = 1) -> PlateHeader:
    return PlateHeader(
        path=Path(f"plate.{frame:04d}.exr"),
        frame=frame,
        kind="exr",
        data_window=data,
        display_window=display,
        pixel_aspect=aspect,
        channels=("R", "G", "B"),
        views=(),
        color_hint=None,
        frames_per_second=None,
        attributes={},
    )


def as_picture(tensor: torch.Tensor) -> np.ndarray:
    """Back from ImageNet normalisation to `(h, w, 3)` in 0..1."""
    return tensor[0].permute(1, 2, 0).numpy() * STD + MEAN


windows = st.builds(
    Window,
    st.integers(-300, 300),
    st.integers(-300, 300),
    st.integers(1, 400),
    st.integers(1, 400),
)


@given(windows, windows)
def test_a_union_is_the_smallest_window_that_holds_both(a: Window, b: Window) -> None:
    both = a.union(b)
    assert both.contains(a)
    assert both.contains(b)
    assert both == b.union(a)
    smaller = Window(both.x + 1, both.y, both.width - 1, both.height)
    assert not (smaller.contains(a) and smaller.contains(b))


def test_the_canvas_joins_display_window_and_all_data_windows() -> None:
    display = Window(0, 0, 100, 50)
    moving = [header(Window(-10 + f, 5, 60, 50), display, frame=f) for f in range(8)]
    assert shot_window(moving) == Window(-10, 0, 110, 55)


@pytest.mark.parametrize("change", ["display", "aspect"])
def test_a_size_that_changes_inside_a_shot_is_refused(change: str) -> None:
    display = Window(0, 0, 100, 50)
    other = Window(0, 0, 101, 50) if change == "display" else display
    aspect = 2.0 if change == "aspect" else 1.0
    shot = [header(display, display, frame=1), header(other, other, aspect=aspect, frame=2)]
    with pytest.raises(PlateSizeError, match=r"plate\.0002\.exr.*plate\.0001\.exr"):
        shot_window(shot)


@given(
    st.integers(16, 5000),
    st.integers(16, 5000),
    st.sampled_from([0.5, 1.0, 1.5, 2.0]),
    st.sampled_from([(14, 70), (32, 96)]),
    st.one_of(st.none(), st.integers(64, 4096)),
)
def test_a_canvas_has_sides_that_the_network_takes_and_the_shape_of_the_plate(
    width: int, height: int, aspect: float, grid: tuple[int, int], resolution: int | None
) -> None:
    multiple, minimum = grid
    minimum = -(-minimum // multiple) * multiple
    canvas = plan_canvas(
        Window(0, 0, width, height), aspect, resolution, multiple=multiple, minimum=minimum
    )
    assert canvas.width % multiple == canvas.height % multiple == 0
    assert min(canvas.width, canvas.height) >= minimum
    scale = 1.0 if resolution is None else resolution / max(width * aspect, height)
    for side, true in ((canvas.width, width * aspect), (canvas.height, height)):
        assert side == minimum or abs(side - true * scale) <= multiple / 2 + 1e-6


def test_anamorphic_plates_reach_the_network_with_square_pixels() -> None:
    canvas = plan_canvas(Window(0, 0, 1828, 1556), 2.0, 518, multiple=14, minimum=70)
    assert canvas.width / canvas.height == pytest.approx(2 * 1828 / 1556, rel=0.03)


def test_a_shot_without_a_picture_in_it_is_refused() -> None:
    one = Window(0, 0, 1, 1)
    with pytest.raises(PlateSizeError, match=r"1x1 pixels"):
        shot_window([header(one, one)])


def test_an_empty_frame_of_a_comp_is_part_of_its_shot() -> None:
    """Compositing packages write a frame without a picture as one pixel of a whole display window."""
    display, one = Window(0, 0, 150, 110), Window(0, 109, 1, 1)
    assert shot_window([header(display, display), header(one, display, frame=2)]) == display
    canvas = Canvas(display, 1.0, 96, 128)
    seen = to_network(np.zeros((1, 1, 3), np.float32), one, canvas)
    assert torch.isfinite(seen).all()
    assert to_plate(torch.ones(96, 128), one, canvas, Upsampling.BILINEAR).shape == (1, 1)


@pytest.mark.parametrize("size", [(64, 96), (33, 47), (128, 192)])
def test_a_flat_picture_stays_flat_through_the_resize(size: tuple[int, int]) -> None:
    window = Window(0, 0, size[1], size[0])
    canvas = Canvas(window, 1.0, 64, 96)
    picture = np.full((*size, 3), (0.2, 0.5, 0.9), np.float32)
    seen = as_picture(to_network(picture, window, canvas))
    assert np.abs(seen - np.float32((0.2, 0.5, 0.9))).max() < 1e-5


@pytest.mark.parametrize("upsampling", list(Upsampling))
@pytest.mark.parametrize(("row", "column"), [(0.25, 0.75), (0.75, 0.25), (0.5, 0.5)])
def test_a_spot_comes_back_where_it_was(upsampling: Upsampling, row: float, column: float) -> None:
    """Down to the network's size and up again, a spot's centre stays within a plate pixel."""
    window = Window(0, 0, 240, 160)
    canvas = Canvas(window, 1.0, 64, 96)
    y, x = np.mgrid[0:160, 0:240].astype(np.float32)
    spot = np.exp(-((x - 240 * column) ** 2 + (y - 160 * row) ** 2) / 200.0)
    picture = np.repeat(spot[..., None], 3, 2)
    seen = to_network(picture, window, canvas)
    small = torch.from_numpy(as_picture(seen)[..., 0].copy())
    back = to_plate(small, window, canvas, upsampling, guide_of(picture, seen)).numpy()
    weight = np.clip(back, 0, None) ** 2
    centre = (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()
    assert np.hypot(centre[0] - 240 * column, centre[1] - 160 * row) < 1.0


def test_the_emptiness_outside_a_data_window_does_not_darken_its_border() -> None:
    canvas = Canvas(Window(0, 0, 300, 200), 1.0, 64, 96)
    inside = Window(41, 37, 150, 90)
    picture = np.full((*inside.shape, 3), 0.8, np.float32)
    seen = as_picture(to_network(picture, inside, canvas))
    assert np.abs(seen - 0.8).max() < 1e-4


def test_the_fill_continues_the_picture_smoothly() -> None:
    """No step between the picture and its fill is larger than those of the picture itself."""
    canvas = Canvas(Window(0, 0, 384, 256), 1.0, 64, 96)
    inside = Window(96, 64, 192, 128)
    x = np.linspace(0.2, 0.8, inside.width, dtype=np.float32)
    picture = np.repeat(np.tile(x, (inside.height, 1))[..., None], 3, 2)
    seen = as_picture(to_network(picture, inside, canvas))[..., 0]
    own = np.abs(np.diff(seen[16:48, 24:72], axis=1)).max()
    assert np.abs(np.diff(seen, axis=1)).max() < 6 * own
    assert seen.min() > 0.15
    assert seen.max() < 0.85


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 60),
    st.integers(0, 40),
    st.integers(40, 140),
    st.integers(40, 110),
    st.sampled_from(list(Upsampling)),
)
def test_what_the_network_says_of_the_fill_does_not_leak_into_the_plate(
    x: int, y: int, width: int, height: int, upsampling: Upsampling
) -> None:
    canvas = Canvas(Window(0, 0, 200, 150), 1.0, 48, 64)
    inside = Window(x, y, width, height)
    honest = torch.full((48, 64), 3.0)
    # Everything whose centre lies outside the data window is nonsense.
    rows = (torch.arange(48) + 0.5) * 150 / 48
    columns = (torch.arange(64) + 0.5) * 200 / 64
    out_rows = (rows < y - 2) | (rows > y + height + 2)
    out_columns = (columns < x - 2) | (columns > x + width + 2)
    poisoned = honest.clone()
    poisoned[out_rows, :] = 1e6
    poisoned[:, out_columns] = 1e6
    picture = np.random.default_rng(0).random((*inside.shape, 3), np.float32)
    guide = guide_of(picture, to_network(picture, inside, canvas))
    depth = to_plate(poisoned, inside, canvas, upsampling, guide)
    assert depth.shape == inside.shape
    assert torch.allclose(depth, torch.full_like(depth, 3.0), atol=1e-4)


def test_a_data_window_outside_the_canvas_is_refused() -> None:
    canvas = Canvas(Window(0, 0, 100, 100), 1.0, 64, 64)
    outside = Window(50, 50, 100, 100)
    with pytest.raises(ValueError, match="does not fit canvas"):
        to_network(np.zeros((100, 100, 3), np.float32), outside, canvas)
