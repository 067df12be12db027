"""A plan done on this machine: its tasks dealt out to one worker a device, in the order that their needs allow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from flashdepth_vfx.errors import (
    FlashDepthError,
    Interrupted,
    LeaseError,
    PlanError,
    UsageError,
    WorkerError,
)
from flashdepth_vfx.events import RenderEvent
from flashdepth_vfx.farm.hands import Hand, devices_here
from flashdepth_vfx.farm.tasks import FarmPlan, Task

__all__ = ["LocalResult", "run_local"]

#: Told of a task, by its id, what a render tells.
TaskObserver: TypeAlias = Callable[[str, RenderEvent], None]
#: Between two tries of one task.
_PAUSE_SECONDS = 1.0
#: The same where another machine is to end first, or to be given up: three tries outlast a lease.
_LATER_SECONDS = 40.0


@dataclass(frozen=True)
class LocalResult:
    """What became of the tasks, by id. `failed` has the last error of each; `skipped` needed one of those."""

    done: tuple[str, ...]
    failed: dict[str, str]
    skipped: tuple[str, ...]
    seconds: float


def run_local(
    plan: FarmPlan,
    *,
    devices: Sequence[str] | None = None,
    observer: TaskObserver | None = None,
    tell: Callable[[str], None] = lambda text: None,
    stop: threading.Event | None = None,
) -> LocalResult:
    """Do all tasks of a plan, one worker for each of `devices` (all GPUs that are there, or the CPU).

    A task that fails is tried again, `plan.attempts` times in all, unless what was asked for cannot be; the tasks
    that need it are skipped, and all others go on. `observer` and `tell` are called from one thread at a time.
    Setting `stop` ends the tasks in hand, with their state saved, and raises `Interrupted`. What is done already is
    not done again. Raises `PlanError` for devices that cannot be.
    """
    began = time.monotonic()
    names = _checked(devices_here() if devices is None else devices)
    deal = _Deal(plan, observer, tell, stop or threading.Event())
    hands = [Hand(name, len(names)) for name in names]
    threads = [threading.Thread(target=deal.work, args=(hand,)) for hand in hands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if deal.stop.is_set() and deal.left:
        raise Interrupted(
            f"stopped; {len(deal.done)} of {len(plan.tasks)} tasks are done, and the same command goes on"
        )
    return LocalResult(
        tuple(t.id for t in plan.tasks if t.id in deal.done),
        dict(deal.failed),
        tuple(t.id for t in plan.tasks if t.id in deal.skipped),
        time.monotonic() - began,
    )


def _checked(devices: Sequence[str]) -> tuple[str, ...]:
    if not devices:
        raise PlanError("no device to work on: name cpu, or cuda:0,cuda:1")
    for name in devices:
        kind, _, number = name.partition(":")
        if kind not in ("cpu", "cuda") or (number and not number.isdecimal()):
            raise PlanError(f"device '{name}': it is cpu, cuda, or cuda:N")
    return tuple(devices)


def _pause_after(error: FlashDepthError) -> float:
    """Seconds until a task that ended so is tried again. A worker that died is ours, and started anew at once."""
    later = error.exit_code == LeaseError.exit_code and not isinstance(error, WorkerError)
    return _LATER_SECONDS if later else _PAUSE_SECONDS


@dataclass
class _Deal:
    """Who does what: shared by the threads of all hands, under one lock."""

    plan: FarmPlan
    observer: TaskObserver | None
    tell: Callable[[str], None]
    stop: threading.Event
    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._waiting = list(self.plan.tasks)
        self._running: set[str] = set()
        self._tries: dict[str, int] = {}
        self._changed = threading.Condition()
        self._telling = threading.Lock()

    @property
    def left(self) -> bool:
        """Whether any task is neither done, failed nor skipped."""
        return bool(self._waiting or self._running)

    def work(self, hand: Hand) -> None:
        """Take one task after another, until there is none left for anyone."""
        try:
            while (task := self._next()) is not None:
                self._try(hand, task)
        finally:
            hand.discard()

    def _next(self) -> Task | None:
        with self._changed:
            while self._waiting and not self.stop.is_set():
                self._skip()
                for task in self._waiting:
                    if self.done.issuperset(task.needs):
                        self._waiting.remove(task)
                        self._running.add(task.id)
                        return task
                # Looked at now and then, since `stop` is set by a signal, which may take no lock.
                self._changed.wait(0.2)
            return None

    def _skip(self) -> None:
        lost = self.failed.keys() | self.skipped
        for task in list(self._waiting):
            if lost & set(task.needs):
                self._waiting.remove(task)
                self.skipped.add(task.id)
                lost = lost | {task.id}

    def _try(self, hand: Hand, task: Task) -> None:
        said = self._said_of(task)
        said(f"begun on {hand.device}")
        began = time.monotonic()
        try:
            hand.do(self.plan, task, observer=self._observer_of(task), tell=said, stop=self.stop)
        except Interrupted as stopped:
            said(f"interrupted: {stopped}")
            self._put_back(task)
        except FlashDepthError as error:
            self._fail(task, error)
        else:
            said(f"done in {time.monotonic() - began:.1f} s")
            with self._changed:
                self._running.discard(task.id)
                self.done.add(task.id)
                self._changed.notify_all()

    def _fail(self, task: Task, error: FlashDepthError) -> None:
        tries = self._tries[task.id] = self._tries.get(task.id, 0) + 1
        hopeless = error.exit_code == UsageError.exit_code or tries >= self.plan.attempts
        self._said_of(task)(
            f"failed: {error}"
            if hopeless
            else f"try {tries} of {self.plan.attempts} failed: {error}"
        )
        if not hopeless:
            self.stop.wait(_pause_after(error))
            self._put_back(task)
            return
        with self._changed:
            self._running.discard(task.id)
            self.failed[task.id] = str(error)
            self._changed.notify_all()

    def _put_back(self, task: Task) -> None:
        with self._changed:
            self._running.discard(task.id)
            self._waiting.insert(0, task)
            self._changed.notify_all()

    def _said_of(self, task: Task) -> Callable[[str], None]:
        def said(text: str) -> None:
            with self._telling:
                self.tell(f"{task.id}: {text}")

        return said

    def _observer_of(self, task: Task) -> Callable[[RenderEvent], None]:
        def observe(event: RenderEvent) -> None:
            if self.observer is not None:
                with self._telling:
                    self.observer(task.id, event)

        return observe
