"""Defocus by depth: a circle of confusion that is linear in disparity, and blur that stays behind what is sharp."""

from __future__ import annotations

import torch
from torch import Tensor

from flashdepth_vfx.training.looks.look import Look
from flashdepth_vfx.training.looks.pyramid import VARIANCES_PX2, enlarged, halved

__all__ = ["confusion_px", "defocused"]

_LEAST_SHARE = 1e-3


def defocused(x: Tensor, disparity_100_per_m: Tensor, look: Look) -> Tensor:
    """Light `(B, T, 3, H, W)` seen through each look's aperture; `disparity_100_per_m` `(B, T, H, W)`.

    Each pixel is mixed from the picture and its pyramid so that the variance of the mix is that of its circle. What
    is sharp has next to no share in the blurred copies: it neither bleeds into the background nor is bled over. In
    front of the focus it is the other way round: a blurred edge covers its surroundings, which are blurred with it
    (after GPU Gems 3, chapter 28).
    """
    confusion = confusion_px(disparity_100_per_m, look)
    near = confusion.clamp_min(0.0)
    around = enlarged(halved(halved(near)), near)
    sigma = torch.maximum(confusion.abs(), around.mul_(2.0).sub_(near)).flatten(0, 1)[:, None]
    variance = sigma.square_().clamp_max_(VARIANCES_PX2[-1])
    mix = (variance / VARIANCES_PX2[0]).clamp_max_(1.0)
    sharp = x.flatten(0, 1)
    blurred = _blurred(sharp, variance, mix.clamp_min(_LEAST_SHARE))
    return torch.lerp(sharp, enlarged(blurred, sharp), mix).view_as(x)


def confusion_px(disparity_100_per_m: Tensor, look: Look) -> Tensor:
    """Sigma of the circle of confusion `(B, T, H, W)`; positive in front of the focus, negative behind it.

    A disc of diameter aperture x focal x |1/z - 1/z_focus|, whose sigma is a quarter of that; the focal length is
    the picture's width: a longer lens is a wider aperture.
    """
    batch, _, height, width = disparity_100_per_m.shape
    row, column = (look.focus_at * look.focus_at.new_tensor([height, width])).long().unbind(1)
    clip = torch.arange(batch, device=row.device)
    focus = disparity_100_per_m[clip, 0, row.clamp(0, height - 1), column.clamp(0, width - 1)]
    scale = look.aperture_mm * (1e-3 * width * 0.25 * 0.01)
    return (disparity_100_per_m - focus.view(-1, 1, 1, 1)) * scale.view(-1, 1, 1, 1)


def _blurred(x: Tensor, variance: Tensor, share: Tensor) -> Tensor:
    """`(N, 3, H/2, W/2)`: what each pixel sees of the blurred copies, from the smallest up."""
    colour = halved(x * share)
    weight, spread = halved(share), halved(variance * share)
    levels = [(colour / weight, spread / weight)]
    for _ in VARIANCES_PX2[1:]:
        colour, weight, spread = halved(colour), halved(weight), halved(spread)
        levels.append((colour / weight, spread / weight))
    out = levels[-1][0]
    for level in range(len(levels) - 2, -1, -1):
        narrow, wide = VARIANCES_PX2[level], VARIANCES_PX2[level + 1]
        picture, spread = levels[level]
        mix = ((spread - narrow) / (wide - narrow)).clamp_(0.0, 1.0)
        out = torch.lerp(picture, enlarged(out, picture), mix)
    return out
