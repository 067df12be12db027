"""A learned upsampling: disparity of a small picture and the picture in full to disparity in full.

A U-Net adds to the bilinear enlargement. It is a baseline beside the hybrid, and no part of a render. Source:
Ronneberger et al., "U-Net" (2015); to learn what is missing from an enlargement: Kim et al., "VDSR" (2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashdepth_vfx.errors import SettingsError, WeightsError
from flashdepth_vfx.measures.predictor import Seen, ToPlate, Upsample
from flashdepth_vfx.preprocess import plan_canvas, to_network
from flashdepth_vfx.training.checkpoint import load_checkpoint
from flashdepth_vfx.upsample import bilinear

__all__ = ["LearnedUpsampler", "UpsamplerConfig", "learned_upsampling", "load_upsampler"]

#: Disparity of a frame is told in its own mean, and one of sky alone in this.
_LEAST_MEAN_100_PER_M = 0.1


@dataclass(frozen=True)
class UpsamplerConfig:
    """A U-Net of `levels` sizes, `width` channels in full and twice as many at each half.

    Raises SettingsError for a value that cannot be.
    """

    width: int = 16
    levels: int = 4

    def __post_init__(self) -> None:
        for name in ("width", "levels"):
            if getattr(self, name) < 1:
                raise SettingsError(f"upsampler {name} of {getattr(self, name)}: give 1 or more")

    @property
    def multiple(self) -> int:
        """Height and width in full must be multiples of this many pixels."""
        return 1 << (self.levels - 1)


class LearnedUpsampler(nn.Module):
    """`disparity = net(picture, small)`. Untrained it is bilinear."""

    def __init__(self, config: UpsamplerConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width << level for level in range(config.levels)]
        # the picture, and the disparity enlarged
        self.down = nn.ModuleList([_convolutions(3 + 1, config.width, stride=1)])
        self.down.extend(_convolutions(width, 2 * width, stride=2) for width in widths[:-1])
        self.narrow = nn.ModuleList(nn.Conv2d(2 * width, width, 1) for width in widths[:-1])
        self.up = nn.ModuleList(_convolutions(2 * width, width, stride=1) for width in widths[:-1])
        self.last = nn.Conv2d(config.width, 1, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(cast(Tensor, self.last.bias))

    def forward(self, picture: Tensor, small: Tensor) -> Tensor:
        """`picture` `(B, 3, H, W)` ImageNet-normalised and `small` `(B, h, w)` in 100/m to `(B, H, W)` float32.

        H and W are multiples of `config.multiple`. Never negative, as `small` is not.
        """
        size = (picture.shape[-2], picture.shape[-1])
        large = F.interpolate(small.float()[:, None], size, mode="bilinear", antialias=True)
        mean = large.mean((1, 2, 3), keepdim=True).clamp_min(_LEAST_MEAN_100_PER_M)
        x = torch.cat([picture, (large / mean).to(picture.dtype)], 1)
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        for narrow, up, skip in zip(
            reversed(self.narrow), reversed(self.up), reversed(skips[:-1]), strict=True
        ):
            grown = F.interpolate(narrow(x), skip.shape[-2:], mode="bilinear")
            x = up(torch.cat([grown, skip], 1))
        return F.relu(large + mean * self.last(x).float())[:, 0]


def _convolutions(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, padding=1),
        nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1),
        nn.ReLU(),
    )


def load_upsampler(path: Path) -> LearnedUpsampler:
    """From its training checkpoint, in evaluation mode. Raises WeightsError for anything else."""
    checkpoint = load_checkpoint(path)
    try:
        net = LearnedUpsampler(UpsamplerConfig(**checkpoint.config))
        net.load_state_dict(checkpoint.model, strict=True)
    except (RuntimeError, SettingsError, TypeError) as problem:
        raise WeightsError(f"{path}: no checkpoint of a learned upsampler: {problem}") from problem
    return net.eval().requires_grad_(False)


def learned_upsampling(net: LearnedUpsampler, long_side_px: int) -> Upsample:
    """`net`'s, which sees a plate with a long side of `long_side_px`; from there to its own size it is bilinear.

    On a GPU its convolutions run in float16.
    """

    def prepare(seen: Seen, device: torch.device) -> ToPlate:
        window, multiple = seen.canvas.window, net.config.multiple
        canvas = plan_canvas(window, 1.0, long_side_px, multiple=multiple, minimum=multiple)
        picture = to_network(seen.picture, window, canvas).to(device)
        half = device.type == "cuda"

        def to_plate(disparity: Tensor) -> Tensor:
            with torch.inference_mode(), torch.autocast(device.type, torch.float16, enabled=half):
                full = net(picture, disparity[None])[0]
            return bilinear(full, window.shape)

        return to_plate

    return prepare
