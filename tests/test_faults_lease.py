"""Two renders of the same frames: one renders, the other is told who does, and nobody saves over anybody."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from lease_kit import grow_old, leases, taken
from render_kit import RenderKit, Watcher, depths, run, same, start_process, temporaries

from flashdepth_vfx.errors import LeaseError, OutputExistsError
from flashdepth_vfx.events import RenderEvent, Started

FRAMES = range(1, 17)
#: A fifth of a second a frame.
SLOW = {"SLOW_FRAMES": "1"}


def wait_for(path: Path, pattern: str, count: int) -> None:
    limit = time.monotonic() + 60
    while len(list(path.glob(pattern))) < count:
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_two_workers_on_one_chunk_are_one_render_and_one_that_says_who_renders(
    kit: RenderKit,
) -> None:
    plates = kit.shot(FRAMES)
    run(kit.job(plates, "whole/shot.####.exr"))
    job = kit.job(plates, checkpoint_interval_frames=2)
    processes = [start_process(job, kit.folder / str(i), SLOW) for i in range(2)]
    said = {p.communicate(timeout=120)[1]: p.returncode for p in processes}
    assert sorted(said.values()) == [0, 75], said
    (refused,) = (text for text, code in said.items() if code == 75)
    (winner,) = (p for p in processes if p.returncode == 0)
    assert refused.count("\n") == 1
    for fact in (f"process {winner.pid}", os.uname().nodename, "frames 1-16", "--resume"):
        assert fact in refused
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))
    assert leases(kit.folder / "depth/shot.flashdepth") == []
    assert temporaries(kit.folder) == []


def test_frames_that_are_kept_are_free(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 7))
    run(kit.job(plates))
    kit.path(5).unlink()
    folder = kit.folder / "depth/shot.flashdepth"
    with taken(folder, "1-4,6"):
        assert run(kit.job(plates, resume=True)).frames_written == (5,)
    kit.path(5).unlink()
    with taken(folder, "5"), pytest.raises(LeaseError):
        run(kit.job(plates, resume=True))


def test_a_lease_is_given_back_however_the_render_ends(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 5))
    torn = Path(plates.replace("####", "0003"))
    torn.write_bytes(torn.read_bytes()[:-100])
    for name in ("render that fails", "and again"):
        process = start_process(kit.job(plates, resume=True), kit.folder)
        process.communicate(timeout=60)
        assert process.returncode == 1, name
        assert leases(kit.folder / "depth/shot.flashdepth") == []


def test_a_killed_render_on_this_host_is_known_to_be_dead_at_once(kit: RenderKit) -> None:
    plates = kit.shot(FRAMES)
    process = start_process(kit.job(plates), kit.folder)
    wait_for(kit.folder / "depth", "shot.[0-9]*.exr", 2)
    process.kill()
    # Ended, and not reaped: its number is still taken.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert len(leases(kit.folder / "depth/shot.flashdepth")) == 1
    run(kit.job(plates, resume=True))
    assert leases(kit.folder / "depth/shot.flashdepth") == []
    process.communicate()


def test_a_render_that_stood_still_finds_its_frames_taken_and_saves_nothing(
    kit: RenderKit,
) -> None:
    plates = kit.shot(FRAMES)
    folder = kit.folder / "depth/shot.flashdepth"
    process = start_process(kit.job(plates, checkpoint_interval_frames=2), kit.folder, SLOW)
    wait_for(kit.folder / "depth", "shot.[0-9]*.exr", 3)
    process.send_signal(signal.SIGSTOP)
    (held,) = leases(folder)
    with pytest.raises(LeaseError):
        run(kit.job(plates, resume=True))
    grow_old(held)
    run(kit.job(plates, resume=True))
    done = {path: path.stat().st_mtime_ns for path in (kit.folder / "depth").rglob("*.*")}
    whole = kit.depths()
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 75, said
    assert "is gone" in said
    assert json.loads((folder / "manifest.1-16.json").read_text())["outcome"] == "done"
    changed = [p.name for p, then in done.items() if p.stat().st_mtime_ns != then]
    # The log says how it ended; a frame that was in its hand when it stood still may come after all.
    assert len([name for name in changed if name.endswith(".exr")]) <= 2, changed
    assert [name for name in changed if name.endswith((".json", ".safetensors"))] == []
    assert same(depths(str(kit.folder / "depth/shot.####.exr")), whole)
    assert temporaries(kit.folder) == []


def test_a_job_that_is_done_asks_for_no_lease_and_says_that_there_is_nothing_to_do(
    kit: RenderKit,
) -> None:
    plates = kit.shot((1, 2, 3))
    run(kit.job(plates))
    before = {p: p.read_bytes() for p in kit.folder.rglob("*") if p.is_file()}
    with taken(kit.folder / "depth/shot.flashdepth", "1-3"):
        process = start_process(kit.job(plates, resume=True), kit.folder / "ticket")
        told, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "to write: 0 frames" in told
    assert "done: 0 written, 3 kept" in told
    assert {p: p.read_bytes() for p in before} == before


def test_frames_that_another_render_made_while_this_one_began_are_not_replaced(
    kit: RenderKit,
) -> None:
    plates = kit.shot((1, 2, 3))

    class Hurried(Watcher):
        def __call__(self, event: RenderEvent) -> None:
            if isinstance(event, Started):
                run(kit.job(plates, frames="2-3"))

    with pytest.raises(LeaseError, match="another render made frames 2-3") as raised:
        run(kit.job(plates, exposure_stops=1.0), Hurried())
    assert raised.value.exit_code == 75
    assert sorted(kit.depths()) == [2, 3]
    assert leases(kit.folder / "depth/shot.flashdepth") == []
    # The settings of those that are there are looked at, the next time.
    with pytest.raises(OutputExistsError):
        run(kit.job(plates, exposure_stops=1.0))
