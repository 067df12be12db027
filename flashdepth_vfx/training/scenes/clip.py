"""What a camera saw: pictures, exact depth, where the camera was, and which thing each pixel shows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Clip", "spliced"]


@dataclass(frozen=True)
class Clip:
    """B clips of T frames with their cameras.

    `rgb_linear` `(B, T, 3, H, W)`; `disparity_100_per_m` `(B, T, H, W)`, 100 / planar depth, sky 0; `slot`
    `(B, T, H, W)` int16, the solid that a pixel shows (of `solids`, then floor, wall, ceiling), -1 for the sky;
    `still` `(B, T, H, W)` bool, what does not move by itself; `eye_m` `(B, T, 3)`, `eye_turn` `(B, T, 3, 3)` camera
    (x right, y up, z forward) to world; `focal_px` `(B,)`. The principal point is the middle of the frame; pixel
    centres are at halves.
    """

    rgb_linear: Tensor
    disparity_100_per_m: Tensor
    slot: Tensor
    still: Tensor
    eye_m: Tensor
    eye_turn: Tensor
    focal_px: Tensor


def spliced(first: Clip, second: Clip, cut_frame: Tensor) -> Clip:
    """An edit: `second` from frame `cut_frame` `(B,)` on, `first` before. Both have one size and one focal length."""
    time = torch.arange(first.slot.shape[1], device=cut_frame.device)
    after = time[None, :] >= cut_frame[:, None]
    joined = {}
    for field in dataclasses.fields(Clip):
        one, two = getattr(first, field.name), getattr(second, field.name)
        per_frame = field.name != "focal_px"
        where = after.view(*after.shape, *(1,) * (one.ndim - 2)) if per_frame else None
        joined[field.name] = one if where is None else torch.where(where, two, one)
    return Clip(**joined)
