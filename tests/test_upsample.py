"""Guided upsampling: edges where the plate has them, nothing between two sides, and no print of the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from render_kit import Probe, RenderKit, run_with, write_plate
from torch import Tensor

from flashdepth_vfx.plate import Window
from flashdepth_vfx.preprocess import Canvas, guide_of, to_network, to_plate
from flashdepth_vfx.settings import Upsampling
from flashdepth_vfx.upsample import Guide, bilinear, guided

#: Network and plate, four plate pixels to one of the network's.
SMALL, LARGE = (24, 32), (96, 128)
WINDOW = Window(0, 0, 128, 96)
CANVAS = Canvas(WINDOW, 1.0, *SMALL)
NEAR, FAR = 20.0, 4.0
#: Plate pixels beyond a true edge within which a pixel may still be on the wrong side; none is between.
STATED_WIDTH_PX = 1
#: Of the step from far to near: what is nearer than this to one side is on it.
BETWEEN = 0.25


def guide_from(picture: Tensor, window: Window = WINDOW, canvas: Canvas = CANVAS) -> Guide:
    """Of `(3, H, W)` in 0..1."""
    rgb = picture.permute(1, 2, 0).contiguous().numpy()
    return guide_of(rgb, to_network(rgb, window, canvas))


def noise(seed: int, deviation: float = 1.0, size: tuple[int, int] = LARGE) -> Tensor:
    return deviation * torch.randn(3, *size, generator=torch.Generator().manual_seed(seed))


def averaged(large: Tensor) -> Tensor:
    """`(H, W)` down to the network's size."""
    return torch.nn.functional.interpolate(large[None, None], size=SMALL, mode="area")[0, 0]


def softened(small: Tensor, times: int) -> Tensor:
    """A network's edges are ramps: each time a sample wider on either side."""
    for _ in range(times):
        rim = torch.nn.functional.pad(small[None, None], (1,) * 4, mode="replicate")
        small = torch.nn.functional.avg_pool2d(rim, 3, 1)[0, 0]
    return small


def half_plane(column: float, lean: float) -> Tensor:
    """`(H, W)` bool: left of a straight edge through `column` at mid height."""
    y, x = torch.meshgrid(*(torch.arange(side) + 0.5 for side in LARGE), indexing="ij")
    return x + lean * (y - LARGE[0] / 2) < column


def painted(mask: Tensor, one: float = 0.7, other: float = 0.3) -> Tensor:
    """`(3, H, W)`: two greys, warm and cold."""
    grey = torch.where(mask, one, other)
    return torch.stack((grey, grey * 0.9, 0.8 - grey))


planes = st.tuples(st.floats(0.5, 60.0), st.floats(-0.6, 0.6), st.floats(-0.6, 0.6))


@settings(max_examples=40, deadline=None)
@given(planes, st.integers(0, 1000))
def test_a_plane_is_that_of_bilinear_whatever_is_painted_on_it(
    plane: tuple[float, float, float], seed: int
) -> None:
    offset, down, across = plane
    y, x = torch.meshgrid(*(torch.arange(side) - side / 2 for side in SMALL), indexing="ij")
    small = offset + down * y + across * x
    small = small + (0.2 * offset - small.min()).clamp_min(0.0)
    textured = (0.5 + noise(seed, 0.3)).clamp(0, 1)
    depth = guided(small, guide_from(textured), LARGE)
    assert torch.equal(depth, bilinear(small, LARGE))


@settings(max_examples=40, deadline=None)
@given(st.floats(46.0, 82.0), st.floats(-0.7, 0.7), st.integers(0, 2), st.booleans())
def test_an_edge_is_where_the_plate_has_it_and_nothing_is_between(
    column: float, lean: float, soft: int, near_is_left: bool
) -> None:
    is_left = half_plane(column, lean)
    truth = torch.where(is_left == near_is_left, NEAR, FAR)
    depth = guided(softened(averaged(truth), soft), guide_from(painted(is_left)), LARGE)
    up = (depth - FAR) / (NEAR - FAR)
    # On the picture's rim there are half as many samples to tell a wide ramp by.
    assert not bool(((up > BETWEEN) & (up < 1 - BETWEEN))[4:-4].any())
    wrong = (up > 0.5) != (truth == NEAR)
    far_off = ~(
        half_plane(column - STATED_WIDTH_PX, lean) ^ half_plane(column + STATED_WIDTH_PX, lean)
    )
    assert not bool((wrong & far_off)[10:-10].any())


@pytest.mark.parametrize(("soft", "step"), [(0, 0.1), (1, 0.3), (2, 0.4)])
@pytest.mark.parametrize(("column", "lean"), [(62.0, 0.0), (61.3, 0.3), (63.7, -0.6)])
def test_the_least_steps_that_are_stated(
    soft: int, step: float, column: float, lean: float
) -> None:
    """Of the near side's disparity, for ramps of 1, 3 and 5 samples."""
    is_left = half_plane(column, lean)
    far = NEAR * (1 - step)
    small = softened(averaged(torch.where(is_left, NEAR, far)), soft)
    up = (guided(small, guide_from(painted(is_left)), LARGE) - far) / (NEAR - far)
    assert not bool(((up > BETWEEN) & (up < 1 - BETWEEN))[4:-4].any())


