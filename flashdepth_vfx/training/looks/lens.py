"""What a lens does to all distances alike: softness, colours apart, dark corners, scattered light."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.training.looks.look import per_clip
from flashdepth_vfx.training.looks.pyramid import enlarged, halved

__all__ = ["aberrated", "glowing", "softened", "vignetted"]

_REACH_PX = 4


def softened(x: Tensor, sigma_px: Tensor) -> Tensor:
    """`(B, T, 3, H, W)` under a Gaussian of each clip's own width `(B,)`."""
    reach = torch.arange(-_REACH_PX, _REACH_PX + 1, device=x.device, dtype=x.dtype)
    taps = torch.exp(-0.5 * (reach / sigma_px[:, None]).square())
    taps = taps / taps.sum(1, keepdim=True)
    # every plane is a channel with taps of its own: nothing has to be turned round in memory
    planes = x.flatten(0, 2)[None]
    taps = taps.repeat_interleave(x.shape[1] * x.shape[2], dim=0)
    planes = F.pad(planes, (_REACH_PX,) * 4, mode="replicate")
    planes = F.conv2d(planes, taps[:, None, :, None], groups=len(taps))
    planes = F.conv2d(planes, taps[:, None, None, :], groups=len(taps))
    return planes.view(x.shape)


def aberrated(x: Tensor, magnified: Tensor) -> Tensor:
    """Red and blue larger than green by `magnified` `(B, 2)`: coloured rims away from the middle."""
    height, width = x.shape[-2:]
    y, row = _centred(height, x.device), _centred(width, x.device)
    away = torch.stack([row.expand(height, width), y[:, None].expand(height, width)], dim=-1)
    red, blue = (1.0 / (1.0 + magnified)).unbind(1)

    def scaled(channel: Tensor, scale: Tensor) -> Tensor:
        where = away * scale.view(-1, 1, 1, 1)
        return F.grid_sample(channel, where, padding_mode="border", align_corners=False)

    return torch.stack([scaled(x[:, :, 0], red), x[:, :, 1], scaled(x[:, :, 2], blue)], dim=2)


def vignetted(x: Tensor, amount: Tensor) -> Tensor:
    """Darker by the share `amount` `(B,)` in the corners."""
    y = torch.linspace(-1.0, 1.0, x.shape[-2], device=x.device)[:, None]
    row = torch.linspace(-1.0, 1.0, x.shape[-1], device=x.device)[None, :]
    return x * (1.0 - per_clip(amount) * ((y * y + row * row) / 2.0))


def glowing(x: Tensor, share: Tensor) -> Tensor:
    """With a share `(B, 3)` of each colour's light spread over its surroundings: seen where something is bright."""
    light = x.flatten(0, 1)
    spread = enlarged(halved(halved(halved(light))), light).view_as(x)
    return torch.lerp(x, spread, share[:, None, :, None, None])


def _centred(count: int, device: torch.device) -> Tensor:
    """The middles of `count` pixels from -1 to 1."""
    return (torch.arange(count, device=device) * 2.0 + 1.0) / count - 1.0
