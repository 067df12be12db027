"""A training run on disk: enough to go on from its last step as if nothing had happened."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flashdepth_vfx.errors import WeightsError
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.weights.reading import DAMAGE

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
    """Write it whole or not at all. Makes the folder. Raises DiskFullError, OutputError."""
    # by way of memory: torch's own writer leaves half a file behind on a full disk, and does not say that it was full
    whole = io.BytesIO()
    torch.save(vars(checkpoint), whole)
    atomic_write_bytes(path, whole.getbuffer())


def load_checkpoint(path: Path) -> Checkpoint:
    """What `save_checkpoint` wrote. Raises WeightsError when it is not there or is something else."""
    try:
        return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, *DAMAGE) as problem:
        # of several lines the others advise to trust the file
        said = str(problem).partition("\n")[0] or type(problem).__name__
        raise WeightsError(f"{path}: not a training checkpoint: {said}") from problem