@pytest.mark.parametrize("shift", [-3, 3])
def test_an_edge_that_the_network_misplaces_by_less_than_a_sample_is_put_right(shift: int) -> None:
    truth = torch.where(half_plane(64, 0.3), NEAR, FAR)
    seen = averaged(torch.where(half_plane(64 + shift, 0.3), NEAR, FAR))
    depth = guided(softened(seen, 1), guide_from(painted(half_plane(64, 0.3))), LARGE)
    wrong = (depth > (NEAR + FAR) / 2) != (truth == NEAR)
    assert float(wrong[10:-10].float().sum(1).max()) <= 2


def test_sides_of_one_colour_meet_at_the_middle_of_the_soft_edge() -> None:
    truth = torch.where(half_plane(62.0, 0.0), NEAR, FAR)
    depth = guided(softened(averaged(truth), 1), guide_from(torch.full((3, *LARGE), 0.4)), LARGE)
    up = (depth - FAR) / (NEAR - FAR)
    assert not bool(((up > BETWEEN) & (up < 1 - BETWEEN)).any())
    assert ((up > 0.5).sum(1) - 62).abs().max() <= 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(24, 32), (7, 11), (33, 18)]))
def test_nothing_leaves_the_range_around_it(seed: int, size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(seed)
    small = 30 * torch.rand(size, generator=generator).square()
    small[torch.rand(size, generator=generator) < 0.2] = 0.0
    plate, seen = (torch.rand(3, *s, generator=generator) * 255 for s in (LARGE, size))
    depth = guided(small, Guide(plate.byte(), seen.byte()), LARGE)
    high, low = around(small, 2), -around(-small, 2)
    # What is left of a soft edge beside the sky is made sky first, as its neighbour is.
    low = torch.where(-around(-small, 3) == 0, 0.0, low)
    assert bool((depth <= high * 1.000001).all())
    assert bool((depth >= low * 0.999999).all())


def around(small: Tensor, reach: int) -> Tensor:
    """The highest sample around each plate pixel."""
    pooled = torch.nn.functional.max_pool2d(small[None, None], 2 * reach + 1, 1, reach)
    return torch.nn.functional.interpolate(pooled, size=LARGE, mode="nearest-exact")[0, 0]


def scene_with_an_edge() -> tuple[Tensor, Tensor]:
    """Soft disparity of a near half before a sloping far one, and its picture."""
    y, _ = torch.meshgrid(*(torch.arange(side) / side for side in LARGE), indexing="ij")
    truth = torch.where(half_plane(60.0, 0.4), NEAR + 5 * y, FAR + 2 * y)
    return softened(averaged(truth), 1), painted(half_plane(60.0, 0.4))


def test_grain_moves_an_edge_by_a_pixel_and_prints_nowhere() -> None:
    """A still plate, its grain on and off: soft upsampling does not see the plate, and would not change at all."""
    small, picture = scene_with_an_edge()
    off = guided(small, guide_from(picture), LARGE)
    moved = torch.zeros(LARGE, dtype=torch.bool)
    for seed in range(5):
        on = guided(small, guide_from((picture + noise(seed, 0.03)).clamp(0, 1)), LARGE)
        changed = (on - off).abs()
        flipped = changed > 0.5 * (NEAR - FAR)
        # Besides flips from one side to the other nothing changes: grain decides sides, and makes no values.
        assert float(changed[~flipped].max()) < 0.02 * FAR
        assert float((changed > 1e-4).float().mean()) < 0.001
        moved |= flipped
    assert float(moved.float().mean()) < 0.005
    assert not bool((moved & ~(half_plane(58.0, 0.4) ^ half_plane(62.0, 0.4))).any())


def test_texture_does_not_print_beside_an_edge() -> None:
    """Stripes on the far wall in the colour of what is near: beyond the samples around the edge they are bilinear."""
    small, picture = scene_with_an_edge()
    _, x = torch.meshgrid(*(torch.arange(side) for side in LARGE), indexing="ij")
    striped = torch.where((x % 16 < 4) & (x > 100), picture[:, :1, :1], picture)
    plain = guided(small, guide_from(picture), LARGE)
    assert torch.equal(guided(small, guide_from(striped), LARGE)[:, 100:], plain[:, 100:])


def test_sky_stays_sky_and_sky_does_not_bleed() -> None:
    """Every pixel is exactly sky or wholly not, where the network's edge is soft too."""
    is_ground = half_plane(61.0, 0.5)
    for soft in (0, 1):
        small = softened(averaged(torch.where(is_ground, 8.0, 0.0)), soft)
        depth = guided(small, guide_from(painted(is_ground)), LARGE)
        assert bool(((depth == 0) | (depth > 7.0)).all())
        wrong = (depth == 0) == is_ground
        assert float(wrong[10:-10].float().sum(1).max()) <= 1
    assert not bool(guided(torch.zeros(SMALL), guide_from(noise(1).sigmoid()), LARGE).any())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 90), st.integers(0, 60), st.integers(1, 38), st.integers(1, 36))
