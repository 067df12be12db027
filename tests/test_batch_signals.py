"""Signals, as farms and terminals send them, and the bar that only terminals get."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
from conftest import command_line, environment

Run = Callable[..., subprocess.CompletedProcess[str]]
Plates = Callable[..., str]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command and leaves it running; whatever is left at the end is ended."""
    begun: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command_line(arguments),
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def wait_for_line(stream: IO[str] | None, start: str) -> str:
    """The next line that begins so."""
    assert stream is not None
    for line in stream:
        if line.startswith(start):
            return line
    raise AssertionError(f"it ended before it said '{start}'")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.exr")}


@pytest.mark.parametrize(
    ("number", "progress"), [(signal.SIGTERM, "plain"), (signal.SIGINT, "json")]
)
def test_a_stopped_shot_that_is_resumed_equals_an_unbroken_one(
    number: signal.Signals,
    progress: str,
    begin: Callable[..., subprocess.Popen[str]],
    flashdepth: Run,
    plates: Plates,
    nano_weights: Path,
    tmp_path: Path,
) -> None:
    pattern, weights = plates(60), ("--weights", str(nano_weights))
    process = begin("render", pattern, "-o", "out/", *weights, "--progress", progress)
    # What is told is there while the render goes on: it was flushed.
    if progress == "plain":
        wait_for_line(process.stderr, "frame 1001 ")
    else:
        wait_for_line(process.stdout, '{"event": "frame", "frame": 1001,')
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert said.splitlines()[-1].startswith("interrupted: ")
    half = contents(tmp_path / "out")
    assert 0 < len(half) < 60
    done = flashdepth("render", pattern, "-o", "out/", *weights, "--resume")
    assert done.returncode == 0, done.stderr
    assert "state: starts at the head" not in done.stderr
    assert flashdepth("render", pattern, "-o", "whole/", *weights).returncode == 0
    resumed = contents(tmp_path / "out")
    assert resumed == contents(tmp_path / "whole")
    assert half.items() <= resumed.items()


def test_a_second_ctrl_c_ends_at_once(
    begin: Callable[..., subprocess.Popen[str]], plates: Plates, nano_weights: Path
) -> None:
    # A frame of this size keeps one core busy for seconds.
    pattern = plates(2, height=1536, width=3072)
    slow = ("--weights", str(nano_weights), "--resolution", "native")
    process = begin("render", pattern, "-o", "out/", *slow)
    wait_for_line(process.stderr, "to write")
    process.send_signal(signal.SIGINT)
    wait_for_line(process.stderr, "stopping ")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert time.monotonic() - began < 1.0


def in_a_terminal(arguments: list[str], folder: Path) -> tuple[int, str]:
    """Run with stderr on a terminal; the exit code and what the terminal was sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command_line(arguments),
        cwd=folder,
        env=environment(COLUMNS="100", TERM="xterm"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    said = bytearray()
    # Linux raises, instead of reading nothing, when the other side has closed.
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 4096):
            said += piece
    os.close(ours)
    return process.wait(timeout=60), said.decode()


def test_a_terminal_gets_a_bar_with_frames_rate_and_time_left(
    plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    weights = ["--weights", str(nano_weights)]
    code, said = in_a_terminal(["render", plates(4), "-o", "out/", *weights], tmp_path)
    assert code == 0
    *_, before_last = [part for part in said.split("\r") if "4/4" in part]
    assert before_last.startswith("[" + "#" * 30 + "] 4/4  frame 1004")
    assert "fps" in before_last
    assert "0:00 left" in before_last
    assert said.rstrip().splitlines()[-1].startswith("done: 4 written")


def test_a_bar_that_fails_leaves_the_error_on_a_line_of_its_own(
    plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    pattern = plates(3)
    path = Path(pattern.replace("####", "1003"))
    path.write_bytes(path.read_bytes()[:-200])
    weights = ["--weights", str(nano_weights)]
    code, said = in_a_terminal(["render", pattern, "-o", "out/", *weights], tmp_path)
    assert code == 1
    assert said.splitlines()[-1].startswith("error: ")
