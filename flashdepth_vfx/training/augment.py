"""From the scene's light to a camera's picture: exposure, colour, tone, blur and grain, steady or drifting.

What is drawn for a clip comes from numpy on the CPU and the grain from integer hashes, so that a seed gives the same
picture on every device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.training.scenes.draw import Draw
from flashdepth_vfx.training.scenes.parts import Array, Arrays
from flashdepth_vfx.training.scenes.textures import hash_unit

__all__ = ["Look", "develop", "draw_looks", "mirror"]

_STREAM = 0x10041
_BLUR_REACH = 4
_MID_GREY = 0.35


@dataclass(frozen=True)
class Look:
    """How B clips of T frames were filmed, as tensors whose first axis is B.

    `exposure_stops` `(B, T)` and `white` `(B, T, 3)` may drift or flicker inside a clip; the rest is constant.
    `shoulder` bends highlights over, 0 clips them; `saturation` 0 is grey; `flip` 1 mirrors left and right.
    """

    exposure_stops: Tensor
    white: Tensor
    gamma: Tensor
    shoulder: Tensor
    lift: Tensor
    saturation: Tensor
    vignette: Tensor
    blur_px: Tensor
    grain: Tensor
    salt: Tensor
    flip: Tensor

    @classmethod
    def from_arrays(cls, arrays: Arrays, device: torch.device) -> Look:
        """What `draw_looks` drew, on a device."""
        return cls(**{name: torch.from_numpy(array).to(device) for name, array in arrays.items()})


def draw_looks(seeds: Sequence[int], frames: int, flicker: float) -> Arrays:
    """One look for each seed, stacked. `flicker` is the chance that exposure or colour changes within the clip."""
    drawn = [_draw_look(seed, frames, flicker) for seed in seeds]
    return {name: np.stack([look[name] for look in drawn]) for name in drawn[0]}


@torch.no_grad()
def develop(rgb_linear: Tensor, look: Look) -> Tensor:
    """Scene light `(B, T, 3, H, W)` to display-referred RGB in [0, 1], same shape. Mirroring is `mirror`'s."""
    # exposed for the clip, never for the frame: a frame of its own exposure would be one more flicker
    mean = rgb_linear.clamp(0.0, 4.0).mean((1, 2, 3, 4), keepdim=True).clamp_min(1e-3)
    gain = (_MID_GREY / mean) * torch.exp2(look.exposure_stops)[:, :, None, None, None]
    x = rgb_linear * gain * look.white[..., None, None]
    x = x * _vignette(look.vignette, x.shape[-2], x.shape[-1])
    x = _blur(x.clamp(0.0, 8.0), look.blur_px)
    x = x + _grain(look, x) * x.clamp_min(0.02).sqrt()
    shoulder = _spread(look.shoulder)
    x = x.clamp_min(0.0)
    x = x * (1.0 + shoulder) / (1.0 + shoulder * x)
    x = x.clamp(0.0, 1.0) ** (1.0 / _spread(look.gamma))
    grey = (x * x.new_tensor([0.2126, 0.7152, 0.0722]).view(3, 1, 1)).sum(2, keepdim=True)
    x = torch.lerp(grey.expand_as(x), x, _spread(look.saturation))
    lift = _spread(look.lift)
    return (lift + x * (1.0 - lift)).clamp(0.0, 1.0)


def mirror(x: Tensor, look: Look) -> Tensor:
    """`(B, T, ..., W)` with the clips that the look mirrors turned left to right."""
    where = look.flip.view(-1, *(1,) * (x.ndim - 1)) > 0
    return torch.where(where, x.flip(-1), x)


