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
    to do; `longest_chain_seconds`, which no number of workers gets below.
    """

    workers: int
    seconds: float
    busy_seconds: float
    longest_chain_seconds: float

    @property
    def idle_share(self) -> float:
        """0 to 1."""
        return 1 - self.busy_seconds / (self.workers * self.seconds) if self.seconds else 0.0


def simulate(plan: FarmPlan, task_seconds: Mapping[str, float], workers: int) -> Simulated:
    """List scheduling: a worker that is free takes the first task of the plan that waits for nothing.

    What runs no network takes a worker too, where a real farm may have others for it. Raises `PlanError` for less
    than one worker.
    """
    if workers < 1:
        raise PlanError(f"a farm of {workers}: give 1 or more")
    waits = {task.id: len(task.needs) for task in plan.tasks}
    after: dict[str, list[int]] = {}
    for place, task in enumerate(plan.tasks):
        for need in task.needs:
            after.setdefault(need, []).append(place)
    ready = [place for place, task in enumerate(plan.tasks) if not task.needs]
    running: list[tuple[float, int]] = []
    now = busy = 0.0
    while ready or running:
        while ready and len(running) < workers:
            place = heapq.heappop(ready)
            lasts = task_seconds[plan.tasks[place].id]
            busy += lasts
            heapq.heappush(running, (now + lasts, place))
        now, done = heapq.heappop(running)
        for place in after.get(plan.tasks[done].id, ()):
            waits[plan.tasks[place].id] -= 1
            if not waits[plan.tasks[place].id]:
                heapq.heappush(ready, place)
    return Simulated(workers, now, busy, _longest_chain(plan.tasks, task_seconds))


def _longest_chain(tasks: tuple[Task, ...], task_seconds: Mapping[str, float]) -> float:
    ends: dict[str, float] = {}
    for task in tasks:
        begins = max((ends[need] for need in task.needs), default=0.0)
        ends[task.id] = begins + task_seconds[task.id]
    return max(ends.values(), default=0.0)
