"""Every way to end the resident worker, and what is on disk and on its pipes then."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from worker_kit import Plates, Worker, changed_worker, depth_files, job, start

import flashdepth_vfx

__all__ = ["start"]


@pytest.mark.parametrize("how", ["stdin", "SIGTERM", "stdout"])
def test_the_end_of_its_host_saves_the_running_render(
    how: str,
    start: Callable[..., Worker],
    plates: Plates,
    nano_weights: Path,
    tmp_path: Path,
) -> None:
    worker = start()
    pattern = plates(60)
    worker.send(type="render", id="a", job=job(pattern, "out/", nano_weights))
    worker.send(type="render", id="b", job=job(pattern, "b/", nano_weights))
    worker.until("progress")
    if how == "stdin":
        worker.end_stdin()
    elif how == "SIGTERM":
        worker.process.send_signal(signal.SIGTERM)
    else:
        worker.deaf = True
    assert worker.exit_code() == 143
    if how != "stdout":
        ended = {worker.until("cancelled")["id"] for _ in range(2)}
        assert ended == {"a", "b"}
    assert 0 < len(depth_files(tmp_path / "out")) < 60
    assert not (tmp_path / "b").exists()
    again = job(pattern, str(tmp_path / "out"), nano_weights, resume=True)
    rest = flashdepth_vfx.render(flashdepth_vfx.RenderJob.from_dict(again))
    assert len(rest.frames_kept) + len(rest.frames_written) == 60
    assert rest.state is not None
    assert rest.state.frames_seen == 60


def test_a_worker_that_hangs_ends_all_the_same(
    start: Callable[..., Worker], plates: Plates, nano_weights: Path
) -> None:
    worker = start(command=changed_worker("os.write(2, b'hung\\n'); time.sleep(600)", 0.5))
    worker.send(type="render", id="a", job=job(plates(1), "out/", nano_weights))
    assert worker.process.stderr is not None
    assert worker.process.stderr.readline() == b"hung\n"
    worker.end_stdin()
    began = time.monotonic()
    assert worker.exit_code() == 1
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("how", ["stdin", "SIGTERM"])
def test_a_host_that_does_not_read_cannot_keep_it_from_saving_and_ending(
    how: str, start: Callable[..., Worker], plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    worker = start("--grace", "30", read=False)
    pattern = plates(60)
    worker.send(type="render", id="a", job=job(pattern, "out/", nano_weights))
    # Far more than a pipe holds.
    for _ in range(400):
        worker.send(type="schema")
    wait_until(lambda: bool(depth_files(tmp_path / "out")))
    if how == "stdin":
        worker.end_stdin()
    else:
        worker.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert worker.exit_code() == 143
    assert time.monotonic() - began < 20
    assert 0 < len(depth_files(tmp_path / "out")) < 60
    again = job(pattern, str(tmp_path / "out"), nano_weights, resume=True)
    rest = flashdepth_vfx.render(flashdepth_vfx.RenderJob.from_dict(again))
    assert rest.state is not None
    assert rest.state.frames_seen == 60


def test_a_worker_that_hangs_ends_though_its_host_does_not_read(
    start: Callable[..., Worker], plates: Plates, nano_weights: Path
) -> None:
    hung = changed_worker("os.write(2, b'hung\\n'); time.sleep(600)", 0.5)
    worker = start(command=hung, read=False)
    worker.send(type="render", id="a", job=job(plates(1), "out/", nano_weights))
    assert worker.process.stderr is not None
    assert worker.process.stderr.readline() == b"hung\n"
    for _ in range(400):
        worker.send(type="schema")
    # Until the pipe is full: nothing tells from outside.
    time.sleep(1)
    began = time.monotonic()
    worker.process.send_signal(signal.SIGTERM)
    assert worker.exit_code() == 1
    assert time.monotonic() - began < 10


def wait_until(holds: Callable[[], bool]) -> None:
    """Until `holds()`, for a minute at most."""
    limit = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.02)
