"""How sharp a depth is where one thing hides another."""

from __future__ import annotations

import torch
from torch import Tensor

from flashdepth_vfx.measures.metrics import near_depth_m, require_same_shape

__all__ = ["BOUNDARY_STEPS", "boundary_f1", "edge_counts"]

#: Of two neighbours, how many times farther the one behind an occlusion edge is, at least.
BOUNDARY_STEPS = torch.linspace(1.05, 1.25, 10, dtype=torch.float64)


def boundary_f1(predicted_aligned: Tensor, truth_100_per_m: Tensor) -> float:
    """Occlusion edges of one sequence, `(T, H, W)` each in 100/m, against the truth's: 0 to 1, 1 is all and only.

    The boundary F1 of Bochkovskii et al., "Depth Pro" (2024), section 4. Of two neighbouring pixels the left,
    right, upper or lower one hides the other when the other's depth is more than t times its own. For each of ten t
    from 1.05 to 1.25, precision and recall are means over the four directions, and F1 is theirs; the F1 of a frame is
    the mean over t, weighted with t; that of the sequence is the mean over its frames. Depth ends at 70 m, so that
    the sky is what lies there. There is no tolerance: an edge one pixel off is one missed and one made up.

    Three things are ours. The prediction is aligned first, since ratios of depth need the shift that the source's
    metric depth has. A pair with an unknown pixel is left out. And so is a direction, or a t, in which neither truth
    nor prediction has an edge, where the source counts 0 even for the truth itself. A frame whose truth has
    no edge at all gives 0 to every prediction. Raises `ValueError` where the shapes differ.
    """
    require_same_shape(predicted_aligned, truth_100_per_m)
    frames = [
        _frame_f1(near_depth_m(given), near_depth_m(truth), truth >= 0)
        for given, truth in zip(predicted_aligned, truth_100_per_m, strict=True)
    ]
    return float(torch.stack(frames).mean())


def _frame_f1(depth: Tensor, true_depth: Tensor, known: Tensor) -> Tensor:
    """`(H, W)` each."""
    step = BOUNDARY_STEPS.to(depth)
    both, given, true = edge_counts(depth, true_depth, known, step).double().unbind(-1)
    judged = (given + true) > 0
    directions = judged.sum(0).clamp_min(1)
    precision = (both / given.clamp_min(1)).sum(0) / directions
    recall = (both / true.clamp_min(1)).sum(0) / directions
    f1 = 2 * precision * recall / (precision + recall).clamp_min(1e-12)
    weight = step * judged.any(0)
    return (f1 * weight).sum() / weight.sum().clamp_min(1e-12)


def edge_counts(depth: Tensor, true_depth: Tensor, known: Tensor, step: Tensor) -> Tensor:
    """Of `(H, W)` each, how many edges: `(4, S, 3)`, by direction and step, in both, the prediction, the truth."""
    counts = []
    for axis in (0, 1):
        usable = _first(known, axis) & _second(known, axis)
        given = (_second(depth, axis) / _first(depth, axis))[usable]
        true = (_second(true_depth, axis) / _first(true_depth, axis))[usable]
        counts += [_counts(given, true, step), _counts(1 / given, 1 / true, step)]
    return torch.stack(counts)


def _counts(ratio: Tensor, true_ratio: Tensor, step: Tensor) -> Tensor:
    """`(N,)` twice and `(S,)` -> `(S, 3)`."""
    given, true = torch.bucketize(ratio, step), torch.bucketize(true_ratio, step)
    return torch.stack([_over(passed, step) for passed in (given.minimum(true), given, true)], -1)


def _over(passed: Tensor, step: Tensor) -> Tensor:
    """Of pairs that pass the first `passed` `(N,)` of the steps, how many pass each: `(S,)`."""
    return passed.bincount(minlength=len(step) + 1).flip(0).cumsum(0).flip(0)[1:]


def _first(values: Tensor, axis: int) -> Tensor:
    return values.narrow(axis, 0, values.shape[axis] - 1)


def _second(values: Tensor, axis: int) -> Tensor:
    return values.narrow(axis, 1, values.shape[axis] - 1)
