"""What training minimises, in disparity, one scale and shift for a whole clip."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["LossWeights", "absolute_loss", "clip_loss", "gradient_loss", "normalised", "shape_loss"]

_LEAST_SPREAD_100_PER_M = 0.05
_FAR_100_PER_M = 5.0


@dataclass(frozen=True)
class LossWeights:
    """How the terms of `clip_loss` are added."""

    gradient: float = 0.5
    absolute: float = 0.1
    gradient_scales: int = 4


def clip_loss(
    predicted: Tensor, target: Tensor, weights: LossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of B clips, and its terms by name (detached). Both are `(B, T, H, W)` in 100/m; sky is 0."""
    given, wanted = normalised(predicted), normalised(target)
    shape = shape_loss(given, wanted)
    gradient = gradient_loss(given, wanted, weights.gradient_scales)
    absolute = absolute_loss(predicted, target)
    total = shape + weights.gradient * gradient + weights.absolute * absolute
    terms = {"loss": total, "shape": shape, "gradient": gradient, "absolute": absolute}
    return total, {name: term.detach() for name, term in terms.items()}


def normalised(disparity: Tensor) -> Tensor:
    """Each clip shifted to median 0 and scaled to mean absolute deviation 1.

    Over the whole clip, never a frame: a scale for each frame would forgive flicker, which is what
    the temporal module is there to remove. Source: Ranftl et al., "Towards Robust Monocular Depth
    Estimation" (2020).
    """
    flat = disparity.flatten(1)
    centred = flat - flat.median(dim=1, keepdim=True).values
    spread = centred.abs().mean(dim=1, keepdim=True).clamp_min(_LEAST_SPREAD_100_PER_M)
    return (centred / spread).view_as(disparity)


def shape_loss(given: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of two normalised clips."""
    return (given - wanted).abs().mean()


def gradient_loss(given: Tensor, wanted: Tensor, scales: int) -> Tensor:
    """Mean absolute gradient of the difference, over pixels 1, 2, 4, ... apart: edges where they belong."""
    difference = given - wanted
    total = difference.new_zeros(())
    for scale in range(scales):
        step = difference[..., :: 2**scale, :: 2**scale]
        across = (step[..., :, 1:] - step[..., :, :-1]).abs().mean()
        down = (step[..., 1:, :] - step[..., :-1, :]).abs().mean()
        total = total + across + down
    return total / scales


def absolute_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """L1 in 100/m over each clip's mean disparity: weak, so that the output comes in sensible units."""
    # a clip of far things counts as if they were at 20 m, or its small unit would rule the batch
    size = target.mean(dim=(1, 2, 3)) + _FAR_100_PER_M
    return ((predicted - target).abs().mean(dim=(1, 2, 3)) / size).mean()
