"""Distances that are known when a shot is planned: 1/Z is rendered, and converted by them when all of it is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from render_kit import WINDOW, RenderKit, header_of, run, same
from test_farm_plan import here, job_of, plates

from flashdepth_batch import main as batch_main
from flashdepth_vfx import ConvertJob, FarmPlan, convert_depth, plan
from flashdepth_vfx.errors import FlashDepthError, OutputExistsError, PlanError
from flashdepth_vfx.farm import Kind, Known, run_task

#: Two places of the plates of `RenderKit`, and how far they are.
ANCHORS = ("30,40,1=2.5", "120,60,2=4")


def convert_of(made: FarmPlan) -> ConvertJob:
    (shot,) = made.shots
    assert shot.convert is not None
    return shot.convert


def do(made: FarmPlan) -> dict[str, Any]:
    """All of it here, and what its conversion said."""
    results = {task.kind: run_task(made, task) for task in made.tasks}
    return results[Kind.CONVERT]


@pytest.mark.parametrize("convention", ["inverse_z", "z", "disparity", "normalised_near_white"])
def test_conversion_carries_what_is_known_and_what_was_asked_for(
    tmp_path: Path, convention: str
) -> None:
    asked = {"convention": convention, "scene_unit": "cm", "infinite_sky": True}
    job = job_of(plates(tmp_path, 1, 2), "d/s.####.exr", compression="zip", **asked)
    made = plan(job, known=Known(ANCHORS))
    assert [task.kind for task in made.tasks] == [Kind.RENDER, Kind.CONVERT, Kind.REPORT]
    rendered = made.job_of(made.tasks[0])
    assert rendered.output == here("d/inverse_z/s.####.exr")
    assert rendered.settings.convention == "inverse_z"
    assert rendered.resume
    assert convert_of(made) == ConvertJob(
        input=here("d/inverse_z/s.####.exr"),
        output=here("d/s.####.exr"),
        compression="zip",
        anchors=ANCHORS,
        **asked,
    )
    assert FarmPlan.from_json(made.to_json()) == made
    report = made.shots[0].report
    assert report is not None
    assert report.sources == (here("d/s.####.exr"),)


def test_near_and_far_calibrate_and_of_a_normalised_convention_are_its_range(
    tmp_path: Path,
) -> None:
    job = job_of(plates(tmp_path, 1, 2), "d/s.####.exr")
    convert = convert_of(plan(job, known=Known(near=1.5, far=30)))
    assert (convert.convention, convert.near, convert.far) == ("inverse_z", 1.5, 30)
    white = replace(job, settings=replace(job.settings, convention="normalised_near_white"))
    both = convert_of(plan(white, known=Known(ANCHORS, near=1.5, far=30)))
    assert (both.anchors, both.near, both.far) == (ANCHORS, 1.5, 30)


def test_a_plan_that_knows_nothing_is_as_it_was(tmp_path: Path) -> None:
    """Of a normalised convention too: what conversions were given then they are given now."""
    white = {"convention": "normalised_near_white", "scene_unit": "cm"}
    convert = convert_of(plan(job_of(plates(tmp_path, 1, 2), "d/s.####.exr", **white)))
    assert convert.scene_unit == "m"
    (shot,) = plan(job_of(plates(tmp_path, 1, 2), "d/s.####.exr", convention="z")).shots
    assert shot.convert is None
    assert shot.job.output == here("d/s.####.exr")


def refused(folder: Path) -> Iterator[tuple[Any, str]]:
    job = job_of(plates(folder / "a", *range(1, 5)), str(folder / "d/{shot}/s.####.exr"))
    other = job_of(plates(folder / "b", 1, 2), job.output)
    white = replace(job, settings=replace(job.settings, convention="normalised_near_white"))
    beside = replace(job, settings=replace(job.settings, append_part=True))
    yield lambda: Known(), "no distance is known"
    yield lambda: Known(("1,2,3",)), "anchor '1,2,3': write it as"
    yield lambda: Known(("1,2,3=4",)), "give two or more"
    yield (
        lambda: plan([job, other], known=Known(ANCHORS)),
        "known distances: for one shot, and 2 are planned",
    )
    yield lambda: plan(job, known=Known(near=2)), "--near and --far go together"
    yield lambda: plan(job, known=Known(near=9, far=2)), "0 < near < far"
    yield lambda: plan(job, known=Known(near=2, far=float("inf"))), "--far inf calibrates nothing"
    yield lambda: plan(job, known=Known(ANCHORS, 1, 2)), "both calibrate"
    yield lambda: plan(white, known=Known(near=9, far=2)), "0 < near < far"
    yield lambda: plan(beside, known=Known(ANCHORS)), "--append-part writes what is rendered"
    late = Known((*ANCHORS, "1,2,9=4"))
    yield lambda: plan(job, known=late), r"anchor 1,2,9=4: frame 9 is not rendered; 1-4 are"
    part = replace(job, frames="3-4")
    yield lambda: plan(part, known=Known(ANCHORS)), "frame 1 is not rendered; 3-4 are"


def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for attempt, said in refused(tmp_path):
        with pytest.raises(FlashDepthError, match=said) as caught:
            attempt()
        assert caught.value.exit_code == 2
    assert not (tmp_path / "d").exists()


def test_an_anchor_may_be_of_a_frame_that_is_held(tmp_path: Path) -> None:
    job = job_of(plates(tmp_path, 1, 2, 4), missing="hold")
    plan(job, known=Known(("1,2,3=4", "5,6,1=3")))
    with pytest.raises(PlanError, match="frame 3 is not rendered"):
        plan(
            replace(job, settings=replace(job.settings, missing="skip")),
            known=Known(("1,2,3=4", "5,6,1=3")),
        )


def measured(kit: RenderKit, rendered: str) -> Known:
    """Distances that fit the depth: of 1/Z, so much more and a little beside."""
    found = kit.depths(rendered)
    anchors = []
    for x, y, frame in ((30, 40, 1), (120, 60, 2), (80, 20, 3)):
        row = WINDOW.height - 1 - y
        per_m = float(np.median(found[frame][row - 1 : row + 2, x - 1 : x + 2]))
        anchors.append(f"{x},{y},{frame}={1 / (1.5 * per_m + 0.02):.6g}")
    return Known(tuple(anchors))


@pytest.mark.parametrize("convention", ["z", "inverse_z", "disparity", "normalised_near_black"])
@pytest.mark.parametrize("what", ["anchors", "ends"])
def test_tasks_give_what_render_and_convert_give(
    kit: RenderKit, convention: str, what: str
) -> None:
    shot = kit.shot(range(1, 4))
    run(kit.job(shot, "by_hand/inverse_z.####.exr"))
    known = Known(near=2.0, far=30.0)
    if what == "anchors":
        known = measured(kit, "by_hand/inverse_z.####.exr")
    by_hand = ConvertJob(
        input=str(kit.folder / "by_hand/inverse_z.####.exr"),
        output=str(kit.folder / "by_hand/shot.####.exr"),
        convention=convention,
        anchors=known.anchors,
        near=known.near,
        far=known.far,
    )
    wanted = convert_depth(by_hand)
    normalised = convention.startswith("normalised")
    assert (wanted.calibration is None) is (what == "ends" and normalised)
    if wanted.calibration is not None and what == "anchors":
        assert wanted.calibration.scale == pytest.approx(1.5, rel=1e-3)
    made = plan(kit.job(shot, convention=convention), mode="chain", chunk_frames=2, known=known)
    assert do(made)["calibration"] == (wanted.calibration and wanted.calibration.to_plain())
    assert same(kit.depths(), kit.depths("by_hand/shot.####.exr"))
    assert (kit.folder / "depth/shot.flashdepth/report.html").is_file()


def test_it_is_done_once_and_another_distance_is_another_depth(kit: RenderKit) -> None:
    job = kit.job(kit.shot(range(1, 4)), convention="z")
    made = plan(job, known=Known(near=2.0, far=30.0))
    do(made)
    assert header_of(kit.path(1))["flashdepth/calibrated"] == 1
    before = {p: p.stat().st_mtime_ns for p in (kit.folder / "depth").rglob("*.exr")}
    assert len(before) == 6
    assert do(made)["frames"] == []
    assert before == {p: p.stat().st_mtime_ns for p in (kit.folder / "depth").rglob("*.exr")}
    with pytest.raises(OutputExistsError, match="converted otherwise"):
        do(plan(job, known=Known(near=2.0, far=31.0)))
    # What was rendered stands.
    rendered = [p for p in before if p.parent.name == "inverse_z"]
    assert all(before[p] == p.stat().st_mtime_ns for p in rendered)


def test_the_command_takes_them(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    asked = [plates(tmp_path, 1, 2), "-o", str(tmp_path / "d/s.####.exr"), "--convention", "z"]
    anchors = [word for one in ANCHORS for word in ("--anchor", one)]
    assert batch_main.main(["plan", *asked, *anchors, "--json"]) == 0
    (shot,) = json.loads(capfd.readouterr().out)["shots"]
    assert shot["convert"]["anchors"] == list(ANCHORS)
    job = ["--to", "slurm", "--job-dir", str(tmp_path / "job")]
    assert batch_main.main(["submit", *asked, "--near", "2", "--far", "30", *job]) == 0
    (shot,) = FarmPlan.load(tmp_path / "job/plan.json").shots
    assert shot.convert is not None
    assert (shot.convert.near, shot.convert.far) == (2.0, 30.0)
    assert batch_main.main(["submit", *asked, "--near", "2", *job]) == 2
    assert "--near and --far go together" in capfd.readouterr().err
