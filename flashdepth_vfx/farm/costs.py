"""What a plan will cost, before anybody pays: by measured times, and one header of each shot.

An estimate, and named so: disks, plates and other jobs of a farm are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from flashdepth_vfx.farm.naming import view_list
from flashdepth_vfx.farm.plates import PlatesStep, PromisedPlates
from flashdepth_vfx.farm.tasks import FarmPlan, Kind, PlannedShot, Task
from flashdepth_vfx.farm.times import MeasuredTimes
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.shotinfo import open_shot
from flashdepth_vfx.viewturn import stands_for_view

__all__ = ["PlanEstimate", "ShotEstimate", "estimate"]

#: Of a float depth channel in `zips`, on disk: real depth hardly gets smaller (docs/scaling.md).
_BYTES_A_PIXEL = 4.0
#: A channel beside it that is a share of a pixel, in half precision and mostly 0.
_BYTES_OF_A_SHARE = 0.2
#: Of what comes after rendering: it waits for files, and starts Python.
_REPORT_START_SECONDS = 3.0
#: Of plates that are yet to be made, in pixels.
_ASSUMED_SIZE = (1920, 1080)


@dataclass(frozen=True)
class ShotEstimate:
    """Of one shot. `task_seconds` by task id, and which of them are `start_seconds` of a process with the network;
    `machine_minutes` are of tasks that run the network, start included. `size_is_assumed`: of HD plates, since they
    are yet to be made, and what a host takes to make them is not in it.
    """

    name: str
    frames: int
    width_px: int
    height_px: int
    machine_minutes: float
    disk_bytes: float
    memory_bytes: int
    device_memory_bytes: int
    task_seconds: Mapping[str, float]
    start_seconds: Mapping[str, float]
    size_is_assumed: bool = False


@dataclass(frozen=True)
class PlanEstimate:
    """Of all shots, by the times of `machine`."""

    shots: tuple[ShotEstimate, ...]
    machine: str
    measured_at: str
    on_gpu: bool

    @property
    def machine_minutes(self) -> float:
        """Of all."""
        return sum(shot.machine_minutes for shot in self.shots)

    @property
    def disk_bytes(self) -> float:
        """Of all."""
        return sum(shot.disk_bytes for shot in self.shots)

    @property
    def task_seconds(self) -> dict[str, float]:
        """Of every task, by its id."""
        return {task: s for shot in self.shots for task, s in shot.task_seconds.items()}

    @property
    def start_seconds(self) -> dict[str, float]:
        """Of every task that runs the network, by its id: what a worker that stays pays once."""
        return {task: s for shot in self.shots for task, s in shot.start_seconds.items()}

    def to_plain(self) -> dict[str, Any]:
        """As JSON values."""
        totals = {"machine_minutes": self.machine_minutes, "disk_bytes": self.disk_bytes}
        return {**asdict(self), **totals}


def estimate(plan: FarmPlan, times: MeasuredTimes) -> PlanEstimate:
    """Read one header of each shot, and reckon; plates that are yet to be made are taken for HD. Raises `PlateError`
    for a header that cannot be read, and `PlanError` where nobody measured the shot's weights.
    """
    shots = tuple(_shot(plan, shot, tasks, times) for shot, tasks in plan.each_shot())
    return PlanEstimate(shots, times.machine, times.measured_at, times.on_gpu)


def _shot(
    plan: FarmPlan, shot: PlannedShot, tasks: tuple[Task, ...], times: MeasuredTimes
) -> ShotEstimate:
    assumed = _is_to_be_made(shot)
    width, height, views = (*_ASSUMED_SIZE, _view_count(shot)) if assumed else _size(shot)
    pixels, settings = width * height, shot.job.settings
    seen = _network_pixels(shot, width, height)
    row = times.row(settings.weights, seen)
    frame = times.frame_seconds(row, pixels, seen, plan.requirements.cpu_cores)
    files = row.files_ms / 1000 * pixels / row.plate_pixels / plan.requirements.cpu_cores
    seconds: dict[str, float] = {}
    for task in tasks:
        of_views = 1 if task.view else views
        start = row.start_seconds if task.runs_network else _REPORT_START_SECONDS
        seconds[task.id] = start + of_views * _seconds(plan, shot, task, frame, files)
    network = sum(seconds[task.id] for task in tasks if task.runs_network)
    shares = sum(name in ("edge", "coverage") for name in settings.beside)
    channels = 1 + len(settings.beside) - shares
    kept = 1 if shot.convert is None else 2
    disk = _BYTES_A_PIXEL * channels * kept + _BYTES_OF_A_SHARE * shares
    return ShotEstimate(
        name=shot.name,
        frames=shot.frame_count,
        width_px=width,
        height_px=height,
        machine_minutes=network / 60,
        disk_bytes=disk * pixels * shot.frame_count * views,
        memory_bytes=row.memory_bytes,
        device_memory_bytes=row.device_memory_bytes,
        task_seconds=seconds,
        start_seconds={task.id: row.start_seconds for task in tasks if task.runs_network},
        size_is_assumed=assumed,
    )


def _seconds(plan: FarmPlan, shot: PlannedShot, task: Task, frame: float, files: float) -> float:
    """Of one view, after the start."""
    match task.kind:
        case Kind.RENDER:
            return frame * ((task.frame_count or shot.frame_count) + _seen_before(plan, shot, task))
        case Kind.DECIDE:
            # Cuts are looked for in every frame, without the network.
            return files * shot.frame_count if shot.job.settings.cuts == "auto" else 0.0
        case Kind.PLATES:
            # A host's own: nobody measured it.
            return 0.0
        case Kind.CONVERT | Kind.REPORT | Kind.PUBLISH:
            return files * shot.frame_count


def _seen_before(plan: FarmPlan, shot: PlannedShot, task: Task) -> int:
    """The frames that a task sees and does not write."""
    if plan.preroll_frames is None or not task.frames:
        return 0
    first = FrameRange.parse(task.frames).frames[0]
    return min(plan.preroll_frames, first - FrameRange.parse(shot.frames).frames[0])


def _is_to_be_made(shot: PlannedShot) -> bool:
    """Whether the plates are those of a host that has not made the first of them."""
    if not isinstance(shot.plates, PlatesStep):
        return False
    plates = PromisedPlates(shot.job, view_list(shot.job.shot.view)[0] or None)
    return not plates.path(plates.frames[0]).is_file()


def _view_count(shot: PlannedShot) -> int:
    return len(view_list(shot.job.shot.view))


def _size(shot: PlannedShot) -> tuple[int, int, int]:
    """Width and height of the first plate's data window, and how many views are rendered of it."""
    asked = shot.job.shot
    names = view_list(asked.view)
    in_path = stands_for_view(asked.input)
    reader = open_shot(replace(asked, view=(names[0] or None) if in_path else None))
    try:
        header = reader.header(reader.frames[0])
    finally:
        reader.close()
    views = len(header.views) if asked.view == "all" else _view_count(shot)
    return header.data_window.width, header.data_window.height, views


def _network_pixels(shot: PlannedShot, width: int, height: int) -> int:
    """About what the network sees of a plate."""
    from flashdepth_vfx.weights.registry import ENTRIES

    settings, long_side = shot.job.settings, max(width, height)
    entry = ENTRIES.get(settings.weights)
    side: int | str | None = settings.resolution
    if side is None:
        side = entry.default_long_side_px if entry is not None else None
    scale = 1.0 if side is None or side == "native" else int(side) / long_side
    if settings.resolution is None:
        scale = min(scale, 1.0)
    return max(round(width * height * scale**2), 1)
