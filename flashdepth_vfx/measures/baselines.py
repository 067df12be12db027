"""What needs no network: the rows that every table has, for a model to beat."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["constant", "vertical_ramp"]


def constant(rgb: Tensor) -> Tensor:
    """A `Predictor`: `(T, 3, H, W)` to `(T, H, W)`, one distance for everything. Aligned, it is the truth's mean."""
    return torch.ones_like(rgb[:, 0])


def vertical_ramp(rgb: Tensor) -> Tensor:
    """A `Predictor`: `(T, 3, H, W)` to `(T, H, W)`, lower in the frame is nearer: 0 at the top, 1 at the bottom.

    What a network learns that learns nothing else: most pictures have a ground.
    """
    frames, _, height, width = rgb.shape
    rise = torch.linspace(0.0, 1.0, height, dtype=rgb.dtype, device=rgb.device)
    return rise[:, None].expand(frames, height, width).clone()
