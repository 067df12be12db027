"""Progress: one contract, and one module for each dialect in which it is told.

People read stderr, programs read stdout. A dialect is a module here with a function
`begin(stdout, stderr)` that returns a `Progress`; adding one is its file and its line in `_DIALECTS`.
A dialect need not mind whether anyone listens: when its stream is gone the render goes on, unheard.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Protocol, TextIO

from flashdepth_vfx import RenderEvent

from ..streams import say, silence

__all__ = ["NAMES", "Progress", "open_progress"]

_DIALECTS = {
    "plain": "plain",
    "json": "json_lines",
    "bar": "bar",
    "openjd": "openjd",
    "deadline": "deadline",
    "tractor": "tractor",
}
#: What `--progress` takes; `auto` is a bar on a terminal and plain lines elsewhere.
NAMES = ("auto", *_DIALECTS)


class Progress(Protocol):
    """Tells one render's events on its `stream`."""

    @property
    def stream(self) -> TextIO:
        """Where it tells them."""

    def __call__(self, event: RenderEvent) -> None:
        """Tell one event, and flush it."""

    def close(self) -> None:
        """Leave the stream at the start of a line, however the render ended."""


@contextlib.contextmanager
def open_progress(name: str) -> Iterator[Progress]:
    """The dialect called `name`, one of `NAMES`, until the render has ended."""
    module = importlib.import_module(f".{_DIALECTS[_settled(name)]}", __name__)
    progress = _Unminding(module.begin(sys.stdout, sys.stderr))
    try:
        yield progress
    finally:
        progress.close()


class _Unminding:
    """Passes events on until the listener goes away, and is silent from then on.

    A monitor that closes its pipe, or a log on a full disk, must not end hours of rendering.
    """

    def __init__(self, told: Progress) -> None:
        self._told = told
        self._lost = False

    @property
    def stream(self) -> TextIO:
        return self._told.stream

    def __call__(self, event: RenderEvent) -> None:
        if self._lost:
            return
        try:
            self._told(event)
        except OSError as lost:
            self._lose(lost)

    def close(self) -> None:
        if self._lost:
            return
        try:
            self._told.close()
        except OSError as lost:
            self._lose(lost)

    def _lose(self, lost: OSError) -> None:
        self._lost = True
        silence(self.stream)
        say(f"warning: progress is not told any more ({lost.strerror}); the render goes on")


def _settled(name: str) -> str:
    if name != "auto":
        return name
    return "bar" if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else "plain"
