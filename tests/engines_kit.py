"""What engines are given, read as they would: the commands of a plan's tasks, and what each waits for."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from conftest import environment

from flashdepth_vfx import FarmPlan, FrameRange
from flashdepth_vfx.farm import (
    write_deadline,
    write_deadline_cloud,
    write_opencue,
    write_tractor,
)

__all__ = ["ENGINES", "Read", "in_order"]


@dataclass(frozen=True)
class Read:
    """What an engine's files say: the words of each task's command, and the tasks that it waits for."""

    commands: Mapping[str, list[str]]
    needs: Mapping[str, set[str]]


def read_opencue(made: FarmPlan, folder: Path) -> Read:
    (script,) = write_opencue(made, folder)
    asked = [sys.executable, str(script), "--show", "a show", "--user", "somebody", "--print"]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    spec = ElementTree.fromstring(told)
    assert [e.tag for e in spec] == ["facility", "show", "shot", "user", "job", "depends"]
    assert spec.findtext("show") == "a show"
    job = spec.find("job")
    assert job is not None
    assert job.findtext("maxretries") == str(made.attempts - 1)
    commands, needs = {}, {}
    for layer in job.iter("layer"):
        for frame in FrameRange.parse(layer.findtext("range") or ""):
            line = (layer.findtext("cmd") or "").replace("#IFRAME#", str(frame))
            commands[f"{layer.get('name')} {frame}"] = shlex.split(line)
    for depend in spec.iter("depend"):
        assert depend.get("type") == "FRAME_BY_FRAME"
        assert depend.findtext("depjob") == depend.findtext("onjob") == job.get("name")
        for key in commands:
            layer, _, frame = key.partition(" ")
            if layer == depend.findtext("deplayer"):
                needs.setdefault(key, set()).add(f"{depend.findtext('onlayer')} {frame}")
    return Read(commands, needs)


#: Takes notes of what it is given, and answers as deadlinecommand does.
DEADLINE_COMMAND = """\
#!/bin/sh
count=$(ls "$NOTES" | wc -l)
cat "$1" >"$NOTES/$count.job"
cat "$2" >"$NOTES/$count.plugin" && rm -f "$NOTES/none"
mv "$NOTES/$count.job" "$NOTES/id$count.job"; mv "$NOTES/$count.plugin" "$NOTES/id$count.plugin"
echo "Deadline Command 10"; echo "Result=Success"; echo "JobID=id$count"
"""


def read_deadline(made: FarmPlan, folder: Path) -> Read:
    (script,) = write_deadline(made, folder)
    notes, command = folder / "notes", folder / "deadlinecommand"
    notes.mkdir()
    command.write_text(DEADLINE_COMMAND)
    command.chmod(0o755)
    more = {"DEADLINE_COMMAND": str(command), "NOTES": str(notes)}
    asked = [sys.executable, str(script), "Pool=gpu"]
    subprocess.run(asked, env=environment(**more), capture_output=True, text=True, check=True)
    commands, needs = {}, {}
    for path in notes.glob("*.job"):
        job, plugin = (_pairs(path.with_suffix(ending)) for ending in (".job", ".plugin"))
        assert job["Plugin"] == "CommandLine"
        assert job["Pool"] == "gpu"
        assert job["FailureDetectionTaskErrors"] == str(made.attempts)
        for frame in FrameRange.parse(job["Frames"]):
            key = f"{path.stem} {frame}"
            arguments = plugin["Arguments"].replace("<STARTFRAME>", str(frame))
            # Quotes group words, and there is nothing else to it.
            words = re.findall(r'"([^"]*)"|(\S+)', arguments)
            commands[key] = [plugin["Executable"], *(quoted or plain for quoted, plain in words)]
            waits = [one for one in job.get("JobDependencies", "").split(",") if one]
            assert job["IsFrameDependent"] == "true"
            needs[key] = {f"{one} {frame}" for one in waits}
    return Read(commands, needs)


def _pairs(path: Path) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in path.read_text().splitlines())


#: Tractor's operators, which tell what they are given; an option that its manual does not list ends it.
TRACTOR = r"""
proc told args { puts [join $args "\t"] }
proc options {allowed given} { foreach {name value} $given { if {$name ni $allowed} { error "no option $name" } } }
proc Job args { options {-title -subtasks} $args; told task "" 0; uplevel #0 [dict get $args -subtasks]; told end }
proc Task {title args} {
    options {-subtasks -cmds -serialsubtasks} $args
    told task $title [expr {[dict exists $args -serialsubtasks] ? [dict get $args -serialsubtasks] : 0}]
    uplevel #0 [dict get $args -subtasks]
    uplevel #0 [dict get $args -cmds]
    told end
}
proc Instance title { told instance $title }
proc RemoteCmd {launch args} {
    options {-service -atleast -atmost -retryrc -envkey -tags} $args
    foreach word $launch { told word $word }
    told retry [dict get $args -retryrc]
}
source -encoding utf-8 [lindex $argv 0]
"""


@dataclass
class _Task:
    """A task of Tractor's tree that is being read. `last` are those at whose end all in it is done so far."""

    title: str
    serial: bool
    before: set[str]
    last: set[str] = field(default_factory=set)

    def beside(self) -> set[str]:
        """What a task that comes now waits for."""
        return self.last or self.before if self.serial else self.before

    def add(self, done: set[str]) -> None:
        self.last = done if self.serial else self.last | done


def read_tractor(made: FarmPlan, folder: Path) -> Read:
    tcl = shutil.which("tclsh")
    if tcl is None:
        pytest.skip("NO TCL HERE: Tractor's job is read by nobody (apt-get install tcl)")
    (job,) = write_tractor(made, folder)
    (folder / "operators.tcl").write_text(TRACTOR)
    asked = [tcl, str(folder / "operators.tcl"), str(job)]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    commands: dict[str, list[str]] = {}
    needs: dict[str, set[str]] = {}
    tasks = [_Task("", False, set())]
    for line in told.splitlines():
        what, _, rest = line.partition("\t")
        match what:
            case "task":
                title, serial = rest.split("\t")
                tasks.append(_Task(title, serial == "1", tasks[-1].beside()))
            case "instance":
                tasks[-1].add({rest})
            case "word":
                # As Tractor does before it launches; what else follows a `%` is a blade, or a path that it maps.
                assert "%" not in rest.replace("%%", ""), rest
                commands.setdefault(tasks[-1].title, []).append(rest.replace("%%", "%"))
            case "retry":
                assert rest == "75"
            case "end":
                task = tasks.pop()
                if task.title in commands:
                    needs[task.title] = task.before | task.last
                tasks[-1].add({task.title} if task.title in commands else task.last)
    return Read(commands, needs)


def read_deadline_cloud(made: FarmPlan, folder: Path) -> Read:
    (bundle,) = write_deadline_cloud(made, folder)
    template = yaml.safe_load((bundle / "template.yaml").read_text())
    commands: dict[str, list[str]] = {}
    needs: dict[str, set[str]] = {}
    of_step: dict[str, list[str]] = {}
    for step in template["steps"]:
        action = step["script"]["actions"]["onRun"]
        space = step.get("parameterSpace", {}).get("taskParameterDefinitions", [{"range": [""]}])
        for value in space[0]["range"]:
            words = [
                word.replace("{{Task.Param.Task}}", value).replace(
                    "{{Param.PlanFile}}", str(bundle / "plan.json")
                )
                for word in action["args"]
            ]
            # The session's own: its rules for paths, and its worker.
            words = words[: words.index("--path-mapping")]
            commands[words[2]] = ["flashdepth", *words]
            of_step.setdefault(step["name"], []).append(words[2])
            waits = [one["dependsOn"] for one in step.get("dependencies", [])]
            needs[words[2]] = {task for name in waits for task in of_step[name]}
    return Read(commands, needs)


ENGINES: dict[str, Callable[[FarmPlan, Path], Read]] = {
    "opencue": read_opencue,
    "deadline": read_deadline,
    "deadline cloud": read_deadline_cloud,
    "tractor": read_tractor,
}


def in_order(read: Read) -> list[list[str]]:
    """The commands, the last that may be run first wherever there is a choice."""
    done: list[str] = []
    while len(done) < len(read.commands):
        free = [
            name
            for name in read.commands
            if name not in done and read.needs.get(name, set()) <= set(done)
        ]
        assert free, "tasks wait for each other"
        done.append(free[-1])
    return [read.commands[name] for name in done]
