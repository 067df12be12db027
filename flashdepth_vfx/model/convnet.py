"""EfficientNet-Lite: a small convolutional encoder, a frame to a pyramid of four features.

The Lite family drops squeeze-and-excitation and uses ReLU6; its stem and first and last stages are
not scaled. Source: Tan & Le, "EfficientNet" (2019), and its TensorFlow "lite" release, whose
padding and batch norm these follow.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from flashdepth_vfx.model.config import ConvConfig
from flashdepth_vfx.model.precision import fitted

__all__ = ["EfficientNetLite", "lite_name_from_published"]

_KERNELS = (3, 3, 5, 3, 5, 5, 3)
_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_EXPANSIONS = (1, 6, 6, 6, 6, 6, 6)
_FEATURE_STAGES = (1, 2, 4, 6)
_NORM_EPS, _NORM_MOMENTUM = 1e-3, 0.01


class ConvNorm(nn.Module):
    """A convolution without bias, batch norm, and ReLU6 if `active`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, groups: int, active: bool
    ) -> None:
        super().__init__()
        # TensorFlow's "same" padding of an even size puts the odd pixel after; every size here is
        # even.
        total = kernel - stride if kernel > stride else 0
        before, after = total // 2, total - total // 2
        # The same on both sides is the convolution's own affair; otherwise the picture is copied.
        even = before == after
        self.padding = None if even else (before, after, before, after)
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, before if even else 0, groups=groups, bias=False
        )
        self.norm = nn.BatchNorm2d(outputs, eps=_NORM_EPS, momentum=_NORM_MOMENTUM)
        self.active = active

    def forward(self, x: Tensor) -> Tensor:
        x = fitted(x, self.conv)
        if self.padding is not None:
            x = F.pad(x, self.padding)
        out: Tensor = self.norm(self.conv(x))
        return F.relu6(out) if self.active else out


class MobileBlock(nn.Module):
    """Inverted bottleneck: widen, filter each channel, narrow; with the input added where the
    shapes agree.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        inner = inputs * expand
        self.residual = stride == 1 and inputs == outputs
        self.expand = ConvNorm(inputs, inner, 1, 1, 1, active=True) if expand > 1 else nn.Identity()
        self.depthwise = ConvNorm(inner, inner, kernel, stride, inner, active=True)
        self.project = ConvNorm(inner, outputs, 1, 1, 1, active=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + out if self.residual else out


class EfficientNetLite(nn.Module):
    """The encoder without the classifier. Height and width must be multiples of 32."""

    def __init__(self, config: ConvConfig) -> None:
        super().__init__()
        self.stem = ConvNorm(3, config.stem, 3, 2, 1, active=True)
        self.stages = nn.ModuleList()
        inputs = config.stem
        for index, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
            blocks = []
            for block in range(depth):
                stride = _STRIDES[index] if block == 0 else 1
                blocks.append(
                    MobileBlock(inputs, width, _KERNELS[index], stride, _EXPANSIONS[index])
                )
                inputs = width
            self.stages.append(nn.Sequential(*blocks))

    def forward(self, frame: Tensor) -> list[Tensor]:
        """`(B, 3, H, W)` to four features at strides 4, 8, 16 and 32."""
        x = self.stem(frame)
        features = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in _FEATURE_STAGES:
                features.append(x)
        return features


def lite_name_from_published(name: str, depths: tuple[int, ...]) -> str | None:
    """Our name for an entry of the PyPI package `efficientnet_lite_pytorch`'s state dict.

    `depths` are ConvConfig.depths: the published blocks are numbered through all stages. None for
    the classifier (`_conv_head`, its `_bn1`, `_fc`), which we do not have. Raises KeyError for a
    name that is of neither.
    """
    part, _, rest = name.partition(".")
    if part in ("_conv_head", "_bn1", "_fc"):
        return None
    if part in _PUBLISHED_STEM:
        return f"{_PUBLISHED_STEM[part]}.{rest}"
    if part != "_blocks":
        raise KeyError(name)
    number, layer, leaf = rest.split(".", 2)
    stage, block = _place(int(number), depths)
    # The first stage does not widen, so its blocks have one convolution less; the norms keep their
    # numbers.
    return f"stages.{stage}.{block}.{_PUBLISHED_BLOCK[layer]}.{leaf}"


_PUBLISHED_STEM = {"_conv_stem": "stem.conv", "_bn0": "stem.norm"}
_PUBLISHED_BLOCK = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}


def _place(number: int, depths: tuple[int, ...]) -> tuple[int, int]:
    """(stage, block in the stage) of a block numbered through all stages."""
    for stage, depth in enumerate(depths):
        if number < depth:
            return (stage, number)
        number -= depth
    raise KeyError(number)
