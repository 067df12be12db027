"""A clip through the network, as training runs it: what knows no other frame for all frames at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig, TemporalState
from flashdepth_vfx.preprocess import network_input
from flashdepth_vfx.training.data import ClipSize

__all__ = ["predict", "predict_frames", "require_fitting"]


def require_fitting(config: ModelConfig, data: ClipSize) -> None:
    """Raises SettingsError for clips of a size that the network cannot take."""
    width, height = data.width_px, data.height_px
    multiple, least = config.multiple, config.min_side_px
    if width % multiple or height % multiple or min(width, height) < least:
        raise SettingsError(
            f"clips of {width}x{height}: each side should be a multiple of {multiple}, from {least} up"
        )


def predict(
    net: FlashDepthNet,
    rgb: Tensor,
    state: TemporalState | None = None,
    compiled: bool = False,
    piece_frames: int | None = None,
) -> tuple[Tensor, TemporalState | None]:
    """Disparity `(B, T, H, W)` of clips `(B, T, 3, H, W)` in [0, 1], and the state after them.

    Equal to the network frame by frame, up to rounding: only the temporal module sees one frame after the other. With
    `piece_frames` what lies before and after it runs in pieces of so many frames of each clip, and is computed anew
    for the gradient: of all but one piece only the paths and skips between are in memory.
    """
    batch, size = rgb.shape[0], (rgb.shape[-2], rgb.shape[-1])
    run = _part if piece_frames is None else _anew
    pieces = []
    for piece in torch.split(rgb, piece_frames or rgb.shape[1], dim=1):
        frames = _frames(piece)
        seen = None if piece_frames is None else _seen_by_teacher(net, frames)
        pieces.append(run(net.before, compiled)(frames, seen))
    paths = torch.cat([path.unflatten(0, (batch, -1)) for path, _ in pieces], dim=1)
    paths, state = net.mamba.over_clip(paths, state)
    parts = torch.split(paths, piece_frames or rgb.shape[1], dim=1)
    disparity = [
        run(net.after, compiled)(_flat(part), skips, size).unflatten(0, (batch, -1))
        for part, (_, skips) in zip(parts, pieces, strict=True)
    ]
    return torch.cat(disparity, dim=1), state


def predict_frames(net: FlashDepthNet, rgb: Tensor, compiled: bool = False) -> Tensor:
    """The same for each frame by itself, without the temporal module."""
    size = (rgb.shape[-2], rgb.shape[-1])
    path, skips = _part(net.before, compiled)(_frames(rgb))
    disparity: Tensor = _part(net.after, compiled)(path, skips, size)
    return disparity.view(*rgb.shape[:2], *size)


def _frames(rgb: Tensor) -> Tensor:
    return _flat(network_input(rgb))


def _flat(clips: Tensor) -> Tensor:
    """Frames beside each other, their channels last."""
    return clips.flatten(0, 1).contiguous(memory_format=torch.channels_last)


def _seen_by_teacher(net: FlashDepthNet, frames: Tensor) -> Tensor | None:
    """What a teacher that learns no more makes of them, so that it is not computed anew; None without one."""
    teacher = net.teacher_model
    if teacher is None or any(parameter.requires_grad for parameter in teacher.parameters()):
        return None
    with torch.no_grad():
        seen: Tensor = teacher(frames)
    return seen


def _anew(method: Callable[..., Any], compiled: bool) -> Callable[..., Any]:
    """The same, keeping of it only what goes in."""
    # nothing in the network is drawn at random
    return functools.partial(
        checkpoint, _part(method, compiled), use_reentrant=False, preserve_rng_state=False
    )


def _part(method: Callable[..., Any], compiled: bool) -> Callable[..., Any]:
    return _fused(method) if compiled else method


@functools.lru_cache(maxsize=8)
def _fused(method: Callable[..., Any]) -> Callable[..., Any]:
    fused: Callable[..., Any] = torch.compile(method, dynamic=False)
    return fused
