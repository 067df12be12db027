"""Tasks of all shots as arrays, by their place in the shot: what engines that know frames are given.

An element's index is the number of its shot. It waits for the elements of its own index in other arrays, which are
its own shot's: Slurm's aftercorr, and what other engines call dependencies frame by frame. A thousand shots are a few
arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flashdepth_vfx.farm.tasks import FarmPlan, Kind, Task
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.io.atomic import atomic_write_bytes

__all__ = ["TABLES", "TaskArray", "task_arrays", "write_tables"]

#: The folder of the tables of arrays.
TABLES = "arrays"
#: Indices are below Slurm's MaxArraySize, which is 1001 unless a site says otherwise; others take as many.
_MOST_INDICES = 1000


@dataclass(frozen=True)
class TaskArray:
    """Tasks that are one array, by index, and the arrays whose elements of the same index they wait for."""

    name: str
    kind: Kind
    tasks: Mapping[int, Task]
    needs: tuple[str, ...]
    #: The farm's word for the licence that each of them holds; empty for none.
    licence: str = ""

    @property
    def indices(self) -> str:
        """As frames are written: `0-99`, `0-8x2,11`."""
        return str(FrameRange.of(self.tasks))

    @property
    def runs(self) -> str:
        """The same without steps: `0-99,103`."""
        found: list[list[int]] = []
        for index in sorted(self.tasks):
            if found and index == found[-1][-1] + 1:
                found[-1][1:] = [index]
            else:
                found.append([index])
        return ",".join("-".join(map(str, run)) for run in found)

    @property
    def runs_network(self) -> bool:
        """Whether its tasks need what `Requirements` say."""
        return self.tasks[min(self.tasks)].runs_network

    @property
    def table(self) -> str:
        """A line for each index from 0: the id of its task, or nothing."""
        return "".join(
            f"{self.tasks[i].id if i in self.tasks else ''}\n" for i in range(max(self.tasks) + 1)
        )


def task_arrays(plan: FarmPlan) -> tuple[TaskArray, ...]:
    """The arrays of a plan, each after those that it waits for."""
    numbers: dict[tuple[int, Kind, int, tuple[int, ...]], int] = {}
    members: list[dict[int, Task]] = []
    for place, (_, tasks) in enumerate(plan.each_shot()):
        block, index = divmod(place, _MOST_INDICES)
        array_of: dict[str, int] = {}
        count = dict.fromkeys(Kind, 0)
        for task in tasks:
            # Alike in what they wait for too: every element has all of its array's needs at its own index.
            waits = tuple(array_of[need] for need in task.needs)
            alike = (block, task.kind, count[task.kind], waits)
            count[task.kind] += 1
            number = array_of[task.id] = numbers.setdefault(alike, len(members))
            if number == len(members):
                members.append({})
            members[number][index] = task
    names = [f"{number + 1:03d}.{kind}" for (_, kind, _, _), number in numbers.items()]
    return tuple(
        TaskArray(
            names[number],
            kind,
            members[number],
            tuple(names[need] for need in waits),
            # A plan with a licence is of one shot: no array has several.
            plan.licence_of(members[number][min(members[number])]),
        )
        for (_, kind, _, waits), number in numbers.items()
    )


def write_tables(arrays: Sequence[TaskArray], folder: Path) -> None:
    """The table of each array, in the folder `arrays`. Raises `OutputError`."""
    for array in arrays:
        atomic_write_bytes(folder / TABLES / array.name, array.table.encode())
