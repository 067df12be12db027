"""OpenCue, Deadline 10, Deadline Cloud and Tractor: what is written for them is read back, and its commands are run.

None of the four is here. Their files are read as their documents say, Tractor's by a real Tcl.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from conftest import environment
from engines_kit import ENGINES, in_order
from render_kit import RenderKit, run, same
from test_farm_plan import job_of, plates

from flashdepth_batch import main as batch_main
from flashdepth_batch.progress import tractor
from flashdepth_vfx import FramePassed, plan
from flashdepth_vfx.errors import PlanError
from flashdepth_vfx.farm import (
    Requirements,
    write_deadline,
    write_deadline_cloud,
    write_opencue,
    write_tractor,
)


@pytest.mark.parametrize("mode", ["chain", "preroll"])
@pytest.mark.parametrize("engine", ENGINES)
def test_its_commands_in_its_order_are_the_unbroken_render(
    kit: RenderKit, engine: str, mode: str
) -> None:
    job = kit.job(kit.shot(range(1, 9)))
    more: dict[str, Any] = {"preroll_frames": 8} if mode == "preroll" else {}
    made = plan(job, mode=mode, chunk_frames=3, **more)
    read = ENGINES[engine](made, kit.folder / "job")
    assert len(read.commands) == len(made.tasks) == 5
    for command in in_order(read):
        assert command[0] == "flashdepth"
        assert batch_main.main(command[1:]) == 0
    run(replace(job, output=str(kit.folder / "whole/shot.####.exr")))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))
    assert (kit.folder / "depth/shot.flashdepth/report.html").is_file()


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "deadline cloud"])
def test_every_shot_waits_for_its_own_tasks_and_for_no_other(tmp_path: Path, engine: str) -> None:
    jobs = [
        job_of(plates(tmp_path / name, *range(1, count)), str(tmp_path / "d/{shot}/"))
        for name, count in (("a", 8), ("b", 3), ("c", 8), ("d", 5))
    ]
    made = plan(jobs, mode="chain", chunk_frames=2)
    read = ENGINES[engine](made, tmp_path / "job")
    task_of = {name: _task_of(command) for name, command in read.commands.items()}
    found = {task_of[n]: {task_of[need] for need in read.needs.get(n, ())} for n in read.commands}
    assert found == {task.id: set(task.needs) for task in made.tasks}


def _task_of(command: list[str]) -> str:
    if "--array" not in command:
        return command[3]
    table = Path(command[command.index("--array") + 1]).read_text().splitlines()
    return table[int(command[command.index("--element") + 1])]


NAMES = [
    "two words",
    "it's",
    "a {b} c",
    "un{balanced",
    "cost $5 [now]",
    "50% #1",
    "#IFRAME# %h",
    "ünï",
    "a;b\\c",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("engine", ENGINES)
def test_names_survive_its_quoting(tmp_path: Path, engine: str, name: str) -> None:
    folder = tmp_path / name
    job = job_of(plates(tmp_path, 1, 2), str(tmp_path / "d/s.####.exr"))
    read = ENGINES[engine](plan(job, report=False), folder)
    ((command),) = read.commands.values()
    assert command[2] == str(folder / "plan.json")
    if "--array" in command:
        assert command[command.index("--array") + 1] == str(folder / "arrays" / "001.render")


def test_long_chain_is_no_deep_tree_of_tractor(tmp_path: Path) -> None:
    # A report waits for every link, and would be what they hang on.
    job = job_of(plates(tmp_path, *range(1, 601)))
    made = plan(job, mode="chain", chunk_frames=1, report=False)
    read = ENGINES["tractor"](made, tmp_path / "job")
    assert len(in_order(read)) == len(made.tasks) == 601
    lines = (tmp_path / "job" / "job.alf").read_text().splitlines()
    assert max(len(line) - len(line.lstrip()) for line in lines) < 20


def test_folders_of_views_are_sent_by_that_which_holds_them(tmp_path: Path) -> None:
    for view in ("left", "right"):
        plates(tmp_path / "in" / view, 1, 2)
    output = str(tmp_path / "out/%V/s.####.exr")
    job = job_of(str(tmp_path / "in/%V/plate.####.exr"), output, view="left,right")
    (bundle,) = write_deadline_cloud(plan(job), tmp_path / "job")
    assets = yaml.safe_load((bundle / "asset_references.yaml").read_text())["assetReferences"]
    assert assets["inputs"]["directories"] == [str(tmp_path / "in")]
    assert assets["outputs"]["directories"] == [str(tmp_path / "out")]


def test_a_name_that_deadline_cannot_write_is_refused(tmp_path: Path) -> None:
    made = plan(job_of(plates(tmp_path, 1, 2), str(tmp_path / "d/")))
    with pytest.raises(PlanError, match="choose another folder"):
        write_deadline(made, tmp_path / 'a "b"')
    assert not (tmp_path / 'a "b"').exists()


def test_machines_are_asked_for_as_each_engine_does(tmp_path: Path) -> None:
    needs = Requirements(gpus=1, cpu_cores=6, memory_mib=9000, gpu_memory_mib=8000, device="h100")
    made = plan(job_of(plates(tmp_path, 1, 2), str(tmp_path / "d/s.####.exr")), requirements=needs)
    write_opencue(made, tmp_path / "cue")
    render, report = ElementTree.parse(tmp_path / "cue" / "job.xml").getroot().iter("layer")
    asked = ("cores", "memory", "gpus", "gpu_memory", "tags")
    assert [render.findtext(one) for one in asked] == ["6.0", "9000m", "1", "8000m", "h100"]
    assert report.find("gpus") is None
    write_deadline(made, tmp_path / "deadline")
    assert "Group=h100\n" in (tmp_path / "deadline" / "001.render.job").read_text()
    assert "Group=" not in (tmp_path / "deadline" / "002.report.job").read_text()
    (job,) = write_tractor(made, tmp_path / "tractor")
    text = job.read_text()
    assert text.count("-service h100") == text.count("-service flashdepth") == 1
    assert text.count("-atleast 6 -atmost 6") == 2


def test_a_bundle_is_taken_by_the_reference_runner_and_names_what_is_read(kit: RenderKit) -> None:
    made = plan(kit.job(kit.shot(range(1, 5))), mode="chain", chunk_frames=2)
    (bundle,) = write_deadline_cloud(made, kit.folder / "bundle")
    for verb in ("check", "summary"):
        asked = [sys.executable, "-m", "openjd", verb, str(bundle / "template.yaml")]
        ended = subprocess.run(asked, env=environment(), capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assets = yaml.safe_load((bundle / "asset_references.yaml").read_text())["assetReferences"]
    assert assets["inputs"]["directories"] == [str(kit.folder / "plates")]
    assert assets["inputs"]["filenames"] == [str(kit.weights)]
    assert assets["outputs"]["directories"] == [str(kit.folder / "depth")]
    values = yaml.safe_load((bundle / "parameter_values.yaml").read_text())["parameterValues"]
    assert {"name": "deadline:maxRetriesPerTask", "value": 2} in values


def test_a_job_that_deadline_refuses_stops_the_rest(tmp_path: Path) -> None:
    made = plan(
        job_of(plates(tmp_path, 1, 2, 3), str(tmp_path / "d/")), mode="chain", chunk_frames=1
    )
    (script,) = write_deadline(made, tmp_path / "job")
    command = tmp_path / "deadlinecommand"
    command.write_text(
        '#!/bin/sh\necho x >>"$0.log"\n[ $(wc -l <"$0.log") = 3 ] && exit 1\necho JobID=j\n'
    )
    command.chmod(0o755)
    ended = subprocess.run(
        [sys.executable, str(script)],
        env=environment(DEADLINE_COMMAND=str(command)),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "submitted and to be deleted: j, j" in ended.stderr
    assert Path(f"{command}.log").read_text().count("x") == 3


@pytest.mark.parametrize("engine", ["opencue", "deadline", "deadline-cloud", "tractor"])
def test_the_command_writes_it(
    tmp_path: Path, engine: str, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["submit", plates(tmp_path / "p", 1, 2), "-o", str(tmp_path / "d/"), "--to", engine]
    assert batch_main.main([*asked, "--job-dir", str(tmp_path / "job"), "--json"]) == 0
    ((path,),) = json.loads(capfd.readouterr().out).values()
    assert Path(path).exists()


DIALECTS = {
    "deadline": r"Progress: (\d+)%",
    "tractor": r"TR_PROGRESS (\d\d\d)%",
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_progress_is_told_in_its_words(
    kit: RenderKit, dialect: str, capfd: pytest.CaptureFixture[str]
) -> None:
    # What Deadline takes for a failure may be in a name.
    job = kit.job(kit.shot(range(1, 8), "Error: no/p.####.exr"), "ERROR: x/d.####.exr")
    (kit.folder / "job.json").write_text(job.to_json())
    asked = ["render", "--job", str(kit.folder / "job.json"), "--progress", dialect]
    assert batch_main.main(asked) == 0
    told = capfd.readouterr()
    percents = [int(one) for one in re.findall(rf"^{DIALECTS[dialect]}$", told.out, re.MULTILINE)]
    assert percents == [14, 28, 42, 57, 71, 85, 100]
    assert len(re.findall(r"^frame \d+", told.out, re.MULTILINE)) == 7
    if dialect == "deadline":
        assert not re.search(r"ERROR:|Error:", told.out + told.err)


def test_a_per_cent_is_told_once_however_many_frames_there_are() -> None:
    told = io.StringIO()
    progress = tractor.begin(told, told)
    for step in range(1, 1001):
        progress(FramePassed(frame=step, steps_done=step, steps_total=1000, hole=False))
    percents = [int(one) for one in re.findall(r"TR_PROGRESS (\d+)%", told.getvalue())]
    assert percents == list(range(101))


def test_an_element_that_is_not_in_its_array_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = plan(job_of(plates(tmp_path, 1, 2), str(tmp_path / "d/")))
    write_opencue(made, tmp_path / "job")
    saved, table = str(tmp_path / "job/plan.json"), str(tmp_path / "job/arrays/001.render")
    for wrong in (
        ["--array", table, "--element", "7"],
        ["--array", table],
        ["--element", "0"],
        ["--array", str(tmp_path / "none"), "--element", "0"],
        ["plate.render", "--array", table, "--element", "0"],
        [],
    ):
        assert batch_main.main(["task", saved, *wrong]) == 2
    assert "Traceback" not in capfd.readouterr().err
