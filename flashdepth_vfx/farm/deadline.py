"""A plan as jobs of Deadline 10: one for each array, whose tasks wait for those of the same frame in other jobs.

    DIR/NAME.job, DIR/NAME.plugin    job info and plug-in info of an array, for the plug-in CommandLine
    DIR/submit.py                    hands them to `deadlinecommand`, each with the jobs that it waits for
    DIR/plan.json, DIR/arrays/NAME

A frame's number is that of its shot. Deadline kills a process and all below it: what a task goes on from is its last
checkpoint.
"""

from __future__ import annotations

import json
from pathlib import Path

from flashdepth_vfx.errors import PlanError
from flashdepth_vfx.farm.arrays import TABLES, TaskArray, task_arrays, write_tables
from flashdepth_vfx.farm.tasks import FarmPlan
from flashdepth_vfx.io.atomic import atomic_write_bytes

__all__ = ["write_deadline"]

_PLAN = "plan.json"
_SUBMIT = '''\
#!/usr/bin/env python3
"""Submits all of it: submit.py [KEY=VALUE ...], as Pool=gpu Priority=60, which every job is given.

DEADLINE_COMMAND names deadlinecommand where it is not on the path. Done twice it does no harm: tasks that are done do
nothing.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).resolve().parent
#: Names of the jobs, each with those that it waits for.
jobs = {jobs}
command = os.environ.get("DEADLINE_COMMAND", "deadlinecommand")
sent = {{}}
for name, needs in jobs.items():
    lines = [(here / (name + ".job")).read_text(encoding="utf-8").rstrip(), *sys.argv[1:]]
    if needs:
        lines.append("JobDependencies=" + ",".join(sent[need] for need in needs))
    with tempfile.TemporaryDirectory() as folder:
        info = pathlib.Path(folder, name + ".job")
        info.write_text("\\n".join(lines) + "\\n", encoding="utf-8")
        told = subprocess.run([command, str(info), str(here / (name + ".plugin"))], stdout=subprocess.PIPE, text=True)
    found = re.search(r"^JobID=(\\S+)", told.stdout, re.MULTILINE)
    if told.returncode or not found:
        sys.stderr.write(told.stdout + "\\nsubmit.py: " + name + " was refused; ")
        sys.exit("submitted and to be deleted: " + (", ".join(sent.values()) or "nothing"))
    sent[name] = found.group(1)
    print(name, sent[name])
'''


def write_deadline(plan: FarmPlan, folder: Path) -> tuple[Path, ...]:
    """Write the jobs of a plan to `folder`, and return the script that submits them. Raises `OutputError`, and
    `PlanError` for a folder whose name no line of Deadline's files can hold.
    """
    folder = folder.absolute()
    if any(sign in str(folder) for sign in '"\n\r<>'):
        raise PlanError(
            f"{folder}: Deadline's files have no way to write such a name; choose another folder"
        )
    arrays = task_arrays(plan)
    plan.save(folder / _PLAN)
    write_tables(arrays, folder)
    for array in arrays:
        for ending, text in (
            ("job", _job_info(plan, array)),
            ("plugin", _plugin_info(array, folder)),
        ):
            atomic_write_bytes(folder / f"{array.name}.{ending}", text.encode())
    jobs = json.dumps({array.name: list(array.needs) for array in arrays}, indent=4)
    atomic_write_bytes(folder / "submit.py", _SUBMIT.format(jobs=jobs).encode())
    (folder / "submit.py").chmod(0o755)
    return (folder / "submit.py",)


def _job_info(plan: FarmPlan, array: TaskArray) -> str:
    shots = plan.shots[0].name if len(plan.shots) == 1 else f"{len(plan.shots)} shots"
    facts = {
        "Plugin": "CommandLine",
        "Name": f"depth {shots} {array.name}",
        "BatchName": f"depth {shots}",
        "Frames": array.runs,
        "ChunkSize": "1",
        "ConcurrentTasks": "1",
        # A task waits for the same frame of the jobs that it depends on, and for no other.
        "IsFrameDependent": "true",
        "ResumeOnCompleteDependencies": "true",
        "OverrideTaskFailureDetection": "true",
        "FailureDetectionTaskErrors": str(plan.attempts),
        "EnvironmentKeyValue0": f"OMP_NUM_THREADS={plan.requirements.cpu_cores}",
    }
    if array.runs_network and plan.requirements.device:
        facts["Group"] = plan.requirements.device
    if array.licence:
        facts["LimitGroups"] = array.licence
    return "".join(f"{key}={value}\n" for key, value in facts.items())


def _plugin_info(array: TaskArray, folder: Path) -> str:
    plan, table = folder / _PLAN, folder / TABLES / array.name
    arguments = f'task "{plan}" --array "{table}" --element <STARTFRAME> --progress deadline'
    facts = {
        "Executable": "flashdepth",
        "Arguments": arguments,
        "ShellExecute": "False",
        "SingleFramesOnly": "True",
    }
    return "".join(f"{key}={value}\n" for key, value in facts.items())
