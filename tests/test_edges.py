"""The edge matte and the edge layers: what they say, that they change nothing else."""

from __future__ import annotations

import pytest
import torch
from test_upsample import (
    CANVAS,
    FAR,
    LARGE,
    NEAR,
    SMALL,
    WINDOW,
    averaged,
    guide_from,
    half_plane,
    noise,
    painted,
)
from torch import Tensor

from flashdepth_vfx import RenderSettings
from flashdepth_vfx.edges import PlateDepth, at_plate
from flashdepth_vfx.errors import (
    SettingsError,
)
from flashdepth_vfx.plate import Window
from flashdepth_vfx.settings import Upsampling


def made(
    small: Tensor,
    picture: Tensor,
    way: Upsampling = Upsampling.GUIDED,
    *,
    matte: bool = True,
    layers: bool = True,
    window: Window = WINDOW,
) -> PlateDepth:
    rows, columns = window.slices_in(WINDOW)
    guide = guide_from(picture[:, rows, columns], window, CANVAS)
    return at_plate(small, window, CANVAS, way, guide, matte=matte, layers=layers)


def ramp(left: float, right: float) -> Tensor:
    """`(H, W)`: 1 to the left of a column, 0 to the right of another, and even between."""
    x = torch.arange(LARGE[1]) + 0.5
    return ((right - x) / (right - left)).clamp(0, 1).expand(LARGE).contiguous()


def blurred(share: Tensor) -> Tensor:
    """A light colour and a dark one, mixed in light, as a shutter does it."""
    whole = torch.ones(LARGE, dtype=torch.bool)
    one, two = painted(whole, 0.95, 0.1), painted(~whole, 0.95, 0.1).clamp_min(0.1)
    one = one.clamp_min(0.3)
    return (share * one**2.2 + (1 - share) * two**2.2) ** (1 / 2.2)


EDGE_AT = 64.0
TRUTH = torch.where(half_plane(EDGE_AT, 0.0), NEAR, FAR)


@pytest.mark.parametrize("way", Upsampling)
def test_depth_is_the_same_with_and_without_what_lies_beside_it(way: Upsampling) -> None:
    small, picture = averaged(TRUTH), painted(half_plane(EDGE_AT, 0.3))
    plain = made(small, picture, way, matte=False, layers=False)
    layers = way is Upsampling.GUIDED
    assert torch.equal(made(small, picture, way, layers=layers).disparity, plain.disparity)


@pytest.mark.parametrize("way", Upsampling)
def test_the_matte_is_one_on_an_edge_and_none_away_from_it(way: Upsampling) -> None:
    edge = made(averaged(TRUTH), painted(TRUTH > FAR), way, layers=False).edge
    assert edge is not None
    assert float(edge[:, 60:68].min()) == 1.0
    assert float(edge[:, :48].max()) == 0.0
    assert float(edge[:, 80:].max()) == 0.0
    assert edge.aminmax() == (0.0, 1.0)


def test_the_matte_is_that_of_disparity_whatever_the_upsampling() -> None:
    small, picture = averaged(TRUTH), painted(half_plane(60.0, 0.2))
    edges = [made(small, picture, way, layers=False).edge for way in Upsampling]
    assert all(edge is not None and torch.equal(edge, edges[0]) for edge in edges)


def test_a_plane_has_no_edge_whatever_is_painted_on_it() -> None:
    y, x = torch.meshgrid(*(torch.arange(side) for side in SMALL), indexing="ij")
    found = made(10 + 0.3 * y + 0.5 * x, (0.5 + noise(1, 0.3)).clamp(0, 1))
    assert found.edge is not None
    assert found.coverage is not None
    assert found.near is not None
    assert found.far is not None
    assert not bool(found.edge.any())
    assert bool((found.coverage == 1).all())
    assert torch.equal(found.near, found.disparity)
    assert torch.equal(found.far, found.disparity)


def test_the_matte_reaches_as_far_as_the_plate_is_a_mix() -> None:
    small = averaged(TRUTH)
    sharp = made(small, painted(TRUTH > FAR), layers=False).edge
    soft = made(small, blurred(ramp(EDGE_AT - 16, EDGE_AT + 16)), layers=False).edge
    assert sharp is not None
    assert soft is not None
    assert float(soft.mean()) > 1.1 * float(sharp.mean())


