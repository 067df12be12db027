"""Plates that a host has yet to make: planned by the frames that will be there, made by the shot's first task."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import plates_host
import pytest
from conftest import command_line, environment
from render_kit import RenderKit, at, run, same
from test_farm_costs import times_file
from test_farm_openjd import openjd
from test_farm_plan import job_of, plates

from flashdepth_batch import main as batch_main
from flashdepth_vfx import FarmPlan, plan, program
from flashdepth_vfx.errors import FlashDepthError, Interrupted, MissingFrameError, PlatesStepError
from flashdepth_vfx.farm import Kind, PathMapping, PlatesStep, run_task

STEP = PlatesStep(("nuke", "-x", "/show/comp.nk", "1-8"), "nuke_r")
MODES: dict[str, dict[str, Any]] = {
    "whole": {},
    "chain": {"chunk_frames": 3},
    # As long as the shot: an unbroken render.
    "preroll": {"chunk_frames": 3, "preroll_frames": 8},
}


def to_come(tmp_path: Path, **more: Any) -> Any:
    """A job whose plates, and their folder, are not there."""
    given = {"frames": "1-8", **more}
    return job_of(str(tmp_path / "nowhere/p.####.exr"), str(tmp_path / "d/s.####.exr"), **given)


def host(kit: RenderKit, *more: str) -> PlatesStep:
    """One that makes the frames 1 to 8 of `plates/shot.####.exr`."""
    kit.shot(range(1, 9), "made/shot.####.exr")
    command = plates_host.command(kit.folder / "made", kit.folder / "plates", *more)
    return PlatesStep(command, "nuke_r")


def made_of(kit: RenderKit, *more: str, **how: Any) -> FarmPlan:
    job = kit.job(str(kit.folder / "plates/shot.####.exr"), frames="1-8")
    return plan(job, plates=host(kit, *more), **how)


def waits_for(made: FarmPlan) -> dict[str, set[str]]:
    """What each task waits for, and what those wait for."""
    found: dict[str, set[str]] = {}
    for task in made.tasks:
        found[task.id] = set(task.needs).union(*(found[need] for need in task.needs))
    return found


@pytest.mark.parametrize("mode", MODES)
def test_every_task_waits_for_the_plates(tmp_path: Path, mode: str) -> None:
    made = plan(to_come(tmp_path), mode=mode, plates=STEP, **MODES[mode])
    first, *others = made.tasks
    assert (first.id, first.kind, first.needs, first.frames) == ("p.plates", "plates", (), "1-8")
    assert len(others) == (2 if mode == "whole" else 5)
    waits = waits_for(made)
    assert all(first.id in waits[task.id] for task in others)
    assert made.shots[0].frames == "1-8"
    assert sum(task.frame_count for task in made.tasks) == 8
    assert {task.kind for task in made.tasks if made.licence_of(task)} == {Kind.PLATES}
    assert FarmPlan.from_json(made.to_json()) == made
    assert FarmPlan.from_dict(made.to_dict()) == made


def test_all_else_of_it_is_the_plan_of_plates_that_are_there(tmp_path: Path) -> None:
    pattern = plates(tmp_path / "there", *range(1, 9), name="p")
    cuts = tmp_path / "cuts.txt"
    cuts.write_text("4\n")
    for more in ({}, {"cuts": str(cuts)}, {"convention": "normalised_near_white"}):
        job = job_of(pattern, str(tmp_path / "d/s.####.exr"), frames="2-7", **more)
        there = plan(job, mode="chain", chunk_frames=2)
        for path in (tmp_path / "there").iterdir():
            path.unlink()
        made = plan(job, mode="chain", chunk_frames=2, plates=STEP)
        plates(tmp_path / "there", *range(1, 9), name="p")
        assert [(t.id, t.frames) for t in made.tasks[1:]] == [(t.id, t.frames) for t in there.tasks]
        assert made.shots[0].job == there.shots[0].job
        assert made.shots[0].convert == there.shots[0].convert
        assert "plates" not in there.to_dict()["shots"][0]


def test_cuts_that_are_found_in_plates_are_found_when_they_are_there(tmp_path: Path) -> None:
    made = plan(to_come(tmp_path, cuts="auto"), plates=STEP)
    assert [task.kind for task in made.tasks] == [Kind.PLATES, Kind.RENDER, Kind.REPORT]
    (note,) = made.notes
    assert "not known before its plates are made" in note


def refused(folder: Path) -> Iterator[tuple[Any, str]]:
    job = to_come(folder)
    yield lambda: plan(replace(job, frames=None), plates=STEP), "need --frames"
    for source in (str(folder), "still.exr", "movie.####.mov", str(folder / "movie.mp4")):
        other = job_of(source, job.output, frames="1-8")
        yield lambda other=other: plan(other, plates=STEP), r"need a frame pattern, as plate\.####"
    several = [job_of(f"{n}.####.exr", "d/{shot}/", frames="1") for n in ("a", "b")]
    yield lambda: plan(several, plates=STEP), "a plates step: for one shot, and 2 are planned"
    yield lambda: plan(job), "no file matches|nowhere"
    yield lambda: PlatesStep(()), "is empty"
    yield lambda: PlatesStep(("nuke",), "two words"), "it is one word"
    yield lambda: PlatesStep(("nuke",), "a,b"), "it is one word"


def test_what_says_too_little_is_refused(tmp_path: Path) -> None:
    for attempt, said in refused(tmp_path):
        with pytest.raises(FlashDepthError, match=said):
            attempt()


def test_words_of_the_command_that_are_paths_are_those_of_this_machine(tmp_path: Path) -> None:
    words = ("/show/bin/nuke", "-x", "/show/comp.nk", "--to=/show/p", "/shows/p", "{first}", "1,8")
    made = plan(to_come(tmp_path), plates=PlatesStep(words, "nuke_r"))
    here = PathMapping.parse(("/show=/srv/show",)).apply(made)
    step = here.shots[0].plates
    assert step == PlatesStep(
        ("/srv/show/bin/nuke", "-x", "/srv/show/comp.nk", "--to=/show/p", *words[4:]), "nuke_r"
    )


def test_it_passes_on_what_is_said_and_runs_once(kit: RenderKit) -> None:
    made = made_of(kit)
    (task, *_) = made.tasks
    said: list[str] = []
    pattern = str(kit.folder / "plates/shot.####.exr")
    assert run_task(made, task, tell=said.append) == {"plates": [pattern], "made": True}
    assert said == [f"wrote shot.{frame:04d}.exr" for frame in range(1, 9)]
    before = [at(pattern, frame).stat().st_mtime_ns for frame in range(1, 9)]
    said.clear()
    assert run_task(made, task, tell=said.append) == {"plates": [pattern], "made": False}
    (line,) = said
    assert line.startswith("all plates are there")
    assert before == [at(pattern, frame).stat().st_mtime_ns for frame in range(1, 9)]


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        (("without=shot.0006.exr",), MissingFrameError, r"shot\.0006\.exr: frame 6 of .* did not"),
        (
            ("without=shot.0002.exr", "code=3"),
            PlatesStepError,
            r"ended with 3: wrote .*shot\.0008\.exr",
        ),
        (("code=3",), PlatesStepError, "ended with 3"),
    ],
)
def test_a_host_that_fails_or_leaves_a_frame_out_fails_the_task(
    kit: RenderKit, more: tuple[str, ...], error: type[FlashDepthError], said: str
) -> None:
    made = made_of(kit, *more)
    with pytest.raises(error, match=said) as caught:
        run_task(made, made.tasks[0])
    assert caught.value.exit_code == 1


def test_a_folder_in_the_place_of_a_frame_is_no_frame(kit: RenderKit) -> None:
    made = made_of(kit, "without=shot.0006.exr")
    at(str(kit.folder / "plates/shot.####.exr"), 6).mkdir(parents=True)
    with pytest.raises(MissingFrameError, match="frame 6"):
        run_task(made, made.tasks[0])


def test_a_host_that_is_not_there_is_named(tmp_path: Path) -> None:
    made = plan(to_come(tmp_path), plates=PlatesStep((str(tmp_path / "no nuke"), "-x")))
    with pytest.raises(PlatesStepError, match=r"no nuke: cannot be started \(No such file"):
        run_task(made, made.tasks[0])


def test_plates_of_views_are_looked_for_in_each(kit: RenderKit) -> None:
    kit.shot(range(1, 3), "made/shot.####.exr")
    command = plates_host.command(kit.folder / "made", kit.folder / "plates/left")
    job = job_of(
        str(kit.folder / "plates/%V/shot.####.exr"),
        str(kit.folder / "d/%V/s.####.exr"),
        frames="1-2",
        view="left,right",
    )
    made = plan(job, plates=PlatesStep(command))
    with pytest.raises(MissingFrameError, match=r"right/shot\.0001\.exr"):
        run_task(made, made.tasks[0])


@pytest.mark.parametrize("more", [(), ("deaf",)])
def test_a_stop_ends_the_host_and_all_that_it_started(
    kit: RenderKit, more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "_GRACE_SECONDS", 1.0 if more else 30.0)
    note = kit.folder / "note"
    made = made_of(kit, f"waits={note}", *more)
    stop = threading.Event()

    def tell(text: str) -> None:
        stop.set()

    with pytest.raises(Interrupted, match="the same command goes on"):
        run_task(made, made.tasks[0], tell=tell, stop=stop)
    assert all(plates_host.gone(pid) for pid in plates_host.wait_for(note))


def test_a_signal_to_the_command_ends_the_host(kit: RenderKit) -> None:
    note = kit.folder / "note"
    saved = made_of(kit, f"waits={note}").save(kit.folder / "plan.json")
    line = command_line(["task", str(saved), "shot.plates"])
    task = subprocess.Popen(line, env=environment(), stderr=subprocess.PIPE, text=True)
    pids = plates_host.wait_for(note)
    assert not any(plates_host.gone(pid) for pid in pids)
    began = time.monotonic()
    task.terminate()
    _, said = task.communicate(timeout=60)
    assert task.returncode == 143, said
    assert time.monotonic() - began < 15
    assert all(plates_host.gone(pid) for pid in pids)


@pytest.mark.parametrize("mode", MODES)
def test_a_plan_that_makes_its_plates_is_the_plain_render(kit: RenderKit, mode: str) -> None:
    made = made_of(kit, mode=mode, **MODES[mode])
    said: list[str] = []
    result = made.run_local(devices=["cpu", "cpu"], tell=said.append)
    assert result.done == tuple(task.id for task in made.tasks), said
    run(kit.job(str(kit.folder / "made/shot.####.exr"), "whole/shot.####.exr"))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))
    assert (kit.folder / "depth/shot.flashdepth/report.html").is_file()


def test_what_needs_plates_that_do_not_come_is_skipped(kit: RenderKit) -> None:
    made = made_of(kit, "without=shot.0002.exr", attempts=1)
    result = made.run_local(devices=["cpu"])
    assert list(result.failed) == ["shot.plates"]
    assert result.skipped == ("shot.render", "shot.report")
    assert not (kit.folder / "depth").exists()


def test_the_reference_runner_makes_the_plates_first(kit: RenderKit) -> None:
    program_file = kit.folder / "flashdepth"
    line = " ".join(command_line(()))
    program_file.write_text(f'#!/bin/sh\nexec {line} "$@"\n')
    program_file.chmod(0o755)
    made = made_of(kit, mode="chain", chunk_frames=4)
    (template,) = made.to_openjd(kit.folder / "job")
    for verb in ("check", "summary"):
        ended = openjd(verb, str(template))
        assert ended.returncode == 0, ended.stdout + ended.stderr
    ended = openjd("run", str(template), "-p", f"FlashdepthCommand={program_file}")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "wrote shot.0008.exr" in ended.stdout + ended.stderr
    run(kit.job(str(kit.folder / "made/shot.####.exr"), "whole/shot.####.exr"))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


def test_what_it_costs_is_told_before_the_plates_are_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["plan", to_come(tmp_path).shot.input, "-o", str(tmp_path / "d/"), "--frames", "1-8"]
    asked += ["--plates-command", "nuke -x c.nk", "--dry-run", "--times", str(times_file(tmp_path))]
    assert batch_main.main([*asked, "--farm", "1,2"]) == 0
    assert "1920x1080 assumed" in capfd.readouterr().out
    assert batch_main.main([*asked, "--json"]) == 0
    (shot,) = json.loads(capfd.readouterr().out)["shots"]
    assert shot["size_is_assumed"]
    assert set(shot["start_seconds"]) == {"p.render"}


def test_the_command_takes_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    asked = [to_come(tmp_path).shot.input, "-o", str(tmp_path / "d/"), "--frames", "1-8"]
    given = ["--plates-command", "nuke -x '/show/my comp.nk' 1,8", "--plates-licence", "nuke_r"]
    saved = tmp_path / "plan.json"
    assert batch_main.main(["plan", *asked, *given, "--save", str(saved)]) == 0
    step = PlatesStep(("nuke", "-x", "/show/my comp.nk", "1,8"), "nuke_r")
    assert FarmPlan.load(saved).shots[0].plates == step
    job = ["--to", "tractor", "--job-dir", str(tmp_path / "job")]
    assert batch_main.main(["submit", *asked, *given, *job]) == 0
    assert FarmPlan.load(tmp_path / "job/plan.json").shots[0].plates == step
    capfd.readouterr()
    for wrong in (["--plates-licence", "nuke_r"], ["--plates-command", "nuke 'x"]):
        assert batch_main.main(["plan", *asked, *wrong]) == 2
        assert "--plates-" in capfd.readouterr().err
