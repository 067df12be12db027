"""FarmPlan: shots as tasks, with what each waits for; a frozen value with a JSON form that every engine is given.

    decide ─▶ render 1001-1100 ─▶ render 1101-1200 ─▶ convert        one shot, as a chain

A task is run by `flashdepth task PLAN.json ID`, whatever engine starts it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from flashdepth_vfx.errors import PlanError, UsageError
from flashdepth_vfx.farm.modes import Mode
from flashdepth_vfx.farm.plates import PlatesStep
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.job import ConvertJob, RenderJob

if TYPE_CHECKING:
    from flashdepth_vfx.farm.local import LocalResult, TaskObserver

__all__ = ["FarmPlan", "Kind", "PlannedShot", "Requirements", "ShotPage", "Task"]

FORMAT = "flashdepth-plan/1"
_LARGEST_BYTES = 512 * 2**20


class Kind(StrEnum):
    """What a task does."""

    #: Plates that were not there when it was planned.
    PLATES = "plates"
    #: Canvas, cuts, exposure and kernels, once for the tasks after it.
    DECIDE = "decide"
    RENDER = "render"
    #: The range or the scale of the whole shot, and depth that has it.
    CONVERT = "convert"
    #: A page about the shot, once all of it is there.
    REPORT = "report"
    #: The facility's own hook, after all else.
    PUBLISH = "publish"


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """What a machine must have for a task that runs the network; a farm's own words for a class of them is `device`.

    All tasks of one shot should meet the same GPU and the same number of cores: other ones round otherwise, and are
    refused.
    """

    gpus: int = 0
    cpu_cores: int = 2
    memory_mib: int = 2048
    gpu_memory_mib: int = 0
    device: str = ""

    def __post_init__(self) -> None:
        for name in ("gpus", "memory_mib", "gpu_memory_mib"):
            if getattr(self, name) < 0:
                raise PlanError(f"{name} {getattr(self, name)}: give 0 or more")
        if self.cpu_cores < 1:
            raise PlanError(f"cpu_cores {self.cpu_cores}: give 1 or more")


@dataclass(frozen=True, kw_only=True)
class ShotPage:
    """The page that is written about a shot: `sources` are the patterns of its depth, one for each view with files of
    its own.
    """

    sources: tuple[str, ...]
    page: str
    depth_layer: str


@dataclass(frozen=True, kw_only=True)
class PlannedShot:
    """A shot of a plan. `job` renders all of it; `frames` are those on disk, or promised, when it was planned,
    `frame_count` of them to be written. `decided`: its tasks share what a first one decides. `convert` makes of its
    depth what was asked for, `report` is written when all is there, and then `hook` is run. `plates` makes the frames
    before all else; where there is none the JSON form has no such field.
    """

    name: str
    job: RenderJob
    frames: str
    frame_count: int
    decided: bool = False
    convert: ConvertJob | None = None
    report: ShotPage | None = None
    hook: str | None = None
    plates: PlatesStep | UnsetType = UNSET


@dataclass(frozen=True, kw_only=True)
class Task:
    """One command of one engine. `needs` are the ids of those that must be done before it; `frame_count` is what it
    writes; `view` is None for all that the shot's job names.
    """

    id: str
    shot: str
    kind: Kind
    needs: tuple[str, ...] = ()
    frames: str | None = None
    frame_count: int = 0
    view: str | None = None

    @property
    def runs_network(self) -> bool:
        """Whether it needs what `Requirements` say."""
        return self.kind in (Kind.DECIDE, Kind.RENDER)


@dataclass(frozen=True, kw_only=True)
class FarmPlan:
    """Shots, and their tasks in an order in which one worker could do them. `attempts` is how often a task is tried
    at most; `notes` are for the person who planned.
    """

    mode: Mode
    shots: tuple[PlannedShot, ...]
    tasks: tuple[Task, ...]
    preroll_frames: int | None = None
    attempts: int = 3
    requirements: Requirements = field(default_factory=Requirements)
    notes: tuple[str, ...] = ()
    format: str = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise PlanError(f"a plan of {self.format}, and this version reads {FORMAT}: plan again")
        if self.attempts < 1:
            raise PlanError(f"attempts {self.attempts}: a task is tried once at least")
        known: set[str] = set()
        for task in self.tasks:
            if task.id in known:
                raise PlanError(f"two tasks are called '{task.id}'")
            if task.shot not in self._shots:
                raise PlanError(f"task '{task.id}' is of shot '{task.shot}', which is not planned")
            if waits := set(task.needs) - known:
                raise PlanError(f"task '{task.id}' needs '{waits.pop()}', which is not before it")
            known.add(task.id)

    def shot(self, name: str) -> PlannedShot:
        """The shot of that name. Raises `PlanError`."""
        if name not in self._shots:
            raise PlanError(f"no shot '{name}' is planned; there are: {_some(self._shots)}")
        return self._shots[name]

    def task(self, task_id: str) -> Task:
        """The task of that id. Raises `PlanError`."""
        if task_id not in self._tasks:
            raise PlanError(f"no task '{task_id}' is planned; there are: {_some(self._tasks)}")
        return self._tasks[task_id]

    def task_at(self, index: int) -> Task:
        """The task at that place, from 0. Raises `PlanError`."""
        if not 0 <= index < len(self.tasks):
            raise PlanError(f"task {index}: the plan has {len(self.tasks)}, counted from 0")
        return self.tasks[index]

    def job_of(self, task: Task) -> RenderJob:
        """What a task that renders, or decides, is given: its part of the shot's job, to be resumed."""
        shot = self.shot(task.shot)
        part = replace(shot.job, shot=replace(shot.job.shot, view=task.view or shot.job.shot.view))
        if task.kind is Kind.DECIDE:
            return part
        return replace(
            part,
            frames=task.frames,
            preroll_frames=self.preroll_frames if task.frames else None,
            decided=shot.decided,
            resume=True,
        )

    def licence_of(self, task: Task) -> str:
        """The farm's word for the licence that a task holds; empty for none."""
        step = self.shot(task.shot).plates
        return step.licence if task.kind is Kind.PLATES and isinstance(step, PlatesStep) else ""

    def of_shot(self, name: str) -> FarmPlan:
        """The plan of one of its shots alone."""
        return replace(
            self,
            shots=(self.shot(name),),
            tasks=tuple(task for task in self.tasks if task.shot == name),
        )

    def each_shot(self) -> Iterator[tuple[PlannedShot, tuple[Task, ...]]]:
        """The shots, each with its tasks, in order."""
        tasks: dict[str, list[Task]] = {shot.name: [] for shot in self.shots}
        for task in self.tasks:
            tasks[task.shot].append(task)
        for shot in self.shots:
            yield shot, tuple(tasks[shot.name])

    def to_json(self) -> str:
        """As JSON text; `FarmPlan.from_json` reads it back equal."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1).decode()

    def to_bytes(self) -> bytes:
        """As the file that `save` writes."""
        return self.to_json().encode() + b"\n"

    def run_local(
        self,
        *,
        devices: Sequence[str] | None = None,
        observer: TaskObserver | None = None,
        tell: Callable[[str], None] = lambda text: None,
        stop: threading.Event | None = None,
    ) -> LocalResult:
        """Do all of it on this machine: `farm.run_local`."""
        from flashdepth_vfx.farm.local import run_local

        return run_local(self, devices=devices, observer=observer, tell=tell, stop=stop)

    def to_openjd(self, folder: Path) -> tuple[Path, ...]:
        """Write it as jobs of Open Job Description: `farm.write_openjd`."""
        from flashdepth_vfx.farm.openjd import write_openjd

        return write_openjd(self, folder)

    def to_slurm(self, folder: Path) -> tuple[Path, ...]:
        """Write it as Slurm job arrays: `farm.write_slurm`."""
        from flashdepth_vfx.farm.slurm import write_slurm

        return write_slurm(self, folder)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_dict(cls, plain: Any) -> FarmPlan:
        """From plain JSON values. Raises `PlanError`, or what a job in it deserves."""
        return cls.from_json(msgspec.json.encode(plain))

    @classmethod
    def from_json(cls, text: str | bytes) -> FarmPlan:
        """From JSON text. Raises `PlanError`, or what a job in it deserves."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.ValidationError as wrong:
            if isinstance(wrong.__cause__, UsageError):
                raise wrong.__cause__ from None
            raise PlanError(f"not a plan: {wrong}") from wrong
        except (msgspec.DecodeError, RecursionError) as wrong:
            raise PlanError(f"not a plan: {wrong}") from wrong

    def save(self, path: Path) -> Path:
        """Write it, whole or not at all. Raises `OutputError`."""
        atomic_write_bytes(path, self.to_bytes())
        return path

    @classmethod
    def load(cls, path: Path) -> FarmPlan:
        """Read one that was saved. Raises `PlanError` that names the file."""
        try:
            if path.stat().st_size > _LARGEST_BYTES:
                raise PlanError(f"{path}: is too large for a plan")
            return cls.from_json(path.read_bytes())
        except OSError as error:
            raise PlanError(f"{path}: cannot be read ({error.strerror or error})") from error
        except UsageError as error:
            raise PlanError(f"{path}: {error}") from error

    @cached_property
    def _shots(self) -> dict[str, PlannedShot]:
        found = {shot.name: shot for shot in self.shots}
        if len(found) < len(self.shots):
            raise PlanError("two shots of a plan have one name")
        return found

    @cached_property
    def _tasks(self) -> dict[str, Task]:
        return {task.id: task for task in self.tasks}


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:8]) + (f", and {len(listed) - 8} more" if len(listed) > 8 else "")
