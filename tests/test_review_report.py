"""`flashdepth report`: the page about a pass, what it remarks, and that it opens from disk in a real browser."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from render_kit import WINDOW, RenderKit, at, picture, run, write_plate
from review_kit import Page, depth_file, page_of, slope, write_pass
from stereo_kit import ONE, stereo, stereo_shot
from test_batch_jobs import parsed

from flashdepth_batch import main as batch_main
from flashdepth_vfx import UsageError
from flashdepth_vfx.errors import FlashDepthError, PlateError
from flashdepth_vfx.review import PassReport, write_report

Run = Callable[..., subprocess.CompletedProcess[str]]


def rendered(kit: RenderKit, frames: range = range(1, 9), **more: object) -> Path:
    """A real pass; gives its folder."""
    run(kit.job(kit.shot(frames), **more))
    return kit.folder / "depth"


def reported(folder: Path | str) -> tuple[Page, PassReport]:
    path, (one,) = write_report(str(folder))
    return page_of(path), one


def test_a_pass_without_fault_has_all_its_parts(kit: RenderKit) -> None:
    folder = rendered(kit, cuts="none")
    page, report = reported(folder)
    for title in (
        "Pictures",
        "How near",
        "Flicker",
        "Takes",
        "What made it",
        "Time",
        "Run it again",
    ):
        assert any(title in text for text in page.texts), title
    assert [one.frame for one in report.measured] == list(range(1, 9))
    assert len(report.pictures) == 8
    assert all(shown.plate is not None for shown in report.pictures)
    assert report.takes[0].frames == tuple(range(1, 9))
    assert report.records[0].is_done
    assert "missing or torn" in page.text


def test_the_page_needs_nothing_but_itself(kit: RenderKit) -> None:
    page, _ = reported(rendered(kit))
    assert page.sources
    assert all(source.startswith("data:image/") for source in page.sources)
    html = (kit.folder / "depth" / "report.html").read_text()
    assert not re.search(r"https?://|<script|@import|url\(", html)


def test_the_command_makes_the_same_job_again(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 6))
    jobs = [
        kit.job(plates, frames="1-3", upsampling="guided", edge_matte=True, exposure_stops=-1.5),
        kit.job(plates, frames="4-5", upsampling="guided", edge_matte=True, exposure_stops=-1.5),
    ]
    for job in jobs:
        run(job)
    _, report = reported(kit.folder / "depth")
    assert [parsed(shlex.split(words)[2:]) for words in report.commands] == jobs


def test_a_job_of_relative_paths_says_where_they_start(
    kit: RenderKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.shot(range(1, 4))
    monkeypatch.chdir(kit.folder)
    folder = kit.folder
    job = kit.job("plates/shot.####.exr")
    run(dataclasses.replace(job, output="depth/shot.####.exr"))
    monkeypatch.chdir("/")
    _, report = reported(folder / "depth")
    (command,) = report.commands
    assert command.startswith(f"cd {folder} && flashdepth render 'plates/shot.####.exr' ")
    # and the plates are found from elsewhere
    assert all(shown.plate is not None for shown in report.pictures)


def test_what_is_amiss_is_said(kit: RenderKit) -> None:
    folder = rendered(kit)
    depth_file(str(folder / "shot.####.exr"), 3).unlink()
    torn = depth_file(str(folder / "shot.####.exr"), 6)
    torn.write_bytes(torn.read_bytes()[:-900])
    page, report = reported(folder)
    told = "\n".join(report.findings)
    assert "1 frame (3) not there" in told
    assert f"{torn}: is torn" in told
    assert report.found.frames == (1, 2, 4, 5, 7, 8)
    assert 'class="hole"' in (folder / "report.html").read_text()
    assert f"{torn}: is torn" in page.text


def test_a_render_that_was_stopped_or_mixed_is_said(tmp_path: Path) -> None:
    frames = {frame: slope() for frame in range(1, 7)}
    other = {f: {"settings": "others", "device": "cuda"} for f in (4, 5, 6)}
    write_pass(tmp_path, frames, of_frame=other)
    beside = tmp_path / "shot.flashdepth"
    beside.mkdir()
    (beside / "manifest.1-9.json").write_text("{]")
    _, report = reported(tmp_path)
    told = "\n".join(report.findings)
    assert "frames of other settings in one pass: 1-3 against 4-6" in told
    assert "frames of another device in one pass: 1-3 against 4-6" in told
    assert "manifest.1-9.json: is no manifest that can be read" in told
    assert report.commands == ()


def test_an_interrupted_render_is_said_until_it_is_done(kit: RenderKit) -> None:
    folder = rendered(kit)
    path = next((folder / "shot.flashdepth").glob("manifest.*.json"))
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "outcome": "interrupted", "error": "stopped"}))
    _, report = reported(folder)
    assert any("was interrupted: stopped" in finding for finding in report.findings)
    later = {**told, "written_at": "2999-01-01T00:00:00+00:00"}
    path.with_name("manifest.1-8b.json").write_text(json.dumps(later))
    _, report = reported(folder)
    assert not any("interrupted" in finding for finding in report.findings)


def test_takes_are_those_of_the_state(kit: RenderKit) -> None:
    cuts = kit.folder / "cuts.txt"
    cuts.write_text("4\n7\n")
    folder = rendered(kit, cuts=str(cuts))
    _, report = reported(folder)
    assert [str(take) for take in report.takes] == ["1-3", "4-6", "7-8"]
    assert (folder / "report.html").read_text().count('class="cut"') >= 2


def test_what_the_network_was_not_shown_is_counted(kit: RenderKit) -> None:
    alpha = np.ones(WINDOW.shape, np.float32)
    alpha[:, :80] = 0
    for frame in (1, 2, 3):
        path = at(str(kit.folder / "plates/shot.####.exr"), frame)
        write_plate(path, frame, alpha=alpha, rgb=picture(frame) * alpha[..., None])
    run(kit.job(str(kit.folder / "plates/shot.####.exr")))
    _, report = reported(kit.folder / "depth")
    assert [m.unseen_percent for m in report.measured] == pytest.approx([50] * 3, abs=3)


def test_every_view_has_its_section_and_one_command(kit: RenderKit) -> None:
    stereo(kit, stereo_shot(kit, range(1, 4)), ONE)
    path, reports = write_report(str(kit.folder / "depth"))
    assert [report.found.view for report in reports] == ["left", "right"]
    assert {report.commands for report in reports} == {reports[0].commands}
    assert " --view left,right " in reports[0].commands[0] + " "
    assert "shot left" in page_of(path).text
    assert all(shown.plate is not None for report in reports for shown in report.pictures)


def test_a_folder_of_folders_has_a_section_each(tmp_path: Path) -> None:
    for name in ("sh010", "sh020"):
        write_pass(tmp_path / name, {1: slope(), 2: slope()}, name=name)
    _, reports = write_report(str(tmp_path))
    assert [report.found.name for report in reports] == ["sh010", "sh020"]


def test_a_converted_pass_speaks_for_itself(kit: RenderKit, flashdepth: Run) -> None:
    rendered(kit)
    white = ("--convention", "normalised_near_white")
    assert flashdepth("convert", "depth/shot.####.exr", "-o", "white/", *white).returncode == 0
    _, report = reported(kit.folder / "white")
    assert report.found.unit == "none: 0 to 1 over the shot's range"
    assert report.span[0] >= 0
    assert report.span[1] <= 1
    assert all(one.between_percent is None for one in report.measured)


@pytest.mark.parametrize("sign", ["<b>", "a&b", "it's", "$HOME", "`x`", "ü ñ"])
def test_names_do_not_break_the_page(tmp_path: Path, sign: str) -> None:
    write_pass(tmp_path / f"of {sign}", {1: slope()}, name=f"shot {sign}")
    path, (report,) = write_report(str(tmp_path / f"of {sign}"), tmp_path / "page.html")
    assert f"shot {sign}" in report.found.name
    assert f"shot {sign}" in page_of(path).text


def test_numbers_are_there_for_programs(kit: RenderKit, flashdepth: Run) -> None:
    rendered(kit)
    told = flashdepth("report", "depth/", "-o", "page/shot.html", "--json")
    (report,) = json.loads(told.stdout)
    assert report["frames"] == "1-8"
    assert len(report["measures"]) == 8
    assert report["commands"][0].startswith("flashdepth render ")
    assert (kit.folder / "page" / "shot.html").is_file()
    assert not (kit.folder / "depth" / "report.html").exists()


def test_what_is_no_depth_is_refused_and_nothing_is_written(kit: RenderKit) -> None:
    plates = Path(kit.shot(range(1, 3)))
    empty = kit.folder / "empty"
    empty.mkdir()
    for source, kind in (
        (str(plates), PlateError),
        (str(plates.parent), PlateError),
        (str(empty), PlateError),
        (str(kit.folder / "nowhere" / "a.####.exr"), PlateError),
        (str(kit.folder / "nowhere"), PlateError),
        (f"{kit.folder}/%V/a.####.exr", UsageError),
    ):
        with pytest.raises(kind):
            write_report(source)
    assert not list(kit.folder.rglob("report.html"))


def test_a_view_or_layer_that_is_not_there_is_refused(kit: RenderKit) -> None:
    folder = rendered(kit, range(1, 3))
    for asked in ({"view": "left"}, {"layer": "other"}):
        with pytest.raises(UsageError):
            write_report(str(folder), **asked)
    with pytest.raises(FlashDepthError, match="cannot be written"):
        write_report(str(folder), Path("/proc/nowhere/page.html"))


def test_the_command_refuses_what_it_cannot_show(
    kit: RenderKit, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        write_pass(kit.folder / "both" / name, {1: slope()}, name=name)
    both = str(kit.folder / "both")
    assert batch_main.main(["report", both, "--fps", "25"]) == 2
    assert batch_main.main(["report", both, "--preview", str(kit.folder / "a.mp4")]) == 2
    assert "has several passes" in capfd.readouterr().err
    assert not (kit.folder / "a.mp4").exists()
