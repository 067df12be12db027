"""Networks with every part of the real ones, small enough to run hundreds of times."""

from __future__ import annotations

from typing import TypeVar

import torch
from golden import recipe
from torch import nn

from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.model.config import (
    ConvConfig,
    DecoderConfig,
    TeacherConfig,
    TeacherSide,
    TemporalConfig,
    VitConfig,
)
from flashdepth_vfx.model.temporal_config import TemporalKind

Module = TypeVar("Module", bound=nn.Module)

_VIT = VitConfig(width=32, depth=4, heads=2, taps=(0, 1, 2, 3))
_CONV = ConvConfig(stem=8, widths=(8, 8, 16, 16, 24, 24, 32), depths=(1, 2, 1, 1, 1, 1, 1))
_DECODER = DecoderConfig(width=16, channels=(8, 12, 16, 20))
_PLACE = TemporalConfig(path=3, heads=2, head_dim=16, expand=2, state_dim=16, blocks=2)
_FINE_PLACE = TemporalConfig(path=1, heads=2, head_dim=16, expand=2, state_dim=16, blocks=2)

KINDS = ("s", "l", "full", "nano")


def config(
    kind: str, *, side: TeacherSide = "short", temporal: TemporalKind = "mamba2"
) -> ModelConfig:
    """The small configuration built as the preset of this name is, with any temporal module."""
    return _published(kind, side).with_temporal(temporal)


def _published(kind: str, side: TeacherSide) -> ModelConfig:
    if kind == "full":
        teacher_decoder = DecoderConfig(width=24, channels=(8, 8, 8, 8))
        teacher = TeacherConfig(_VIT, teacher_decoder, side_px=84, side=side)
        return ModelConfig("tiny-full", _VIT, _DECODER, _PLACE, teacher)
    place = _FINE_PLACE if kind == "l" else _PLACE
    return ModelConfig(f"tiny-{kind}", _CONV if kind == "nano" else _VIT, _DECODER, place)


def net(
    kind: str, *, side: TeacherSide = "short", temporal: TemporalKind = "mamba2"
) -> FlashDepthNet:
    """A network in evaluation mode with the golden recipe's weights, of which none is zero."""
    return filled(FlashDepthNet(config(kind, side=side, temporal=temporal), scan="torch").eval())


def filled(made: Module) -> Module:
    """The same module with the recipe's weights."""
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            parameter.copy_(torch.from_numpy(recipe.weight(name, tuple(parameter.shape))))
    return made


def frame(height: int, width: int, *, batch: int = 1, seed: int = 0) -> torch.Tensor:
    """A normalised frame `(B, 3, H, W)` of noise."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, height, width, generator=random)
