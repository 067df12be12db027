"""What a measurement is told, as plain values. Importing this imports no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.settings import RenderSettings

__all__ = ["RANDOM", "BenchJob", "Size", "default_size", "default_weights", "parse_size"]

RANDOM = "random:"
"""Before the name of a preset: its architecture, with weights drawn from a fixed seed."""

#: As of a canvas: see `preprocess`.
_LEAST_PX, _MOST_PX = 16, 16_384


class Size(NamedTuple):
    """Of a plate, in pixels."""

    width_px: int
    height_px: int

    def __str__(self) -> str:
        return f"{self.width_px}x{self.height_px}"


def parse_size(text: str) -> Size:
    """`WIDTHxHEIGHT`. Raises `SettingsError`."""
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text)
    if found is None:
        raise SettingsError(f"size '{text}': write it as WIDTHxHEIGHT, such as 1920x1080")
    size = Size(int(found[1]), int(found[2]))
    if min(size) < _LEAST_PX or max(size) > _MOST_PX:
        raise SettingsError(f"size {text}: each side is {_LEAST_PX} to {_MOST_PX} pixels")
    return size


def default_weights(on_gpu: bool) -> str:
    """What suits a device. Full's architecture stands on a GPU, where its weights often are not."""
    return f"{RANDOM}full" if on_gpu else "nano"


def default_size(on_gpu: bool) -> Size:
    """What suits a device: the paper's 2K on a GPU."""
    return Size(2044, 1148) if on_gpu else Size(640, 360)


@dataclass(frozen=True, kw_only=True)
class BenchJob:
    """Which networks are measured, at which sizes of plates, and how long.

    `weights` are names, files or `random:PRESET`; none, and no `sizes`, are what suits the device. `settings` are
    those of a render; their weights stand aside, and their resolution is the plate's own unless said. `frames` are
    counted after a few to warm up. `stages` measures stage by stage, `fresh` the first frame of a new process;
    `long_frames` is the length of the long shot, 0 for none. Raises `SettingsError`.
    """

    weights: tuple[str, ...] = ()
    sizes: tuple[Size, ...] = ()
    settings: RenderSettings = field(default_factory=lambda: RenderSettings(resolution="native"))
    frames: int = 20
    stages: bool = True
    fresh: bool = True
    long_frames: int = 0

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise SettingsError(f"{self.frames} frames: at least 1")
        if self.long_frames < 0:
            raise SettingsError(f"a long shot of {self.long_frames} frames: at least 0")
