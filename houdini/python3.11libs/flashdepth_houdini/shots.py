"""From a sequence and a node's values to a plan of the renderer, and its tasks."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flashdepth_host.errors import Refusal
from flashdepth_host.fields import Value
from flashdepth_host.paths import frames_there
from flashdepth_host.shot import frames_of, output_of, request_of
from flashdepth_host.submit import plan_shot

from .loading import PLUGIN
from .parms import Range
from .sequences import Sequence
from .tasks import Task, tasks_of

__all__ = ["Asked", "planned", "request_for"]


@dataclass(frozen=True)
class Asked:
    """What a node asks for, beside the plates. `missing` is error, hold or skip."""

    values: Mapping[str, Value]
    range: Range
    edge_matte: bool = False
    missing: str = "error"


def request_for(sequence: Sequence, asked: Asked) -> dict[str, Any]:
    """What the renderer is asked for, for one sequence. Raises `Refusal`."""
    plates = replace(sequence.plates, missing=asked.missing)
    wanted = asked.range
    if sequence.is_movie:
        frames = (wanted.first or 1, wanted.last or 1)
    else:
        frames = frames_of(plates, wanted.first, wanted.last, int(asked.values["handles"]))
    request = request_of(asked.values, plates, frames)
    job = request["job"]
    job["settings"]["edge_matte"] = asked.edge_matte
    if sequence.is_movie and wanted.first is None:
        # Its frames are inside of it: the renderer counts them.
        del job["frames"]
    elif wanted.inc > 1:
        job["frames"] += f"x{wanted.inc}"
    return request


def planned(sequence: Sequence, asked: Asked) -> list[Task]:
    """The tasks of one sequence; their plan is written beside the depth, where a farm can have them done too.

    Raises `Refusal`, and `RenderFailed` with the renderer's own words.
    """
    request = request_for(sequence, asked)
    plan = plan_shot(PLUGIN, request, asked.values)
    output = Path(output_of(asked.values, sequence.plates))
    folder = Path(str(asked.values["job_dir"]) or output.parent / f"{_stem(output)}_houdini")
    file = _written(folder / f"{_stem(output)}.json", plan)
    tasks = tasks_of(plan, file)
    if asked.missing != "skip" or sequence.is_movie:
        return tasks
    # What is left out is not made, and nobody should wait for it.
    return [replace(task, outputs=_of_plates(task, sequence)) for task in tasks]


def _of_plates(task: Task, sequence: Sequence) -> tuple[str, ...]:
    there = set(frames_there(sequence.plates.input, task.view))
    named = zip(task.frames, task.outputs)
    return tuple(output for frame, output in named if frame in there)


def _stem(output: Path) -> str:
    return output.name.split(".")[0]


def _written(file: Path, plan: Mapping[str, Any]) -> str:
    """Whole or not at all: work items of an earlier cook may be reading it."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(plan), encoding="utf-8")
        beside.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise Refusal(f"{file}: cannot be written ({error.strerror or error})") from error
    return file.as_posix()
