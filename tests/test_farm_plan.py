"""Which tasks a shot falls into, what each waits for, and what a plan refuses: no pixel is read for it."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flashdepth_vfx
from flashdepth_vfx import FarmPlan, FrameRange, RenderJob, RenderSettings, Shot
from flashdepth_vfx.errors import FlashDepthError, PlanError
from flashdepth_vfx.farm import Kind, Mode, Requirements, Task
from flashdepth_vfx.farm.naming import named_apart

ROOT = Path(__file__).resolve().parents[1]
#: Of most tests: what comes before the page.
plan = functools.partial(flashdepth_vfx.plan, report=False)


def plates(folder: Path, *frames: int, name: str = "plate") -> str:
    """Files by name alone: a plan opens none."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in frames:
        (folder / f"{name}.{frame:04d}.exr").touch()
    return str(folder / f"{name}.####.exr")


def job_of(pattern: str, output: str = "depth/shot.####.exr", **more: Any) -> RenderJob:
    part = {name: more.pop(name) for name in ("frames",) if name in more}
    shot = {name: more.pop(name) for name in ("view",) if name in more}
    return RenderJob(
        shot=Shot(input=pattern, **shot), output=output, settings=RenderSettings(**more), **part
    )


def here(path: str) -> str:
    """From the working folder."""
    return str(Path(path).absolute())


def spans(planned: FarmPlan) -> list[str | None]:
    return [task.frames for task in planned.tasks if task.kind is Kind.RENDER]


def needs(planned: FarmPlan) -> dict[str, tuple[str, ...]]:
    """By the last part of the ids."""
    short = {task.id: task.id.partition(".")[2] for task in planned.tasks}
    return {short[t.id]: tuple(short[n] for n in t.needs) for t in planned.tasks}


def test_whole_shot_is_one_task_that_decides_for_itself(tmp_path: Path) -> None:
    planned = plan(job_of(plates(tmp_path, 1, 2, 3)))
    (task,) = planned.tasks
    assert (task.frames, task.frame_count, task.needs) == (None, 3, ())
    job = planned.job_of(task)
    assert job.resume
    assert not job.decided


def test_chain_waits_for_the_chunk_before(tmp_path: Path) -> None:
    planned = plan(job_of(plates(tmp_path, *range(1, 8))), mode="chain", chunk_frames=3)
    assert needs(planned) == {
        "decide": (),
        "render.1-3": ("decide",),
        "render.4-6": ("render.1-3",),
        "render.7-7": ("render.4-6",),
    }
    jobs = [planned.job_of(task) for task in planned.tasks if task.kind is Kind.RENDER]
    assert all(job.decided and job.resume and job.preroll_frames is None for job in jobs)


def test_preroll_waits_for_nothing_but_what_was_decided(tmp_path: Path) -> None:
    planned = plan(
        job_of(plates(tmp_path, *range(1, 8))), mode="preroll", chunk_frames=3, preroll_frames=2
    )
    assert {needs(planned)[f"render.{span}"] for span in ("1-3", "4-6", "7-7")} == {("decide",)}
    renders = [task for task in planned.tasks if task.kind is Kind.RENDER]
    assert {planned.job_of(task).preroll_frames for task in renders} == {2}


def test_takes_of_a_list_are_rendered_at_once(tmp_path: Path) -> None:
    cuts = tmp_path / "cuts.txt"
    cuts.write_text("4\n6\n")
    job = job_of(plates(tmp_path, *range(1, 8)), cuts=str(cuts))
    planned = plan(job)
    assert spans(planned) == ["1-3", "4-5", "6-7"]
    assert {t.needs for t in planned.tasks[1:]} == {(planned.tasks[0].id,)}
    chain = plan(job, mode=Mode.CHAIN, chunk_frames=2)
    assert spans(chain) == ["1-2", "3", "4-5", "6-7"]
    assert needs(chain)["render.3-3"] == ("render.1-2",)
    assert needs(chain)["render.4-5"] == ("decide",)


def test_views_with_files_of_their_own_are_tasks_of_their_own(tmp_path: Path) -> None:
    for view in ("left", "right"):
        plates(tmp_path / view, 1, 2)
    job = job_of(str(tmp_path / "%V/plate.####.exr"), "d/%V/s.####.exr", view="left,right")
    planned = plan(job)
    assert [task.view for task in planned.tasks] == [None, "left", "right"]
    assert planned.tasks[0].kind is Kind.DECIDE
    assert planned.job_of(planned.tasks[0]).shot.view == "left,right"
    assert planned.job_of(planned.tasks[2]).shot.view == "right"
    # The next view begins where this one did, and takes nothing of it away.
    assert [task.frames for task in planned.tasks] == [None, "1-2", "1-2"]
    together = plan(job_of(plates(tmp_path, 1, 2), view="left,right"))
    assert [task.view for task in together.tasks] == [None]


