"""Standard streams that may be closed, or close on the way: a render does not depend on who listens."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any, NoReturn, TextIO

import click

__all__ = ["end_now", "hand_over", "hold_standard_streams", "say", "silence", "write_line"]


def hold_standard_streams() -> None:
    """Open those of stdin, stdout and stderr that the process was started without, on nothing.

    Otherwise the next files that are opened get their numbers, and what is meant for stderr is written
    into a frame.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is given: this one.
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def silence(stream: TextIO) -> None:
    """Send to nothing what `stream` holds and what it is still given: nobody reads it any more.

    Without this Python tries again as it exits, and exits with 120.
    """
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def say(text: str) -> None:
    """One line on stderr, whatever `text` looks like; what nobody can read changes no exit code."""
    try:
        click.echo(" ".join(line.strip() for line in text.splitlines()), err=True)
    except OSError:
        silence(sys.stderr)


def write_line(line: dict[str, Any]) -> None:
    """One line of a log on stdout, as JSON. A log that nobody reads any more is no failed training."""
    try:
        click.echo(json.dumps(line))
    except OSError:
        silence(sys.stdout)


def end_now(code: int) -> NoReturn:
    """End the process with what was said, and without waiting for threads that hang in a file system."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def hand_over(result: str, otherwise: str) -> None:
    """A result on stdout. Where nobody takes it stderr says `otherwise`, where it is: no failure of what was done."""
    try:
        click.echo(result)
    except OSError as lost:
        silence(sys.stdout)
        say(f"warning: nobody reads stdout ({lost.strerror}): {otherwise}")
