"""A training run on disk: enough to go on from its last step as if nothing had happened."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flashdepth_vfx.errors import WeightsError

__all__ = ["Checkpoint", "load_checkpoint", "save_checkpoint"]


@dataclass(frozen=True)
class Checkpoint:
    """`config` is the network's; `history` is `start.origin`, then a record of each stage, the present one last."""

    config: dict[str, Any]
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    step: int
    seconds: float
    history: list[dict[str, Any]]


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write it whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    torch.save(vars(checkpoint), partial)
    partial.replace(path)


def load_checkpoint(path: Path) -> Checkpoint:
    """What `save_checkpoint` wrote. Raises WeightsError when it is not there or is something else."""
    try:
        return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, TypeError, pickle.UnpicklingError) as problem:
        raise WeightsError(f"{path}: not a training checkpoint: {problem}") from problem