def test_holes_go_with_the_chunk_before_them(tmp_path: Path) -> None:
    job = job_of(plates(tmp_path, 1, 2, 5, 6, 7), missing="hold")
    planned = plan(job, mode="chain", chunk_frames=2)
    # 3 and 4 repeat frame 2, which a chunk that began with them would not have seen.
    assert spans(planned) == ["1-4", "5-6", "7"]


def test_frames_asked_for_are_those_of_the_chunks(tmp_path: Path) -> None:
    job = job_of(plates(tmp_path, *range(1, 21)), frames="1-10x2,15-18")
    planned = plan(job, mode="chain", chunk_frames=4)
    assert spans(planned) == ["1-7x2", "9,15-17", "18"]


@st.composite
def shots(draw: st.DrawFn) -> tuple[list[int], list[int], int, Mode]:
    frames = sorted(draw(st.sets(st.integers(1, 60), min_size=1, max_size=60)))
    cuts = sorted(draw(st.sets(st.integers(frames[0], frames[-1]), max_size=5)))
    return frames, cuts, draw(st.integers(1, 20)), draw(st.sampled_from(Mode))


@given(shots())
def test_every_frame_is_written_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[list[int], list[int], int, Mode]
) -> None:
    frames, cuts, chunk, mode = drawn
    folder = tmp_path_factory.mktemp("p")
    (folder / "cuts.txt").write_text("\n".join(map(str, cuts)))
    job = job_of(plates(folder, *frames), cuts=str(folder / "cuts.txt"), missing="hold")
    planned = plan(job, mode=mode, chunk_frames=None if mode is Mode.WHOLE else chunk)
    renders = [task for task in planned.tasks if task.kind is Kind.RENDER]
    if len(renders) > 1:
        written = [f for task in renders for f in FrameRange.parse(task.frames or "")]
        assert written == sorted(set(written))
        assert set(frames) <= set(written)
        begins = {FrameRange.parse(task.frames or "").frames[0] for task in renders}
        assert begins <= set(frames)
        # A take is never in two tasks that run at once.
        for cut in cuts:
            after = [f for f in frames if f >= cut]
            assert not after or after[0] in begins
    assert sum(task.frame_count for task in renders) == len(frames)
    assert FarmPlan.from_json(planned.to_json()) == planned
    assert FarmPlan.from_dict(planned.to_dict()) == planned


def test_normalised_depth_is_rendered_as_1_z_and_converted_when_all_is_there(
    tmp_path: Path,
) -> None:
    job = job_of(
        plates(tmp_path, 1, 2), "depth/s_v001.####.exr", convention="normalised_near_white"
    )
    planned = plan(job)
    assert [task.kind for task in planned.tasks] == [Kind.RENDER, Kind.CONVERT]
    assert planned.job_of(planned.tasks[0]).output == here("depth/inverse_z/s_v001.####.exr")
    assert planned.job_of(planned.tasks[0]).settings.convention == "inverse_z"
    convert = planned.shots[0].convert
    assert convert is not None
    assert (convert.input, convert.output) == (
        here("depth/inverse_z/s_v001.####.exr"),
        here("depth/s_v001.####.exr"),
    )
    assert planned.tasks[1].needs == (planned.tasks[0].id,)


def test_many_shots_are_told_apart(tmp_path: Path) -> None:
    jobs = [
        job_of(plates(tmp_path / shot / "plate", 1, 2), "d/{shot}/{shot}_depth_v001.####.exr")
        for shot in ("sh010", "sh020")
    ]
    planned = plan(jobs)
    assert [shot.name for shot in planned.shots] == ["sh010_plate_plate", "sh020_plate_plate"]
    assert planned.shots[1].job.output == here(
        "d/sh020_plate_plate/sh020_plate_plate_depth_v001.####.exr"
    )
    one = planned.of_shot("sh020_plate_plate")
    assert [task.shot for task in one.tasks] == ["sh020_plate_plate"]
    assert [len(tasks) for _, tasks in planned.each_shot()] == [1, 1]


def test_names_are_as_short_as_tells_apart() -> None:
    assert named_apart([("a", "x"), ("b", "x")]) == ["a", "b"]
    assert named_apart([("a", "x", "s"), ("a", "y", "s")]) == ["x_a", "y_a"]
    assert named_apart([("a",), ("a",), ("b",)]) == ["a_1", "a_2", "b"]


