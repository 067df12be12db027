"""Batches of clips of data sets: one set a step, in turn, each step the same whatever came before it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from flashdepth_vfx.errors import PlateError, SettingsError, UsageError
from flashdepth_vfx.pipeline import read_ahead
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.data import Batch, loaded
from flashdepth_vfx.training.datasets import Fault, VideoDepthDataset, read_clip
from flashdepth_vfx.training.paper.crops import (
    CropPlace,
    cut_inverse_depth,
    cut_picture,
    place_crop,
)
from flashdepth_vfx.training.paper.sampling import Order

__all__ = ["SetOfStage", "SetsSettings", "set_batches"]

#: Clips that are tried where one cannot be read, before a set is given up.
_TRIES = 16
#: Steps that each worker has ready: a batch of 2K clips is 300 MB.
_AHEAD = 2


@dataclass(frozen=True)
class SetOfStage:
    """A data set by its name, and how many of its frames lie from picture to picture of a clip."""

    name: str
    stride: int


@dataclass(frozen=True)
class SetsSettings:
    """What a step sees: `clips` of `frames` of one of `sets`, which take turns, on each rank.

    Clips are cropped to `height_px` x `width_px` as `crop` says. `workers` processes read ahead; 0 reads in a thread.
    Raises SettingsError for a value that cannot be.
    """

    seed: int
    clips: int
    frames: int
    height_px: int
    width_px: int
    crop: CropPlace
    sets: tuple[SetOfStage, ...]
    workers: int = 0

    def __post_init__(self) -> None:
        for name in ("clips", "frames", "height_px", "width_px"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} of {getattr(self, name)}: give 1 or more")
        if self.seed < 0 or self.workers < 0:
            raise SettingsError(f"seed {self.seed}, {self.workers} workers: give 0 or more")
        names = [s.name for s in self.sets]
        if not names or len(set(names)) < len(names):
            raise SettingsError(f"data sets {names}: name at least one, and each once")
        slow = [s for s in self.sets if s.stride < 1]
        if slow:
            raise SettingsError(f"{slow[0].name}: a stride of {slow[0].stride}; give 1 or more")


def set_batches(
    settings: SetsSettings,
    datasets: Mapping[str, VideoDepthDataset],
    first_step: int,
    device: torch.device,
    rank: int,
    ranks: int,
    unread: Callable[[Fault], None],
) -> Iterator[Batch]:
    """The batches of steps `first_step`, `first_step` + 1, ... without end, as rank `rank` of `ranks` sees them.

    All ranks see the same set at a step, and together what one rank with as many clips would see. A clip with a frame
    that cannot be read is replaced by another of its set, and `unread` is told. Raises PlateError when a set has
    nothing else to give; UsageError for a set that is empty or whose depths have no unit.
    """
    clips = _Clips(settings, datasets, rank, ranks)
    items = loaded(clips, first_step, settings.workers, _AHEAD)

    def load(_number: int) -> tuple[_Step, Batch]:
        step = next(items)
        rgb, inverse = (torch.from_numpy(a).to(device) for a in (step.rgb, step.inverse))
        return step, Batch(rgb.float().div_(255.0).movedim(-1, -3), inverse * 100.0)

    for _, (step, batch) in read_ahead(count(), load, workers=1, ahead=2):
        for fault in step.faults:
            unread(fault)
        if step.spoiled is not None:
            raise PlateError(step.spoiled.path, step.spoiled.reason)
        yield batch


@dataclass(frozen=True)
class _Step:
    """`rgb` `(B, T, h, w, 3)` of 8 bits, as the sets' own files; `inverse` `(B, T, h, w)` in 1/m. `spoiled` says that
    a set gave no clip that can be read.
    """

    rgb: NDArray[np.uint8]
    inverse: FloatArray
    faults: tuple[Fault, ...] = ()
    spoiled: Fault | None = None


class _Clips(Dataset[_Step]):
    """The clips of a step, by its number."""

    def __init__(
        self,
        settings: SetsSettings,
        datasets: Mapping[str, VideoDepthDataset],
        rank: int,
        ranks: int,
    ) -> None:
        self.settings, self.rank, self.ranks = settings, rank, ranks
        self.sets = [
            (datasets[s.name], _order(datasets[s.name], s, settings)) for s in settings.sets
        ]

    def __getitem__(self, step: int) -> _Step:
        s = self.settings
        turn, number = divmod(step, len(self.sets))
        first = (turn * self.ranks + self.rank) * s.clips
        shape = (s.clips, s.frames, s.height_px, s.width_px)
        rgb, inverse = np.empty((*shape, 3), np.uint8), np.empty(shape, np.float32)
        faults: list[Fault] = []
        for index in range(s.clips):
            tried = self._fill(number, first + index, rgb[index], inverse[index])
            faults += tried
            if len(tried) == _TRIES:
                return _Step(rgb, inverse, tuple(faults), tried[-1])
        return _Step(rgb, inverse, tuple(faults))

    def _fill(
        self, number: int, position: int, rgb: NDArray[np.uint8], inverse: FloatArray
    ) -> list[Fault]:
        """Read the clip of a set at `position`, or else one drawn for it; returns what could not be read."""
        dataset, order = self.sets[number]
        rng = order.drawn(position)
        faults: list[Fault] = []
        for _ in range(_TRIES):
            place = order.clip(position)
            samples = read_clip(dataset, dataset.scenes[place.scene], place.frames)
            if not isinstance(samples, Fault):
                wanted = (self.settings.height_px, self.settings.width_px)
                crop = place_crop(samples[0].rgb.shape[:2], wanted, self.settings.crop, rng)
                for at, sample in enumerate(samples):
                    cut = cut_picture(sample.rgb, crop)
                    rgb[at] = np.rint(cut * 255.0).transpose(1, 2, 0)
                    inverse[at] = cut_inverse_depth(sample.disparity_per_m, crop)
                return faults
            faults.append(samples)
            position = int(rng.integers(len(order)))
        return faults


def _order(dataset: VideoDepthDataset, told: SetOfStage, settings: SetsSettings) -> Order:
    """Raises UsageError for a set whose disparities have no unit: 100/m is what is learned."""
    if not dataset.metric:
        raise UsageError(f"{told.name}: its depths have no unit; it is for tests, leave it out")
    lengths = [len(scene.frames) for scene in dataset.scenes]
    # by its name: leaving out another set changes nothing of this one
    number = zlib.crc32(told.name.encode())
    return Order(lengths, settings.frames, told.stride, settings.seed, number)
