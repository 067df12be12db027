"""A camera on loopback, by a real RTSP server: pictures, a camera that is unplugged, and one that comes back."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import command_line, environment, run_command
from live_kit import Kept, camera, free_port, require_camera, rss_kib, wait_for

from flashdepth_vfx import RenderSettings
from flashdepth_vfx.errors import StreamError
from flashdepth_vfx.live import LiveJob, LiveStatus, stream


@pytest.fixture(autouse=True)
def _there() -> None:
    require_camera()


def _job(port: int, weights: Path, **more: object) -> LiveJob:
    settings = RenderSettings(weights=str(weights), device="cpu")
    return LiveJob(source=f"rtsp://127.0.0.1:{port}/cam", settings=settings, **more)  # type: ignore[arg-type]


def test_pictures_of_a_camera_come_and_the_state_is_kept(nano_weights: Path) -> None:
    port, kept = free_port(), Kept()
    with camera(port):
        done = stream(_job(port, nano_weights, max_frames=20, timeout_seconds=20.0), [kept])
    assert done.frames == 20
    assert (done.resets, done.gaps) == (0, 0)
    assert all(depth.shape == (120, 160) for depth in kept.depth)
    assert [f.depth.attributes["flashdepth/reset"] for f in kept.frames] == [1] + [0] * 19


@pytest.mark.parametrize(("keep_seconds", "resets"), [(60.0, 0), (0.0, 1)])
def test_a_camera_that_is_unplugged_and_comes_back(
    nano_weights: Path, keep_seconds: float, resets: int
) -> None:
    port, kept, told = free_port(), Kept(), []
    job = _job(port, nano_weights, keep_state_seconds=keep_seconds, duration_seconds=60.0)
    stop = threading.Event()
    back_at = 0

    def enough(status: LiveStatus) -> None:
        if status.gaps and status.frames >= back_at + 3:
            stop.set()

    running: list[BaseException | LiveStatus] = []

    def run() -> None:
        try:
            running.append(stream(job, [kept], stop=stop, on_frame=enough, tell=told.append))
        except BaseException as error:  # noqa: BLE001 - looked at below
            running.append(error)

    with camera(port):
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        wait_for("a picture", lambda: len(kept.frames) >= 3, 60.0)
    back_at = len(kept.frames)
    with camera(port):
        thread.join(60.0)
    assert not thread.is_alive()
    assert len(told) == 1
    assert told[0].endswith("the state is kept" if not resets else "the state is begun anew")
    numbers = [frame.number for frame in kept.frames]
    assert numbers == list(range(1, len(numbers) + 1))
    begun = [f.number for f in kept.frames if f.depth.attributes["flashdepth/reset"]]
    assert len(begun) == 1 + resets


def test_one_that_stays_away_is_a_clear_line_and_no_hang(nano_weights: Path) -> None:
    port, kept = free_port(), Kept()
    job = _job(port, nano_weights, reconnect_seconds=2.0, timeout_seconds=2.0)
    with camera(port) as process:
        threading.Timer(4.0, process.kill).start()
        since = time.monotonic()
        with pytest.raises(StreamError, match="is gone"):
            stream(job, [kept])
    assert time.monotonic() - since < 25.0
    assert kept.frames
    assert kept.closed == 1


@pytest.mark.slow
def test_it_goes_on_and_does_not_grow(nano_weights: Path, tmp_path: Path) -> None:
    """For `SOAK_SECONDS`, 45 here: every frame has a file, the state is never lost, memory stands still."""
    seconds = int(os.environ.get("SOAK_SECONDS", "45"))
    port = free_port()
    asked = [
        "stream",
        f"rtsp://127.0.0.1:{port}/cam",
        "-o",
        "d/d.######.exr",
        "--log",
        "log.jsonl",
        "--json",
    ]
    asked += ["--duration", str(seconds), "--weights", str(nano_weights), "--device", "cpu"]
    with camera(port, rate=30):
        process = subprocess.Popen(
            command_line(asked), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE
        )
        wait_for("the first file", lambda: list(tmp_path.glob("d/*.exr")), 60.0)
        time.sleep(seconds / 4)
        early = rss_kib(process.pid)
        time.sleep(seconds / 2)
        late = rss_kib(process.pid)
        told, _ = process.communicate(timeout=seconds + 60)
    assert process.returncode == 0
    done = json.loads(told)
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert done["frames"] == len(list(tmp_path.glob("d/*.exr"))) == len(logged)
    assert [line["reset"] for line in logged] == [True] + [False] * (done["frames"] - 1)
    assert done["resets"] == 0
    # Noise of an allocator, and no frame's worth of it.
    assert late - early < 8 * 1024, (early, late)


def test_the_command_from_a_camera(nano_weights: Path, tmp_path: Path) -> None:
    port = free_port()
    with camera(port):
        address = f"rtsp://127.0.0.1:{port}/cam"
        done = run_command(
            [
                "stream",
                address,
                "--npy",
                "d.####.npy",
                "--max-frames",
                "3",
                "--weights",
                str(nano_weights),
            ],
            tmp_path,
        )
    assert done.returncode == 0, done.stderr
    assert "3 frames" in done.stderr
    assert len(list(tmp_path.glob("d.*.npy"))) == 3