def _draw_look(seed: int, frames: int, flicker: float) -> Arrays:
    draw = Draw(np.random.default_rng([_STREAM, seed]))
    changes = draw.chance(flicker)
    track = _track(draw, frames) if changes else np.zeros(frames)
    tint = _track(draw, frames)[:, None] * draw.rng.normal(size=3) * 0.1 if changes else 0.0
    white = np.exp(draw.rng.normal(size=3) * 0.1 + tint) * np.ones((frames, 3))
    values = {
        "exposure_stops": draw.normal(0.55) + track,
        "white": white,
        "gamma": draw.between(1.7, 2.7),
        "shoulder": draw.between(0.0, 2.0) if draw.chance(0.6) else 0.0,
        "lift": draw.between(0.0, 0.15) if draw.chance(0.25) else 0.0,
        "saturation": 0.0 if draw.chance(0.07) else draw.between(0.4, 1.3),
        "vignette": draw.between(0.0, 0.5) if draw.chance(0.4) else 0.0,
        "blur_px": draw.scale(0.35, 0.9) if draw.chance(0.75) else draw.scale(0.9, 2.2),
        "grain": draw.between(0.0, 0.12) ** 1.5 if draw.chance(0.7) else 0.0,
        "flip": float(draw.chance(0.5)),
    }
    look = {name: np.asarray(value, dtype=np.float32) for name, value in values.items()}
    look["salt"] = np.asarray(draw.count(0, 1 << 20))
    return look


def _track(draw: Draw, frames: int) -> Array:
    """Stops over time: a ramp, a slow wave, or a flicker of independent frames."""
    time = np.arange(frames, dtype=np.float64)
    kind = draw.pick([0.35, 0.25, 0.4])
    if kind == 0:
        stops = time * draw.normal(0.12)
    elif kind == 1:
        wave = np.sin(time * draw.between(0.3, 1.5) + draw.between(0.0, 6.0))
        stops = wave * draw.between(0.1, 0.6)
    else:
        stops = draw.rng.normal(size=frames) * draw.between(0.03, 0.35)
    return np.asarray(stops, dtype=np.float64)


def _vignette(amount: Tensor, height_px: int, width_px: int) -> Tensor:
    y = torch.linspace(-1.0, 1.0, height_px, device=amount.device)[:, None]
    x = torch.linspace(-1.0, 1.0, width_px, device=amount.device)[None, :]
    return 1.0 - _spread(amount) * ((x * x + y * y) / 2.0)


def _blur(x: Tensor, sigma_px: Tensor) -> Tensor:
    """A Gaussian of each clip's own width."""
    reach = torch.arange(-_BLUR_REACH, _BLUR_REACH + 1, device=x.device, dtype=x.dtype)
    taps = torch.exp(-0.5 * (reach / sigma_px[:, None]).square())
    taps = taps / taps.sum(1, keepdim=True)
    batch, height, width = x.shape[0], x.shape[-2], x.shape[-1]
    planes = x.reshape(batch, -1, height, width).transpose(0, 1)
    pad = (_BLUR_REACH, _BLUR_REACH, _BLUR_REACH, _BLUR_REACH)
    planes = F.pad(planes, pad, mode="replicate")
    planes = F.conv2d(planes, taps[:, None, :, None], groups=batch)
    planes = F.conv2d(planes, taps[:, None, None, :], groups=batch)
    return planes.transpose(0, 1).reshape(x.shape)


def _grain(look: Look, x: Tensor) -> Tensor:
    """Nearly normal noise of unit spread times the look's grain, new on every frame."""
    frames, channels, height, width = x.shape[1:]
    column = torch.arange(width, device=x.device)
    row = torch.arange(height, device=x.device)[:, None]
    plane = torch.arange(frames * channels, device=x.device).view(1, frames, channels, 1, 1)
    salt = _spread(look.salt) * 0x2545 + plane * 0x9E37
    # two uniforms make a triangle: near enough to normal for grain, and half the work
    total = hash_unit(column, row, salt) + hash_unit(column, row, salt + 0x5BD1) - 1.0
    return total * (math.sqrt(6.0) * _spread(look.grain))


def _spread(value: Tensor) -> Tensor:
    return value.view(-1, 1, 1, 1, 1)
