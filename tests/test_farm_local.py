"""A plan done on this machine: by several workers, stopped, resumed, with workers that die and tasks that fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import command_line, environment
from render_kit import RenderKit, at, run, same

from flashdepth_vfx import FarmPlan, RenderEvent, plan
from flashdepth_vfx.errors import Interrupted, LeaseError, PlanError, WorkerError
from flashdepth_vfx.farm import Mode, devices_here, run_local
from flashdepth_vfx.farm import hands as hands_module
from flashdepth_vfx.farm import local as local_module
from flashdepth_vfx.lease import LAPSES_SECONDS

FRAMES = range(1, 13)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def unbroken(kit: RenderKit, name: str) -> dict[int, Any]:
    out = f"whole/{name}.####.exr"
    run(kit.job(str(kit.folder / f"{name}/p.####.exr"), out))
    return kit.depths(out)


def two_shots(kit: RenderKit, mode: str = "chain", **how: Any) -> FarmPlan:
    jobs = [
        kit.job(kit.shot(FRAMES, f"{name}/p.####.exr"), f"depth/{name}.####.exr")
        for name in ("a", "b")
    ]
    return plan(jobs, mode=mode, **how)


def test_two_workers_do_two_shots_as_unbroken_renders(kit: RenderKit) -> None:
    planned = two_shots(kit, chunk_frames=5)
    said: list[str] = []
    result = planned.run_local(devices=["cpu", "cpu"], tell=said.append)
    assert result.done == tuple(task.id for task in planned.tasks)
    assert (result.failed, result.skipped) == ({}, ())
    for name in ("a", "b"):
        assert same(kit.depths(f"depth/{name}.####.exr"), unbroken(kit, name))
    # Nothing ran before what it needs.
    place = {line: i for i, line in enumerate(said)}
    for task in planned.tasks:
        begun = place[f"{task.id}: begun on cpu"]
        done = {
            t: i for line, i in place.items() if ": done in" in line for t in (line.split(":")[0],)
        }
        assert all(done[need] < begun for need in task.needs)


def test_what_is_done_is_not_done_again(kit: RenderKit) -> None:
    planned = two_shots(kit, chunk_frames=6)
    planned.run_local(devices=["cpu"])
    before = {p: p.stat().st_mtime_ns for p in (kit.folder / "depth").glob("*.exr")}
    written: list[str] = []

    def observe(task: str, event: RenderEvent) -> None:
        if type(event).__name__ == "FrameWritten":
            written.append(task)

    result = planned.run_local(devices=["cpu"], observer=observe)
    assert len(result.done) == len(planned.tasks)
    assert written == []
    assert before == {p: p.stat().st_mtime_ns for p in (kit.folder / "depth").glob("*.exr")}


def test_stop_saves_and_the_same_call_goes_on(kit: RenderKit) -> None:
    planned = two_shots(kit, chunk_frames=6)
    stop = threading.Event()
    count = 0

    def observe(task: str, event: RenderEvent) -> None:
        nonlocal count
        count += type(event).__name__ == "FrameWritten"
        if count == 4:
            stop.set()

    with pytest.raises(Interrupted, match="the same command goes on"):
        planned.run_local(devices=["cpu", "cpu"], observer=observe, stop=stop)
    assert len(list((kit.folder / "depth").glob("*.exr"))) < 24
    planned.run_local(devices=["cpu", "cpu"])
    for name in ("a", "b"):
        assert same(kit.depths(f"depth/{name}.####.exr"), unbroken(kit, name))


def test_worker_that_is_killed_is_started_again_and_the_pixels_are_the_same(
    kit: RenderKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = two_shots(kit, chunk_frames=12)
    begun: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def remembered(*args: Any, **how: Any) -> subprocess.Popen[bytes]:
        begun.append(popen(*args, **how))
        return begun[-1]

    monkeypatch.setattr(hands_module.subprocess, "Popen", remembered)
    said: list[str] = []
    killed = False

    def observe(task: str, event: RenderEvent) -> None:
        nonlocal killed
        if type(event).__name__ == "FrameWritten" and not killed:
            killed = True
            begun[-1].kill()

    result = run_local(planned, devices=["cpu"], observer=observe, tell=said.append)
    assert killed
    assert len(begun) == 2
    assert any("try 1 of 3 failed" in line and "went away" in line for line in said)
    assert not result.failed
    for name in ("a", "b"):
        assert same(kit.depths(f"depth/{name}.####.exr"), unbroken(kit, name))


def test_a_broken_shot_ends_itself_and_what_needs_it_and_nothing_else(kit: RenderKit) -> None:
    planned = two_shots(kit, chunk_frames=6, attempts=2)
    plate = at(str(kit.folder / "a/p.####.exr"), 3)
    plate.write_bytes(plate.read_bytes()[:900])
    said: list[str] = []
    result = planned.run_local(devices=["cpu"], tell=said.append)
    (failed,) = result.failed
    assert failed.startswith("a") or "a_p" in failed
    assert "0003" in result.failed[failed]
    assert sum("try 1 of 2 failed" in line for line in said) == 1
    assert len(kit.depths("depth/b.####.exr")) == 12
    # The chunk after it would start from a state that nobody left.
    assert result.skipped == ("a_p.render.7-12", "a_p.report")
    assert result.skipped[0].endswith("7-12")
    assert len(result.done) + len(result.failed) + len(result.skipped) == len(planned.tasks)


def test_what_cannot_be_is_not_tried_again(kit: RenderKit) -> None:
    job = kit.job(kit.shot(FRAMES), colorspace="no such space")
    said: list[str] = []
    result = plan(job).run_local(devices=["cpu"], tell=said.append)
    assert len(result.failed) == 1
    assert not any("try" in line for line in said)


def test_frames_that_another_render_holds_are_waited_for_longer_than_a_lease_lives() -> None:
    pause = local_module._pause_after
    held = LeaseError("lease.json", "another render has the frames")
    tries = FarmPlan(mode=Mode.WHOLE, shots=(), tasks=()).attempts
    assert pause(held) * (tries - 1) > LAPSES_SECONDS
    assert pause(WorkerError("worker.json", "went away")) < 5
    assert pause(PlanError("x")) < 5


def test_devices_that_cannot_be_are_refused(kit: RenderKit) -> None:
    planned = two_shots(kit, chunk_frames=6)
    for wrong, said in (([], "no device"), (["gpu0"], "device 'gpu0'"), (["cuda:x"], "'cuda:x'")):
        with pytest.raises(PlanError, match=said):
            planned.run_local(devices=wrong)


def test_devices_are_those_this_process_may_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert devices_here() == ("cuda:0", "cuda:1")
    hand = hands_module.Hand("cuda:1", 2)
    assert hand._environment()["CUDA_VISIBLE_DEVICES"] == "5"
    hand.discard()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert devices_here() == ("cpu",)


def test_the_command_runs_a_plan_and_a_signal_saves(kit: RenderKit) -> None:
    planned = two_shots(kit, chunk_frames=6)
    path = planned.save(kit.folder / "plan.json")
    line = command_line(["run", str(path), "--devices", "cpu", "--json"])
    first = subprocess.Popen(
        line, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    limit = time.monotonic() + 60
    while not list((kit.folder / "depth").glob("*.exr")):
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < limit
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGTERM)
    _, err = first.communicate(timeout=60)
    assert first.returncode == 143, err
    second = subprocess.run(
        line, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["failed"] == {}
    for name in ("a", "b"):
        assert same(kit.depths(f"depth/{name}.####.exr"), unbroken(kit, name))
    assert not list(Path("/tmp").glob("flashdepth-*/worker.json"))
