"""Smaller and smaller copies of a picture: a wide blur for the price of a narrow one."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["VARIANCES_PX2", "enlarged", "halved"]

VARIANCES_PX2 = (2.0, 10.0, 42.0)
"""The variance of the blur, in pixels of the whole picture, that one, two, three rounds of `halved` and as many of
`enlarged` leave: each halving adds the 15/12 of a box of four pixels, each enlarging the 3/4 of a linear blend, both
in squares of the pixels that they act on. As sigmas: 1.4, 3.2 and 6.5 pixels."""


def halved(x: Tensor) -> Tensor:
    """`(N, C, H, W)` to `(N, C, H/2, W/2)`: the mean of four by four pixels around, without a border's darkness."""
    # four wide at a step of two: a narrower box lets through what the smaller picture cannot hold, and shimmers
    return F.avg_pool2d(x, 4, stride=2, padding=1, count_include_pad=False)


def enlarged(x: Tensor, like: Tensor) -> Tensor:
    """`(N, C, h, w)` to the height and width of `like`, linearly."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)
