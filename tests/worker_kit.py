"""A resident worker as a real process, for the tests that talk to it."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import command_line, environment

Plates = Callable[..., str]
Message = dict[str, Any]


class Worker:
    """A worker process and the messages that it sends."""

    def __init__(self, command: list[str], folder: Path, *, read: bool) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.lines: list[bytes] = []
        #: Whether to close the worker's stdout after the next message.
        self.deaf = False
        self._messages: queue.Queue[Message | None] = queue.Queue()
        if read:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            self._messages.put(json.loads(line))
            if self.deaf:
                self.process.stdout.close()
                break
        self._messages.put(None)

    def send(self, **request: Any) -> None:
        self.send_raw(json.dumps(request).encode() + b"\n")

    def send_raw(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def until(self, *kinds: str) -> Message:
        """The next message of one of these types."""
        while (message := self._messages.get(timeout=60)) is not None:
            if message["type"] in kinds:
                return message
        raise AssertionError(f"it ended before it sent {kinds}")

    def end_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def exit_code(self) -> int:
        return self.process.wait(timeout=40)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts workers, the command unless another is given; whatever is left at the end is ended."""
    begun: list[Worker] = []

    def worker(*options: str, command: list[str] | None = None, read: bool = True) -> Worker:
        begun.append(Worker(command or command_line(["serve", *options]), tmp_path, read=read))
        return begun[-1]

    yield worker
    for one in begun:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def worker(start: Callable[..., Worker]) -> Worker:
    return start()


def job(pattern: str, output: str, weights: Path, **more: Any) -> Message:
    settings = {"weights": str(weights), "device": "cpu"}
    return {"shot": {"input": pattern}, "output": output, "settings": settings, **more}


def depth_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.exr")}


#: A worker whose network is opened as a noisy library, or a hung disk, would do it.
_WITH_NETWORKS = """
import os, sys, time
from flashdepth_vfx import networks, run_worker
class Changed(networks.Networks):
    def open(self, settings):
        {change}
        return super().open(settings)
networks.Networks = Changed
sys.exit(run_worker(grace_seconds={grace}, debug={debug}))
"""


def changed_worker(change: str, grace: float, *, debug: bool = False) -> list[str]:
    code = _WITH_NETWORKS.format(change=change, grace=grace, debug=debug)
    return [sys.executable, "-c", code]
