"""Renders that stop half-way and go on: the same pixels as if they had not, and no frame made twice."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from plates import write_movie
from render_checks import marks, short_queue, stop_after  # noqa: F401 - a fixture
from render_kit import (
    RenderKit,
    Watcher,
    at,
    header_of,
    picture,
    run,
    same,
    states_in,
    write_plate,
)

pytestmark = pytest.mark.usefixtures("short_queue")


def test_resume_in_an_empty_folder_is_a_fresh_start(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 5))
    run(kit.job(plates, "whole/shot.####.exr"))
    result = run(kit.job(plates, resume=True))
    assert (result.frames_written, result.frames_kept) == ((1, 2, 3, 4), ())
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("interval", [1, 3, 25])
def test_resumed_shot_equals_unbroken_shot(kit: RenderKit, count: int, interval: int) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates, "whole/shot.####.exr"))
    stop_after(kit, plates, count, checkpoint_interval_frames=interval)
    assert 0 < len(kit.depths()) < 8
    run(kit.job(plates, resume=True, checkpoint_interval_frames=interval))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


def test_whole_frames_are_kept_and_the_state_of_the_stop_serves(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 9))
    stop_after(kit, plates, 4)
    before = marks(kit)
    (waits,) = states_in(kit.folder / "depth/shot.flashdepth")
    assert waits == max(before) + 1
    watcher = Watcher()
    result = run(kit.job(plates, resume=True), watcher)
    assert result.frames_kept == tuple(before)
    assert {frame: mark for frame, mark in marks(kit).items() if frame in before} == before
    # Nothing is gone through again: the state was saved where the render stopped.
    assert (watcher.passed, watcher.written) == ([], list(range(waits, 9)))


def test_frames_after_the_checkpoint_are_checked_and_not_rewritten(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates, "whole/shot.####.exr"))
    stop_after(kit, plates, 5, checkpoint_interval_frames=3)
    folder = kit.folder / "depth/shot.flashdepth"
    for waits in states_in(folder):
        if waits != 4:
            (folder / f"state.{waits:07d}.safetensors").unlink()
    torn = kit.path(5)
    torn.write_bytes(torn.read_bytes()[:-40])
    before = {f: m for f, m in marks_of_whole(kit).items() if f != 5}
    watcher = Watcher()
    run(kit.job(plates, resume=True, checkpoint_interval_frames=3), watcher)
    assert watcher.passed == [4, *(frame for frame in before if frame > 5)]
    assert watcher.written == [frame for frame in range(1, 9) if frame not in before]
    assert {f: m for f, m in marks(kit).items() if f in before} == before
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


def marks_of_whole(kit: RenderKit) -> dict[int, tuple[int, int]]:
    found = {}
    for path in sorted((kit.folder / "depth").glob("shot.*.exr")):
        status = path.stat()
        found[int(path.name.split(".")[1])] = (status.st_ino, status.st_mtime_ns)
    return found


@pytest.mark.parametrize("cut", [0, 1, 100, -1], ids=["empty", "one byte", "header", "last byte"])
def test_torn_frame_is_rendered_again(kit: RenderKit, cut: int) -> None:
    plates = kit.shot(range(1, 5))
    run(kit.job(plates))
    whole = kit.depths()
    kit.path(2).write_bytes(kit.path(2).read_bytes()[:cut])
    result = run(kit.job(plates, resume=True))
    assert (result.frames_written, result.frames_kept) == ((2,), (1, 3, 4))
    assert same(kit.depths(), whole)


def test_resume_of_a_finished_render_touches_no_frame(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 5))
    run(kit.job(plates))
    before = marks(kit)
    watcher = Watcher()
    result = run(kit.job(plates, resume=True), watcher)
    assert (result.frames_written, result.frames_kept) == ((), (1, 2, 3, 4))
    assert (watcher.passed, watcher.written) == ([], [])
    assert marks(kit) == before


def test_resume_of_a_finished_render_gives_the_state_out_and_the_manifest(kit: RenderKit) -> None:
    """As after a kill between the last frame and the end."""
    plates = kit.shot(range(1, 5))
    run(kit.job(plates, "whole/shot.####.exr", state_out="whole.safetensors"))
    result = run(kit.job(plates))
    result.manifest.unlink()
    for path in result.manifest.parent.glob("state.*"):
        path.unlink()
    again = run(kit.job(plates, resume=True))
    assert json.loads(again.manifest.read_text())["frames_kept"] == [1, 2, 3, 4]
    run(kit.job(plates, resume=True, state_out="again.safetensors"))
    whole, again_state = (kit.folder / f"{n}.safetensors" for n in ("whole", "again"))
    assert whole.read_bytes() == again_state.read_bytes()


def test_resume_stops_going_through_frames_once_nothing_is_left_to_write(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates))
    kit.path(2).unlink()
    watcher = Watcher()
    run(kit.job(plates, resume=True), watcher)
    assert (watcher.passed, watcher.written) == ([1], [2])


def test_plate_that_was_replaced_is_rendered_again_with_all_that_follow(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 7))
    run(kit.job(plates, checkpoint_interval_frames=1))
    write_plate(at(plates, 3), 300)
    watcher = Watcher()
    result = run(kit.job(plates, resume=True), watcher)
    assert (result.frames_kept, result.frames_written) == ((1, 2), (3, 4, 5, 6))
    assert any("3-6" in text for text in watcher.warnings)
    run(kit.job(plates, "whole/shot.####.exr"))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


def test_sparse_render_of_more_frames_does_not_mix_pasts(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 6))
    run(kit.job(plates, frames="1-5x2", sparse=True))
    run(kit.job(plates, frames="1-5", sparse=True, resume=True))
    run(kit.job(plates, "whole/shot.####.exr", frames="1-5", sparse=True))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


@pytest.mark.parametrize("missing", ["hold", "skip"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_resume_around_holes_equals_unbroken_shot(kit: RenderKit, missing: str, count: int) -> None:
    plates = kit.shot((1, 2, 5, 6, 7, 8, 9))
    run(kit.job(plates, "whole/shot.####.exr", missing=missing))
    stop_after(kit, plates, count, missing=missing, checkpoint_interval_frames=1)
    run(kit.job(plates, missing=missing, resume=True, checkpoint_interval_frames=1))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))
    whole, resumed = (
        header_of(kit.path(6, o)) for o in ("whole/shot.####.exr", "depth/shot.####.exr")
    )
    assert str(whole) == str(resumed)


def test_held_frame_that_was_lost_is_held_again(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 5))
    run(kit.job(plates, missing="hold", checkpoint_interval_frames=1))
    whole = kit.depths()
    for lost in (4, 3):
        kit.path(lost).unlink()
        result = run(kit.job(plates, missing="hold", resume=True, checkpoint_interval_frames=1))
        assert result.frames_written == (lost,)
        assert same(kit.depths(), whole)


def test_manifest_of_a_resumed_render_speaks_of_the_whole(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 7))
    rgb = np.full((96, 160, 3), np.nan, np.float32)
    write_plate(at(plates, 2), 2, rgb=rgb)
    stop_after(kit, plates, 3)
    path = kit.folder / "depth/shot.flashdepth/manifest.1-6.json"
    assert json.loads(path.read_text())["outcome"] == "interrupted"
    # A killed render leaves no manifest: the frames themselves must say it.
    path.unlink()
    run(kit.job(plates, resume=True))
    manifest = json.loads(path.read_text())
    assert manifest["outcome"] == "done"
    assert sorted(manifest["frames_written"] + manifest["frames_kept"]) == list(range(1, 7))
    assert manifest["resets"] == [1]
    assert manifest["nan_count"] == rgb.size


def test_chunks_of_one_shot_share_folder_and_checkpoints(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates, "whole/shot.####.exr"))
    run(kit.job(plates, frames="1-4"))
    watcher = Watcher()
    run(kit.job(plates, frames="5-8", resume=True), watcher)
    assert watcher.passed == []
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


def test_movie_in_chunks_and_resumed_equals_unbroken_movie(kit: RenderKit) -> None:
    movie = str(write_movie(kit.folder / "shot.mkv", [picture(frame) for frame in range(8)]))
    run(kit.job(movie, "whole/shot.####.exr"))
    whole = kit.depths("whole/shot.####.exr")
    assert sorted(whole) == list(range(1, 9))
    run(kit.job(movie, "a/shot.####.exr", frames="1-3", state_out="s.safetensors"))
    run(kit.job(movie, "a/shot.####.exr", frames="4-8", state_in="s.safetensors"))
    assert same(kit.depths("a/shot.####.exr"), whole)
    stop_after(kit, movie, 3)
    run(kit.job(movie, resume=True))
    assert same(kit.depths(), whole)


def test_two_renders_in_threads_of_one_process_do_not_mix(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates, "whole/shot.####.exr"))
    jobs = [kit.job(plates, frames=frames) for frames in ("1-4", "5-8")]
    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))
