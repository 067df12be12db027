"""A stage of training from files to files: what a command asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from flashdepth_vfx.errors import DeviceError, UsageError
from flashdepth_vfx.model import FlashDepthNet
from flashdepth_vfx.training.data import Batch, batches
from flashdepth_vfx.training.ranks import joined_ranks
from flashdepth_vfx.training.settings import TrainSettings
from flashdepth_vfx.training.start import (
    history_of,
    hybrid_from,
    hybrid_origin,
    new_network,
    origin,
)
from flashdepth_vfx.training.train import Report, train
from flashdepth_vfx.weights.architecture import fit
from flashdepth_vfx.weights.reading import read_tensors

__all__ = ["StageJob", "run_stage"]


@dataclass(frozen=True)
class StageJob:
    """One stage on made scenes.

    `checkpoint` is written as it goes, and continued from if it is there. The network is `preset`'s. It begins from
    `start`, checkpoint or weights of the stage before, or new, its encoder from the published weights `encoder` or
    random.
    A hybrid's `teacher` is a checkpoint of the network that guides it.
    """

    checkpoint: Path
    settings: TrainSettings
    preset: str = "nano"
    encoder: Path | None = None
    start: Path | None = None
    teacher: Path | None = None
    device: str = "cpu"


def run_stage(job: StageJob, report: Report) -> None:
    """Run it to its end. Under `torchrun` all its processes train one network, each on its own scenes.

    Raises DeviceError, WeightsError for files that are not what they should be, UsageError for a hybrid that has no
    teacher.
    """
    kind = torch.device(job.device).type
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "training on cuda: PyTorch sees no CUDA device here; --device cpu works, slowly"
        )
    with joined_ranks(kind) as ranks:
        device = torch.device(job.device)
        if kind == "cuda":
            device = torch.device("cuda", torch.cuda.current_device())
        net, history = _begin(job)

        def source(step: int) -> Iterator[Batch]:
            return batches(job.settings.data, step, device, ranks.rank, ranks.count)

        train(net, job.settings, source, job.checkpoint, history, device, report, ranks)


def _begin(job: StageJob) -> tuple[FlashDepthNet, list[dict[str, Any]]]:
    """The network before its first step, and its history so far."""
    seed = job.settings.data.seed
    if job.teacher is not None:
        net = hybrid_from(job.teacher, job.encoder, seed)
        history: list[dict[str, Any]] = [dict(hybrid_origin(job.teacher, job.encoder))]
    else:
        net = new_network(job.preset, job.encoder, seed)
        history = [dict(origin(job.encoder))]
        if net.teacher_model is not None and job.start is None:
            raise UsageError(f"{job.preset} is guided by another network: name it (--teacher)")
    if job.start is not None:
        tensors = read_tensors(job.start).tensors
        net.load_state_dict(fit(str(job.start), net.config, tensors, per_frame=False))
        history = history_of(job.start)
    return net, history