def refused(tmp_path: Path) -> Iterator[tuple[Any, str]]:
    pattern = plates(tmp_path / "a", 1, 2)
    other = plates(tmp_path / "b", 1, 2)
    job = job_of(pattern)
    yield lambda: plan([]), "nothing to plan"
    yield lambda: plan(job, mode="fast"), "mode 'fast' is unknown"
    yield lambda: plan(job, chunk_frames=5), "whole has no chunks"
    yield lambda: plan(job, mode="chain", chunk_frames=0), "1 or more"
    yield lambda: plan(job, mode="chain", preroll_frames=4), "chain has no pre-roll"
    yield lambda: plan(job, mode="preroll", preroll_frames=-1), "0 or more"
    yield lambda: plan(job, attempts=0), "once at least"
    yield lambda: plan(replace(job, state_out="x.safetensors")), "--state-out is for one render"
    yield lambda: plan(replace(job, overwrite=True)), "--overwrite is for one render"
    yield lambda: plan([job, job_of(other)]), r"one place for several shots; put \{shot\}"
    yield lambda: plan([job, job]), r"one place for several shots"
    yield lambda: plan(job_of(pattern, frames="50-60")), "none of 50-60"
    yield lambda: plan(job_of(str(tmp_path / "none.####.exr"))), "no file matches"
    yield lambda: plan(job_of(pattern, cuts=str(tmp_path / "none.txt"))), "cannot be read"
    yield lambda: Requirements(cpu_cores=0), "1 or more"
    yield lambda: Requirements(gpus=-1), "0 or more"


def test_what_cannot_be_planned_is_refused_in_one_line(tmp_path: Path) -> None:
    for attempt, said in refused(tmp_path):
        with pytest.raises(FlashDepthError, match=said):
            attempt()


def test_two_jobs_with_one_output_are_refused(tmp_path: Path) -> None:
    jobs = [job_of(plates(tmp_path / n, 1), f"d/{{shot}}/../s.{n[0]}###.exr") for n in ("a", "b")]
    planned = plan(jobs)
    assert len({shot.job.output for shot in planned.shots}) == 2
    same = [replace(job, output=f"d/s{i}.####.exr") for i, job in enumerate(jobs)]
    same[1] = replace(same[1], output=same[0].output)
    with pytest.raises(PlanError, match="one place for several"):
        plan(same)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("", "not a plan"),
        ("{}", "not a plan: .*mode"),
        ("[" * 5000, "not a plan"),
        (
            '{"mode": "chain", "shots": [], "tasks": [], "format": "flashdepth-plan/9"}',
            "plan again",
        ),
        (
            '{"mode": "chain", "shots": [], "tasks": [{"id": "a", "shot": "s", "kind": "render"}]}',
            "of shot 's', which is not planned",
        ),
    ],
)
def test_a_file_that_is_no_plan_is_refused_by_name(tmp_path: Path, wrong: str, said: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(wrong)
    with pytest.raises(PlanError, match=f"plan.json: .*{said}"):
        FarmPlan.load(path)


def test_tasks_out_of_order_or_twice_are_no_plan(tmp_path: Path) -> None:
    planned = plan(job_of(plates(tmp_path, 1, 2)), mode="chain", chunk_frames=1)
    with pytest.raises(PlanError, match="which is not before it"):
        replace(planned, tasks=planned.tasks[::-1])
    with pytest.raises(PlanError, match="two tasks are called"):
        replace(planned, tasks=(*planned.tasks, planned.tasks[0]))
    with pytest.raises(PlanError, match="no task 'x' is planned; there are: "):
        planned.task("x")
    with pytest.raises(PlanError, match="counted from 0"):
        planned.task_at(len(planned.tasks))


def test_planning_needs_no_torch(tmp_path: Path) -> None:
    for shot in range(20):
        plates(tmp_path / f"sh{shot:03d}", *range(1, 6))
    code = (
        "import sys, glob, flashdepth_vfx as f\n"
        f"found = sorted(glob.glob({str(tmp_path)!r} + '/*'))\n"
        "jobs = [f.RenderJob(shot=f.Shot(input=p), output='d/{shot}/') for p in found]\n"
        "assert len(f.plan(jobs, mode='chain').shots) == 20\n"
        "assert 'torch' not in sys.modules\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_a_task_knows_whether_it_needs_the_machine() -> None:
    kinds = {kind: Task(id="a", shot="s", kind=kind).runs_network for kind in Kind}
    assert kinds == {
        Kind.PLATES: False,
        Kind.DECIDE: True,
        Kind.RENDER: True,
        Kind.CONVERT: False,
        Kind.REPORT: False,
        Kind.PUBLISH: False,
    }
