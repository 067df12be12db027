"""Plates that are on their way: waited for until they are whole, and no longer than asked."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from plates import write_dpx, write_image, write_movie
from render_kit import RenderKit, Watcher, at, picture, run, same, start_process

from flashdepth_vfx import RenderJob, Waiting
from flashdepth_vfx.errors import LatePlateError, SettingsError, StateError
from flashdepth_vfx.waiting import wait_for_plates


@pytest.fixture
def begun(kit: RenderKit) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A render in a process of its own, which is ended at the end."""
    processes: list[subprocess.Popen[str]] = []

    def begin(job: RenderJob) -> subprocess.Popen[str]:
        processes.append(start_process(job, kit.folder / "ticket"))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str], start: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(start):
            return line
    raise AssertionError(process.communicate())


def put_away(kit: RenderKit, plates: str, *frames: int) -> Path:
    """Take plates out of the folder, to come later."""
    away = kit.folder / "away"
    away.mkdir(exist_ok=True)
    for frame in frames:
        shutil.move(at(plates, frame), away / at(plates, frame).name)
    return away


def test_late_and_half_written_plates_are_waited_for_and_nothing_is_decided_before(
    kit: RenderKit, begun: Callable[..., subprocess.Popen[str]]
) -> None:
    plates = kit.shot(range(1, 7))
    run(kit.job(plates, "whole/shot.####.exr"))
    away = put_away(kit, plates, 2, 5, 6)
    process = begun(kit.job(plates, frames="1-6", wait_for_frames_seconds=20))
    assert "shot.0002.exr is not on disk" in line_of(process, "waiting: ")
    shutil.move(away / "shot.0002.exr", at(plates, 2))
    shutil.move(away / "shot.0006.exr", at(plates, 6))
    late = (away / "shot.0005.exr").read_bytes()
    # In pieces: a file that grows, and then lies there half.
    with at(plates, 5).open("wb") as file:
        for end in (100, len(late) // 2):
            file.write(late[file.tell() : end])
            file.flush()
            time.sleep(1.5)
            assert not (kit.folder / "depth").exists()
        time.sleep(1.5)
        assert process.poll() is None
        file.write(late[file.tell() :])
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


def test_a_frame_that_does_not_come_is_named(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 4, 6))
    watcher = Watcher()
    began = time.monotonic()
    with pytest.raises(LatePlateError, match=r"shot\.0003\.exr: is not on disk") as raised:
        run(kit.job(plates, frames="1-6", wait_for_frames_seconds=2.5), watcher)
    assert 2.5 < time.monotonic() - began < 8
    assert raised.value.exit_code == 75
    assert "\n" not in str(raised.value)
    (told,) = [e for e in watcher.events if isinstance(e, Waiting)]
    assert (told.files_needed, "0003" in told.lacking) == (6, True)
    assert not (kit.folder / "depth").exists()


def test_what_still_comes_is_news_and_the_clock_begins_anew(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 7))
    away = put_away(kit, plates, 1, 2, 3, 4, 5)
    watcher = Watcher()
    began = time.monotonic()
    job = kit.job(plates, frames="1-6", wait_for_frames_seconds=3)

    def deliver() -> None:
        for frame in (5, 4, 3):
            time.sleep(2)
            shutil.move(away / f"shot.{frame:04d}.exr", at(plates, frame))

    thread = threading.Thread(target=deliver)
    thread.start()
    with pytest.raises(LatePlateError, match=r"shot\.0001\.exr"):
        run(job, watcher)
    thread.join()
    assert time.monotonic() - began > 6 + 3


def test_a_whole_plate_whose_time_still_changes_is_waited_for(kit: RenderKit) -> None:
    """As a copy does that sets the plate's time at its end: depth made of it before would be stale."""
    plates = kit.shot((1, 2))
    until = time.monotonic() + 3

    def touch() -> None:
        while time.monotonic() < until:
            at(plates, 2).touch()
            time.sleep(0.1)

    thread = threading.Thread(target=touch)
    thread.start()
    wait_for_plates(kit.job(plates, frames="1-2", wait_for_frames_seconds=10))
    assert time.monotonic() > until
    thread.join()


def test_a_torn_plate_that_stays_torn_is_named_with_what_is_wrong(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 3))
    torn = at(plates, 2)
    torn.write_bytes(torn.read_bytes()[:-100])
    with pytest.raises(LatePlateError, match=r"shot\.0002\.exr: it is torn.*nothing new"):
        run(kit.job(plates, frames="1-3", wait_for_frames_seconds=2))
    assert not (kit.folder / "depth").exists()


