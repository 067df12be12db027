"""What training minimises, in disparity, one scale and shift for a whole clip. Truth below 0 takes no part."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = [
    "LossWeights",
    "absolute_loss",
    "clip_loss",
    "gradient_loss",
    "l1_loss",
    "normalised",
    "ratio_loss",
    "shape_loss",
    "steady_loss",
]

_LEAST_SPREAD_100_PER_M = 0.05
_FAR_100_PER_M = 5.0
#: 70 m: beyond it everything is equally far, as in the evaluation
_HORIZON_100_PER_M = 100.0 / 70.0
_LEAST_SCALE = 1e-3
#: enough values of a clip to know its median
_SAMPLES = 16384


@dataclass(frozen=True)
class LossWeights:
    """How the terms of `clip_loss` are added; one whose weight is 0 is not computed."""

    shape: float = 1.0
    gradient: float = 0.5
    absolute: float = 0.1
    ratio: float = 1.0
    steady: float = 0.0
    l1: float = 0.0
    gradient_scales: int = 4


def clip_loss(
    predicted: Tensor, target: Tensor, weights: LossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of B clips, and its terms by name (detached). Both are `(B, T, H, W)` in 100/m; sky is 0."""
    known = target >= 0
    target = target.clamp_min(0.0)
    of_shape = weights.shape or weights.gradient or weights.steady
    given, wanted = (
        (normalised(predicted, known), normalised(target, known))
        if of_shape
        else (predicted, target)
    )
    ways: dict[str, tuple[float, Callable[[], Tensor]]] = {
        "shape": (weights.shape, lambda: shape_loss(given, wanted, known)),
        "gradient": (
            weights.gradient,
            lambda: gradient_loss(given, wanted, known, weights.gradient_scales),
        ),
        "absolute": (weights.absolute, lambda: absolute_loss(predicted, target, known)),
        "ratio": (weights.ratio, lambda: ratio_loss(predicted, target, known)),
        "steady": (weights.steady, lambda: steady_loss(given, wanted, target, known)),
        "l1": (weights.l1, lambda: l1_loss(predicted, target, known)),
    }
    terms = {name: term() for name, (weight, term) in ways.items() if weight}
    total = sum((ways[name][0] * term for name, term in terms.items()), predicted.new_zeros(()))
    return total, {name: term.detach() for name, term in {"loss": total, **terms}.items()}


def normalised(disparity: Tensor, known: Tensor | None = None) -> Tensor:
    """Each clip shifted to median 0 and scaled to mean absolute deviation 1.

    Over the whole clip, never a frame: a scale for each frame would forgive flicker, which is what
    the temporal module is there to remove. Source: Ranftl et al., "Towards Robust Monocular Depth
    Estimation" (2020).
    """
    flat = disparity.flatten(1)
    sample = flat
    if known is not None:
        sample = torch.where(known.flatten(1), flat, torch.nan)
    sample = sample[:, _sampled(flat.shape[1], flat.device)]
    middle = sample.nanmedian(dim=1, keepdim=True).values.nan_to_num(0.0)
    spread = (sample - middle).abs().nanmean(dim=1, keepdim=True).nan_to_num(0.0)
    return ((flat - middle) / spread.clamp_min(_LEAST_SPREAD_100_PER_M)).view_as(disparity)


@functools.lru_cache(maxsize=8)
def _sampled(count: int, device: torch.device) -> Tensor:
    """Places of up to `_SAMPLES` values among `count`, every row and column of the pictures as often as any other.

    With a short step some columns are never seen, and the others count tenfold: a network found that, and made one of
    them huge so that all else was small beside it.
    """
    step = int(0.618 * count)
    while math.gcd(step, count) > 1:
        step += 1
    return torch.arange(min(_SAMPLES, count), device=device) * step % count


def shape_loss(given: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Mean absolute difference of two normalised clips."""
    return _mean((given - wanted).abs(), known)


def gradient_loss(given: Tensor, wanted: Tensor, known: Tensor, scales: int) -> Tensor:
    """Mean absolute gradient of the difference, over pixels 1, 2, 4, ... apart: edges where they belong."""
    difference = given - wanted
    total = difference.new_zeros(())
    for scale in range(scales):
        step, seen = (x[..., :: 2**scale, :: 2**scale] for x in (difference, known))
        across = (step[..., :, 1:] - step[..., :, :-1]).abs()
        down = (step[..., 1:, :] - step[..., :-1, :]).abs()
        total = total + _mean(across, seen[..., :, 1:] & seen[..., :, :-1])
        total = total + _mean(down, seen[..., 1:, :] & seen[..., :-1, :])
    return total / scales


def absolute_loss(predicted: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """L1 in 100/m over each clip's mean disparity: weak, so that the output comes in sensible units."""
    axes = (1, 2, 3)
    count = known.sum(axes).clamp_min(1)
    # a clip of far things counts as if they were at 20 m, or its small unit would rule the batch
    size = (target * known).sum(axes) / count + _FAR_100_PER_M
    return (((predicted - target).abs() * known).sum(axes) / count / size).mean()


def l1_loss(predicted: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Mean absolute difference in 100/m over all that is known, sky as 0: the paper's loss (Chou et al., 2025)."""
    return _mean((predicted - target).abs(), known)


def ratio_loss(predicted: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Mean absolute logarithm of the ratio of depths, as the evaluation sees them: aligned once a clip, up to 70 m.

    A disparity's own difference hardly sees the far half of a picture: what is at 40 m instead of 20 is off by 2.5 of
    a hundred. The alignment is least squares in disparity over what is nearer than 70 m, and no gradient flows
    through it.
    """
    with torch.no_grad():
        scale, shift = _least_squares(predicted, target, known & (target >= _HORIZON_100_PER_M))
    aligned = predicted * scale + shift
    far = target < _HORIZON_100_PER_M
    # what is near and taken for far still has somewhere to go
    floor = torch.where(far, _HORIZON_100_PER_M, 0.25 * _HORIZON_100_PER_M)
    ratio = torch.maximum(aligned, floor).log() - target.clamp_min(_HORIZON_100_PER_M).log()
    return _mean(ratio.abs(), known)


def steady_loss(given: Tensor, wanted: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Mean absolute difference between how two normalised clips change from frame to frame.

    Where truth itself jumps at a pixel (by a fifth: an edge passed) it says nothing about steadiness.
    Source: Chen et al., "Video Depth Anything" (2025), its temporal gradient matching.
    """
    one, two = target[:, :-1], target[:, 1:]
    same = (one - two).abs() <= 0.2 * torch.maximum(one, two)
    change = (given[:, 1:] - given[:, :-1]) - (wanted[:, 1:] - wanted[:, :-1])
    return _mean(change.abs(), same & known[:, 1:] & known[:, :-1])


def _least_squares(predicted: Tensor, target: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift of each clip, `(B, 1, 1, 1)`; the scale stays positive."""
    axes = (1, 2, 3)
    weight = where.to(predicted.dtype)
    count = weight.sum(axes, keepdim=True).clamp_min(1.0)
    mean_p = (predicted * weight).sum(axes, keepdim=True) / count
    mean_t = (target * weight).sum(axes, keepdim=True) / count
    centred = (predicted - mean_p) * weight
    power = (centred * centred).sum(axes, keepdim=True).clamp_min(1e-6)
    scale = ((centred * (target - mean_t)).sum(axes, keepdim=True) / power).clamp_min(_LEAST_SCALE)
    return scale, mean_t - scale * mean_p


def _mean(value: Tensor, where: Tensor) -> Tensor:
    return (value * where).sum() / where.sum().clamp_min(1)
