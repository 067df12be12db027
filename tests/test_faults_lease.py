"""Two renders of the same frames: one renders, the other is told who does; a dead one's place is taken once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from render_kit import RenderKit, Watcher, depths, run, same, start_process, temporaries

from flashdepth_vfx import lease
from flashdepth_vfx.errors import LeaseError, OutputExistsError
from flashdepth_vfx.events import RenderEvent, Started
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.io.atomic import process_space
from flashdepth_vfx.lease import Lease

FRAMES = range(1, 17)
LONG_AGO_SECONDS = 120
#: A fifth of a second a frame.
SLOW = {"SLOW_FRAMES": "1"}


def leases(folder: Path) -> list[Path]:
    return sorted(folder.glob("lease.*.json"))


def taken(folder: Path, frames: str = "1-10") -> Lease:
    one = Lease(folder, FrameRange.parse(frames))
    one.take()
    return one


def grow_old(path: Path) -> None:
    then = time.time() - LONG_AGO_SECONDS
    os.utime(path, (then, then))


def of_another_host(folder: Path) -> Path:
    """A lease that only its age can tell about."""
    with taken(folder):
        (own,) = leases(folder)
        told = json.loads(own.read_text()) | {"process_space": "elsewhere-0", "host": "render07"}
    other = folder / "lease.1-10.0123456789abcdef.json"
    other.write_text(json.dumps(told))
    return other


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


@pytest.mark.parametrize(("frames", "fits"), [("6-12", False), ("11-20", True), ("1,20", False)])
def test_chunks_are_rendered_side_by_side_where_no_frame_is_in_both(
    tmp_path: Path, frames: str, fits: bool
) -> None:
    with taken(tmp_path, "1-10"):
        if fits:
            with taken(tmp_path, frames):
                assert len(leases(tmp_path)) == 2
        else:
            with pytest.raises(LeaseError, match="frames 1-10 are being rendered by process"):
                taken(tmp_path, frames)
            assert len(leases(tmp_path)) == 1
    assert leases(tmp_path) == []


def test_frames_that_are_kept_are_free(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 7))
    run(kit.job(plates))
    kit.path(2).unlink()
    folder = kit.folder / "depth/shot.flashdepth"
    with taken(folder, "3-6"):
        assert run(kit.job(plates, resume=True)).frames_written == (2,)
    kit.path(2).unlink()
    with taken(folder, "2"), pytest.raises(LeaseError):
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


def test_of_another_host_only_the_heartbeat_tells(tmp_path: Path) -> None:
    other = of_another_host(tmp_path)
    before = other.read_bytes()
    grow_old(other)
    os.utime(other, (time.time() - 30, time.time() - 30))
    with pytest.raises(LeaseError, match=r"render07, heard of (29|30|31) s ago") as raised:
        taken(tmp_path)
    assert raised.value.exit_code == 75
    assert other.read_bytes() == before
    grow_old(other)
    with taken(tmp_path):
        assert not other.exists()


def test_a_file_that_tells_nothing_counts_until_it_is_old(tmp_path: Path) -> None:
    torn = tmp_path / "lease.1-10.0123456789abcdef.json"
    torn.write_bytes(b'{"frames": "1-')
    os.utime(torn, (time.time() - 30, time.time() - 30))
    with pytest.raises(LeaseError, match="frames that cannot be told"):
        taken(tmp_path, "50")
    grow_old(torn)
    with taken(tmp_path, "50"):
        assert not torn.exists()


def test_ages_are_told_by_the_file_server_s_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = of_another_host(tmp_path)
    os.utime(other, (time.time() - 30, time.time() - 30))
    # This host's own clock is an hour fast.
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    with pytest.raises(LeaseError, match="heard of"):
        taken(tmp_path)


_TAKER = """
import os, sys, time
from pathlib import Path
from flashdepth_vfx.errors import LeaseError, OutputExistsError
from flashdepth_vfx.events import RenderEvent, Started
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.lease import Lease
folder, gate = Path(sys.argv[1]), Path(sys.argv[2])
with Lease(folder, FrameRange.parse(sys.argv[3])) as lease:
    print("ready", flush=True)
    while not gate.exists(): time.sleep(0.001)
    try: lease.take()
    except LeaseError: sys.exit(75)
    # Two at once would both get here: one of them fails.
    os.close(os.open(folder / "held", os.O_CREAT | os.O_EXCL))
    time.sleep(6)
    lease.require()
    os.unlink(folder / "held")
"""


@pytest.mark.parametrize("round_", range(3))
def test_of_many_takers_of_a_dead_lease_one_gets_it(tmp_path: Path, round_: int) -> None:
    grow_old(of_another_host(tmp_path))
    ranges = ("1-10", "1-10", "5-15", "10", "1-20")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _TAKER, str(tmp_path), str(tmp_path / "gate"), frames],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for frames in ranges
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    (tmp_path / "gate").touch()
    said = [process.communicate(timeout=60)[1] for process in processes]
    codes = sorted(process.returncode for process in processes)
    # 10, 1-10 and 5-15 all have frame 10: no two fit.
    assert codes == [0, 75, 75, 75, 75], said
    assert leases(tmp_path) == []


def test_the_heart_beats_and_brings_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.1)
    with taken(tmp_path) as held:
        (path,) = leases(tmp_path)
        text = path.read_bytes()
        grow_old(path)
        limit = time.monotonic() + 10
        while path.stat().st_mtime < time.time() - LONG_AGO_SECONDS / 2:
            assert time.monotonic() < limit
            time.sleep(0.05)
        assert path.read_bytes() == text
        held.require()
        path.unlink()
        time.sleep(0.5)
        assert leases(tmp_path) == []
        with pytest.raises(LeaseError, match="is gone") as raised:
            held.require()
        assert raised.value.exit_code == 75
    assert not [t for t in threading.enumerate() if t.name == "lease"]


def test_what_a_lease_says(tmp_path: Path) -> None:
    with taken(tmp_path, "1-10x3"):
        (path,) = leases(tmp_path)
        told = json.loads(path.read_text())
    assert told.pop("token") in path.name
    assert told == {
        "frames": "1-10x3",
        "host": os.uname().nodename,
        "process": os.getpid(),
        "process_space": process_space(),
        "heartbeat_seconds": 10.0,
        "lapses_seconds": 60.0,
    }


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
