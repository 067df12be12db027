"""The lease itself: held by one, told dead by its process or its heartbeat, taken over once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from lease_kit import grow_old, leases, of_another_host, taken

from flashdepth_vfx import lease
from flashdepth_vfx.errors import LeaseError
from flashdepth_vfx.io.atomic import process_space


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
        while path.stat().st_mtime < time.time() - 60:
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
