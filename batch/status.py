"""What goes on just now, as one line on stderr: drawn again and again on a terminal, now and then in a log."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator

import click

from .streams import say, silence

__all__ = ["Status", "open_status"]

#: In a log, a line each so many seconds says that something goes on, and does not fill the log.
_SECONDS_BETWEEN_LINES = 30.0


@contextlib.contextmanager
def open_status() -> Iterator[Status]:
    """Until the work has ended, however it does: stderr is left at the start of a line."""
    status = Status(sys.stderr.isatty() and os.environ.get("TERM") != "dumb")
    try:
        yield status
    finally:
        status.clear()


class Status:
    """`drawn` where stderr is a terminal."""

    def __init__(self, drawn: bool) -> None:
        self._drawn = drawn
        self._shown = False
        self._last = time.monotonic()

    def tell(self, text: str) -> None:
        """A line that stays."""
        self.clear()
        self._last = time.monotonic()
        say(text)

    def show(self, text: str) -> None:
        """What goes on; the next one takes its place."""
        if self._drawn:
            columns = max(1, shutil.get_terminal_size().columns - 1)
            self._draw(f"\r{text[:columns]:<{columns}}")
            self._shown = True
        elif time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            self.tell(text)

    def clear(self) -> None:
        """Take away what is drawn."""
        if self._shown:
            self._shown = False
            columns = max(1, shutil.get_terminal_size().columns - 1)
            self._draw(f"\r{'':<{columns}}\r")

    def _draw(self, text: str) -> None:
        try:
            click.echo(text, nl=False, err=True)
        except OSError:
            silence(sys.stderr)
