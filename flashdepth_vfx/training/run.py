"""A stage of training from files to files: what a command asks for."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from flashdepth_vfx.errors import DeviceError, SettingsError, UsageError
from flashdepth_vfx.io.atomic import make_folder
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.model.config import VitConfig
from flashdepth_vfx.model.temporal_config import TemporalKind
from flashdepth_vfx.training.checkpoint import Checkpoint
from flashdepth_vfx.training.data import DataSettings, batches
from flashdepth_vfx.training.datasets import Fault, open_dataset
from flashdepth_vfx.training.held import held_by, take_over
from flashdepth_vfx.training.paper.sets import SetsSettings, set_batches
from flashdepth_vfx.training.passes import require_fitting
from flashdepth_vfx.training.ranks import Ranks, joined_ranks
from flashdepth_vfx.training.settings import TrainSettings
from flashdepth_vfx.training.start import guided_by, hybrid_from, hybrid_origin, new_network, origin
from flashdepth_vfx.training.train import Report, Show, Source, train
from flashdepth_vfx.weights.reading import SUFFIXES

__all__ = ["StageJob", "require_checkpoint_name", "run_stage", "training_device"]


@dataclass(frozen=True)
class StageJob:
    """One stage, on made scenes or, by the kind of `settings.data`, on data sets.

    `checkpoint` is written as it goes, and continued from if it is there. The network is `preset`'s, or a
    configuration. It begins from `start`, checkpoint or weights of the stage before, or new, from the published
    weights `encoder` or random. A hybrid's `teacher` is checkpoint or weights of the network that guides it; where it
    is a transformer, `start` beside it is the student, and without it the whole hybrid. `temporal` and
    `temporal_level` are the temporal module and the decoder path that it acts on, where they are not the preset's: a
    `start` that has another module gives all but that, which begins anew. `roots` says where each data set lies.
    `device` is cpu, cuda or cuda:N; under `torchrun` each process has a GPU of its own.
    """

    checkpoint: Path
    settings: TrainSettings
    preset: str | ModelConfig = "nano"
    encoder: Path | None = None
    start: Path | None = None
    teacher: Path | None = None
    roots: Mapping[str, Path] = field(default_factory=dict)
    temporal: TemporalKind | None = None
    temporal_level: int | None = None
    device: str = "cpu"


def run_stage(
    job: StageJob, report: Report, stop: threading.Event | None = None, show: Show | None = None
) -> int:
    """Run it to its end, and return how many steps that took. `report`, `stop` and `show` are `train`'s.

    Under `torchrun` all its processes train one network, each on its own scenes or clips. A file of a data set that
    cannot be read is reported once, by the rank that met it. Raises DeviceError, WeightsError for files that are not
    what they should be, SettingsError for a size that the network cannot take, UsageError for a hybrid that has no
    teacher, a data set that is not there and a checkpoint whose name no later stage would read, PlateError for a set
    of which nothing can be read, OutputError, Interrupted.
    """
    device = training_device(job.device)
    require_checkpoint_name(job.checkpoint)
    with joined_ranks(device.type) as ranks:
        device = _of_rank(device, ranks)
        net, history = _begin(job)
        require_fitting(net.config, job.settings.data)
        # now, and not when a minute's work is to be written there
        make_folder(job.checkpoint.parent)
        source = _source(job, device, ranks, report)
        return train(
            net, job.settings, source, job.checkpoint, history, device, report, ranks, stop, show
        )


def _source(job: StageJob, device: torch.device, ranks: Ranks, report: Report) -> Source:
    data = job.settings.data
    if isinstance(data, DataSettings):
        return lambda step: batches(data, step, device, ranks.rank, ranks.count)
    assert isinstance(data, SetsSettings)
    homeless = [one.name for one in data.sets if one.name not in job.roots]
    if homeless:
        raise UsageError(f"{homeless[0]}: where it lies is not said")
    sets = {
        one.name: open_dataset(one.name, job.roots[one.name], cameras=False) for one in data.sets
    }
    seen: set[str] = set()

    def unread(fault: Fault) -> None:
        if fault.path not in seen:
            seen.add(fault.path)
            report({"unread": fault.path, "reason": fault.reason, "unread_files": len(seen)})

    return lambda step: set_batches(data, sets, step, device, ranks.rank, ranks.count, unread)


def require_checkpoint_name(path: Path) -> None:
    """Raises UsageError for one that no later stage would read."""
    names = [suffix for suffix in SUFFIXES if suffix != ".safetensors"]
    if path.suffix not in names:
        raise UsageError(f"{path}: a checkpoint should end in {', '.join(names)}")


def training_device(name: str) -> torch.device:
    """cpu, cuda or cuda:N. Raises SettingsError for another name, DeviceError for a GPU that is not there."""
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
    config = _configured(job)
    hybrid = config.teacher is not None and isinstance(config.teacher.encoder, VitConfig)
    if hybrid and job.teacher is not None:
        if job.start is None:
            raise UsageError(
                f"{config.name} begins from two networks: name the student too (start)"
            )
        return guided_by(config, job.start, job.teacher, seed)
    if job.teacher is not None:
        if config.teacher is None:
            config = _configured(replace(job, preset="nano-hybrid"))
        net = hybrid_from(job.teacher, job.encoder, seed, config)
        history: list[dict[str, Any]] = [dict(hybrid_origin(job.teacher, job.encoder, config.name))]
    else:
        net = new_network(config, job.encoder, seed)
        history = [dict(origin(job.encoder))]
        if net.teacher_model is not None and job.start is None:
            raise UsageError(
                f"{config.name} is guided by another network: name it (--teacher, or teacher=FILE)"
            )
    if job.start is not None:
        held = held_by(job.start)
        take_over(net, held, job.start, new_module=_has_another_module(job, net, held))
        history = held.history
    return net, history


def _configured(job: StageJob) -> ModelConfig:
    """The network that was asked for, with the temporal module that was."""
    config = ModelConfig.preset(job.preset) if isinstance(job.preset, str) else job.preset
    return config.with_temporal(job.temporal, job.temporal_level)


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
