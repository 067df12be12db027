"""The last task of a shot: a page about it, once all of it is there."""

from __future__ import annotations

from pathlib import Path

from render_kit import RenderKit
from review_kit import page_of
from test_farm_plan import here, job_of, plates

from flashdepth_vfx import plan
from flashdepth_vfx.farm import FarmPlan, Kind, run_task


def last(planned: FarmPlan) -> tuple[Kind, tuple[str, ...]]:
    """Of the last task, and what it needs."""
    task = planned.tasks[-1]
    return task.kind, task.needs


def test_it_waits_for_all_of_its_shot_and_for_no_other(tmp_path: Path) -> None:
    jobs = [job_of(plates(tmp_path / n, *range(1, 7)), "d/{shot}/", cuts="none") for n in "ab"]
    planned = plan(jobs, mode="preroll", chunk_frames=2)
    for name in ("a_plate", "b_plate"):
        own = planned.of_shot(name)
        renders = tuple(task.id for task in own.tasks if task.kind is Kind.RENDER)
        assert last(own) == (Kind.REPORT, renders)
        assert len(renders) == 3
    assert FarmPlan.from_json(planned.to_json()) == planned


def test_it_comes_after_the_conversion_and_speaks_of_what_was_asked_for(tmp_path: Path) -> None:
    job = job_of(plates(tmp_path, 1, 2), "d/s.####.exr", convention="normalised_near_black")
    planned = plan(job)
    assert [task.kind for task in planned.tasks] == [Kind.RENDER, Kind.CONVERT, Kind.REPORT]
    assert planned.tasks[2].needs == (planned.tasks[1].id,)
    report = planned.shots[0].report
    assert report is not None
    assert report.sources == (here("d/s.####.exr"),)
    assert report.page == here("d/s.flashdepth/report.html")


def test_views_with_files_of_their_own_are_on_one_page(tmp_path: Path) -> None:
    for view in ("left", "right"):
        plates(tmp_path / view, 1, 2)
    job = job_of(str(tmp_path / "%V/plate.####.exr"), "d/%V/s.####.exr", view="left,right")
    report = plan(job).shots[0].report
    assert report is not None
    assert report.sources == (here("d/left/s.####.exr"), here("d/right/s.####.exr"))
    assert report.page == here("d/left/s.flashdepth/report.html")


def test_a_folder_is_told_by_the_names_that_are_written_there(tmp_path: Path) -> None:
    report = plan(job_of(plates(tmp_path, 1, 2), "d/")).shots[0].report
    assert report is not None
    assert report.sources == (here("d/plate_depth.####.exr"),)


def test_it_is_left_out_when_nobody_wants_it(tmp_path: Path) -> None:
    planned = plan(job_of(plates(tmp_path, 1, 2)), report=False)
    assert [task.kind for task in planned.tasks] == [Kind.RENDER]
    assert planned.shots[0].report is None


def test_it_is_written_by_its_task_and_says_what_is_amiss(kit: RenderKit) -> None:
    planned = plan(kit.job(kit.shot(range(1, 7))), mode="chain", chunk_frames=3)
    *renders, report = planned.tasks
    for task in renders:
        run_task(planned, task)
    kit.path(4).unlink()
    said: list[str] = []
    result = run_task(planned, report, tell=said.append)
    page = kit.folder / "depth" / "shot.flashdepth" / "report.html"
    assert result == {"report": str(page), "findings": len(said)}
    assert any("1 frame (4) not there" in line for line in said)
    text = page_of(page).text
    assert "flashdepth render" in text
