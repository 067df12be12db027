"""DPT decoder: four features to one disparity map, by four fusion steps from coarse to fine.

Paths are numbered as in the published weights: path 4 is the coarsest, path 1 the finest. With
patches of 14 pixels and a grid g, path 4 has the size g, path 3 2g, path 2 4g and path 1 8g.
Source: Ranftl et al., "Vision Transformers for Dense Prediction" (2021), as Depth Anything V2 uses
it.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashdepth_vfx.model.config import DecoderConfig
from flashdepth_vfx.model.precision import fitted
from flashdepth_vfx.model.steps import (
    convolved_relu,
    convolved_resized,
    grown,
    pointwise,
    resize_bilinear,
    summed,
    weighed_relu,
)

__all__ = ["DptDecoder"]

_HEAD_CHANNELS = 32


class ResidualConvUnit(nn.Module):
    """x + conv(relu(conv(relu(x)))), 3x3, and `more` to it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1)

    def forward(self, x: Tensor, *more: Tensor) -> Tensor:
        return summed(convolved_relu(F.relu(x), self.conv1), self.conv2, x, *more)


class FeatureFusion(nn.Module):
    """Adds a skip feature to a path and resizes the sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(width, width, kernel_size=1)
        self.resConfUnit1 = ResidualConvUnit(width)
        self.resConfUnit2 = ResidualConvUnit(width)

    def forward(self, x: Tensor, skip: Tensor | None, size: tuple[int, int]) -> Tensor:
        if skip is not None:
            x = self.resConfUnit1(skip, x)
        # The research code resizes first. Bilinear weights sum to one, so a 1x1 convolution
        # commutes with them, and before the resize it has a quarter of the pixels.
        return resize_bilinear(pointwise(self.resConfUnit2(x), self.out_conv), size)


class HeadConv2d(nn.Conv2d):
    """A convolution in float16 where it is held so, and else in at least float32, whatever autocast is.

    Not in bfloat16: with 8 bits its steps are seen in a comp.
    """

    not_in = frozenset({"bf16"})

    def forward(self, x: Tensor) -> Tensor:
        held = self.weight.dtype
        dtype = held if held is torch.float16 else torch.promote_types(held, torch.float32)
        bias = None if self.bias is None else self.bias.to(dtype)
        with torch.autocast(x.device.type, enabled=False):
            return F.conv2d(x.to(dtype), self.weight.to(dtype), bias, padding=self.padding)


class LastConv2d(HeadConv2d):
    """The convolution that gives disparity: always in at least float32."""

    not_in = frozenset({"fp16", "bf16"})

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.to(torch.promote_types(x.dtype, torch.float32)))


class DisparityHead(nn.Sequential):
    """Convolution, relu, the last convolution, relu, under the published names: `(B, C, H, W)` to `(B, H, W)`."""

    def __init__(self, width: int) -> None:
        first = HeadConv2d(width, _HEAD_CHANNELS, 3, padding=1)
        super().__init__(first, nn.ReLU(), LastConv2d(_HEAD_CHANNELS, 1, 1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        first, last = cast(HeadConv2d, self[0]), cast(LastConv2d, self[2])
        return weighed_relu(convolved_relu(x, first), last)


def _scratch(config: DecoderConfig) -> nn.ModuleDict:
    """The decoder's own layers, under the names of the published weights."""
    width = config.width
    layers: dict[str, nn.Module] = {}
    for index, channels in enumerate(config.channels, start=1):
        layers[f"layer{index}_rn"] = nn.Conv2d(channels, width, 3, padding=1, bias=False)
    for index in range(1, 5):
        layers[f"refinenet{index}"] = FeatureFusion(width)
    layers["output_conv1"] = HeadConv2d(width, width // 2, 3, padding=1)
    layers["output_conv2"] = DisparityHead(width // 2)
    return nn.ModuleDict(layers)


class DptDecoder(nn.Module):
    """The steps of the decoder. The network joins them, because other modules act on the paths
    between.

    `in_channels` are the channels of the four features. With `one_grid` the features share one grid
    (a transformer's) and are resized to 4, 2, 1 and 1/2 of it; without, they already have strides
    4, 8, 16 and 32 (a pyramid's).
    """

    def __init__(
        self, in_channels: tuple[int, int, int, int], config: DecoderConfig, *, one_grid: bool
    ) -> None:
        super().__init__()
        pairs = zip(in_channels, config.channels, strict=True)
        self.projects = nn.ModuleList(nn.Conv2d(i, o, kernel_size=1) for i, o in pairs)
        c0, c1, _, c3 = config.channels
        self.resize_layers = nn.ModuleList(
            [
                nn.ConvTranspose2d(c0, c0, kernel_size=4, stride=4),
                nn.ConvTranspose2d(c1, c1, kernel_size=2, stride=2),
                nn.Identity(),
                nn.Conv2d(c3, c3, kernel_size=3, stride=2, padding=1),
            ]
            if one_grid
            else [nn.Identity() for _ in range(4)]
        )
        self.scratch = _scratch(config)

    def skip(self, index: int, feature: Tensor) -> Tensor:
        """Feature `index` (0 finest to 3 coarsest) projected, resized and brought to the decoder's
        width.
        """
        project = cast(nn.Conv2d, self.projects[index])
        x = pointwise(fitted(feature, project), project)
        sized = self.resize_layers[index]
        x = grown(x, sized) if isinstance(sized, nn.ConvTranspose2d) else sized(x)
        out: Tensor = self.scratch[f"layer{index + 1}_rn"](x)
        return out

    def coarsest(self, last_skip: Tensor, size: tuple[int, int]) -> Tensor:
        """Path 4 at `size` from the last skip alone: its first residual unit is in the weights but
        never used.
        """
        out: Tensor = self.scratch["refinenet4"](last_skip, None, size)
        return out

    def refine(self, number: int, path: Tensor, skips: list[Tensor]) -> Tensor:
        """Path `number` (3, 2 or 1) from the path before it, at the size of the next finer skip or
        twice the finest.
        """
        skip = skips[number - 1]
        scale = 1 if number > 1 else 2
        height, width = skips[max(number - 2, 0)].shape[-2:]
        fuse = self.scratch[f"refinenet{number}"]
        out: Tensor = fuse(path, skip, (scale * height, scale * width))
        return out

    def head(self, path: Tensor, size: tuple[int, int]) -> Tensor:
        """Path 1 to disparity `(B, *size)` in 100/m, never negative.

        Its last layer is in float32 whatever the others are in: a bfloat16 output has 128 steps to the octave, and
        bands visibly in a comp.
        """
        x = convolved_resized(path, cast(HeadConv2d, self.scratch["output_conv1"]), size)
        disparity: Tensor = self.scratch["output_conv2"](x)
        return disparity
