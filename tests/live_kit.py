"""Sources for the tests of live pictures: movies that are made, a camera on loopback, servers that misbehave."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from flashdepth_vfx.live.loop import LiveFrame

SERVER = Path(__file__).with_name("rtsp_server.py")
#: GStreamer's bindings are packages of the system's own Python.
SYSTEM_PYTHON = "/usr/bin/python3"
_ASKED = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
)


class Kept:
    """An output that keeps what it is given."""

    def __init__(self) -> None:
        self.frames: list[LiveFrame] = []
        self.closed = 0

    def write(self, frame: LiveFrame) -> None:
        self.frames.append(frame)

    def close(self) -> None:
        self.closed += 1

    @property
    def depth(self) -> list[np.ndarray]:
        return [frame.depth.depth for frame in self.frames]


def require_camera() -> None:
    """Skips, loudly, where no RTSP server can be had."""
    asked = [SYSTEM_PYTHON, "-c", _ASKED]
    if (
        not Path(SYSTEM_PYTHON).exists()
        or subprocess.run(asked, capture_output=True, check=False).returncode
    ):
        pytest.skip("NO RTSP SERVER: gir1.2-gst-rtsp-server-1.0 and python3-gi are not installed")


@contextlib.contextmanager
def camera(
    port: int, *, width: int = 160, height: int = 120, rate: int = 15
) -> Iterator[subprocess.Popen[bytes]]:
    """A camera at rtsp://127.0.0.1:PORT/cam, until the end of the context."""
    line = [SYSTEM_PYTHON, str(SERVER), str(port), str(width), str(height), str(rate)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline(), "the camera did not start"
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """Of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/live"
    for one in held:
        one.close()


def write_sound(path: Path) -> Path:
    """A file without a picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 800), np.int16), format="s16", layout="mono"
        )
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def rss_kib(pid: int) -> int:
    """Memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no memory is told")


def wait_for(what: str, is_there: object, seconds: float = 30.0) -> None:
    """Until `is_there()`."""
    assert callable(is_there)
    until = time.monotonic() + seconds
    while not is_there():
        assert time.monotonic() < until, f"{what} did not come"
        time.sleep(0.05)