def test_the_matte_of_a_smaller_window_is_a_part_of_that_of_the_whole() -> None:
    # Darker from top to bottom, so that the colours of one row are not those of another.
    shade = torch.linspace(1.4, 0.4, LARGE[0])[:, None]
    small, picture = averaged(TRUTH), (painted(half_plane(EDGE_AT, 0.3)) * shade).clamp(0, 1)
    window = Window(24, 16, 80, 64)
    whole = made(small, picture)
    part = made(small, picture, window=window)
    rows, columns = window.slices_in(WINDOW)
    for name in ("edge", "coverage", "near", "far"):
        # Nothing is known beyond the window, and what lies within five samples of its rim looks there.
        one, two = getattr(whole, name)[rows, columns], getattr(part, name)
        assert torch.allclose(one[20:-20, 20:-20], two[20:-20, 20:-20], atol=0.01), name


@pytest.mark.parametrize("seed", range(4))
def test_what_is_all_near_or_all_far_has_that_depth(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    small = torch.rand(SMALL, generator=generator) * 20
    small[:8] = 0.0
    found = made(small, (0.5 + noise(seed, 0.3)).clamp(0, 1))
    assert found.coverage is not None
    assert found.near is not None
    assert found.far is not None
    near, far = found.coverage == 1, found.coverage == 0
    assert torch.equal(found.disparity[near], found.near[near])
    assert torch.equal(found.disparity[far], found.far[far])
    more, less = found.coverage > 0.5, found.coverage < 0.5
    assert torch.equal(found.disparity[more], found.near[more])
    assert torch.equal(found.disparity[less], found.far[less])
    assert bool((found.near >= found.far).all())
    assert bool(torch.isfinite(found.near).all() and torch.isfinite(found.far).all())
    assert found.coverage.aminmax() == (0.0, 1.0)


@pytest.mark.parametrize(("width", "most"), [(6.0, 0.06), (12.0, 0.06), (20.0, 0.1)])
def test_coverage_is_the_mix_of_a_moving_edge(width: float, most: float) -> None:
    share = ramp(EDGE_AT - width / 2, EDGE_AT + width / 2)
    found = made(averaged(TRUTH), blurred(share))
    assert found.coverage is not None
    assert found.near is not None
    assert found.far is not None
    on = slice(int(EDGE_AT - width / 2), int(EDGE_AT + width / 2))
    # On the picture's rim an edge has fewer samples around.
    middle = (NEAR + FAR) / 2
    said = found.coverage * (found.near > middle) + (1 - found.coverage) * (found.far > middle)
    error = (said - share)[8:-8, on].abs()
    assert float(error.mean()) < most
    hard = ((found.disparity > middle).float() - share)[8:-8, on].abs()
    assert float(error.mean()) < 0.4 * float(hard.mean())
    assert torch.allclose(found.near[8:-8, 60:68], torch.tensor(NEAR), rtol=0.02)
    assert torch.allclose(found.far[8:-8, 60:68], torch.tensor(FAR), rtol=0.02)


def test_grain_is_no_coverage() -> None:
    picture = (painted(TRUTH > FAR) + noise(3, 0.02)).clamp(0, 1)
    found = made(averaged(TRUTH), picture)
    assert found.coverage is not None
    away = found.coverage.clone()
    away[:, 60:68] = 1.0
    assert float(torch.minimum(away, 1 - away).mean()) < 0.0005


def test_sides_of_one_colour_take_the_side_that_depth_took() -> None:
    found = made(averaged(TRUTH), torch.full((3, *LARGE), 0.5))
    assert found.coverage is not None
    near = found.disparity > (NEAR + FAR) / 2
    assert torch.equal(found.coverage == 1, near | (found.near == found.far))
    assert bool(((found.coverage == 0) | (found.coverage == 1)).all())


def test_layers_need_guided_upsampling() -> None:
    with pytest.raises(SettingsError, match="--upsampling guided"):
        RenderSettings(edge_layers=True)
