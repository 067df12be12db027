"""Disparity at plate size: soft, as a resize leaves it, or with its edges where the plate has them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Guide", "Sides", "bilinear", "edges", "guided", "guided_sides", "highest"]

#: Samples each way that a plate pixel looks at: a network's edge is a ramp of one to four of them.
_REACH = 2
#: Colours this far apart, of 0..1 in all three channels together, are told apart; grain is below it.
_COLOUR = 0.08
#: Of a colour that is nowhere around, no more is said than that: then the place decides. A log-likelihood.
_MOST_UNLIKE = 8.0
#: How far a sample speaks, in samples.
_PLACE = 0.9
#: A sample whose steps from the one before and to the one after are this much of the range around it, both up or
#: both down, is on a ramp between two sides.
_RAMP = 0.12
#: A sample next to the sky whose trust, a logarithm, is below this is no thing of its own.
_FOOT = -0.01
#: Where disparity bends by less than the first, of its value, nothing is an edge; by the second, all is.
_BEND = (0.02, 0.06)
#: Of the frame's mean disparity: the noise of what is far bends no more than this.
_FAR = 0.05
#: Plate pixels at once: on a CPU what a core's cache holds, elsewhere what is worth a kernel's start. A plane of the
#: 25 samples of each takes 1.6 and 25 MiB, and up to ten are held.
_AT_ONCE_CPU, _AT_ONCE_GPU = 1 << 14, 1 << 18
_TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class Guide:
    """A picture, display-referred, in 255ths: `plate` `(3, H, W)` uint8, and `seen` `(3, h, w)` uint8, the same
    as the network saw it, over the whole canvas."""

    plate: Tensor
    seen: Tensor

    def to(self, device: torch.device) -> Guide:
        """On that device."""
        return Guide(self.plate.to(device), self.seen.to(device))


@dataclass(frozen=True)
class Sides:
    """Disparity `(H, W)` and what it was chosen from: `near` and `far` of the edge around, and whether `near` was
    taken, bool. Where no edge is around, both are the disparity, and it is near."""

    disparity: Tensor
    near: Tensor
    far: Tensor
    is_near: Tensor


def bilinear(values: Tensor, size: tuple[int, int]) -> Tensor:
    """`(h, w)` float32 to `size`, averaged where that is smaller."""
    return F.interpolate(values[None, None], size=size, mode="bilinear", antialias=True)[0, 0]


def guided(
    disparity: Tensor, guide: Guide, size: tuple[int, int], corner: tuple[int, int] = (0, 0)
) -> Tensor:
    """`(h, w)` disparity over a canvas of `size` -> `(H, W)` float32 over the guide's plate, which lies at `corner`.

    Where disparity has no edge this is `bilinear`, bit for bit, whatever the guide shows. At an edge each plate
    pixel takes one of the two sides: the colours of the samples around, weighed by place, say which, and where they
    say nothing the middle of the soft edge does. Its value is then the mean of that side's samples by place alone, so
    that grain and texture move an edge, and print into neither side; samples on the ramp between the sides do not
    count. A side that is sky, 0, is 0. All else stays in the range of the 5 x 5 samples around. Deterministic.

    The weights are those of Kopf et al., "Joint Bilateral Upsampling" (2007); to choose and not to average is from
    Min, Lu and Do, "Depth Video Enhancement Based on Weighted Mode Filtering" (2012); what is a ramp, from the slope
    limiters of flow solvers (minmod: Roe, 1986). Besides its arguments it takes 16 bytes a canvas pixel at most, and
    16 MiB (250 on a GPU). Raises `ValueError` when `guide.seen` is not of the disparity's size.
    """
    return guided_sides(disparity, guide, size, corner, both=False).disparity


def guided_sides(
    disparity: Tensor,
    guide: Guide,
    size: tuple[int, int],
    corner: tuple[int, int] = (0, 0),
    *,
    both: bool = True,
) -> Sides:
    """As `guided`, with the two sides that each pixel had to choose from; without `both`, only the one taken."""
    if guide.seen.shape[-2:] != disparity.shape:
        raise ValueError(f"a guide of {tuple(guide.seen.shape)} for {tuple(disparity.shape)}")
    height, width = guide.plate.shape[-2:]
    window = slice(corner[0], corner[0] + height), slice(corner[1], corner[1] + width)
    small = disparity.float()
    samples = _Samples.of(small, guide.seen)
    full = bilinear(small, size)[window].reshape(-1)
    other = full.clone() if both else full
    is_near = torch.ones_like(full, dtype=torch.bool)
    share = bilinear(edges(small), size)[window].reshape(-1)
    plate = guide.plate.reshape(3, -1)
    step = disparity.shape[0] / size[0], disparity.shape[1] / size[1]
    at_once = _AT_ONCE_CPU if share.device.type == "cpu" else _AT_ONCE_GPU
    for part in torch.split(share.nonzero()[:, 0], at_once):
        row = torch.div(part, width, rounding_mode="floor")
        down = (row + (corner[0] + 0.5)) * step[0] - 0.5
        across = (part - row * width + (corner[1] + 0.5)) * step[1] - 0.5
        soft = full[part]
        choice = samples.choose(down, across, plate.index_select(1, part).float() / 255, soft)
        taken = choice.mean_of(choice.takes_near)
        if both:
            beyond = choice.mean_of(~choice.takes_near)
            # Where the foot of a ramp was taken for sky, one side may have no sample left.
            beyond = torch.where(beyond.isnan(), taken, beyond)
            other[part] = torch.lerp(soft, beyond, share[part])
            is_near[part] = choice.takes_near
        full[part] = torch.lerp(soft, taken, share[part])
    near, far = torch.where(is_near, full, other), torch.where(is_near, other, full)
    each = (values.view(height, width) for values in (full, near, far, is_near))
    return Sides(*each)


@dataclass(frozen=True)
class _Choice:
    """What `N` plate pixels chose: `weight` by place, `disparity` and `is_near` of the 25 samples of each
    `(25, N)`; `low` and `high` around, and whether the near side is taken, `(N,)`."""

    weight: Tensor
    disparity: Tensor
    is_near: Tensor
    low: Tensor
    high: Tensor
    takes_near: Tensor

    def mean_of(self, near: Tensor) -> Tensor:
        """Of the near side's samples where `near` `(N,)`, else of the far side's; NaN where it has none."""
        weight = self.weight * (self.is_near == near)
        total = weight.sum(0)
        mean = (weight * self.disparity).sum(0) / total
        is_sky = (weight * (self.disparity == 0)).sum(0) > total / 2
        return mean.masked_fill(is_sky, 0.0).clamp(self.low, self.high)


@dataclass(frozen=True)
class _Samples:
    """The network's pixels as plate pixels ask for them: flat, with a rim of `_REACH` around.

    `trust` is the logarithm of a weight: 0 on either side of an edge, low on the ramp between, nothing on the rim.
    """

    width: int
    disparity: Tensor
    colour: Tensor
    trust: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, disparity: Tensor, seen: Tensor) -> _Samples:
        """`(h, w)` float32 and `(3, h, w)` uint8."""
        high, low = highest(disparity, _REACH), -highest(-disparity, _REACH)
        before, after = _slopes(disparity)
        # What rises on both its sides, or falls, is on a ramp; a plateau's last pixel is flat on one.
        on_ramp = (before * after).clamp_min(0.0).sum(0) / (high - low).square().clamp_min(_TINY)
        trust = -(on_ramp / _RAMP**2).clamp_max(12.0)
        # The foot of a ramp out of the sky is sky: of little disparity there would be a rim of far things around all.
        is_foot = (-highest(-disparity, 1) == 0) & (trust < _FOOT) & (disparity < (low + high) / 2)
        disparity = disparity.masked_fill(is_foot, 0.0)
        low = -highest(-disparity, _REACH)
        colour = F.pad(seen.float()[None] / 255, (_REACH,) * 4, mode="replicate")[0]
        return cls(
            width=disparity.shape[1] + 2 * _REACH,
            disparity=_with_rim(disparity, 0.0),
            colour=colour.reshape(3, -1),
            trust=_with_rim(trust, -torch.inf),
            low=_with_rim(low, 0.0),
            high=_with_rim(high, 0.0),
        )

    def choose(self, down: Tensor, across: Tensor, colour: Tensor, soft: Tensor) -> _Choice:
        """Plate pixels at `down`, `across` `(N,)`, in samples, of `colour` `(3, N)` in 0..1 -> their side.

        `soft` `(N,)` is what `bilinear` gives them.
        """
        last_down = len(self.low) // self.width - 2 * _REACH - 1
        near_down = down.round().clamp_(0, last_down)
        near_across = across.round().clamp_(0, self.width - 2 * _REACH - 1)
        each = torch.arange(2 * _REACH + 1, device=down.device)
        rows, columns = (grid.reshape(-1, 1) for grid in torch.meshgrid(each, each, indexing="ij"))
        # Whole numbers before the product: in float32 they are exact to 16 million only.
        first = near_down.long() * self.width + near_across.long()
        centre = first + _REACH * (self.width + 1)
        place = first + (rows * self.width + columns)
        distance = (rows - _REACH + (near_down - down)).square_()
        distance += (columns - _REACH + (near_across - across)).square_()
        weight = (_at(self.trust, place) - distance / (2 * _PLACE**2)).exp_()
        unlike = torch.zeros_like(weight)
        for channel in range(3):
            unlike += (_at(self.colour[channel], place) - colour[channel]).square_()
        unlike.div_(2 * _COLOUR**2).clamp_(max=_MOST_UNLIKE)
        vote = weight * unlike.neg_().exp_()
        low, high = _at(self.low, centre), _at(self.high, centre)
        disparity = _at(self.disparity, place)
        is_near = disparity > (low + high) / 2
        near = (vote * is_near).sum(0)
        # How far up the soft edge a pixel lies is how much of it is near, if its colour did not say.
        up = ((soft - low) / (high - low).clamp_min(_TINY)).clamp(0.1, 0.9)
        takes_near = near * up > (vote.sum(0) - near) * (1 - up)
        return _Choice(weight, disparity, is_near, low, high, takes_near)


def edges(disparity: Tensor) -> Tensor:
    """`(h, w)` -> 0 to 1: how surely an edge is at most a sample away. A plane bends nowhere, however steep it is."""
    down = F.pad(disparity.diff(n=2, dim=0), (0, 0, 1, 1))
    bend = torch.maximum(down.abs(), F.pad(disparity.diff(n=2, dim=1), (1, 1)).abs())
    around = highest(disparity.abs(), 1) + _FAR * disparity.abs().mean()
    relative = bend / around.clamp_min(_TINY)
    first, last = _BEND
    return highest(((relative - first) / (last - first)).clamp(0.0, 1.0), 1)


def _slopes(values: Tensor) -> tuple[Tensor, Tensor]:
    """Of `(h, w)`, the steps to a pixel from the one before it and on to the one after, `(2, h, w)` each."""
    rim = F.pad(values[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    down, across = rim[:, 1:-1].diff(dim=0), rim[1:-1].diff(dim=1)
    return torch.stack((down[:-1], across[:, :-1])), torch.stack((down[1:], across[:, 1:]))


def highest(values: Tensor, reach: int) -> Tensor:
    """Around each of `(h, w)`; a square is a column of rows."""
    side = 2 * reach + 1
    rows = F.max_pool2d(values[None, None], (1, side), 1, (0, reach))
    return F.max_pool2d(rows, (side, 1), 1, (reach, 0))[0, 0]


def _with_rim(values: Tensor, rim: float) -> Tensor:
    return F.pad(values, (_REACH,) * 4, value=rim).reshape(-1)


def _at(values: Tensor, place: Tensor) -> Tensor:
    """`values[place]`, of `(M,)`, in a quarter of the time."""
    return values.index_select(0, place.reshape(-1)).view(place.shape)
