"""A render in a process of its own, to be stopped and killed: `render_driver.py JOB.json`.

With `SLOW_DISK` in the environment every file is written in pieces, with pauses between them, so that a
kill falls into a write and not between two. With `SLOW_FRAMES` each frame takes a fifth of a second.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from flashdepth_vfx import FlashDepthError, RenderJob, render
from flashdepth_vfx.events import FrameWritten, RenderEvent, to_line
from flashdepth_vfx.io import atomic

_PIECES = 20
_PAUSE_S = 0.002
_FRAME_S = 0.2


def main() -> int:
    """Render the job of the file named; a signal stops it as it stops the command."""
    if "SLOW_DISK" in os.environ:
        atomic._write_through = write_slowly
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        render(
            RenderJob.from_json(Path(sys.argv[1]).read_bytes()),
            observer=tell,
            stop=stop,
        )
    except FlashDepthError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def tell(event: RenderEvent) -> None:
    """Print it, and take the time that is asked for: observers are called in the order of frames."""
    sys.stdout.write(to_line(event) + "\n")
    sys.stdout.flush()
    if "SLOW_FRAMES" in os.environ and isinstance(event, FrameWritten):
        time.sleep(_FRAME_S)


def write_slowly(path: Path, fill: Callable[[BinaryIO], None]) -> int:
    """As `atomic._write_through`, on a slow disk."""
    filled = io.BytesIO()
    fill(filled)
    data = filled.getbuffer()
    step = max(1, len(data) // _PIECES)
    with path.open("xb", buffering=0) as file:
        for place in range(0, len(data), step):
            file.write(data[place : place + step])
            time.sleep(_PAUSE_S)
        os.fsync(file.fileno())
    return len(data)


if __name__ == "__main__":
    sys.exit(main())
