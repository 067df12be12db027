"""One shot of a studio, opened: any part of any frame, as the network and the loss take it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flashdepth_vfx.color import ColorTransform
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.plate import FloatArray, Plate, Window
from flashdepth_vfx.preprocess import Canvas, network_input, to_network
from flashdepth_vfx.training.studio.reading import StudioReading
from flashdepth_vfx.training.studio.values import NOT_KNOWN, to_disparity

__all__ = ["StudioShot"]


@dataclass(frozen=True)
class StudioShot:
    """Plates and depth of one continuous take. `frames`, ascending, are whole on disk in both.

    `window` is what the network sees of the shot, in full-size pixels, as a render would. May be read from several
    threads at once.
    """

    name: str
    plates: PlateReader
    depths: PlateReader
    frames: tuple[int, ...]
    window: Window
    pixel_aspect: float
    color: ColorTransform
    reading: StudioReading

    @cached_property
    def step(self) -> int:
        """From a frame to the next: 1, or 2 of a shot on twos."""
        gaps = [b - a for a, b in zip(self.frames, self.frames[1:], strict=False)]
        return min(gaps, default=1)

    def starts(self, length: int) -> tuple[int, ...]:
        """The frames from which `length` frames follow one another without a hole."""
        present, reach = frozenset(self.frames), range(length)
        return tuple(f for f in self.frames if all(f + i * self.step in present for i in reach))

    def clip(self, start: int, length: int, canvas: Canvas) -> tuple[Tensor, Tensor]:
        """`length` frames from `start`, the same part of each: `canvas.window` squeezed to its size.

        Returns `(T, 3, h, w)` display-referred in [0, 1] and `(T, h, w)` in 100/m, below 0 where unknown. The
        plate is resized as for a render; a depth pixel is that of the nearest full-size pixel, so that what is
        unknown and what lies on two sides of an edge never mix. Raises PlateError.
        """
        frames = [start + i * self.step for i in range(length)]
        pairs = [self._frame(frame, canvas) for frame in frames]
        return torch.stack([rgb for rgb, _ in pairs]), torch.stack([d for _, d in pairs])

    def disparity(self, frame: int) -> FloatArray:
        """All of a frame's depth, over its own data window, in 100/m. Raises PlateError."""
        return self._disparity(self.depths.read(frame).rgb[..., 0])

    def _frame(self, frame: int, canvas: Canvas) -> tuple[Tensor, Tensor]:
        plate, depth = self.plates.read(frame), self.depths.read(frame)
        rgb = self._picture(plate, canvas)
        rows, columns = _nearest(canvas)
        values = _at(depth.rgb[..., 0], depth.header.data_window, rows, columns)
        # beyond the plate's own window the picture is made up: there is nothing to learn there
        seen = _at(
            np.ones(plate.rgb.shape[:2], np.float32), plate.header.data_window, rows, columns
        )
        disparity = np.where(np.isnan(seen), NOT_KNOWN, self._disparity(values))
        return rgb, torch.from_numpy(disparity.astype(np.float32))

    def _picture(self, plate: Plate, canvas: Canvas) -> Tensor:
        have = plate.header.data_window
        part = _overlap(have, canvas.window)
        if part is None:
            return torch.zeros(3, canvas.height, canvas.width)
        rows, columns = part.slices_in(have)
        picture = self.color.to_network(plate.rgb[rows, columns])
        normalised = to_network(picture, part, canvas)[0]
        # back from the encoder's units: a batch is in [0, 1], and `network_input` is a line
        black, white = network_input(torch.zeros(3, 1, 1)), network_input(torch.ones(3, 1, 1))
        return ((normalised - black) / (white - black)).clamp_(0.0, 1.0)

    def _disparity(self, values: FloatArray) -> FloatArray:
        return to_disparity(values, self.reading.depth_is, self.reading.scene_unit_m)


def _nearest(canvas: Canvas) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The full-size row of each row of the canvas, and column of each column: where its centre lies."""
    window = canvas.window
    rows = ((np.arange(canvas.height) + 0.5) * window.height / canvas.height).astype(np.int64)
    columns = ((np.arange(canvas.width) + 0.5) * window.width / canvas.width).astype(np.int64)
    return rows + window.y, columns + window.x


def _at(
    values: FloatArray, have: Window, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> FloatArray:
    """`values` over `have` at these rows and columns; NaN outside of it."""
    y, x = rows - have.y, columns - have.x
    inside = ((y >= 0) & (y < have.height))[:, None] & ((x >= 0) & (x < have.width))
    picked = values[np.ix_(y.clip(0, have.height - 1), x.clip(0, have.width - 1))]
    return np.where(inside, picked, np.float32("nan"))


def _overlap(one: Window, other: Window) -> Window | None:
    x, y = max(one.x, other.x), max(one.y, other.y)
    width = min(one.x + one.width, other.x + other.width) - x
    height = min(one.y + one.height, other.y + other.height) - y
    return Window(x, y, width, height) if width > 0 and height > 0 else None
