"""Disparity at plate size, and beside it what a compositor wants at edges: where depth is not to be trusted, and how
two depths share a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.plate import Window
from flashdepth_vfx.preprocess import Canvas, known_part, to_plate
from flashdepth_vfx.settings import Upsampling
from flashdepth_vfx.upsample import Guide, bilinear, edges, guided_sides, highest

__all__ = ["PlateDepth", "at_plate"]

#: Samples each way in which the two colours of an edge are looked for: the plate's blur may be wider than the ramp.
_REACH = 4
#: How far a sample speaks for a side, in samples.
_PLACE = 2.0
#: What a sample near the edge says, where the picture may be a mix already, against one that is away from it.
_ON_EDGE = 0.02
#: Deviation of light, of 0..1, that grain and 8 bits leave in every colour.
_NOISE = 0.02
#: Two colours this many variances apart are half believed.
_APART = 8.0
#: A pixel with less than this of one side is taken to have none of it: grain is not coverage.
_PURE = 0.08
#: Sides that differ by no more than this, of the near one, are one surface.
_ONE = 0.05
#: Light mixes, codes do not: about a display's curve.
_GAMMA = 2.2
#: Pixels at once. A plane of the 81 samples of each takes 5 MiB, and up to eight are held.
_AT_ONCE = 1 << 14
_TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class PlateDepth:
    """One frame at plate size, each `(H, W)` float32, None where it was not asked for.

    `edge`: 1 where depth is not to be trusted, 0 where no edge is around. `near` and `far`: disparity of the two
    sides of the edge around, each continued past it; `coverage`: the near one's share of the pixel. Where no edge is
    around, both are the disparity, and coverage is 1.
    """

    disparity: Tensor
    edge: Tensor | None = None
    near: Tensor | None = None
    far: Tensor | None = None
    coverage: Tensor | None = None


def at_plate(
    disparity: Tensor,
    data_window: Window,
    canvas: Canvas,
    upsampling: Upsampling,
    guide: Guide | None,
    *,
    matte: bool,
    layers: bool,
) -> PlateDepth:
    """`to_plate`, with the edge `matte` and the two `layers` where they are asked for.

    `disparity` is `(h, w)` over the canvas. The disparity that comes of it is the same with and without them. Raises
    `ValueError` when they have no guide, or layers another upsampling than guided, whose sides they are.
    """
    if not (matte or layers):
        return PlateDepth(to_plate(disparity, data_window, canvas, upsampling, guide))
    if guide is None or (layers and upsampling is not Upsampling.GUIDED):
        raise ValueError("edges without a guide, or layers without guided upsampling")
    small = known_part(disparity, data_window, canvas)
    size = canvas.window.shape
    window = data_window.slices_in(canvas.window)
    corner = (window[0].start, window[1].start)
    band = bilinear(edges(small), size)[window]
    share, belief = _mix(small, guide, size, corner)
    edge = torch.maximum(band, 4 * share * (1 - share) * belief) if matte else None
    if not layers:
        full = to_plate(disparity, data_window, canvas, upsampling, guide)
        return PlateDepth(full, edge)
    sides = guided_sides(small, guide, size, corner)
    taken = sides.is_near.float()
    coverage = torch.lerp(taken, share, belief.masked_fill_(band == 0, 0.0))
    # The side that was taken keeps the larger part: a pixel that is all near or all far has that depth.
    coverage = torch.where(sides.is_near, coverage.clamp_min(0.5), coverage.clamp_max(0.5))
    # Of a surface that only bends, the two halves are no sides.
    is_one = sides.near - sides.far <= _ONE * sides.near
    near, far = (torch.where(is_one, sides.disparity, side) for side in (sides.near, sides.far))
    return PlateDepth(sides.disparity, edge, near, far, coverage.masked_fill_(is_one, 1.0))


def _mix(
    disparity: Tensor, guide: Guide, size: tuple[int, int], corner: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Of `(h, w)` disparity: the near side's share of each pixel of the guide's plate, and how far its colour can be
    believed in that, `(H, W)` each, 0 to 1. Away from edges nothing is believed.

    A pixel on an edge is taken for a mix, in light, of the mean colours of the two sides (Porter and Duff,
    "Compositing Digital Images", 1984), weighed by their variances as in Fisher's linear discriminant (1936).
    """
    height, width = guide.plate.shape[-2:]
    colours = _colours(disparity, _light(guide.seen))
    around = bilinear(highest(edges(disparity), 1), size)
    around = around[corner[0] : corner[0] + height, corner[1] : corner[1] + width].reshape(-1)
    share, belief = torch.zeros_like(around), torch.zeros_like(around)
    plate = guide.plate.reshape(3, -1)
    for part in torch.split(around.nonzero()[:, 0], _AT_ONCE):
        row = torch.div(part, width, rounding_mode="floor")
        down = (row + corner[0] + 0.5) / size[0]
        across = (part - row * width + corner[1] + 0.5) / size[1]
        grid = torch.stack((across, down), -1).float() * 2 - 1
        read = F.grid_sample(
            colours[None], grid[None, None], padding_mode="border", align_corners=False
        )
        near, far, variance = read.view(3, 3, -1)
        step, variance = near - far, variance + _NOISE**2
        apart = (step.square() / variance).sum(0)
        up = ((_light(plate.index_select(1, part)) - far) * step / variance).sum(0)
        share[part] = (up / apart.clamp_min(_TINY) - _PURE) / (1 - 2 * _PURE)
        # Colours less than a deviation apart are one.
        belief[part] = ((apart - 1).clamp_min(0.0) / (apart + _APART)) * around[part]
    return share.clamp_(0.0, 1.0).view(height, width), belief.view(height, width)


