"""Files of weights, for the tests of their reading."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.weights import ENTRIES


def names_of(preset: str) -> dict[str, Tensor]:
    """The network's own names and shapes, each tensor one stored number: megabytes in kilobytes."""
    with torch.device("meta"):
        slots = FlashDepthNet(ModelConfig.preset(preset)).state_dict()
    return {
        name: torch.full((1,), (i % 7) / 10).expand(slot.shape)
        if slot.is_floating_point()
        else torch.zeros((), dtype=slot.dtype)
        for i, (name, slot) in enumerate(slots.items())
    }


def without_memory(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As a Depth Anything V2 file is: no temporal module."""
    return {name: t for name, t in tensors.items() if not name.startswith("mamba.")}


def put(folder: Path, name: str, content: object) -> Path:
    path = folder / ENTRIES[name].file
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


@functools.cache
def random_nano() -> dict[str, Tensor]:
    """Whole weights of the smallest network, the same in every run."""
    torch.manual_seed(1)
    return FlashDepthNet(ModelConfig.preset("nano")).state_dict()
