"""What becomes of the light: grain, the tone curve, and the grade."""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.training.looks.look import Look, per_clip
from flashdepth_vfx.training.scenes.textures import hash_unit

__all__ = ["GRAIN_SIGMA_PX", "MID_GREY", "graded", "grained", "luma", "toned"]

MID_GREY = 0.18
"""Reflectance that a curve is measured at."""

GRAIN_SIGMA_PX = (0.0, 0.5, 0.8, 1.2)
"""How soft grains are: a plate scaled down has them finer than the pixel, one scaled up coarser."""

_TILE = 512
_READ_NOISE = 0.01
_REC709 = (0.2126, 0.7152, 0.0722)


def grained(x: Tensor, look: Look) -> Tensor:
    """Light `(B, T, 3, H, W)` with grain, new on every frame; at least 0.

    Its spread is `grain` x `grain_rgb` x the root of: the light and a floor (a sensor), or the square of the light
    over mid grey (a film: constant in stops, as much as the sensor's at mid grey), mixed by `grain_film`. Above
    white, where a film's grains are all used up, its spread too goes with the root of the light.
    """
    film = per_clip(look.grain_film)
    spread = torch.addcmul(1.0 - film, x.clamp_max(1.0), film / MID_GREY)
    spread = torch.addcmul((1.0 - film) * _READ_NOISE, spread, x).sqrt_().mul_(_noise(x, look))
    amount = (look.grain[:, None] * look.grain_rgb)[:, None, :, None, None]
    return torch.addcmul(x, spread, amount).clamp_min_(0.0)


def toned(x: Tensor, look: Look) -> Tensor:
    """Light, at least 0, to display-referred values: through a display's curve, or a log curve."""
    shoulder, contrast = per_clip(look.shoulder), per_clip(look.contrast)
    powered = x**contrast
    # z (1 + s) / (1 + s z) with z = x^n grey^(1 - n): 1 stays 1 but for the contrast, and s = 0 is a straight line
    scale = (1.0 + shoulder) * MID_GREY ** (1.0 - contrast)
    bent = powered / torch.addcmul(1.0 / scale, powered, shoulder / (1.0 + shoulder))
    display = bent.clamp_(0.0, 1.0).pow_(1.0 / per_clip(look.gamma))
    slope, offset = per_clip(look.log_slope), per_clip(look.log_offset)
    start = per_clip(look.log_grey) - slope * torch.log2(MID_GREY + offset)
    log = torch.addcmul(start, (x + offset).log2_(), slope)
    return torch.where(slope > 0, log, display)


def graded(x: Tensor, look: Look) -> Tensor:
    """Display-referred values with the look's saturation and lift, in [0, 1]."""
    saturation, lift = per_clip(look.saturation), per_clip(look.lift)
    # lift + (1 - lift) (grey + saturation (x - grey)), in few passes over memory
    grey = luma(x, _REC709)[:, :, None]
    base = torch.addcmul(lift, grey, (1.0 - lift) * (1.0 - saturation))
    return torch.addcmul(base, x, (1.0 - lift) * saturation).clamp_(0.0, 1.0)


def luma(x: Tensor, weights: tuple[float, float, float]) -> Tensor:
    """`(..., 3, H, W)` to `(..., H, W)`."""
    red, green, blue = x.unbind(-3)
    return (red * weights[0]).add_(green, alpha=weights[1]).add_(blue, alpha=weights[2])


def _noise(x: Tensor, look: Look) -> Tensor:
    """Nearly normal noise of unit spread, the shape of `x`: windows on a tile of noise, placed by hashes."""
    frames, channels, height, width = x.shape[1:]
    channel = torch.arange(channels, device=x.device) * look.grain_apart[:, None]
    plane = channel[:, None, :] + torch.arange(frames, device=x.device)[:, None] * channels
    top, left = (
        (hash_unit(plane, look.salt[:, None, None], salt) * _TILE).long()[..., None]
        for salt in (1, 2)
    )
    row = (top + torch.arange(height, device=x.device)) % _TILE
    column = (left + torch.arange(width, device=x.device)) % _TILE
    size = look.grain_size.view(-1, 1, 1, 1)
    return _tiles(x.device)[(size * _TILE + row)[..., :, None], column[..., None, :]]


@functools.cache
def _tiles(device: torch.device) -> Tensor:
    """Noise of unit spread for each of GRAIN_SIGMA_PX, one tile below the other; 4 MB, kept on each device."""
    # made on the CPU, whatever the device: all devices have the same noise to the bit
    place = torch.arange(_TILE)
    uniform = [hash_unit(place, place[:, None], 0x5BD1 * salt) for salt in range(1, 5)]
    white = (torch.stack(uniform).sum(0) - 2.0) * math.sqrt(3.0)
    return torch.cat([_soft(white, sigma) for sigma in GRAIN_SIGMA_PX]).to(device)


def _soft(white: Tensor, sigma_px: float) -> Tensor:
    """The tile under a Gaussian, round its edges, at unit spread again."""
    if sigma_px == 0.0:
        return white
    reach = math.ceil(3.0 * sigma_px)
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma_px).square())
    taps = taps / taps.square().sum().sqrt()
    tile = F.pad(white[None, None], (reach,) * 4, mode="circular")
    return F.conv2d(F.conv2d(tile, taps[None, None, :, None]), taps[None, None, None, :])[0, 0]
