"""A farm that is not there: tasks of known length on so many workers, each begun as soon as it can be."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from flashdepth_vfx.errors import PlanError
from flashdepth_vfx.farm.tasks import FarmPlan, Task

__all__ = ["Simulated", "simulate"]


@dataclass(frozen=True)
class Simulated:
    """A plan on `workers`. `seconds` until the last task is done; `idle_share` of the workers' time they had nothing
    to do; `longest_chain_seconds`, which no number of workers gets below that start for each task.
    """

    workers: int
    seconds: float
    busy_seconds: float
    longest_chain_seconds: float

    @property
    def idle_share(self) -> float:
        """0 to 1."""
        return 1 - self.busy_seconds / (self.workers * self.seconds) if self.seconds else 0.0


def simulate(
    plan: FarmPlan,
    task_seconds: Mapping[str, float],
    workers: int,
    start_seconds: Mapping[str, float] | None = None,
) -> Simulated:
    """List scheduling: a worker that is free takes the first task of the plan that waits for nothing.

    With `start_seconds`, which of `task_seconds` are a start, workers stay: each pays the start for the first of its
    tasks that run the network of some weights, and no more. Without, every task is a process of its own. What runs no
    network takes a worker too, where a real farm may have others for it. Raises `PlanError` for less than one worker.
    """
    if workers < 1:
        raise PlanError(f"a farm of {workers}: give 1 or more")
    crew = _Crew(plan, workers, start_seconds or {})
    waits = {task.id: len(task.needs) for task in plan.tasks}
    after: dict[str, list[int]] = {}
    for place, task in enumerate(plan.tasks):
        for need in task.needs:
            after.setdefault(need, []).append(place)
    ready = [place for place, task in enumerate(plan.tasks) if not task.needs]
    running: list[tuple[float, int, int]] = []
    now = busy = 0.0
    while ready or running:
        while ready and crew.any_free():
            place = heapq.heappop(ready)
            worker, saved = crew.take(plan.tasks[place])
            lasts = task_seconds[plan.tasks[place].id] - saved
            busy += lasts
            heapq.heappush(running, (now + lasts, place, worker))
        now, done, worker = heapq.heappop(running)
        crew.give_back(worker)
        for place in after.get(plan.tasks[done].id, ()):
            waits[plan.tasks[place].id] -= 1
            if not waits[plan.tasks[place].id]:
                heapq.heappush(ready, place)
    return Simulated(workers, now, busy, _longest_chain(plan.tasks, task_seconds))


class _Crew:
    """Workers, those that are free, and the weights that each has loaded."""

    def __init__(self, plan: FarmPlan, workers: int, start_seconds: Mapping[str, float]) -> None:
        self._weights = {shot.name: shot.job.settings.weights for shot in plan.shots}
        self._starts = start_seconds
        # By what they have loaded; those that never ran anything are numbers from `_fresh` on.
        self._free: dict[frozenset[str], list[int]] = {}
        self._loaded: dict[int, frozenset[str]] = {}
        self._fresh, self._workers = 0, workers

    def any_free(self) -> bool:
        return self._fresh < self._workers or any(self._free.values())

    def take(self, task: Task) -> tuple[int, float]:
        """A worker for the task, one that has its weights if any is free; and the seconds which that saves."""
        start, weights = self._starts.get(task.id, 0.0), self._weights[task.shot]
        kept = [loaded for loaded, free in self._free.items() if free]
        warm = next((loaded for loaded in kept if weights in loaded), None)
        if warm is None and self._fresh < self._workers:
            worker, warm = self._fresh, frozenset()
            self._fresh += 1
        else:
            warm = kept[0] if warm is None else warm
            worker = self._free[warm].pop()
        self._loaded[worker] = warm | {weights} if start else warm
        return worker, start if weights in warm else 0.0

    def give_back(self, worker: int) -> None:
        self._free.setdefault(self._loaded[worker], []).append(worker)


def _longest_chain(tasks: tuple[Task, ...], task_seconds: Mapping[str, float]) -> float:
    ends: dict[str, float] = {}
    for task in tasks:
        begins = max((ends[need] for need in task.needs), default=0.0)
        ends[task.id] = begins + task_seconds[task.id]
    return max(ends.values(), default=0.0)
