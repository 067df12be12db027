"""What a prediction is held against: pictures with known depth, and cameras where they are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Cameras", "Predictor", "TruthClip"]


@dataclass(frozen=True)
class Cameras:
    """`eye_m` `(T, 3)`; `eye_turn` `(T, 3, 3)`, camera axes (x right, y up, z forward) to world; `focal_px` `()`.

    The principal point is the middle of the frame; pixel centres are at halves.
    """

    eye_m: Tensor
    eye_turn: Tensor
    focal_px: Tensor


@dataclass(frozen=True)
class TruthClip:
    """One continuous take of T frames; a photograph has T = 1.

    `rgb` `(T, 3, H, W)` float32, display-referred in [0, 1]; `truth_100_per_m` `(T, H, W)`, 100 / planar depth: 0 is
    sky, below 0 unknown; `still` `(T, H, W)` bool, what does not move by itself, None where nobody knows.
    """

    name: str
    rgb: Tensor
    truth_100_per_m: Tensor
    cameras: Cameras | None = None
    still: Tensor | None = None


Predictor = Callable[[Tensor], Tensor]
"""Frames of one take in order, `(T, 3, H, W)` in [0, 1], to disparity `(T, H, W)` at the same size."""