def _colours(disparity: Tensor, light: Tensor) -> Tensor:
    """Of `(3, h, w)` light, `(9, h, w)`: the mean of the near side around, that of the far side, and their variance.

    Where no edge is around, both are the light itself. Samples that lie on an edge count where there are no others.
    """
    height, width = disparity.shape
    band = edges(disparity)
    middle = (highest(disparity, 2) - highest(-disparity, 2)).reshape(-1) / 2
    away = 1 - (1 - _ON_EDGE) * highest(band, 1)
    # Beyond the rim there is nothing, and what weighs nothing has no say.
    rim = (_REACH,) * 4
    away, disparity = F.pad(away, rim).reshape(-1), F.pad(disparity, rim).reshape(-1)
    lights = F.pad(light, rim).reshape(3, -1)
    stride = width + 2 * _REACH
    each = torch.arange(2 * _REACH + 1, device=light.device)
    rows, columns = (grid.reshape(-1, 1) for grid in torch.meshgrid(each, each, indexing="ij"))
    distance = (rows - _REACH).square() + (columns - _REACH).square()
    by_place = (distance / (-2 * _PLACE**2)).exp()
    found = torch.cat((light, light, torch.zeros_like(light))).reshape(9, -1)
    for part in torch.split((highest(band, 2) > 0).reshape(-1).nonzero()[:, 0], _AT_ONCE):
        row = torch.div(part, width, rounding_mode="floor")
        at = row * stride + (part - row * width) + (rows * stride + columns)
        weight = away[at] * by_place
        is_near = disparity[at] > middle[part]
        total = torch.stack(((weight * is_near).sum(0), (weight * ~is_near).sum(0)))
        for channel in range(3):
            values = lights[channel][at]
            both = [_moments(values, weight * side) for side in (is_near, ~is_near)]
            found[channel, part], found[3 + channel, part] = both[0][0], both[1][0]
            found[6 + channel, part] = (both[0][1] + both[1][1]) / 2
        # Of one side alone there is nothing to tell a mix by.
        found[:6, part[(total <= 0).any(0)]] = 0.0
    return found.view(9, height, width)


def _moments(values: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each column."""
    total = weight.sum(0).clamp_min(_TINY)
    mean = (weight * values).sum(0) / total
    return mean, ((weight * values.square()).sum(0) / total - mean.square()).clamp_min(0.0)


def _light(codes: Tensor) -> Tensor:
    """Of 255ths."""
    return (codes.float() / 255).pow_(_GAMMA)
