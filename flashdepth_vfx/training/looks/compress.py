"""Compression: JPEG's way of losing detail (ITU-T T.81), in blocks of eight by eight, colour at half the size."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.training.looks.film import luma
from flashdepth_vfx.training.looks.look import per_clip

__all__ = ["compressed"]

_SIDE = 8
_REC601 = (0.299, 0.587, 0.114)
#: T.81 table K.1
_LUMA_STEPS = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
#: T.81 table K.2
_CHROMA_STEPS = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    *(99,) * 32,
)  # fmt: skip


def compressed(x: Tensor, quality: Tensor) -> Tensor:
    """Display-referred `(B, T, 3, H, W)` as it comes back at each clip's `quality` `(B,)`, 1..100; 0 leaves it alone.

    Not clamped: rounding may overshoot [0, 1].
    """
    height, width = x.shape[-2:]
    frames = x.flatten(0, 1)
    # whole blocks of colour, which has half the size
    down, across = -height % (2 * _SIDE), -width % (2 * _SIDE)
    if down or across:
        frames = F.pad(frames, (0, across, 0, down), mode="replicate")
    small = F.avg_pool2d(frames, 2)
    grey = luma(small, _REC601)
    chroma = torch.stack([(small[:, 2] - grey) / 1.772, (small[:, 0] - grey) / 1.402], dim=1)
    scale = _step_scale(quality).repeat_interleave(x.shape[1])
    bright = _rounded(luma(frames, _REC601)[:, None], scale, _LUMA_STEPS)
    blue, red = _rounded(chroma, scale, _CHROMA_STEPS).unbind(1)
    tint = torch.stack([1.402 * red, -0.344136 * blue - 0.714136 * red, 1.772 * blue], dim=1)
    out = F.interpolate(tint, scale_factor=2.0, mode="bilinear", align_corners=False).add_(bright)
    return torch.where(per_clip(quality) > 0, out[..., :height, :width].view_as(x), x)


def _step_scale(quality: Tensor) -> Tensor:
    """What the tables' steps are multiplied by: the usual reading of JPEG's quality, 1 at 50."""
    quality = quality.clamp(1.0, 100.0)
    # at 100 a file's steps are the smallest whole number; here they may not vanish
    return torch.where(quality < 50.0, 50.0 / quality, 2.0 - quality / 50.0).clamp_min(0.01)


def _rounded(planes: Tensor, scale: Tensor, steps: tuple[int, ...]) -> Tensor:
    """`(N, C, H, W)` with the frequencies of each block rounded to `steps` x `scale` `(N,)`, in 1/255."""
    count, channels, height, width = planes.shape
    tall, wide = height // _SIDE, width // _SIDE
    basis = _basis(planes.device)
    step = scale[:, None, None] * (planes.new_tensor(steps) / 255.0)
    blocks = planes.view(count, channels, tall, _SIDE, wide, _SIDE).transpose(3, 4)
    waves = blocks.reshape(count, -1, _SIDE * _SIDE) @ basis.T
    waves = (waves / step).round_().mul_(step)
    blocks = (waves @ basis).view(count, channels, tall, wide, _SIDE, _SIDE)
    return blocks.transpose(3, 4).reshape(planes.shape)


def _basis(device: torch.device) -> Tensor:
    """The two-dimensional DCT-II `(64, 64)`: a row of 64 pixels for each frequency, orthonormal."""
    place = torch.arange(_SIDE, device=device, dtype=torch.float32)
    waves = torch.cos((2.0 * place + 1.0) * place[:, None] * (math.pi / (2.0 * _SIDE)))
    waves = waves * math.sqrt(2.0 / _SIDE)
    waves[0] *= math.sqrt(0.5)
    return torch.kron(waves, waves)
