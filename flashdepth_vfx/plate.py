"""Plate and DepthFrame: one frame going in, one frame coming out, with what must survive between.

Windows are in pixels, rows counted from the top as in EXR, and half-open: a `Window` is a corner and
a size, so an EXR box ((0, 0), (1919, 1079)) is `Window(0, 0, 1920, 1080)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Attributes",
    "CodeArray",
    "DepthFrame",
    "FileKind",
    "FloatArray",
    "MaskArray",
    "Plate",
    "PlateHeader",
    "Window",
]

FloatArray: TypeAlias = NDArray[np.float32]
#: Pixels as they are encoded, in whole numbers.
CodeArray: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
#: True where something is so.
MaskArray: TypeAlias = NDArray[np.bool_]
#: Header attributes by their EXR names; values are what the `OpenEXR` module reads and writes.
Attributes: TypeAlias = Mapping[str, Any]
#: What a file is, as far as its default colour space goes.
FileKind: TypeAlias = Literal["exr", "dpx", "cineon", "tiff", "png", "jpeg", "movie"]
_WRITTEN = re.compile(r"(\d+)x(\d+)([+-]\d+)([+-]\d+)")


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: `x`, `y` of its first pixel, `width` and `height` in pixels."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def from_exr(cls, box: tuple[Any, Any]) -> Window:
        """From an EXR box, ((xmin, ymin), (xmax, ymax)), both ends included."""
        (x0, y0), (x1, y1) = box
        return cls(int(x0), int(y0), int(x1) - int(x0) + 1, int(y1) - int(y0) + 1)

    @classmethod
    def parse(cls, text: str) -> Window:
        """From what `str` makes of one, `1920x800+0+140`. Raises `ValueError`."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError(f"'{text}' is no window: it is written as 1920x800+0+140")
        width, height, x, y = (int(number) for number in found.groups())
        return cls(x, y, width, height)

    def to_exr(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """As an EXR box, both ends included."""
        return (self.x, self.y), (self.x + self.width - 1, self.y + self.height - 1)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), as an array of its pixels is shaped."""
        return self.height, self.width

    def union(self, other: Window) -> Window:
        """The smallest window that holds both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        right = max(self.x + self.width, other.x + other.width)
        bottom = max(self.y + self.height, other.y + other.height)
        return Window(x, y, right - x, bottom - y)

    def overlap(self, other: Window) -> Window | None:
        """The pixels that both have; None where they have none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right = min(self.x + self.width, other.x + other.width)
        bottom = min(self.y + self.height, other.y + other.height)
        return Window(x, y, right - x, bottom - y) if right > x and bottom > y else None

    def contains(self, other: Window) -> bool:
        """Whether every pixel of `other` is one of ours."""
        return self.union(other) == self

    def slices_in(self, outer: Window) -> tuple[slice, slice]:
        """Rows and columns of this window inside an array that covers `outer`, which holds it."""
        top, left = self.y - outer.y, self.x - outer.x
        return slice(top, top + self.height), slice(left, left + self.width)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}{self.x:+d}{self.y:+d}"


@dataclass(frozen=True)
class PlateHeader:
    """What a plate's file says before its pixels are read.

    `channels` are full channel names in file order ("R", "left.Z", "beauty.R"); `views` is empty for a
    file without views, else the default view comes first. `color_hint` is the colour space that the
    file itself names, if it does. `attributes` pass through to the depth file.
    """

    path: Path
    frame: int
    kind: FileKind
    data_window: Window
    display_window: Window
    pixel_aspect: float
    channels: tuple[str, ...]
    views: tuple[str, ...]
    color_hint: str | None
    frames_per_second: float | None
    attributes: Attributes


@dataclass(frozen=True)
class Plate:
    """The pixels of one frame: `rgb` `(H, W, 3)` float32 as stored in the file, before any colour.

    H, W are the data window's. `alpha` is `(H, W)` float32 or None; `premultiplied` says whether `rgb`
    was multiplied by it. Integers are scaled to 0..1, but those of an EXR (`uint`) keep their numbers. A
    plate of one channel is repeated to three. `ignored` `(H, W)` is true where the plate shows nothing of the
    scene, so that no network should see it; None where all of it counts.
    """

    header: PlateHeader
    rgb: FloatArray
    alpha: FloatArray | None = None
    premultiplied: bool = False
    ignored: MaskArray | None = None

    @property
    def frame(self) -> int:
        """The frame number, as on disk."""
        return self.header.frame


@dataclass(frozen=True)
class DepthFrame:
    """Depth of one frame: `depth` `(H, W)` float32 over the plate's data window.

    `beside` are other channels of its layer, by name, of the same shape: "fg" and "bg" say depth as `depth` does,
    "edge" and "coverage" a share from 0 to 1.

    `attributes` is the whole header block that goes beside the windows: what passed through from the
    plate, and `flashdepth/*`. `vectors` are further layers by name, `(H, W, 3)` float32 each.
    """

    frame: int
    depth: FloatArray
    data_window: Window
    display_window: Window
    pixel_aspect: float
    attributes: Attributes
    vectors: Mapping[str, FloatArray] = field(default_factory=dict)
    beside: Mapping[str, FloatArray] = field(default_factory=dict)
