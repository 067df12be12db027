"""Training data: every step has its own scenes and looks, whatever machine draws them and wherever it begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from flashdepth_vfx.training.augment import Look, develop, draw_looks, mirror
from flashdepth_vfx.training.scenes.parts import Arrays
from flashdepth_vfx.training.scenes.raytrace import render
from flashdepth_vfx.training.scenes.scene import Scene, draw_scenes

__all__ = ["HELD_OUT", "Batch", "DataSettings", "batches", "held_out", "network_input"]

HELD_OUT = 1 << 62
"""Seeds from here on are never trained on."""

_RUN_STRIDE = 1 << 40
_ENDLESS = 1 << 40
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class DataSettings:
    """What a step sees: `clips` of `frames` at this size. `workers` processes draw ahead; 0 draws in this one."""

    seed: int
    clips: int
    frames: int
    height_px: int
    width_px: int
    flicker: float
    workers: int = 0
    compiled: bool = False


@dataclass(frozen=True)
class Batch:
    """`rgb` `(B, T, 3, H, W)` display-referred in [0, 1]; `disparity_100_per_m` `(B, T, H, W)`."""

    rgb: Tensor
    disparity_100_per_m: Tensor


def batches(settings: DataSettings, first_step: int, device: torch.device) -> Iterator[Batch]:
    """The batches of steps `first_step`, `first_step` + 1, ... without end."""
    loader = DataLoader(
        _Drawn(settings),
        batch_size=None,
        sampler=range(first_step, _ENDLESS),
        num_workers=settings.workers,
        # as arrays, copied: tensors would pass through shared memory, one file handle for each
        collate_fn=_as_drawn,
        prefetch_factor=4 if settings.workers else None,
    )
    for scenes, looks in loader:
        yield _picture(scenes, looks, settings, device)


def held_out(settings: DataSettings, device: torch.device) -> Batch:
    """`settings.clips` clips whose seeds no training uses, the same on every call."""
    seeds = [HELD_OUT + index for index in range(settings.clips)]
    looks = draw_looks(seeds, settings.frames, settings.flicker)
    return _picture(draw_scenes(seeds, settings.frames), looks, settings, device)


def network_input(rgb: Tensor) -> Tensor:
    """`(..., 3, H, W)` in [0, 1] to what the encoder was first trained on: ImageNet's mean and deviation."""
    mean, deviation = rgb.new_tensor(_MEAN), rgb.new_tensor(_STD)
    return (rgb - mean[:, None, None]) / deviation[:, None, None]


class _Drawn(Dataset[tuple[Arrays, Arrays]]):
    """The scenes and looks of a step, by its number."""

    def __init__(self, settings: DataSettings) -> None:
        self.settings = settings

    def __getitem__(self, step: int) -> tuple[Arrays, Arrays]:
        s = self.settings
        first = s.seed * _RUN_STRIDE + step * s.clips
        seeds = range(first, first + s.clips)
        return draw_scenes(seeds, s.frames), draw_looks(seeds, s.frames, s.flicker)


def _as_drawn(item: Any) -> Any:
    return item


def _picture(scenes: Arrays, looks: Arrays, settings: DataSettings, device: torch.device) -> Batch:
    scene, look = Scene.from_arrays(scenes, device), Look.from_arrays(looks, device)
    clip = render(scene, settings.height_px, settings.width_px, settings.compiled)
    rgb = mirror(develop(clip.rgb_linear, look), look)
    return Batch(rgb, mirror(clip.disparity_100_per_m, look))
