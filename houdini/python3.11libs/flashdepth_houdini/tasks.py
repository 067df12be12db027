"""Tasks of the renderer's plan, with the files that each makes. It knows no Houdini: work items read it too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flashdepth_host.paths import frames_there

from .sequences import frames_in, path_of

__all__ = ["Task", "made_by", "tasks_of"]


@dataclass(frozen=True)
class Task:
    """One task of the plan in the file `plan`. `needs` are tasks of that plan; `outputs` the files that it makes."""

    id: str
    kind: str
    plan: str
    needs: tuple[str, ...]
    frames: tuple[int, ...]
    view: str
    outputs: tuple[str, ...]


def tasks_of(plan: Mapping[str, Any], file: str) -> list[Task]:
    """Those of a plan that is in `file`."""
    return [_task(plan, file, task) for task in plan["tasks"]]


def made_by(plan: Mapping[str, Any], task_id: str) -> list[str]:
    """What is there of a task whose frames no plan can tell: those of a movie are inside of it. Else nothing."""
    (task,) = [one for one in plan["tasks"] if one["id"] == task_id]
    shot = _shot(plan, task)
    if shot["job"]["frames"] or task["frames"] or task["kind"] not in ("render", "convert"):
        return []
    pattern, view = _pattern(shot, task), task["view"] or ""
    return [path_of(pattern, frame, view) for frame in frames_there(pattern, view)]


def _task(plan: Mapping[str, Any], file: str, task: Mapping[str, Any]) -> Task:
    shot = _shot(plan, task)
    view = task["view"] or ""
    text = shot["job"]["frames"] if task["kind"] == "convert" else task["frames"]
    frames = tuple(frames_in(text)) if text and task["kind"] != "decide" else ()
    return Task(
        id=task["id"],
        kind=task["kind"],
        plan=file,
        needs=tuple(task["needs"]),
        frames=frames,
        view=view,
        outputs=tuple(path_of(_pattern(shot, task), frame, view) for frame in frames),
    )


def _shot(plan: Mapping[str, Any], task: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(one for one in plan["shots"] if one["name"] == task["shot"])
    return found


def _pattern(shot: Mapping[str, Any], task: Mapping[str, Any]) -> str:
    made = shot["convert"] if task["kind"] == "convert" else shot["job"]
    return str(made["output"])
