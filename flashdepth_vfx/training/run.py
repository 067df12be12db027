"""A stage of training from files to files: what a command asks for."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from flashdepth_vfx.errors import DeviceError, SettingsError, UsageError
from flashdepth_vfx.io.atomic import make_folder
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.model.temporal_config import TemporalKind
from flashdepth_vfx.training.checkpoint import Checkpoint
from flashdepth_vfx.training.data import Batch, batches
from flashdepth_vfx.training.passes import require_fitting
from flashdepth_vfx.training.ranks import Ranks, joined_ranks
from flashdepth_vfx.training.settings import TrainSettings
from flashdepth_vfx.training.start import (
    held_by,
    hybrid_from,
    hybrid_origin,
    new_network,
    origin,
    take_over,
)
from flashdepth_vfx.training.train import Report, train
from flashdepth_vfx.weights.reading import SUFFIXES

__all__ = ["StageJob", "run_stage"]


@dataclass(frozen=True)
class StageJob:
    """One stage on made scenes.

    `checkpoint` is written as it goes, and continued from if it is there. The network is `preset`'s. It begins from
    `start`, checkpoint or weights of the stage before, or new, its encoder from the published weights `encoder` or
    random. A hybrid's `teacher` is checkpoint or weights of the network that guides it. `temporal` and
    `temporal_level` are the temporal module and the decoder path that it acts on, where they are not the preset's: a
    `start` that has another module gives all but that, which begins anew. `device` is cpu, cuda or cuda:N; under
    `torchrun` each process has a GPU of its own.
    """

    checkpoint: Path
    settings: TrainSettings
    preset: str = "nano"
    encoder: Path | None = None
    start: Path | None = None
    teacher: Path | None = None
    temporal: TemporalKind | None = None
    temporal_level: int | None = None
    device: str = "cpu"


def run_stage(job: StageJob, report: Report, stop: threading.Event | None = None) -> int:
    """Run it to its end, and return how many steps that took. `report` and `stop` are `train`'s.

    Under `torchrun` all its processes train one network, each on its own scenes. Raises DeviceError, WeightsError for
    files that are not what they should be, SettingsError for a size that the network cannot take, UsageError for a
    hybrid that has no teacher and for a checkpoint whose name no later stage would read, OutputError, Interrupted.
    """
    device = _device(job.device)
    names = [suffix for suffix in SUFFIXES if suffix != ".safetensors"]
    if job.checkpoint.suffix not in names:
        raise UsageError(f"{job.checkpoint}: a checkpoint should end in {', '.join(names)}")
    with joined_ranks(device.type) as ranks:
        device = _of_rank(device, ranks)
        net, history = _begin(job)
        require_fitting(net.config, job.settings.data)
        # now, and not when a minute's work is to be written there
        make_folder(job.checkpoint.parent)

        def source(step: int) -> Iterator[Batch]:
            return batches(job.settings.data, step, device, ranks.rank, ranks.count)

        return train(
            net, job.settings, source, job.checkpoint, history, device, report, ranks, stop
        )


def _device(name: str) -> torch.device:
    """Raises SettingsError for another name, DeviceError for a GPU that is not there."""
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise SettingsError(f"training on {name}: give cpu, cuda or cuda:N")
    device = torch.device(name)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise DeviceError(
                "training on cuda: PyTorch sees no CUDA device here; --device cpu works, slowly"
            )
        if (device.index or 0) >= torch.cuda.device_count():
            raise DeviceError(f"training on {name}: there are {torch.cuda.device_count()} GPUs")
    return device


def _of_rank(device: torch.device, ranks: Ranks) -> torch.device:
    """Of several ranks each has the GPU that it was given as it joined."""
    if device.type == "cpu" or (device.index is not None and ranks.count == 1):
        return device
    return torch.device("cuda", torch.cuda.current_device())


def _begin(job: StageJob) -> tuple[FlashDepthNet, list[dict[str, Any]]]:
    """The network before its first step, and its history so far."""
    seed, settings = job.settings.data.seed, job.settings
    if job.temporal == "none" and not settings.encoder_rate + settings.decoder_rate:
        raise UsageError("without a temporal module there is nothing to train at these rates")
    if job.teacher is not None:
        net = hybrid_from(job.teacher, job.encoder, seed, _configured("nano-hybrid", job))
        history: list[dict[str, Any]] = [dict(hybrid_origin(job.teacher, job.encoder))]
    else:
        net = new_network(_configured(job.preset, job), job.encoder, seed)
        history = [dict(origin(job.encoder))]
        if net.teacher_model is not None and job.start is None:
            raise UsageError(f"{job.preset} is guided by another network: name it (--teacher)")
    if job.start is not None:
        held = held_by(job.start)
        take_over(net, held, job.start, new_module=_has_another_module(job, net, held))
        history = held.history
    return net, history


def _configured(preset: str, job: StageJob) -> ModelConfig:
    """The preset, with the temporal module that was asked for."""
    return ModelConfig.preset(preset).with_temporal(job.temporal, job.temporal_level)


def _has_another_module(job: StageJob, net: FlashDepthNet, held: Checkpoint) -> bool:
    """Whether what `start` holds remembers in another way. Raises UsageError where nobody asked for that."""
    theirs = ModelConfig.from_dict(held.config).temporal
    if theirs == net.config.temporal:
        return False
    if job.temporal is None and job.temporal_level is None:
        raise UsageError(
            f"{job.start}: its temporal module is '{theirs.kind}' on level {theirs.path}: go on with it (--temporal "
            f"{theirs.kind} --temporal-level {theirs.path}), or name another, which begins anew"
        )
    return True
