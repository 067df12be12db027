"""A clip through the network, as training runs it: what knows no other frame for all frames at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig, TemporalState
from flashdepth_vfx.training.data import DataSettings, network_input

__all__ = ["predict", "predict_frames", "require_fitting"]


def require_fitting(config: ModelConfig, data: DataSettings) -> None:
    """Raises SettingsError for clips of a size that the network cannot take."""
    width, height = data.width_px, data.height_px
    multiple, least = config.multiple, config.min_side_px
    if width % multiple or height % multiple or min(width, height) < least:
        raise SettingsError(
            f"clips of {width}x{height}: each side should be a multiple of {multiple}, from {least} up"
        )


def predict(
    net: FlashDepthNet, rgb: Tensor, state: TemporalState | None = None, compiled: bool = False
) -> tuple[Tensor, TemporalState | None]:
    """Disparity `(B, T, H, W)` of clips `(B, T, 3, H, W)` in [0, 1], and the state after them.

    Equal to the network frame by frame, up to rounding: only the temporal module sees one frame after the other.
    """
    batch, frames = rgb.shape[:2]
    path, skips = _part(net.before, compiled)(_frames(rgb))
    paths, state = net.mamba.over_clip(path.unflatten(0, (batch, frames)), state)
    path = paths.flatten(0, 1).contiguous(memory_format=torch.channels_last)
    return _after(net, path, skips, rgb, compiled), state


def predict_frames(net: FlashDepthNet, rgb: Tensor, compiled: bool = False) -> Tensor:
    """The same for each frame by itself, without the temporal module."""
    path, skips = _part(net.before, compiled)(_frames(rgb))
    return _after(net, path, skips, rgb, compiled)


def _frames(rgb: Tensor) -> Tensor:
    return network_input(rgb).flatten(0, 1).contiguous(memory_format=torch.channels_last)


def _after(
    net: FlashDepthNet, path: Tensor, skips: list[Tensor], rgb: Tensor, compiled: bool
) -> Tensor:
    size = (rgb.shape[-2], rgb.shape[-1])
    disparity: Tensor = _part(net.after, compiled)(path, skips, size)
    return disparity.view(*rgb.shape[:2], *size)


def _part(method: Callable[..., Any], compiled: bool) -> Callable[..., Any]:
    return _fused(method) if compiled else method


@functools.lru_cache(maxsize=8)
def _fused(method: Callable[..., Any]) -> Callable[..., Any]:
    fused: Callable[..., Any] = torch.compile(method, dynamic=False)
    return fused
