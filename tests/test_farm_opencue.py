"""A plan as a job of OpenCue, by OpenCue's own packages: its format, pyoutline, and frames that the real rqd runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from conftest import environment
from render_kit import RenderKit, run, same
from test_farm_plan import job_of

from flashdepth_vfx import FarmPlan, plan
from flashdepth_vfx.farm import PlatesStep, Requirements, write_opencue

HERE = Path(__file__).parent
#: What `make engines` leaves; a failed installation leaves no file `installed`.
_MADE = Path(sys.prefix) / "opencue"
PYTHON = os.environ.get("OPENCUE_PYTHON") or (
    str(_MADE / "bin/python") if (_MADE / "installed").exists() else ""
)
DTD = os.environ.get("OPENCUE_DTD")
real = pytest.mark.skipif(
    not PYTHON, reason="NO OPENCUE: its rqd and pyoutline are not asked; make engines brings them"
)


def spec_of(made: FarmPlan, folder: Path) -> ElementTree.Element:
    write_opencue(made, folder)
    return ElementTree.parse(folder / "job.xml").getroot()


def texts(element: ElementTree.Element) -> dict[str, str]:
    return {child.tag: child.text or "" for child in element}


def variables(layer: ElementTree.Element) -> dict[str, str]:
    return {key.attrib["name"]: key.text or "" for key in layer.iter("key")}


def limits(layer: ElementTree.Element) -> list[str]:
    return [limit.text or "" for limit in layer.iter("limit")]


def chain(folder: Path, **needs: Any) -> FarmPlan:
    """With a step that makes its plates."""
    source = str(folder / "plate.####.exr")
    job = job_of(source, str(folder / "d/s.####.exr"), frames="1-9")
    step = PlatesStep(("nuke", "-x", "comp.nk"), "nuke_r")
    needed = Requirements(**needs)
    return plan(job, mode="chain", chunk_frames=2, requirements=needed, plates=step)


@pytest.mark.skipif(
    not (DTD and shutil.which("xmllint")),
    reason="NO DTD: OPENCUE_DTD names no cjsl-1.12.dtd of Cuebot's source, or xmllint is not there",
)
@pytest.mark.parametrize("needs", [{}, {"gpus": 1, "device": "h100"}])
def test_spec_is_valid_by_the_published_dtd(tmp_path: Path, needs: dict[str, Any]) -> None:
    write_opencue(chain(tmp_path, **needs), tmp_path / "job")
    asked = ["xmllint", "--noout", "--nonet", "--dtdvalid", str(DTD), str(tmp_path / "job/job.xml")]
    ended = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def opencue(script: str, told: dict[str, Any]) -> Any:
    """What a script says that is run where OpenCue's packages are."""
    ended = subprocess.run(
        [PYTHON, str(HERE / script)],
        input=json.dumps(told),
        env=environment(PYTHONPATH=str(HERE.parent)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@real
def test_spec_says_what_pyoutline_says_of_the_same_job(tmp_path: Path) -> None:
    needs = {"gpus": 1, "cpu_cores": 8, "gpu_memory_mib": 2048, "device": "h100"}
    spec = spec_of(chain(tmp_path, **needs), tmp_path / "job")
    job = spec.find("job")
    assert job is not None
    layers = [
        {
            "name": layer.attrib["name"],
            **texts(layer),
            "env": variables(layer),
            "limit": limits(layer),
        }
        for layer in spec.iter("layer")
    ]
    depends = [texts(depend) for depend in spec.iter("depend")]
    told = {"name": job.attrib["name"], "layers": layers, "depends": depends}
    theirs = ElementTree.fromstring(opencue("opencue_outline.py", told))
    compared = [
        "cmd",
        "range",
        "chunk",
        "cores",
        "threadable",
        "memory",
        "gpus",
        "gpu_memory",
        "tags",
    ]
    for ours, their in zip(spec.iter("layer"), theirs.iter("layer"), strict=True):
        assert ours.attrib == their.attrib
        assert variables(ours) == variables(their)
        assert limits(ours) == limits(their)
        one, other = texts(ours), texts(their)
        assert {k: one.get(k) for k in compared} == {k: other.get(k) for k in compared}
        # Their own order of elements, of which ours are some.
        assert [c.tag for c in ours] == [c.tag for c in their if c.tag in one]
    waits = [
        {
            (d.attrib["type"], *(texts(d)[k] for k in ("deplayer", "onlayer")))
            for d in one.iter("depend")
        }
        for one in (spec, theirs)
    ]
    assert [limits(layer) for layer in spec.iter("layer")] == [["nuke_r"], *[[]] * 7]
    assert waits[0] == waits[1]
    assert waits[0]


@real
def test_frame_that_rqd_kills_goes_on_and_is_the_unbroken_render(kit: RenderKit) -> None:
    """The real daemon, by the messages that Cuebot sends it, which are answered here."""
    shot = kit.shot(range(1, 25))
    made = plan(
        kit.job(shot, checkpoint_interval_frames=2),
        report=False,
        requirements=Requirements(cpu_cores=1),
    )
    (layer,) = spec_of(made, kit.folder / "it's a #IFRAME# $HOME job").iter("layer")
    command = texts(layer)["cmd"].replace("#IFRAME#", "0")
    program = kit.folder / "bin" / "flashdepth"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m flashdepth_batch "$@"\n')
    program.chmod(0o755)
    path = {"PATH": str(program.parent), "PYTHONPATH": str(HERE.parent), "HOME": str(Path.home())}
    frame = {"command": command, "name": "0000-a001_render"}
    frames = [
        {**frame, "id": "killed", "kill_at": str(kit.path(5))},
        {**frame, "id": "again"},
        {**frame, "id": "wrong", "command": command.replace("--element 0", "--element 7")},
    ]
    told = {"frames": frames, "environment": {**path, **variables(layer)}}
    killed, again, wrong = opencue("opencue_rqd.py", told)
    assert (killed["exit_status"], killed["exit_signal"]) == (1, 9), killed
    assert (again["exit_status"], again["exit_signal"]) == (0, 0), again["log"]
    assert wrong["exit_status"] == 2, wrong["log"]
    assert "frame 24" in again["log"]
    assert "frame 1 " not in again["log"], "it goes on where it was"
    run(kit.job(shot, "whole/shot.####.exr"))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))
