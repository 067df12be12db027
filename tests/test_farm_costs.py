"""What a plan is estimated to cost, and what a farm would make of it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render_kit import RenderKit, run
from test_farm_plan import ROOT, job_of, plates
from test_farm_slurm import any_plan

from flashdepth_batch import main as batch_main
from flashdepth_vfx import FarmPlan, plan
from flashdepth_vfx.errors import PlanError
from flashdepth_vfx.farm import Kind, MeasuredTimes, Requirements, costs, estimate, simulate
from flashdepth_vfx.farm import times as times_module
from flashdepth_vfx.plate import Window


def times_file(folder: Path, **changed: Any) -> Path:
    """Times of a machine on which everything takes round numbers."""
    row: dict[str, Any] = {
        "weights": "nano",
        "size": "320x200",
        "network_size": "320x192",
        "rate": {"network_ms": 100.0},
        "stages": {"ms": {"decode": 10.0, "prepare": 20.0, "finish": 5.0, "write": 15.0, "encoder": 90.0}},
        "fresh": {"first_depth_s": 4.0, "process_peak_bytes": 2**30, "device_peak_bytes": None},
        **changed,
    }  # fmt: skip
    machine = {"processor": "A processor", "cores": 2, "gpus": []}
    told = {"measured_at": "2026-11-27T00:00:00+00:00", "machine": machine, "rows": [row]}
    path = folder / "times.json"
    path.write_text(json.dumps(told))
    return path


def shot(kit: RenderKit, count: int = 12, **how: Any) -> FarmPlan:
    job = kit.job(kit.shot(range(1, count + 1), data=Window(0, 0, 320, 200)), cuts="none")
    settings = replace(job.settings, weights="nano", resolution=320)
    needs = Requirements(cpu_cores=1)
    return plan(replace(job, settings=settings), requirements=needs, report=False, **how)


def test_a_frame_is_charged_once_and_a_start_for_every_task(kit: RenderKit) -> None:
    times = MeasuredTimes.load(times_file(kit.folder))
    # The network sees 320x200 here, and 320x192 was measured.
    frame = 0.1 * 200 / 192 + 0.05
    whole = estimate(shot(kit), times).task_seconds
    assert list(whole.values()) == pytest.approx([4 + 12 * frame])
    chain = estimate(shot(kit, mode="chain", chunk_frames=4), times).task_seconds
    assert list(chain.values()) == pytest.approx([4, *[4 + 4 * frame] * 3])


def test_frames_of_a_preroll_are_charged_as_far_as_there_are_any(kit: RenderKit) -> None:
    times = MeasuredTimes.load(times_file(kit.folder))
    frame = 0.1 * 200 / 192 + 0.05
    made = shot(kit, mode="preroll", chunk_frames=4, preroll_frames=6)
    told = list(estimate(made, times).task_seconds.values())
    assert told == pytest.approx([4, 4 + 4 * frame, 4 + 8 * frame, 4 + 10 * frame])


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_task_takes_time(kit: RenderKit, kind: Kind) -> None:
    made = shot(kit)
    (task,) = made.tasks
    found = estimate(
        replace(made, tasks=(replace(task, kind=kind),)), MeasuredTimes.load(times_file(kit.folder))
    )
    (seconds,) = found.task_seconds.values()
    assert seconds >= (4 if replace(task, kind=kind).runs_network else 1)


def test_views_of_one_task_are_charged_one_start(
    kit: RenderKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = MeasuredTimes.load(times_file(kit.folder))
    (one,) = estimate(shot(kit), times).task_seconds.values()
    monkeypatch.setattr(costs, "_size", lambda shot: (320, 200, 2))
    (two,) = estimate(shot(kit), times).task_seconds.values()
    assert two - 4 == pytest.approx(2 * (one - 4))


def test_what_cores_give_is_what_was_measured() -> None:
    stages, whole = (
        json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())["rows"][0]
        for name in ("speed_stages_h100", "speed_end_to_end_h100")
    )
    assert stages["size"] == whole["size"]
    alone = sum(stages["stages"]["ms"][name] for name in ("decode", "prepare", "finish", "write"))
    share = 1000 / whole["codec_fps"] / alone
    cores = whole["cores"]
    serial = (share - 1 / cores) / (1 - 1 / cores)
    assert serial == pytest.approx(times_module._SERIAL, abs=1e-3)
    slowest = min(whole["codec_fps"], whole["network_fps"])
    assert whole["render_fps"] / slowest == pytest.approx(times_module._REACHED, abs=5e-3)


def test_disk_is_that_of_the_channels_asked_for(kit: RenderKit) -> None:
    times = MeasuredTimes.load(times_file(kit.folder))
    made = shot(kit)
    found = estimate(made, times).shots[0]
    assert found.disk_bytes == 12 * 320 * 200 * 4
    (one,) = made.shots
    layered = replace(one.job.settings, edge_layers=True, edge_matte=True, upsampling="guided")
    other = replace(made, shots=(replace(one, job=replace(one.job, settings=layered)),))
    # Three depths, two shares of a pixel.
    more = estimate(other, times).shots[0].disk_bytes
    assert more == pytest.approx(12 * 320 * 200 * (3 * 4 + 2 * 0.2))


def test_real_depth_takes_the_disk_that_is_estimated(kit: RenderKit) -> None:
    run(kit.job(kit.shot([1, 2], data=Window(0, 0, 320, 200))))
    there = sum(path.stat().st_size for path in (kit.folder / "depth").glob("*.exr"))
    assert there == pytest.approx(2 * 320 * 200 * 4, rel=0.15)


def test_a_render_takes_about_the_time_that_is_estimated(kit: RenderKit, tmp_path: Path) -> None:
    report = tmp_path / "bench.json"
    asked = ["bench", "--weights", "nano", "--size", "320x200", "--device", "cpu", "--frames", "6"]
    assert batch_main.main([*asked, "-o", str(report)]) == 0
    made = shot(kit, 24)
    job = made.job_of(made.tasks[0])
    found = estimate(made, MeasuredTimes.load(report))
    starts = MeasuredTimes.load(report).rows[0].start_seconds
    run(replace(job, frames="1-2"))
    began = time.perf_counter()
    run(job)
    took = time.perf_counter() - began
    # Without the start, which this process has behind it; machines that are busy with others' tests make it rough.
    assert 1 / 3 < (found.machine_minutes * 60 - starts) / took < 3


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stages": None}, "no times with stages"),
        ({"size": "large"}, "no times with stages"),
        ({"weights": "other"}, "no times of weights nano; there are: other"),
    ],
)
def test_times_that_say_nothing_of_it_are_refused(
    kit: RenderKit, changed: dict[str, Any], said: str
) -> None:
    path = times_file(kit.folder, **changed)
    with pytest.raises(PlanError, match=said):
        estimate(shot(kit), MeasuredTimes.load(path))
    with pytest.raises(PlanError, match="cannot be read"):
        MeasuredTimes.load(kit.folder / "nowhere.json")


def test_the_times_of_the_package_are_of_a_named_machine() -> None:
    times = MeasuredTimes.load()
    assert times.on_gpu
    assert times.machine.startswith("NVIDIA")
    assert {row.weights for row in times.rows} == {"nano", "s", "l", "full"}


def test_the_command_tells_it(kit: RenderKit, capfd: pytest.CaptureFixture[str]) -> None:
    plates = kit.shot(range(1, 13), data=Window(0, 0, 320, 200))
    asked = ["plan", plates, "-o", "d/", "--mode", "chain", "--chunk", "4", "--cuts", "none"]
    times = ["--dry-run", "--times", str(times_file(kit.folder)), "--farm", "1,4"]
    assert batch_main.main([*asked, *times]) == 0
    told = capfd.readouterr().out
    assert "CPU min" in told
    assert "A processor, 2 cores" in told
    assert batch_main.main([*asked, *times, "--json"]) == 0
    plain = json.loads(capfd.readouterr().out)
    assert [one["workers"] for one in plain["farms"]] == [1, 4]
    # A chain is no faster on four.
    assert plain["farms"][0]["seconds"] == pytest.approx(plain["farms"][1]["seconds"])
    # Decide, three links and the page: of four starts of the network, workers that stay pay one.
    apart, kept = plain["farms"][0]["seconds"], plain["resident_farms"][0]["seconds"]
    assert apart - kept == pytest.approx(3 * 4)
    for wrong in (["--farm", "2"], ["--dry-run", "--farm", "0"], ["--dry-run", "--farm", "two"]):
        assert batch_main.main([*asked, *wrong]) == 2


def test_planning_opens_no_plate_and_a_dry_run_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Empty files: whoever opens one fails.
    pattern = plates(tmp_path / "a", *range(1, 50))
    assert plan(job_of(pattern, "d/"), mode="chain", chunk_frames=10).tasks
    assert batch_main.main(["plan", pattern, "-o", "d/", "--dry-run"]) == 1
    assert "plate.0001.exr" in capfd.readouterr().err


WORKERS = st.integers(1, 40)


@st.composite
def timed(draw: st.DrawFn) -> tuple[FarmPlan, dict[str, float]]:
    made = draw(any_plan())
    return made, {task.id: draw(st.floats(0.1, 100)) for task in made.tasks}


@given(timed(), WORKERS)
def test_no_farm_is_faster_than_its_work_and_its_longest_chain_allow(
    given_: tuple[FarmPlan, dict[str, float]], workers: int
) -> None:
    made, seconds = given_
    work = sum(seconds.values())
    one = simulate(made, seconds, workers)
    assert one.busy_seconds == pytest.approx(work)
    assert one.seconds >= max(one.longest_chain_seconds, work / workers) * (1 - 1e-9)
    # And none that begins what it can is slower than Graham's bound (1966).
    assert one.seconds <= work / workers + one.longest_chain_seconds * (1 - 1 / workers) + 1e-6
    assert 0 <= one.idle_share + 1e-9 <= 1 + 1e-9


@given(timed(), WORKERS)
def test_workers_that_stay_start_once_for_each_weights(
    given_: tuple[FarmPlan, dict[str, float]], workers: int
) -> None:
    made, seconds = given_
    starts = {task.id: seconds[task.id] / 2 for task in made.tasks if task.runs_network}
    one = simulate(made, seconds, workers, starts)
    work, chain = sum(seconds.values()), one.longest_chain_seconds
    saved = work - one.busy_seconds
    # All but the first start of each worker that runs a network: of that of one worker, it is known which.
    dearest = sorted(starts.values(), reverse=True)
    assert sum(starts.values()) - sum(dearest[:workers]) <= saved + 1e-6
    assert saved <= sum(starts.values()) - min(starts.values(), default=0.0) + 1e-6
    assert one.seconds >= one.busy_seconds / workers * (1 - 1e-9)
    assert one.seconds <= one.busy_seconds / workers + chain * (1 - 1 / workers) + 1e-6
    first = next((task.id for task in made.tasks if task.runs_network), None)
    alone = simulate(made, seconds, 1, starts)
    if first is not None:
        assert alone.seconds == pytest.approx(work - sum(starts.values()) + starts[first])


def test_a_worker_that_has_the_weights_is_preferred(kit: RenderKit) -> None:
    made = shot(kit, mode="chain", chunk_frames=4)
    seconds = dict.fromkeys((task.id for task in made.tasks), 5.0)
    starts = dict.fromkeys(seconds, 4.0)
    # Decide and three links: one start, and one second each, however many workers stand by.
    for workers in (1, 7):
        assert simulate(made, seconds, workers, starts).seconds == pytest.approx(5 + 3 * 1)


def test_other_weights_are_another_start(kit: RenderKit) -> None:
    made = shot(kit)
    (one,) = made.shots
    other = replace(
        one, name="b", job=replace(one.job, settings=replace(one.job.settings, weights="s"))
    )
    tasks = tuple(
        replace(task, id=f"{name}{number}", shot=name)
        for number in range(2)
        for name in (one.name, "b")
        for task in made.tasks
    )
    both = replace(made, shots=(one, other), tasks=tasks)
    seconds = dict.fromkeys((task.id for task in tasks), 5.0)
    starts = dict.fromkeys(seconds, 4.0)
    assert simulate(both, seconds, 1, starts).seconds == pytest.approx(4 * 1 + 2 * 4)


@given(timed())
def test_one_worker_is_never_idle(given_: tuple[FarmPlan, dict[str, float]]) -> None:
    made, seconds = given_
    one = simulate(made, seconds, 1)
    assert one.seconds == pytest.approx(sum(seconds.values()))
    with pytest.raises(PlanError):
        simulate(made, seconds, 0)