def codes(path: Path, frame: int) -> None:
    write_image(path, (picture(frame) * 255).astype(np.uint8))


def dpx(path: Path, frame: int) -> None:
    write_dpx(path, (picture(frame) * 1023).astype(int))


def movie(path: Path, frame: int) -> None:
    write_movie(path, [picture(f) for f in range(6)])


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("plate.0001.png", codes),
        ("plate.0001.jpg", codes),
        ("plate.0001.tif", codes),
        ("plate.0001.dpx", dpx),
        ("plate.mkv", movie),
    ],
)
def test_half_a_file_of_any_kind_is_not_there_yet(
    kit: RenderKit, name: str, make: Callable[[Path, int], None]
) -> None:
    path = kit.folder / "plates" / name
    path.parent.mkdir()
    make(path, 1)
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    pattern = str(path).replace("0001", "####")
    frames = None if name == "plate.mkv" else "1"
    job = kit.job(pattern, frames=frames, wait_for_frames_seconds=2)
    with pytest.raises(LatePlateError, match=name):
        wait_for_plates(job)
    path.write_bytes(good)
    wait_for_plates(job)


def test_mattes_are_waited_for_too(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    mattes = kit.shot((1,), "mattes/matte.####.exr")
    job = kit.job(plates, frames="1-2", wait_for_frames_seconds=2, matte_input=mattes, matte="R")
    with pytest.raises(LatePlateError, match=r"matte\.0002\.exr: is not on disk"):
        run(job)


@pytest.mark.parametrize("view", ["left,right", "right,left"])
def test_every_view_is_waited_for(kit: RenderKit, view: str) -> None:
    kit.shot((1, 2), "plates/left/shot.####.exr")
    kit.shot((1,), "plates/right/shot.####.exr")
    plates = str(kit.folder / "plates/%V/shot.####.exr")
    job = kit.job(plates, "depth/%V.####.exr", frames="1-2", view=view, wait_for_frames_seconds=2)
    with pytest.raises(LatePlateError, match=r"right/shot\.0002\.exr"):
        run(job)


def test_only_frames_that_the_render_needs_are_waited_for(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 3, 5, 6))
    run(kit.job(plates, frames="1-3", state_out="s.safetensors"))
    chosen = {"frames": "5-6", "wait_for_frames_seconds": 2}
    for job in (
        kit.job(plates, sparse=True, **chosen),
        kit.job(plates, preroll_frames=0, **chosen),
        kit.job(plates, frames="1-3", wait_for_frames_seconds=2),
    ):
        wait_for_plates(job)
    for job in (
        kit.job(plates, **chosen),
        kit.job(plates, preroll_frames=1, **chosen),
        kit.job(plates, state_in="s.safetensors", **chosen),
    ):
        with pytest.raises(LatePlateError, match=r"shot\.0004\.exr"):
            wait_for_plates(job)


def test_sigterm_ends_the_wait_at_once(
    kit: RenderKit, begun: Callable[..., subprocess.Popen[str]]
) -> None:
    plates = kit.shot((1, 2))
    process = begun(kit.job(plates, frames="1-9", wait_for_frames_seconds=600))
    line_of(process, "waiting: ")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 143, said
    assert time.monotonic() - began < 2
    assert not (kit.folder / "depth").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needs --frames"),
        ({"frames": "1-2", "missing": "hold"}, "--missing hold"),
        ({"frames": "1-2", "wait_for_frames_seconds": 0.0}, "--wait-for-frames 0"),
        ({"frames": "1-2", "wait_for_frames_seconds": float("nan")}, "--wait-for-frames nan"),
    ],
)
def test_a_wait_without_an_end_is_refused(
    kit: RenderKit, given: dict[str, object], said: str
) -> None:
    plates = kit.shot((1, 2))
    with pytest.raises(SettingsError, match=said):
        run(kit.job(plates, **({"wait_for_frames_seconds": 5.0} | given)))


def test_a_folder_is_no_pattern_to_wait_for(kit: RenderKit) -> None:
    plates = Path(kit.shot((1, 2))).parent
    with pytest.raises(SettingsError, match="needs a pattern"):
        run(kit.job(str(plates), "depth/", frames="1-2", wait_for_frames_seconds=5))


def test_a_state_that_is_not_there_is_not_waited_for(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    with pytest.raises(StateError):
        run(kit.job(plates, frames="2", state_in="none.safetensors", wait_for_frames_seconds=60))
