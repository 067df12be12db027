"""What farms read of a render in its log: whole per cent, in a line of their own words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TextIO

import flashdepth_vfx
from flashdepth_vfx import RenderEvent

from .plain import line_of

__all__ = ["Percent"]


@dataclass
class Percent:
    """Lines on a stream: what people read, and `pattern` with the per cent whenever it has grown by one.

    Words by which a farm takes a line for a failure are written otherwise: file names may hold them.
    """

    stream: TextIO
    pattern: str
    fatal: tuple[str, ...] = ()
    _told: int = field(default=-1, init=False)

    def __call__(self, event: RenderEvent) -> None:
        line = line_of(event)
        for word in self.fatal:
            line = line.replace(word, f"{word[:-1]} :")
        lines = [line]
        if isinstance(event, flashdepth_vfx.FrameWritten | flashdepth_vfx.FramePassed):
            percent = 100 * event.steps_done // max(event.steps_total, 1)
            if percent > self._told:
                self._told = percent
                lines.append(self.pattern.format(percent))
        print("\n".join(lines), file=self.stream, flush=True)

    def close(self) -> None:
        """Every line is whole already."""
