"""Many shots: no plate is opened for a plan or its jobs, and a shot costs no more among many than among few."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from test_farm_plan import job_of, plates

from flashdepth_vfx import FarmPlan, RenderJob, plan
from flashdepth_vfx.farm import openjd, write_openjd
from flashdepth_vfx.io import atomic

FEW, MANY, FRAMES = 25, 200, 60
#: Ends the process that opens a plate, whatever catches errors on the way.
_WATCHED = """
import os, sys
from flashdepth_batch import main
def watch(event, given):
    if event == "open" and str(given[0]).endswith(".exr"):
        os.write(2, f"opened {given[0]}".encode())
        os._exit(9)
sys.addaudithook(watch)
sys.exit(main.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("mode", ["whole", "chain", "preroll"])
def test_planning_and_submitting_open_no_plate(tmp_path: Path, mode: str) -> None:
    patterns = [plates(tmp_path / f"s{n}", *range(1, 13)) for n in range(3)]
    for path in tmp_path.rglob("*.exr"):
        # An empty file would be refused by its size alone.
        path.write_bytes(b"no picture" * 50)
    chunk = [] if mode == "whole" else ["--chunk", "5"]
    asked = [*patterns, "-o", "depth/{shot}/", "--mode", mode, *chunk]

    def done(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", _WATCHED, *words]
        return subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    for command in (["plan"], ["submit", "--to", "openjd", "--job-dir", "jobs"]):
        ended = done(*command, *asked)
        assert ended.returncode == 0, ended.stderr
    assert len(list(tmp_path.glob("jobs/*/template.yaml"))) == 3
    # The watch sees plates being opened: an estimate reads one.
    ended = done("plan", *asked, "--dry-run")
    assert (ended.returncode, "opened" in ended.stderr) == (9, True)


@pytest.fixture
def jobs(tmp_path: Path) -> list[RenderJob]:
    return [
        job_of(plates(tmp_path / f"s{n:04d}", *range(1, FRAMES + 1)), "depth/{shot}/")
        for n in range(MANY)
    ]


def fastest(work: Callable[[], object]) -> float:
    """Seconds of a core: what else the machine does counts little."""
    times = []
    for _ in range(3):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def test_planning_a_shot_takes_no_more_time_among_many(jobs: list[RenderJob]) -> None:
    def made(count: int) -> None:
        assert len(plan(jobs[:count], mode="chain", chunk_frames=5).shots) == count

    made(1)
    assert fastest(lambda: made(MANY)) / MANY < 1.6 * fastest(lambda: made(FEW)) / FEW


def test_a_job_of_a_shot_takes_no_more_time_among_many(
    jobs: list[RenderJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Text and disk are of one shot by their nature, and would hide the rest.
    monkeypatch.setattr(openjd, "_text", lambda template, needs: "")
    monkeypatch.setattr(openjd, "atomic_write_groups", lambda groups: [None for _ in groups])
    one = plan(jobs[0], mode="chain", chunk_frames=5)
    few, many = (repeated(one, count) for count in (FEW, 64 * FEW))
    write_openjd(few, tmp_path)
    once = fastest(lambda: [write_openjd(few, tmp_path) for _ in range(8)]) / 8
    assert fastest(lambda: write_openjd(many, tmp_path)) / 64 < 1.6 * once


def repeated(one: FarmPlan, count: int) -> FarmPlan:
    """The shot of a plan, so often, under other names."""
    (shot,) = one.shots
    names = {f"s{number}": f"{number}." for number in range(count)}
    return replace(
        one,
        shots=tuple(replace(shot, name=name) for name in names),
        tasks=tuple(
            replace(task, id=head + task.id, shot=name, needs=tuple(head + n for n in task.needs))
            for name, head in names.items()
            for task in one.tasks
        ),
    )


def test_jobs_of_many_shots_are_not_held_together(
    jobs: list[RenderJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What each file that is being written holds, however small it is, and of as many as are written at once.
    monkeypatch.setattr(atomic, "_BUFFER_BYTES", 4096)
    write_openjd(plan(jobs[:1]), tmp_path / "first")
    made = plan(jobs, mode="chain", chunk_frames=5)
    tracemalloc.start()
    try:
        write_openjd(made, tmp_path / f"jobs{MANY}")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    written = sum(
        path.stat().st_size for path in (tmp_path / f"jobs{MANY}").rglob("*.*") if path.is_file()
    )
    assert peak < 0.3 * written


def test_the_plan_of_a_shot_takes_no_more_memory_among_many(jobs: list[RenderJob]) -> None:
    def peak(count: int) -> float:
        tracemalloc.start()
        try:
            made = plan(jobs[:count], mode="chain", chunk_frames=5)
            assert len(made.shots) == count
            return tracemalloc.get_traced_memory()[1] / count
        finally:
            tracemalloc.stop()

    peak(1)
    # What waits for the collector of cycles is a fifth of it; memory that grew with the square would be eight times.
    assert peak(MANY) < 1.5 * peak(FEW)
