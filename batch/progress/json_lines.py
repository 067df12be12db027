"""The JSON dialect: one event a line on stdout, for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TextIO

import flashdepth_vfx
from flashdepth_vfx import RenderEvent

__all__ = ["JsonLines", "begin"]


def begin(stdout: TextIO, _stderr: TextIO) -> JsonLines:
    """For one render."""
    return JsonLines(stdout)


@dataclass(frozen=True)
class JsonLines:
    """JSON on a stream."""

    stream: TextIO

    def __call__(self, event: RenderEvent) -> None:
        print(json.dumps(flashdepth_vfx.to_plain(event)), file=self.stream, flush=True)

    def close(self) -> None:
        """Every line is whole already."""
