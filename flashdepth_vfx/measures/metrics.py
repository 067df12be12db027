"""How right a depth is, after the one scale and shift of a sequence that no single camera can know."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from flashdepth_vfx.errors import SettingsError

__all__ = [
    "HORIZON_M",
    "Accuracy",
    "accuracy",
    "accuracy_once_aligned",
    "aligned",
    "near_depth_m",
    "require_same_shape",
]

HORIZON_M = 70.0
"""What lies farther, the sky included, is not judged in metres; a prediction of more counts as this."""

_WITHIN = 1.25
#: Of the mean square of a prediction, the least variance that is a picture and not rounding.
_FLAT = 1e-14


@dataclass(frozen=True)
class Accuracy:
    """`delta1`: share of pixels whose depth is within 25 %; `abs_rel`: mean relative error of depth.

    `rank` is Spearman's rho of disparity against the truth's, which no scale or shift changes: 1 is the same order
    of near and far, 0 no relation, as of a flat prediction.
    """

    delta1: float
    abs_rel: float
    rank: float


def aligned(predicted: Tensor, truth_100_per_m: Tensor) -> Tensor:
    """One sequence in any disparity, `(T, H, W)`, scaled and shifted onto the truth: `(T, H, W)` in 100/m.

    Least squares in disparity over the known pixels nearer than 70 m, one scale and one shift for all frames, as
    Video Depth Anything and FlashDepth evaluate. Ours alone: the scale is never negative, so that what has near and
    far the wrong way round becomes flat, and earns nothing by being mirrored. Raises `SettingsError` where the truth
    has no such pixel or the prediction is not finite, `ValueError` where the shapes differ.
    """
    near = _judged(predicted, truth_100_per_m)
    given, wanted = predicted[near].double(), truth_100_per_m[near].double()
    centre, power = given.mean(), given.var(correction=0)
    scale = power.new_zeros(())
    if bool(power > _FLAT * (given * given).mean()):
        covariance = ((given - centre) * (wanted - wanted.mean())).mean()
        scale = (covariance / power).clamp_min(0.0)
    return ((predicted.double() - centre) * scale + wanted.mean()).to(predicted.dtype)


def accuracy(predicted: Tensor, truth_100_per_m: Tensor) -> Accuracy:
    """One sequence in any disparity, `(T, H, W)`, aligned and judged on the known pixels nearer than 70 m.

    Where others differ: FlashDepth's own evaluation also counts the sky, as 70 m; Video Depth Anything's takes the
    mean over the pixels of each frame and then over the frames, where here every pixel of the sequence weighs the
    same, so that a frame with few known pixels does not. Raises as `aligned` does.
    """
    exact = aligned(predicted.double(), truth_100_per_m)
    return accuracy_once_aligned(predicted, exact, truth_100_per_m)


def accuracy_once_aligned(
    predicted: Tensor, predicted_aligned: Tensor, truth_100_per_m: Tensor
) -> Accuracy:
    """As `accuracy`, of a prediction that is at hand as it came and as `aligned` gives it, `(T, H, W)` each.

    The order of near and far is that of `predicted`: aligned, one that has it the wrong way round would have none.
    """
    near = _judged(predicted, truth_100_per_m)
    require_same_shape(predicted_aligned, truth_100_per_m)
    depth = near_depth_m(predicted_aligned[near])
    true_depth = near_depth_m(truth_100_per_m[near])
    ratio = torch.maximum(depth / true_depth, true_depth / depth)
    error = (depth - true_depth).abs() / true_depth
    return Accuracy(
        delta1=float((ratio < _WITHIN).double().mean()),
        abs_rel=float(error.mean()),
        rank=_rank_correlation(predicted[near], truth_100_per_m[near]),
    )


def near_depth_m(disparity_100_per_m: Tensor) -> Tensor:
    """Depth in metres, 70 at most, float64. Any shape."""
    return 100.0 / disparity_100_per_m.double().clamp_min(100.0 / HORIZON_M)


def require_same_shape(predicted: Tensor, truth_100_per_m: Tensor) -> None:
    """Raises `ValueError` unless both are one `(T, H, W)`."""
    if predicted.ndim != 3 or predicted.shape != truth_100_per_m.shape:
        raise ValueError(
            f"a prediction {tuple(predicted.shape)} is not the truth's (T, H, W), "
            f"{tuple(truth_100_per_m.shape)}"
        )


def _judged(predicted: Tensor, truth_100_per_m: Tensor) -> Tensor:
    """`(T, H, W)` bool: known and nearer than 70 m."""
    require_same_shape(predicted, truth_100_per_m)
    near = truth_100_per_m > 100.0 / HORIZON_M
    if not bool(near.any()):
        raise SettingsError(
            f"no pixel of the truth is known and nearer than {HORIZON_M:g} m: nothing to measure; "
            "leave the clip out"
        )
    if not bool(predicted.isfinite().all()):
        raise SettingsError(
            "the prediction has values that are not numbers; the weights are damaged, or their "
            "precision is too low for the device"
        )
    return near


def _rank_correlation(one: Tensor, two: Tensor) -> float:
    first, second = _ranks(one), _ranks(two)
    first, second = first - first.mean(), second - second.mean()
    spread = ((first * first).sum() * (second * second).sum()).sqrt()
    return float((first * second).sum() / spread) if bool(spread > 0) else 0.0


def _ranks(values: Tensor) -> Tensor:
    """`(N,)` to their places in order, float64. Equal values share the mean of their places."""
    ordered, place = values.sort()
    is_new = torch.ones_like(ordered, dtype=torch.bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    group = is_new.long().cumsum(0) - 1
    count = group.bincount()
    last = count.cumsum(0)
    shared = (last.double() - (count.double() - 1.0) / 2.0)[group]
    return torch.empty_like(shared).scatter_(0, place, shared)
