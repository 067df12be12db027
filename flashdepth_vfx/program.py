"""A program of somebody else's, run to its end: what it says is passed on, and a stop reaches all that it started."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from flashdepth_vfx.errors import FlashDepthError, Interrupted

__all__ = ["run_program"]

#: How often it is looked whether to stop, while the program says nothing.
_LOOK_SECONDS = 0.2
#: What is told to end has so long for it; engines that kill give a task 30 s at least.
_GRACE_SECONDS = 20.0
#: What is killed is gone in a moment; one that hangs in a disk is not waited for.
_KILLED_SECONDS = 2.0
_LAST_LINES, _LAST_WORDS = 50, 500


def run_program(
    command: Sequence[str],
    failed: Callable[[str], FlashDepthError],
    *,
    tell: Callable[[str], None] = lambda text: None,
    stop: threading.Event | None = None,
) -> None:
    """Run a program with its arguments, by no shell, and wait for it. It is given nothing to read.

    `tell` is given each line that it says, of stdout and stderr, on this thread. With `stop` it has a process group
    of its own: setting `stop` sends SIGTERM to all of it, and SIGKILL to what is left after 20 s, and raises
    `Interrupted`. Raises what `failed` makes of a reason where the program cannot be started, or ends with anything
    but 0.
    """
    process = _started(command, failed, own_group=stop is not None)
    last: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        for line in _lines(process):
            if stop is not None and stop.is_set():
                raise Interrupted(f"stopped, and {command[0]} with it; the same command goes on")
            if line:
                last.append(line)
                tell(line)
    except BaseException:
        _end(process, own_group=stop is not None)
        raise
    if process.returncode:
        said = "\n".join(last)[-_LAST_WORDS:]
        raise failed(f"ended with {process.returncode}{': ' if said else ''}{said}")


def _started(
    command: Sequence[str], failed: Callable[[str], FlashDepthError], *, own_group: bool
) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=own_group,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise failed(f"cannot be started ({reason})") from error


def _lines(process: subprocess.Popen[str]) -> Iterator[str | None]:
    """What it says, line by line, and None now and then while it says nothing; until it has ended."""
    told: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    assert process.stdout is not None
    threading.Thread(target=_read, args=(process.stdout, told), daemon=True).start()
    while True:
        try:
            line = told.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            yield None
            # What it started and left running may hold the pipe for ever.
            if process.poll() is not None:
                return
            continue
        if line is None:
            break
        yield line
    while process.poll() is None:
        yield None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_SECONDS)


def _read(stream: IO[str], told: queue.SimpleQueue[str | None]) -> None:
    with stream:
        for line in stream:
            told.put(line.rstrip())
    told.put(None)


def _end(process: subprocess.Popen[str], *, own_group: bool) -> None:
    """Have it end, with all that it started, and wait for it."""
    for name, seconds in (("SIGTERM", _GRACE_SECONDS), ("SIGKILL", _KILLED_SECONDS)):
        _signal(process, name, own_group=own_group)
        limit = time.monotonic() + seconds
        while _signal(process, None, own_group=own_group) and time.monotonic() < limit:
            time.sleep(_LOOK_SECONDS / 4)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_LOOK_SECONDS)


def _signal(process: subprocess.Popen[str], name: str | None, *, own_group: bool) -> bool:
    """Send a signal, or none; whether anything was there to take it."""
    gone = process.poll() is not None
    if sys.platform == "win32" or not own_group:
        if name is not None and not gone:
            (process.terminate if name == "SIGTERM" else process.kill)()
        return not gone
    try:
        os.killpg(process.pid, getattr(signal, name) if name is not None else 0)
    except ProcessLookupError:
        return False
    return True
