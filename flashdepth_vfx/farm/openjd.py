"""A plan as jobs of Open Job Description (2023-09), which is AWS Deadline Cloud's format too: a folder for each shot.

    DIR/template.yaml    steps, what they wait for and need; every parameter has its value as default
    DIR/plan.json        what `flashdepth task` is given

A step's tasks run in no certain order, so what waits for another is a step of its own; chunks that wait for nothing
but what was decided are tasks of one step. A resident worker serves a session's tasks, so that weights load once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from flashdepth_vfx.errors import PlanError
from flashdepth_vfx.farm.tasks import FarmPlan, PlannedShot, Requirements, Task
from flashdepth_vfx.io.atomic import atomic_write_groups

__all__ = ["openjd_template", "write_jobs", "write_openjd"]

TEMPLATE = "template.yaml"
_PLAN = "plan.json"
#: libyaml's, which PyYAML's wheels bring: a thousand shots are a minute's work for the one in Python.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
VERSION = "jobtemplate-2023-09"
#: Of the format: values of a task parameter, letters of a name.
_MOST_VALUES, _LONGEST_NAME = 1024, 64
#: A task that is cancelled has so long to finish its frame and save its state.
_NOTICE_SECONDS = 120
#: The name of an amount, by the format.
_AMOUNT = re.compile(r"amount(\.[A-Za-z_][A-Za-z0-9_]*)+")
_LONGEST_AMOUNT = 100
_NEEDS_KEY, _WORKER_KEY = _SHARED = ("hostRequirements", "stepEnvironments")
_COMMAND = "{{Param.FlashdepthCommand}}"
_ADDRESS = "{{Session.WorkingDirectory}}/worker.json"
_ENTER = """\
#!/usr/bin/env bash
# In a session of its own: what ends this action must not end the worker.
setsid "$2" serve --listen "$1" --idle 600 >"$1.log" 2>&1 </dev/null &
for _ in $(seq 600); do
    [ -s "$1" ] && exit 0
    kill -0 $! 2>/dev/null || break
    sleep 0.1
done
echo "the resident worker did not start:"
cat "$1.log"
exit 1
"""
_EXIT = """\
#!/usr/bin/env bash
# After a failure and a cancel too. It saves what it has in hand.
[ -s "$1" ] || exit 0
pid=$(sed 's/.*"pid": *\\([0-9]*\\).*/\\1/' "$1")
kill -TERM "$pid" 2>/dev/null
for _ in $(seq 900); do
    kill -0 "$pid" 2>/dev/null || exit 0
    sleep 0.1
