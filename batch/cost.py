"""What `flashdepth plan --dry-run` tells: each shot, all of it, and how long farms would take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flashdepth_vfx import farm

from .table import aligned

__all__ = ["Cost"]

_MOST_SHOTS = 200


@dataclass(frozen=True)
class Cost:
    """An estimate, and the plan on farms of several sizes: a process for each task, and workers that stay."""

    estimate: farm.PlanEstimate
    farms: tuple[farm.Simulated, ...]
    resident_farms: tuple[farm.Simulated, ...]

    @classmethod
    def of(cls, plan: farm.FarmPlan, times: Path | None, workers: Sequence[int]) -> Cost:
        """Reckon. Raises as `farm.estimate` does."""
        found = farm.estimate(plan, farm.MeasuredTimes.load(times))
        seconds, starts = found.task_seconds, found.start_seconds
        return cls(
            found,
            tuple(farm.simulate(plan, seconds, count) for count in workers),
            tuple(farm.simulate(plan, seconds, count, starts) for count in workers),
        )

    def to_plain(self) -> dict[str, Any]:
        """As JSON values."""
        told = {"farms": self.farms, "resident_farms": self.resident_farms}
        farms = {
            name: [{**asdict(one), "idle_share": one.idle_share} for one in many]
            for name, many in told.items()
        }
        return {**self.estimate.to_plain(), **farms}

    def text(self) -> str:
        """As tables."""
        blocks = [aligned(self._shots())]
        if self.farms:
            blocks.append(aligned(self._farms()))
        found = self.estimate
        blocks.append(f"estimated by the times of {found.machine}, {found.measured_at[:10]}")
        return "\n\n".join(blocks)

    def _shots(self) -> Iterator[tuple[str, ...]]:
        found = self.estimate
        minutes = "GPU min" if found.on_gpu else "CPU min"
        yield "shot", "frames", "plate", minutes, "memory", "GPU memory", "disk"
        for shot in found.shots[:_MOST_SHOTS]:
            yield (
                shot.name,
                str(shot.frames),
                f"{shot.width_px}x{shot.height_px}{' assumed' if shot.size_is_assumed else ''}",
                f"{shot.machine_minutes:.1f}",
                f"{shot.memory_bytes / 2**30:.1f} GiB",
                f"{shot.device_memory_bytes / 2**30:.1f} GiB",
                f"{shot.disk_bytes / 1e9:.1f} GB",
            )
        if len(found.shots) > _MOST_SHOTS:
            yield (f"and {len(found.shots) - _MOST_SHOTS} more", "", "", "", "", "", "")
        frames = sum(shot.frames for shot in found.shots)
        disk = f"{found.disk_bytes / 1e9:.1f} GB"
        yield "all", str(frames), "", f"{found.machine_minutes:.1f}", "", "", disk

    def _farms(self) -> Iterator[tuple[str, ...]]:
        yield "workers", "done after", "idle", "workers that stay", "idle"
        for one, resident in zip(self.farms, self.resident_farms, strict=True):
            yield (str(one.workers), *_told(one), *_told(resident))


def _told(one: farm.Simulated) -> tuple[str, str]:
    return f"{one.seconds / 60:.1f} min", f"{one.idle_share:.0%}"
