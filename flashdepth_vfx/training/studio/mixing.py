"""What fine-tuning sees, step by step: clips of the studio's shots, and among them made scenes, not to forget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.pipeline import read_ahead
from flashdepth_vfx.training.data import Batch, DataSettings, batches
from flashdepth_vfx.training.studio.clips import StudioClips

__all__ = ["Mixture"]

_ENDLESS = 1 << 40


@dataclass(frozen=True)
class Mixture:
    """A source of batches: `made.clips` clips in each, of which `made_share` are made scenes as `made` says.

    The share is kept over the steps, not in each: a quarter of batches of two is one made clip in every second.
    `workers` threads read ahead. Raises SettingsError for a share that leaves no studio clip in a batch.
    """

    studio: StudioClips
    made: DataSettings
    made_share: float
    workers: int
    device: torch.device

    def __post_init__(self) -> None:
        most = self.made.clips - 1.0
        if not 0.0 <= self.made_share * self.made.clips <= most:
            raise SettingsError(
                f"a share of {self.made_share} made scenes in batches of {self.made.clips} clips: at least one "
                "clip of each batch must be the studio's"
            )

    def made_before(self, step: int) -> int:
        """How many made clips all steps before `step` have seen."""
        return int(step * self.made_share * self.made.clips)

    def __call__(self, first_step: int) -> Iterator[Batch]:
        """The batches of steps `first_step`, `first_step` + 1, ... without end: the same from wherever it begins."""
        made = self._made(self.made_before(first_step))
        steps = range(first_step, _ENDLESS)
        with_plates = read_ahead(
            steps, self._studio, workers=max(self.workers, 1), ahead=max(self.workers, 1) + 1
        )
        for step, own in with_plates:
            count = self.made_before(step + 1) - self.made_before(step)
            yield _joined([own, *(next(made) for _ in range(count))], self.device)

    def _studio(self, step: int) -> Batch:
        made = self.made_before(step + 1) - self.made_before(step)
        return self.studio.batch(step, self.made.clips - made)

    def _made(self, first: int) -> Iterator[Batch]:
        # one by one, so that a batch may hold any number of them
        return batches(replace(self.made, clips=1), first, self.device)


def _joined(parts: list[Batch], device: torch.device) -> Batch:
    return Batch(
        torch.cat([part.rgb.to(device) for part in parts]),
        torch.cat([part.disparity_100_per_m.to(device) for part in parts]),
    )
