"""The figures of the paper's tables, as its authors compute them, in the memory of one frame.

A sequence passes twice: `Alignment` finds its one scale and shift, then `Judged` adds up its frames. Where our own
measures differ on purpose, `metrics` and `boundary` say how; here nothing does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.measures.boundary import BOUNDARY_STEPS, edge_counts
from flashdepth_vfx.measures.metrics import HORIZON_M

__all__ = ["Alignment", "Judged", "at_size", "published_boundary_f1", "published_depth_m"]

_NEAREST_M = 1e-3
#: A disparity of less is taken for this: nothing is farther than a kilometre, and nothing is divided by 0.
_LEAST_PER_M = 1e-3
_WITHIN = 1.25


def at_size(predicted: Tensor, size: tuple[int, int]) -> Tensor:
    """`(h, w)` to `size`, bilinearly between pixel centres and without a filter, whichever is larger."""
    resized = F.interpolate(predicted[None, None].float(), size, mode="bilinear")
    return resized[0, 0]


def published_depth_m(disparity_per_m: Tensor) -> Tensor:
    """Metres, from a millimetre to 70 m, float64: what is below 0, or unknown, lies at 70 m. Any shape."""
    depth = 1.0 / disparity_per_m.double().clamp_min(_LEAST_PER_M)
    return depth.clamp(_NEAREST_M, HORIZON_M)


@dataclass
class Alignment:
    """Least squares in disparity over all frames: the truth is about `scale` times the prediction plus `shift`.

    Over the pixels whose truth is at least 1/70 in 1/m: neither sky, nor unknown, nor farther than 70 m. The scale
    may be negative.
    """

    _count: int = 0
    _sums: Tensor | None = None

    def add(self, predicted: Tensor, truth_per_m: Tensor) -> None:
        """A frame, `(H, W)` each."""
        near = truth_per_m >= 1.0 / HORIZON_M
        p, g = predicted[near].double(), truth_per_m[near].double()
        sums = torch.stack([p.sum(), g.sum(), (p * p).sum(), (p * g).sum()])
        self._count += int(near.sum())
        self._sums = sums if self._sums is None else self._sums + sums

    @property
    def solved(self) -> tuple[float, float]:
        """Scale and shift. Raises `SettingsError` where no pixel counted, or where a prediction was no number."""
        if self._sums is None or not self._count:
            raise SettingsError(f"no pixel of its truth is known and nearer than {HORIZON_M:g} m")
        if not bool(self._sums.isfinite().all()):
            raise SettingsError("the prediction has values that are not numbers")
        p, g, pp, pg = (self._sums / self._count).tolist()
        power = pp - p * p
        # of a flat prediction the shift alone can be right
        scale = (pg - p * g) / power if power > 1e-12 * pp else 0.0
        return scale, g - scale * p


@dataclass
class Judged:
    """Errors over all frames of an aligned sequence. With `edges` off no boundary is looked at: of sparse truth,
    where every unknown pixel would be a wall at 70 m, it means nothing.
    """

    edges: bool = True
    frames: int = 0
    _pixels: int = 0
    _within: int = 0
    _error: float = 0.0
    _f1: float = 0.0

    def add(self, aligned_per_m: Tensor, truth_per_m: Tensor) -> None:
        """A frame, `(H, W)` each. Sky counts, as what lies at 70 m; the unknown does not, but for boundaries."""
        depth, true_depth = published_depth_m(aligned_per_m), published_depth_m(truth_per_m)
        valid = truth_per_m >= 0.0
        given, true = depth[valid], true_depth[valid]
        self.frames += 1
        self._pixels += int(valid.sum())
        self._within += int((torch.maximum(given / true, true / given) < _WITHIN).sum())
        self._error += float(((given - true).abs() / true).sum())
        if self.edges:
            self._f1 += published_boundary_f1(depth, true_depth)

    @property
    def delta1(self) -> float:
        """Share of pixels whose depth is within 25 %."""
        return self._within / self._pixels

    @property
    def abs_rel(self) -> float:
        """Mean relative error of depth."""
        return self._error / self._pixels

    @property
    def boundary_f1(self) -> float | None:
        """Mean over the frames."""
        return self._f1 / self.frames if self.edges else None


def published_boundary_f1(depth_m: Tensor, true_depth_m: Tensor) -> float:
    """Of one frame, `(H, W)` each, clipped as `published_depth_m` does.

    For each of ten thresholds, precision and recall are means over the four directions, of which one without an edge
    counts 0; F1 is theirs, 0 where both are; the result is the mean over the thresholds, each as heavy as it is high.
    """
    step = BOUNDARY_STEPS.to(depth_m)
    everywhere = torch.ones_like(depth_m, dtype=torch.bool)
    counts = edge_counts(depth_m, true_depth_m, everywhere, step).double()
    both, given, true = counts.unbind(-1)
    precision = (both / given.clamp_min(1)).mean(0)
    recall = (both / true.clamp_min(1)).mean(0)
    f1 = 2 * precision * recall / (precision + recall).clamp_min(1e-300)
    return float((f1 * step).sum() / step.sum())
