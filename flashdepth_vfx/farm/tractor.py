"""A plan as a job of Tractor: a tree of tasks in its Tcl form, in which what waits stands above what it waits for.

    DIR/job.alf      for `tractor-spool`
    DIR/plan.json

A task that several wait for stands under the first of them, and is named (`Instance`) by the others. Links of a chain
stand beside each other in a task that runs them one after another, and not as deep in each other as a chain is long.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from flashdepth_vfx.farm.tasks import FarmPlan, Requirements, Task
from flashdepth_vfx.io.atomic import atomic_write_bytes

__all__ = ["write_tractor"]

_PLAN = "plan.json"
_PLAIN = re.compile(r"[A-Za-z0-9_./:=@%+,-]+")
#: What means something to Tcl, inside a word and between words.
_SPECIAL = re.compile(r"([\s{}\[\]\"\\$;#])")
#: The service that blades offer for it, unless the plan names a class of machines.
_SERVICE = "flashdepth"


def write_tractor(plan: FarmPlan, folder: Path) -> tuple[Path, ...]:
    """Write the job of a plan to `folder`, and return it. Raises `OutputError`."""
    folder = folder.absolute()
    plan.save(folder / _PLAN)
    atomic_write_bytes(folder / "job.alf", _job(plan, folder / _PLAN).encode())
    return (folder / "job.alf",)


def _job(plan: FarmPlan, saved: Path) -> str:
    name = plan.shots[0].name if len(plan.shots) == 1 else f"{len(plan.shots)} shots"
    needs = plan.requirements
    lines = ["##AlfredToDo 3.0", f"Job -title {_word(f'depth of {name}')} -subtasks {{"]
    for _, tasks in plan.each_shot():
        licences = {task.id: plan.licence_of(task) for task in tasks}
        lines += _Tree(tasks, saved, needs, licences).lines()
    return "\n".join([*lines, "}"]) + "\n"


class _Tree:
    """The tasks of a shot, from those that nobody waits for down to those that wait for nobody."""

    def __init__(
        self,
        tasks: Sequence[Task],
        saved: Path,
        needs: Requirements,
        licences: Mapping[str, str],
    ) -> None:
        self._tasks = {task.id: task for task in tasks}
        self._saved, self._needs, self._licences = saved, needs, licences
        self._placed: set[str] = set()
        self._uses = Counter(need for task in tasks for need in task.needs)

    def lines(self) -> Iterator[str]:
        waited_for = {need for task in self._tasks.values() for need in task.needs}
        for task_id in self._tasks:
            if task_id not in waited_for:
                yield from self._of(task_id, 1)

    def _of(self, task_id: str, depth: int) -> Iterator[str]:
        edge = "  " * depth
        if task_id in self._placed:
            yield f"{edge}Instance {_word(task_id)}"
            return
        first, *links = self._chain(task_id)
        if not links:
            yield from self._one(first, first.needs, depth)
            return
        title = f"{first.id} to {links[-1].id.partition('.')[2]}"
        yield f"{edge}Task {_word(title)} -serialsubtasks 1 -subtasks {{"
        yield from self._one(first, first.needs, depth + 1)
        for link in links:
            yield from self._one(link, (), depth + 1)
        yield f"{edge}}} -cmds {{}}"

    def _chain(self, task_id: str) -> list[Task]:
        """The task, and before it those that only the next of them waits for, and it for them alone."""
        chain = [self._tasks[task_id]]
        while len(needs := chain[-1].needs) == 1 and self._uses[needs[0]] == 1:
            chain.append(self._tasks[needs[0]])
        return chain[::-1]

    def _one(self, task: Task, needs: Sequence[str], depth: int) -> Iterator[str]:
        edge = "  " * depth
        self._placed.add(task.id)
        yield f"{edge}Task {_word(task.id)} -subtasks {{"
        for need in needs:
            yield from self._of(need, depth + 1)
        yield f"{edge}}} -cmds {{ {self._command(task)} }}"

    def _command(self, task: Task) -> str:
        needs = self._needs
        words = ["flashdepth", "task", str(self._saved), task.id, "--progress", "tractor"]
        # Tractor puts blades and paths in the place of what follows a `%`.
        launch = " ".join(_word(word.replace("%", "%%")) for word in words)
        service = (needs.device or _SERVICE) if task.runs_network else _SERVICE
        environment = f"setenv OMP_NUM_THREADS={needs.cpu_cores}"
        licence = self._licences[task.id]
        tags = f" -tags {{{_word(licence)}}}" if licence else ""
        return (
            f"RemoteCmd {{{launch}}} -service {_word(service)} -atleast {needs.cpu_cores} "
            # 75: another render has the frames, a plate did not come: try again.
            f"-atmost {needs.cpu_cores} -retryrc {{75}} -envkey {{{{{environment}}}}}{tags}"
        )


def _word(text: str) -> str:
    """One word of Tcl."""
    if _PLAIN.fullmatch(text):
        return text
    return _SPECIAL.sub(r"\\\1", text)
