"""The bar: one line that is drawn again and again, for terminals."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TextIO

import flashdepth_vfx
from flashdepth_vfx import RenderEvent

from .plain import line_of

__all__ = ["Bar", "begin"]

_BAR_COLUMNS = 30


def begin(_stdout: TextIO, stderr: TextIO) -> Bar:
    """For one render."""
    return Bar(stderr)


@dataclass
class Bar:
    """A bar on a stream that is a terminal."""

    stream: TextIO
    _rate: str = ""
    _drawn: bool = False

    def __call__(self, event: RenderEvent) -> None:
        match event:
            case flashdepth_vfx.FrameWritten():
                left = _clock(event.seconds_left)
                self._rate = f"{event.frames_per_second:.2f} fps  {left} left"
                self._draw(event.frame, event.steps_done, event.steps_total)
            case flashdepth_vfx.FramePassed():
                self._draw(event.frame, event.steps_done, event.steps_total)
            case _:
                self.close()
                print(line_of(event), file=self.stream, flush=True)

    def close(self) -> None:
        """End the line with the bar as it stands."""
        if self._drawn:
            print(file=self.stream, flush=True)
        self._drawn = False

    def _draw(self, frame: int, done: int, total: int) -> None:
        full = _BAR_COLUMNS * done // max(total, 1)
        bar = "#" * full + "." * (_BAR_COLUMNS - full)
        line = f"[{bar}] {done}/{total}  frame {frame}  {self._rate}"
        columns = max(1, shutil.get_terminal_size().columns - 1)
        print(f"\r{line[:columns]:<{columns}}", end="", file=self.stream, flush=True)
        self._drawn = True


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