def test_a_part_of_a_plate_is_that_part_of_the_whole(
    x: int, y: int, width: int, height: int
) -> None:
    """Pixels do not depend on which others are computed with them, nor on how many; and not on the day."""
    small, picture = scene_with_an_edge()
    whole = guide_from((picture + noise(3, 0.1)).clamp(0, 1))
    part = Guide(whole.plate[:, y : y + height, x : x + width].contiguous(), whole.seen)
    expected = guided(small, whole, LARGE)[y : y + height, x : x + width]
    found = guided(small, part, LARGE, (y, x))
    assert torch.allclose(found, expected, rtol=1e-6)
    assert torch.equal(guided(small, part, LARGE, (y, x)), found)


@pytest.mark.parametrize(
    "window", [Window(-20, 10, 90, 60), Window(30, 20, 61, 47), Window(0, 95, 1, 1)]
)
def test_the_guide_is_used_inside_the_data_window_only(window: Window) -> None:
    """An edge that crosses it lies where the picture has it; what the network says outside it has no part."""
    canvas = Canvas(WINDOW.union(window), 1.0, 24, 36)
    left = canvas.window.x
    y, x = np.mgrid[window.y : window.y + window.height, window.x : window.x + window.width] + 0.5
    is_near = torch.from_numpy(x + 0.3 * (y - 48) < 60)
    picture = painted(is_near)
    rows = (torch.arange(24) + 0.5) * canvas.window.height / 24 + canvas.window.y
    columns = (torch.arange(36) + 0.5) * canvas.window.width / 36 + left
    small = torch.where(columns + 0.3 * (rows[:, None] - 48) < 60, NEAR, FAR)
    depth = to_plate(small, window, canvas, Upsampling.GUIDED, guide_from(picture, window, canvas))
    poisoned = small.clone()
    poisoned[(rows < window.y - 3) | (rows > window.y + window.height + 3)] = 1e6
    poisoned[:, (columns < window.x - 3) | (columns > window.x + window.width + 3)] = 1e6
    other = to_plate(
        poisoned, window, canvas, Upsampling.GUIDED, guide_from(picture, window, canvas)
    )
    assert depth.shape == window.shape
    assert torch.allclose(depth, other)
    if min(window.shape) > 20:
        up = (depth - FAR) / (NEAR - FAR)
        assert not bool(((up > BETWEEN) & (up < 1 - BETWEEN)).any())
        assert float(((up > 0.5) != is_near)[10:-10].float().sum(1).max()) <= 2


def test_without_a_guide_it_is_refused() -> None:
    with pytest.raises(ValueError, match="without a guide"):
        to_plate(torch.ones(SMALL), WINDOW, CANVAS, Upsampling.GUIDED)
    with pytest.raises(ValueError, match="a guide of"):
        guided(torch.ones(9, 9), guide_from(painted(half_plane(60, 0))), LARGE)


@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_a_render_with_a_hold_puts_edges_where_its_plates_have_them(
    kit: RenderKit, aspect: float
) -> None:
    """Overscan, a network at half the plate's size, and a hole that is held: it repeats the guided depth."""
    data, display = Window(-16, -8, 352, 224), Window(0, 0, 320, 208)
    y, x = np.mgrid[0:224, 0:352] + 0.5
    plates = kit.shot(())
    near = {frame: x + 0.3 * y < 170 + 20 * frame for frame in (1, 3)}
    for frame, mask in near.items():
        rgb = np.where(mask[..., None], (0.8, 0.7, 0.6), (0.2, 0.25, 0.3)).astype(np.float32)
        name = kit.folder / f"plates/shot.{frame:04d}.exr"
        write_plate(name, frame, data=data, display=display, rgb=rgb, pixelAspectRatio=aspect)
    made = {"upsampling": "guided", "convention": "disparity", "missing": "hold", "resolution": 176}
    run_with(Probe(), kit.job(plates, frames="1-3", **made))
    depths = kit.depths()
    assert np.array_equal(depths[1], depths[2])
    for frame, mask in near.items():
        up = (depths[frame] - 0.2) / 0.6
        assert not ((up > BETWEEN) & (up < 1 - BETWEEN)).any()
        assert ((up > 0.5) != mask)[8:-8].sum(axis=1).max() <= 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_and_cpu_agree() -> None:
    small, picture = scene_with_an_edge()
    guide = guide_from((picture + noise(3, 0.03)).clamp(0, 1))
    here = guided(small, guide, LARGE)
    there = guided(small.cuda(), guide.to(torch.device("cuda")), LARGE).cpu()
    # A tie may fall the other way.
    assert float(((here - there).abs() > 1e-4).float().mean()) < 0.001
