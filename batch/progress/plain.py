"""The plain dialect: one flushed line a frame on stderr, for logs that people read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TextIO

import flashdepth_vfx
from flashdepth_vfx import RenderEvent

__all__ = ["Plain", "begin", "line_of"]


def begin(_stdout: TextIO, stderr: TextIO) -> Plain:
    """For one render."""
    return Plain(stderr)


@dataclass(frozen=True)
class Plain:
    """Lines on a stream."""

    stream: TextIO

    def __call__(self, event: RenderEvent) -> None:
        print(line_of(event), file=self.stream, flush=True)

    def close(self) -> None:
        """Every line is whole already."""


def line_of(event: RenderEvent) -> str:
    """An event as people read it; the reason of a failure is left to the line that ends the command."""
    if isinstance(event, flashdepth_vfx.Finished):
        event = replace(event, error="")
    return flashdepth_vfx.to_line(event)
