"""A plan as jobs of Open Job Description, checked and run by its reference runner."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import command_line, environment
from render_kit import RenderKit, run, same
from test_farm_plan import job_of, plan, plates

from flashdepth_vfx.farm import Requirements, openjd_template

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the worker of a step needs --listen"
)

RUNNER = [sys.executable, "-m", "openjd"]


def template_of(tmp_path: Path, **how: Any) -> dict[str, Any]:
    job = job_of(plates(tmp_path, *range(1, 13)), str(tmp_path / "d/s.####.exr"))
    return openjd_template(plan(job, **how))


def dependencies(template: dict[str, Any]) -> dict[str, list[str]]:
    return {
        step["name"]: [one["dependsOn"] for one in step.get("dependencies", [])]
        for step in template["steps"]
    }


def openjd(*arguments: str, timeout: float = 180, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUNNER, *arguments],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_links_of_a_chain_are_steps_that_wait(tmp_path: Path) -> None:
    assert dependencies(template_of(tmp_path, mode="chain", chunk_frames=5)) == {
        "1 decide": [],
        "2 render.1-5": ["1 decide"],
        "3 render.6-10": ["2 render.1-5"],
        "4 render.11-12": ["3 render.6-10"],
    }


def test_chunks_with_a_preroll_are_tasks_of_one_step(tmp_path: Path) -> None:
    template = template_of(tmp_path, mode="preroll", chunk_frames=5)
    assert dependencies(template) == {"1 decide": [], "2 render 3 tasks": ["1 decide"]}
    (definition,) = template["steps"][1]["parameterSpace"]["taskParameterDefinitions"]
    assert len(definition["range"]) == 3
    assert "{{Task.Param.Task}}" in template["steps"][1]["script"]["actions"]["onRun"]["args"]


def test_more_tasks_than_a_parameter_may_have_are_several_steps(tmp_path: Path) -> None:
    job = job_of(plates(tmp_path, *range(1, 1501)))
    template = openjd_template(plan(job, mode="preroll", chunk_frames=1))
    counts = [
        len(step["parameterSpace"]["taskParameterDefinitions"][0]["range"])
        for step in template["steps"][1:]
    ]
    assert counts == [1024, 476]


@pytest.mark.parametrize("mode", ["chain", "preroll", "whole"])
def test_the_text_is_the_template(tmp_path: Path, mode: str) -> None:
    how = {} if mode == "whole" else {"chunk_frames": 3}
    job = job_of(
        plates(tmp_path, *range(1, 13)),
        str(tmp_path / "d: 'é'/s.####.exr"),
        convention="normalised_near_white",
    )
    made = plan(
        job, mode=mode, requirements=Requirements(gpus=1, device="a: b"), report=True, **how
    )
    (path,) = made.to_openjd(tmp_path / "job")
    text = path.read_text()
    assert yaml.safe_load(text) == openjd_template(made)
    # No anchors: not every reader of templates knows them.
    assert "&id" not in text


def test_requirements_are_those_of_the_plan(tmp_path: Path) -> None:
    needs = Requirements(gpus=1, cpu_cores=8, memory_mib=4096, gpu_memory_mib=2048, device="h100")
    template = template_of(tmp_path, requirements=needs)
    told = template["steps"][0]["hostRequirements"]
    assert {one["name"]: one["min"] for one in told["amounts"]} == {
        "amount.worker.vcpu": 8,
        "amount.worker.memory": 4096,
        "amount.worker.gpu": 1,
        "amount.worker.gpu.memory": 2048,
    }
    assert told["attributes"] == [{"name": "attr.flashdepth.device", "anyOf": ["h100"]}]


def test_what_runs_no_network_asks_for_no_gpu_and_starts_no_worker(tmp_path: Path) -> None:
    job = job_of(plates(tmp_path, 1, 2), "d/s.####.exr", convention="normalised_near_white")
    template = openjd_template(plan(job))
    convert = template["steps"][-1]
    assert convert["name"] == "2 convert"
    assert "hostRequirements" not in convert
    assert "stepEnvironments" not in convert


class Job:
    """A chain of one shot, written by the command, with the command as the runner finds it."""

    def __init__(self, kit: RenderKit, frames: int, *options: str) -> None:
        self.kit, self.folder = kit, kit.folder / "job"
        self.command = kit.folder / "flashdepth"
        self.command.write_text(f'#!/bin/sh\nexec {sys.executable} -m flashdepth_batch "$@"\n')
        self.command.chmod(0o755)
        job = kit.job(kit.shot(range(1, frames + 1)))
        ticket = kit.folder / "ticket.json"
        ticket.write_text(job.to_json())
        line = ["submit", "--job", str(ticket), "--to", "openjd", "--job-dir", str(self.folder)]
        ended = subprocess.run(
            command_line([*line, "--json", *options]),
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        (self.template,) = json.loads(ended.stdout)["openjd"]
        self.parameters = ["-p", f"FlashdepthCommand={self.command}"]

    def unbroken(self) -> dict[int, Any]:
        run(self.kit.job(str(self.kit.folder / "plates/shot.####.exr"), "whole/shot.####.exr"))
        return self.kit.depths("whole/shot.####.exr")


@pytest.mark.parametrize("mode", ["whole", "chain", "preroll"])
def test_the_reference_runner_takes_the_template_as_it_stands(kit: RenderKit, mode: str) -> None:
    chunk = () if mode == "whole" else ("--chunk", "4")
    job = Job(kit, 8, "--mode", mode, *chunk)
    for verb in ("check", "summary"):
        ended = openjd(verb, job.template)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    read = yaml.safe_load(Path(job.template).read_text())
    assert all("default" in one for one in read["parameterDefinitions"])


def test_a_chain_that_is_run_is_the_unbroken_render(kit: RenderKit) -> None:
    job = Job(kit, 8, "--mode", "chain", "--chunk", "3")
    # The session's folder is in there, and so in the command line of its worker.
    ended = openjd("run", job.template, *job.parameters, TMPDIR=str(kit.folder))
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    assert same(kit.depths(), job.unbroken())
    assert "openjd_progress: 100.0" in said or "progress: 100.0" in said
    page = kit.folder / "depth" / "shot.flashdepth" / "report.html"
    assert "8" in page.read_text()
    left = [line for line in _commands() if str(kit.folder) in line and "worker.json" in line]
    assert left == []


def test_chunks_with_a_preroll_that_are_run_write_every_frame(kit: RenderKit) -> None:
    job = Job(kit, 8, "--mode", "preroll", "--chunk", "3", "--preroll", "8")
    ended = openjd("run", job.template, *job.parameters)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # A pre-roll as long as the shot.
    assert same(kit.depths(), job.unbroken())


def test_a_run_that_is_cancelled_saves_and_the_next_goes_on(kit: RenderKit) -> None:
    job = Job(kit, 40, "--mode", "chain", "--chunk", "20")
    first = subprocess.Popen(
        [*RUNNER, "run", job.template, *job.parameters],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    limit = time.monotonic() + 120
    while len(kit.depths()) < 3:
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < limit
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGINT)
    said, _ = first.communicate(timeout=120)
    whole = len(kit.depths())
    assert 3 <= whole < 40, said
    assert "interrupted" in said, said
    state = kit.folder / f"depth/shot.flashdepth/state.{whole + 1:07d}.safetensors"
    assert state.exists()
    before = kit.path(1).stat().st_mtime_ns
    ended = openjd("run", job.template, *job.parameters)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert same(kit.depths(), job.unbroken())
    assert kit.path(1).stat().st_mtime_ns == before, "what was there was not made again"


def test_a_task_that_fails_fails_its_run(kit: RenderKit) -> None:
    job = Job(kit, 4, "--mode", "chain", "--chunk", "2")
    (kit.folder / "plates/shot.0003.exr").write_bytes(b"torn")
    ended = openjd("run", job.template, *job.parameters)
    assert ended.returncode != 0
    assert "shot.0003.exr" in ended.stdout + ended.stderr


def _commands() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
