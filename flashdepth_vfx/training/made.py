"""Made scenes that no training has seen, one clip at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from flashdepth_vfx.measures.clip import Cameras, TruthClip
from flashdepth_vfx.training.data import DataSettings, held_out

__all__ = ["made_clips"]

_CPU = torch.device("cpu")


def made_clips(
    first: int,
    clips: int,
    frames: int,
    height_px: int,
    width_px: int,
    flicker: float,
    stride: int = 1,
    device: torch.device = _CPU,
) -> Iterator[TruthClip]:
    """`clips` clips of `frames` frames, from held-out number `first` on, on the CPU.

    `made-0007` is the same scene on every machine; `device` renders it, and its pixels differ by rounding alone.

    `flicker` is the chance that exposure, colour and lights change within a clip; scene and camera do not depend on
    it. `stride` frames of the camera's path lie between two pictures.
    """
    for number in range(first, first + clips):
        settings = DataSettings(
            seed=0,
            clips=1,
            frames=frames,
            height_px=height_px,
            width_px=width_px,
            flicker=flicker,
            stride=stride,
        )
        yield _clip(number, settings, device)


def _clip(number: int, settings: DataSettings, device: torch.device) -> TruthClip:
    batch = held_out(settings, device, first=number)
    cameras = None
    if batch.eye_m is not None and batch.eye_turn is not None and batch.focal_px is not None:
        cameras = Cameras(batch.eye_m[0].cpu(), batch.eye_turn[0].cpu(), batch.focal_px[0].cpu())
    return TruthClip(
        name=f"made-{number:04d}",
        rgb=batch.rgb[0].clamp(0.0, 1.0).cpu(),
        truth_100_per_m=batch.disparity_100_per_m[0].cpu(),
        cameras=cameras,
        still=None if batch.still is None else batch.still[0].cpu(),
    )
