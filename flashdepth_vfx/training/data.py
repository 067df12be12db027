"""Training data: every step has its own scenes and looks, whatever machine draws them and wherever it begins."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.training.looks import Look, develop, draw_looks, mirror
from flashdepth_vfx.training.scenes import Scene, draw_scenes, render
from flashdepth_vfx.training.scenes.parts import Arrays

__all__ = [
    "HELD_OUT",
    "Batch",
    "ClipSize",
    "DataSettings",
    "batches",
    "held_out",
    "loaded",
]

HELD_OUT = 1 << 62
"""Seeds from here on are never trained on."""

_T = TypeVar("_T")
_RUN_STRIDE = 1 << 40
_ENDLESS = 1 << 40
_CUT_STREAM = 0xC07
_CUT_CHANCE = 0.15


class ClipSize(Protocol):
    """What every kind of data says of a step: `clips` of `frames` of this size, on each rank, drawn by `seed`."""

    @property
    def seed(self) -> int: ...
    @property
    def clips(self) -> int: ...
    @property
    def frames(self) -> int: ...
    @property
    def height_px(self) -> int: ...
    @property
    def width_px(self) -> int: ...


@dataclass(frozen=True)
class DataSettings:
    """What a step sees: `clips` of `frames` at this size, on each of the ranks that train together.

    `stride` frames of a camera's path lie between two pictures. A clip goes on for `chunks` steps, its state with it;
    between two chunks some clips are cut to another scene. `workers` processes draw ahead; 0 draws in this one.
    Raises SettingsError for a value that cannot be.
    """

    seed: int
    clips: int
    frames: int
    height_px: int
    width_px: int
    flicker: float
    stride: int = 1
    chunks: int = 1
    workers: int = 0
    compiled: bool = False

    def __post_init__(self) -> None:
        for name in ("clips", "frames", "height_px", "width_px", "stride", "chunks"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} of {getattr(self, name)}: give 1 or more")
        if self.workers < 0 or not 0.0 <= self.flicker <= 1.0:
            raise SettingsError(
                f"{self.workers} workers, a flicker of {self.flicker:g}: give workers from 0 up, and a chance "
                "from 0 to 1"
            )
        runs = HELD_OUT // _RUN_STRIDE
        if not 0 <= self.seed < runs:
            raise SettingsError(
                f"seed {self.seed}: from 0 to {runs - 1}, or held-out scenes would be trained on"
            )


@dataclass(frozen=True)
class Batch:
    """B clips of T frames.

    `rgb` `(B, T, 3, H, W)` display-referred in [0, 1]; `disparity_100_per_m` `(B, T, H, W)`: 0 is sky, below 0
    unknown; `fresh` False means that the clips go on from the batch before. Where they are known: cameras as in
    `scenes.Clip` (of a mirrored clip those before it was mirrored), and `still` `(B, T, H, W)`, what does not move by
    itself.
    """

    rgb: Tensor
    disparity_100_per_m: Tensor
    fresh: bool = True
    eye_m: Tensor | None = None
    eye_turn: Tensor | None = None
    focal_px: Tensor | None = None
    still: Tensor | None = None


def batches(
    settings: DataSettings, first_step: int, device: torch.device, rank: int = 0, ranks: int = 1
) -> Iterator[Batch]:
    """The batches of steps `first_step`, `first_step` + 1, ... without end, as rank `rank` of `ranks` sees them."""
    first_clip, first_chunk = divmod(first_step, settings.chunks)
    for drawn in loaded(_Drawn(settings, rank, ranks), first_clip, settings.workers, ahead=4):
        for chunk in range(first_chunk, settings.chunks):
            yield _picture(drawn, chunk, settings, device)
        first_chunk = 0


def loaded(items: Dataset[_T], first: int, workers: int, ahead: int) -> Iterator[_T]:
    """Items `first`, `first` + 1, ... without end and in order; each of `workers` processes has up to `ahead` ready.

    Items hold arrays, no tensors: those would pass through shared memory, one file handle for each.
    """
    return iter(
        DataLoader(
            items,
            batch_size=None,
            sampler=range(first, _ENDLESS),
            num_workers=workers,
            collate_fn=_as_drawn,
            prefetch_factor=ahead if workers else None,
            worker_init_fn=_begin_worker,
        )
    )


def held_out(settings: DataSettings, device: torch.device, first: int = 0) -> Batch:
    """`settings.clips` clips from number `first` on, whose seeds no training uses, the same on every call.

    They are not mirrored, so that their cameras fit them.
    """
    seeds = range(HELD_OUT + first, HELD_OUT + first + settings.clips)
    looks = draw_looks(seeds, settings.frames, settings.flicker)
    looks["flip"] = np.zeros_like(looks["flip"])
    scenes = draw_scenes(seeds, settings.frames, settings.stride)
    rows = np.arange(settings.clips)
    return _picture(_Step(scenes, looks, rows[:, None]), 0, settings, device)


@dataclass(frozen=True)
class _Step:
    """What was drawn for the clips of a step: `row` `(B, chunks)` says which of the scenes a chunk is filmed in."""

    scenes: Arrays
    looks: Arrays
    row: NDArray[np.int64]


class _Drawn(Dataset[_Step]):
    """The scenes and looks of the clips that begin at a step, by its number."""

    def __init__(self, settings: DataSettings, rank: int, ranks: int) -> None:
        self.settings, self.rank, self.ranks = settings, rank, ranks

    def __getitem__(self, number: int) -> _Step:
        s = self.settings
        first = s.seed * _RUN_STRIDE + (number * self.ranks + self.rank) * s.clips
        seeds = range(first, first + s.clips)
        row, others = _cuts(seeds, s.chunks)
        frames = s.frames * s.chunks
        scenes = draw_scenes([*seeds, *others], frames, s.stride)
        return _Step(scenes, draw_looks(seeds, frames, s.flicker), row)


def _cuts(seeds: Sequence[int], chunks: int) -> tuple[NDArray[np.int64], list[int]]:
    """Which row each chunk of each clip is filmed in, and the seeds of the scenes that some are cut to."""
    rows = np.repeat(np.arange(len(seeds))[:, None], chunks, axis=1)
    others: list[int] = []
    for index, seed in enumerate(seeds):
        rng = np.random.default_rng([_CUT_STREAM, seed])
        if chunks > 1 and rng.random() < _CUT_CHANCE * (chunks - 1):
            rows[index, rng.integers(1, chunks) :] = len(seeds) + len(others)
            others.append(seed + _RUN_STRIDE // 2)
    return rows, others


def _as_drawn(item: Any) -> Any:
    return item


def _begin_worker(_number: int) -> None:
    """A worker ends when the process that it draws for says so, or is gone: by no signal of its own."""
    # a key, or a farm, signals all processes at once: without workers, the step in hand could not be finished
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    # a worker outlives a parent that was killed: its pipe stays open in the other workers, and it waits for a reader
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _picture(drawn: _Step, chunk: int, settings: DataSettings, device: torch.device) -> Batch:
    part = range(chunk * settings.frames, (chunk + 1) * settings.frames)
    rows = drawn.row[:, chunk]
    scenes = {name: array[rows] for name, array in drawn.scenes.items()}
    scene = Scene.from_arrays(scenes, device).part(part.start, part.stop)
    look = Look.from_arrays(drawn.looks, device).part(part.start, part.stop)
    clip = render(
        scene,
        settings.height_px,
        settings.width_px,
        shutter=look.shutter / settings.stride,
        light_stops=look.light_stops,
        compiled=settings.compiled,
    )
    rgb = develop(clip.rgb_linear, clip.disparity_100_per_m, look)
    return Batch(
        rgb=mirror(rgb, look),
        disparity_100_per_m=mirror(clip.disparity_100_per_m, look),
        fresh=chunk == 0,
        eye_m=clip.eye_m,
        eye_turn=clip.eye_turn,
        focal_px=clip.focal_px,
        still=mirror(clip.still, look),
    )
