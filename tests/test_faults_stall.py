"""File systems that hang, for real: whoever opens a file that another process has leased (Linux, fcntl) waits."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import command_line, environment
from render_kit import RenderKit, Watcher, at, run, same, states_in, temporaries

from flashdepth_vfx.errors import StallError
from flashdepth_vfx.events import RenderEvent
from flashdepth_vfx.stall import StallWatch

FRAMES = range(1, 61)
#: The kernel breaks a lease by force after /proc/sys/fs/lease-break-time, 45 s.
KERNEL_SECONDS = 45


@contextlib.contextmanager
def hanging(path: Path) -> Iterator[None]:
    """Whoever opens the file waits until the block ends, as on a file server that does not answer."""
    # The kernel says so when someone waits; without this it would end us.
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    descriptor = os.open(path, os.O_RDWR)
    try:
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError as error:
            pytest.skip(f"NO FILE HANGS HERE: the file system of {path} knows no leases ({error})")
        yield
    finally:
        os.close(descriptor)
        signal.signal(signal.SIGIO, before)


Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def begin(kit: RenderKit) -> Iterator[Begin]:
    """The command in a process of its own, which is ended at the end."""
    processes: list[subprocess.Popen[str]] = []

    def start(plates: str, *options: str) -> subprocess.Popen[str]:
        line = ["render", plates, "-o", str(kit.folder / "depth/shot.####.exr"), *options]
        line += ["--weights", str(kit.weights), "--device", "cpu", "--resolution", "native"]
        processes.append(
            subprocess.Popen(
                command_line([*line, "--colorspace", "sRGB Encoded Rec.709 (sRGB)"]),
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def paused_after_frames(kit: RenderKit, process: subprocess.Popen[str], count: int) -> None:
    """Stop the process, as it is, once so many frames are there."""
    limit = time.monotonic() + 60
    while len(list((kit.folder / "depth").glob("shot.[0-9]*.exr"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, float]:
    """Exit code, the last line, and how long it took."""
    began = time.monotonic()
    _, said = process.communicate(timeout=KERNEL_SECONDS - 5)
    return process.returncode, said.splitlines()[-1], time.monotonic() - began


def test_a_plate_that_hangs_stops_the_render_with_its_state_saved(
    kit: RenderKit, begin: Begin
) -> None:
    plates = kit.shot(FRAMES)
    process = begin(plates, "--stall-timeout", "3")
    paused_after_frames(kit, process, 3)
    with hanging(at(plates, 50)):
        process.send_signal(signal.SIGCONT)
        code, last, seconds = ended(process)
    assert (code, last.startswith("error: no frame was read, seen or written for 3 s")) == (
        75,
        True,
    ), last
    assert seconds < 20
    # All that was finished is there, the state for it too, and nothing half.
    folder = kit.folder / "depth/shot.flashdepth"
    done = sorted(kit.depths())
    assert done == list(range(1, done[-1] + 1))
    assert 3 <= done[-1] < 50
    assert max(states_in(folder)) == done[-1] + 1
    assert json.loads((folder / "manifest.1-60.json").read_text())["outcome"] == "failed"
    assert list(folder.glob("lease.*")) == []
    assert temporaries(kit.folder) == []
    result = run(kit.job(plates, resume=True))
    assert result.frames_written == tuple(range(done[-1] + 1, 61))
    run(kit.job(plates, "whole/shot.####.exr"))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


def test_an_output_that_hangs_ends_the_process(kit: RenderKit, begin: Begin) -> None:
    plates = kit.shot(FRAMES)
    log = kit.folder / "depth/shot.flashdepth/render.1-60.log"
    log.parent.mkdir(parents=True)
    log.touch()
    with hanging(log):
        process = begin(plates, "--stall-timeout", "2")
        code, last, seconds = ended(process)
    assert code == 75
    assert last.startswith("error: no frame was read, seen or written for 2 s")
    assert "does not stop" in last
    assert seconds < 25
    run(kit.job(plates, frames="1-2", resume=True))
    assert sorted(kit.depths()) == [1, 2]


def test_plates_that_hang_before_anything_is_decided_end_the_process(
    kit: RenderKit, begin: Begin
) -> None:
    plates = kit.shot((1, 2, 3))
    with hanging(at(plates, 2)):
        process = begin(plates, "--stall-timeout", "3")
        code, last, seconds = ended(process)
    assert code == 75
    assert "being decided" in last
    assert seconds < 25
    assert not (kit.folder / "depth").exists()


def test_plates_that_hang_while_they_are_waited_for_end_the_process(
    kit: RenderKit, begin: Begin
) -> None:
    plates = kit.shot((1, 2, 3))
    waits = ("--wait-for-frames", "600", "--frames", "1-3")
    with hanging(at(plates, 2)):
        process = begin(plates, "--stall-timeout", "2", *waits)
        code, last, seconds = ended(process)
    assert code == 75
    assert last.startswith("error: no frame was read, seen or written for 2 s")
    assert seconds < 25


def test_plates_that_do_not_come_are_no_stall(kit: RenderKit, begin: Begin) -> None:
    plates = kit.shot((1, 2))
    waits = ("--wait-for-frames", "3", "--frames", "1-3")
    process = begin(plates, "--stall-timeout", "0.3", *waits)
    code, last, _ = ended(process)
    assert (code, "shot.0003.exr: is not on disk" in last) == (75, True), last


class SlowWatcher(Watcher):
    """A tenth of a second for whatever it is told."""

    def __call__(self, event: RenderEvent) -> None:
        super().__call__(event)
        time.sleep(0.1)


def test_a_render_that_moves_is_left_alone_though_it_takes_longer(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 21))
    before = threading.active_count()
    took = SlowWatcher()
    result = run(kit.job(plates, stall_timeout_seconds=1.0), took)
    assert len(result.frames_written) == 20
    assert result.seconds > 2 * 1.0
    limit = time.monotonic() + 5
    while threading.active_count() > before:
        assert time.monotonic() < limit, threading.enumerate()
        time.sleep(0.01)


def test_whoever_waits_is_told_once_nothing_moves_and_has_time_to_save() -> None:
    # Not as a context: it would end this process, too.
    watch = StallWatch(0.4)
    with ThreadPoolExecutor(2) as pool:
        watch.count_frames()
        never = threading.Event()
        hung = pool.submit(never.wait, 20)
        # Beats of another thread keep it waiting.
        step = watch.beating(lambda: time.sleep(0.1))
        moves = pool.submit(lambda: [step() for _ in range(12)])
        began = time.monotonic()
        with pytest.raises(StallError, match=r"0\.4 s") as raised:
            watch.result_of(hung)
        assert time.monotonic() - began + 0.1 >= 1.2 + 0.4
        assert moves.done()
        assert (raised.value.exit_code, watch.gave_up) == (75, True)
        # What is done is still taken, what is nearly done is waited for, and what hangs still is not.
        assert len(watch.result_of(moves)) == 12
        assert watch.result_of(pool.submit(lambda: time.sleep(0.3) or "saved")) == "saved"
        with pytest.raises(StallError):
            watch.result_of(hung)
        never.set()
    assert watch.result_of(hung) is True


_LOADS = """
import sys, time
from flashdepth_vfx.events import RenderEvent
from flashdepth_vfx.stall import StallWatch
with StallWatch(1.0):
    end = time.monotonic() + 4
    while time.monotonic() < end:
        # Busy for a tenth of the time, as one who reads weights from a slow disk is.
        until = time.monotonic() + 0.03
        while time.monotonic() < until: pass
        time.sleep(0.2)
    print("loaded", flush=True)
    time.sleep(20)
"""


def test_loading_counts_as_moving_while_it_uses_the_processor() -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _LOADS], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (75, "loaded\n")
    assert done.stderr.count("\n") == 1
    assert 5 <= time.monotonic() - began < 12


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_a_limit_that_is_none_is_refused(kit: RenderKit, begin: Begin, seconds: str) -> None:
    process = begin(str(kit.folder / "shot.####.exr"), "--stall-timeout", seconds)
    code, last, _ = ended(process)
    assert (code, f"--stall-timeout {seconds}" in last) == (2, True)
