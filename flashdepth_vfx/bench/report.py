"""What was measured, as values."""

from __future__ import annotations

from dataclasses import dataclass

from flashdepth_vfx.bench.floors import Floors
from flashdepth_vfx.bench.fresh import Fresh
from flashdepth_vfx.bench.job import Size
from flashdepth_vfx.bench.length import LengthMark
from flashdepth_vfx.bench.machine import Machine
from flashdepth_vfx.bench.rate import Rate
from flashdepth_vfx.bench.stages import Stages

__all__ = ["BenchReport", "BenchRow"]


@dataclass(frozen=True)
class BenchRow:
    """One network at one size of plate. `network_size` is what it sees of it; `random_weights` says that its weights
    were drawn, so that its speed means something and its depth nothing. What was not asked for is None or empty.
    """

    weights: str
    random_weights: bool
    size: Size
    network_size: Size
    device: str
    kernels: str
    frames: int
    rate: Rate
    floors: Floors
    stages: Stages | None = None
    fresh: Fresh | None = None
    length: tuple[LengthMark, ...] = ()

    @property
    def times_floor(self) -> float:
        """The network's time over what its operations and bytes must take."""
        return self.rate.network_ms / self.floors.bound_ms


@dataclass(frozen=True)
class BenchReport:
    """All rows, on one machine. `measured_at` is UTC, ISO 8601."""

    machine: Machine
    measured_at: str
    version: str
    rows: tuple[BenchRow, ...]
