"""The dialect of Open Job Description: progress in per cent and a status, as lines on stdout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO

import flashdepth_vfx
from flashdepth_vfx import RenderEvent

from .plain import line_of

__all__ = ["OpenJobDescription", "begin"]


def begin(stdout: TextIO, _stderr: TextIO) -> OpenJobDescription:
    """For one render."""
    return OpenJobDescription(stdout)


@dataclass(frozen=True)
class OpenJobDescription:
    """Lines on a stream. The log of a session is its stdout, so what people read is there too."""

    stream: TextIO

    def __call__(self, event: RenderEvent) -> None:
        lines = [line_of(event)]
        if isinstance(event, flashdepth_vfx.FrameWritten | flashdepth_vfx.FramePassed):
            percent = 100.0 * event.steps_done / max(event.steps_total, 1)
            lines += [f"openjd_progress: {percent:.1f}", f"openjd_status: frame {event.frame}"]
        print("\n".join(lines), file=self.stream, flush=True)

    def close(self) -> None:
        """Every line is whole already."""
