"""The smallest stages of training that there are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from flashdepth_vfx.model import FlashDepthNet
from flashdepth_vfx.training.checkpoint import Checkpoint, save_checkpoint
from flashdepth_vfx.training.data import Batch, DataSettings
from flashdepth_vfx.training.settings import TrainSettings
from flashdepth_vfx.training.start import new_network, origin

CPU = torch.device("cpu")
STAGES = ("stage1", "stage2")


def data_settings(**changes: Any) -> DataSettings:
    """One clip of one frame of 64 x 64."""
    base = DataSettings(seed=3, clips=1, frames=1, height_px=64, width_px=64, flicker=0.0)
    return dataclasses.replace(base, **changes)


def stage_settings(stage: str, **changes: Any) -> TrainSettings:
    """Four steps, written down at the end; of the second stage two clips, of two chunks of two frames each."""
    temporal = stage == "stage2"
    base = TrainSettings(
        data=data_settings(frames=2, chunks=2, flicker=1.0) if temporal else data_settings(clips=2),
        temporal=temporal,
        steps=4,
        minutes=None,
        encoder_rate=0.0 if temporal else 3e-4,
        decoder_rate=1e-3,
        temporal_rate=1e-3 if temporal else 0.0,
        warmup_steps=2,
        log_every=1,
        checkpoint_seconds=3600.0,
    )
    return dataclasses.replace(base, **changes)


def made_batch(step: int, settings: DataSettings, part: int = 0) -> Batch:
    """Clips whose brightness tells their disparity, drawn from numbers: no scene is rendered for it."""
    # all chunks of a clip are of one generator, so that they are alike
    clip, chunk = divmod(step, settings.chunks)
    generator = torch.Generator().manual_seed(1000 * clip + 10 * part + chunk)
    shape = (settings.clips, settings.frames, settings.height_px // 8, settings.width_px // 8)
    coarse = torch.rand(shape, generator=generator)
    grey = coarse.repeat_interleave(8, -1).repeat_interleave(8, -2)
    rgb = (0.8 * grey + 0.1)[:, :, None].expand(-1, -1, 3, -1, -1)
    return Batch(rgb.contiguous(), 5.0 + 40.0 * grey, fresh=chunk == 0)


def made_source(
    settings: DataSettings, part: int = 0, change: Callable[[int, Batch], Batch] | None = None
) -> Callable[[int], Iterator[Batch]]:
    """Where training takes `made_batch`es from; `change` may alter one."""

    def source(step: int) -> Iterator[Batch]:
        while True:
            batch = made_batch(step, settings, part)
            yield batch if change is None else change(step, batch)
            step += 1

    return source


def network(seed: int = 1) -> FlashDepthNet:
    """A new nano."""
    return new_network("nano", None, seed)


def copied(net: FlashDepthNet) -> dict[str, torch.Tensor]:
    """Its weights as they are now."""
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def changed(net: FlashDepthNet, before: dict[str, torch.Tensor]) -> set[str]:
    """The names of what is not as it was."""
    return {n for n, tensor in net.state_dict().items() if not torch.equal(tensor, before[n])}


def checkpoint_of(net: FlashDepthNet, start: dict[str, str] | None = None) -> Checkpoint:
    """As both stages would have left it, without their hours."""
    stages = [
        {
            "settings": dataclasses.asdict(
                stage_settings(stage, data=data_settings(height_px=96, width_px=160))
            ),
            "steps": 2,
            "frames_seen": 2,
        }
        for stage in STAGES
    ]
    begun = origin(None) if start is None else start
    return Checkpoint(net.config.to_dict(), net.state_dict(), {}, 2, 1.0, [begun, *stages])


def write_checkpoint(path: Path, seed: int = 1) -> Path:
    """`checkpoint_of` a new nano."""
    save_checkpoint(checkpoint_of(network(seed)), path)
    return path