done
kill -KILL "$pid" 2>/dev/null
exit 0
"""


def write_openjd(plan: FarmPlan, folder: Path) -> tuple[Path, ...]:
    """Write the job of each shot, and return the templates: in `folder`, or for several shots in a folder of each
    shot's name below. Raises `OutputError`, and `PlanError` for a licence that the format has no name for.
    """
    return tuple(place / TEMPLATE for place in write_jobs(plan, folder, lambda shot: {}))


def write_jobs(
    plan: FarmPlan, folder: Path, beside: Callable[[PlannedShot], Mapping[str, bytes]]
) -> tuple[Path, ...]:
    """As `write_openjd`, with files of another name that `beside` gives of a shot; the folders of the jobs."""
    atomic_write_groups(
        [(place / name, data) for name, data in (*beside(shot).items(), *_files(plan, shot, tasks))]
        for place, (shot, tasks) in zip(_places(plan, folder), plan.each_shot(), strict=True)
    )
    return _places(plan, folder)


def _places(plan: FarmPlan, folder: Path) -> tuple[Path, ...]:
    return (folder,) if len(plan.shots) == 1 else tuple(folder / shot.name for shot in plan.shots)


def _files(
    plan: FarmPlan, shot: PlannedShot, tasks: tuple[Task, ...]
) -> Iterator[tuple[str, bytes]]:
    """The template is last: where it is, all that it needs is."""
    one = replace(plan, shots=(shot,), tasks=tasks)
    yield _PLAN, one.to_bytes()
    yield TEMPLATE, _text(openjd_template(one), plan.requirements).encode()


def _text(template: Mapping[str, Any], needs: Requirements) -> str:
    """A template as YAML. What steps have in common is most of the text: it is written once."""
    head = {key: value for key, value in template.items() if key != "steps"}
    blocks = [_yaml(head), "steps:\n"]
    for step in template["steps"]:
        if _WORKER_KEY not in step:
            blocks.append(_yaml([step]))
            continue
        blocks.append(_yaml([{key: value for key, value in step.items() if key not in _SHARED}]))
        blocks.append(_shared_text(needs))
    return "".join(blocks)


@cache
def _shared_text(needs: Requirements) -> str:
    return indent(_yaml(_shared(needs)), "  ", lambda line: line != "\n")


def _shared(needs: Requirements) -> dict[str, Any]:
    """What a step has that runs the network."""
    return {_NEEDS_KEY: _requirements(needs), _WORKER_KEY: [_worker()]}


def _yaml(plain: Any) -> str:
    text: str = yaml.dump(plain, Dumper=_DUMPER, sort_keys=False, width=118)
    return text


def openjd_template(plan: FarmPlan) -> dict[str, Any]:
    """The job of a plan of one shot, as the plain values of its template; the plan is saved beside it."""
    (shot,) = plan.shots
    steps = [_step(plan, name, group, needs) for name, group, needs in _groups(plan.tasks)]
    return {
        "specificationVersion": VERSION,
        "name": f"depth of {shot.name}"[:128],
        "description": f"{plan.mode}: {shot.frame_count} frames of {shot.job.shot.input}"[:2048],
        "parameterDefinitions": _parameters(),
        "steps": steps,
    }


def _groups(tasks: Sequence[Task]) -> Iterator[tuple[str, tuple[Task, ...], tuple[str, ...]]]:
    """Tasks that are one step, its name, and the names of the steps that it waits for."""
    alike: dict[tuple[object, ...], list[Task]] = {}
    for task in tasks:
        waited_for = any(task.id in other.needs for other in tasks if other.kind is task.kind)
        chained = any(need.kind is task.kind for need in tasks if need.id in task.needs)
        # A link of a chain is a step by itself.
        key = (task.kind, task.id) if waited_for or chained else (task.kind, task.needs)
        alike.setdefault(key, []).append(task)
    parts = [
        g[i : i + _MOST_VALUES] for g in alike.values() for i in range(0, len(g), _MOST_VALUES)
    ]
    names: dict[str, str] = {}
    for number, part in enumerate(parts, 1):
        name = _step_name(number, part)
        names |= {task.id: name for task in part}
        needs = dict.fromkeys(names[need] for task in part for need in task.needs)
        yield name, tuple(part), tuple(needs)


def _step_name(number: int, part: Sequence[Task]) -> str:
    what = part[0].id.partition(".")[2] if len(part) == 1 else f"{part[0].kind} {len(part)} tasks"
    return f"{number} {re.sub(r'[^A-Za-z0-9 ._-]', '_', what)}"[:_LONGEST_NAME]


def _step(plan: FarmPlan, name: str, group: Sequence[Task], needs: Sequence[str]) -> dict[str, Any]:
    step: dict[str, Any] = {"name": name}
    if needs:
        step["dependencies"] = [{"dependsOn": need} for need in needs]
    runs_network = group[0].runs_network
    if runs_network:
        step |= _shared(plan.requirements)
    if licence := plan.licence_of(group[0]):
        step[_NEEDS_KEY] = {"amounts": [{"name": _amount_of(licence), "min": 1}]}
    task_id = group[0].id
    if len(group) > 1:
        task_id = "{{Task.Param.Task}}"
        values = [task.id for task in group]
        step["parameterSpace"] = {
            "taskParameterDefinitions": [{"name": "Task", "type": "STRING", "range": values}]
        }
    worker = ["--worker", _ADDRESS] if runs_network else []
    mapping = ["--path-mapping", "{{Session.PathMappingRulesFile}}"]
    step["script"] = {
        "actions": {
            # Run by itself, and by no shell: a cancel's SIGTERM reaches it.
            "onRun": {
                "command": _COMMAND,
                "args": [
                    "task",
                    "{{Param.PlanFile}}",
                    task_id,
                    *mapping,
                    "--progress",
                    "openjd",
                    *worker,
                ],
                "cancelation": {
                    "mode": "NOTIFY_THEN_TERMINATE",
                    "notifyPeriodInSeconds": _NOTICE_SECONDS,
                },
            }
        }
    }
    return step


def _amount_of(licence: str) -> str:
    """A licence as an amount of the farm's own: `amount.worker` is the format's. Raises `PlanError`."""
    name = f"amount.license.{licence}"
    if not _AMOUNT.fullmatch(name) or len(name) > _LONGEST_AMOUNT:
        raise PlanError(
            f"licence '{licence}': Open Job Description takes words of letters, digits and _ that begin with a letter"
        )
    return name


def _worker() -> dict[str, Any]:
    files = {"Enter": _ENTER, "Exit": _EXIT}
    return {
        "name": "ResidentWorker",
        "description": "Weights stay loaded from one task of a session to the next.",
        "script": {
            "embeddedFiles": [
                {"name": name, "type": "TEXT", "runnable": True, "data": data}
                for name, data in files.items()
            ],
            "actions": {
                f"on{name}": {"command": f"{{{{Env.File.{name}}}}}", "args": [_ADDRESS, _COMMAND]}
                for name in files
            },
        },
    }


def _requirements(needs: Requirements) -> dict[str, Any]:
    amounts: Mapping[str, int] = {
        "amount.worker.vcpu": needs.cpu_cores,
        "amount.worker.memory": needs.memory_mib,
        "amount.worker.gpu": needs.gpus,
        "amount.worker.gpu.memory": needs.gpu_memory_mib,
    }
    told: dict[str, Any] = {
        "amounts": [{"name": name, "min": least} for name, least in amounts.items() if least]
    }
    if needs.device:
        told["attributes"] = [{"name": "attr.flashdepth.device", "anyOf": [needs.device]}]
    return told


def _parameters() -> list[dict[str, Any]]:
    """The defaults of paths are within the template's folder, by the format: tasks find plates and output in the
    plan, which is mapped by the session's own rules.
    """
    plan_file = {"name": "PlanFile", "type": "PATH", "objectType": "FILE", "dataFlow": "IN"}
    return [
        {**plan_file, "default": _PLAN},
        {"name": "FlashdepthCommand", "type": "STRING", "default": "flashdepth"},
    ]
