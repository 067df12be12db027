"""What of a frame the network did not see, and how its depth file says so.

A matte, a letterbox or the black corners of an undistorted plate show nothing of the scene. Depth there continues
that around it, so that no filter of a comp meets an edge that is none; and so that nobody takes it for more, the file
carries which pixels these are, on the network's own lattice. A range, a calibration and an anchor leave them out.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from flashdepth_vfx.errors import PlateError
from flashdepth_vfx.plate import FloatArray, MaskArray, PlateHeader, Window
from flashdepth_vfx.preprocess import Canvas, continued, known_pixels

__all__ = ["Ignored", "ignored_in", "seen_part"]

_MAP, _CANVAS = "flashdepth/ignored", "flashdepth/canvas"
#: Of the map in a header: a few hundred bytes for a letterbox, a few thousand for a tree.
_LONGEST_SIDE = 512
_WRITTEN = re.compile(
    r"(?P<percent>[\d.]+) % of the plate; (?P<width>\d+)x(?P<height>\d+) (?P<bits>\S+)"
)


@dataclass(frozen=True)
class Ignored:
    """Of one frame: `known` `(h, w)` bool are the network's pixels that show the scene.

    `share` is what is ignored of the plate's own pixels.
    """

    known: Tensor
    share: float

    @classmethod
    def of(cls, ignored: MaskArray, data_window: Window, canvas: Canvas) -> Ignored:
        """From the plate's own pixels, `(H, W)` over `data_window`."""
        return cls(known_pixels(data_window, canvas, ignored), float(ignored.mean()))

    def replaced(self, disparity: Tensor) -> Tensor:
        """`(h, w)` disparity with what is ignored continued from around it; all sky where nothing is known."""
        return continued(disparity, self.known.to(disparity.device))

    def attributes(self) -> dict[str, str]:
        """What the depth file says of it: the share, and the map for who measures the depth."""
        height, width = self.known.shape
        step, rows, columns = _lattice(height, width)
        # A cell counts as seen only if all of it is.
        padded = np.ones((rows * step, columns * step), bool)
        padded[:height, :width] = self.known.numpy()
        cells = padded.reshape(rows, step, columns, step).all(axis=(1, 3))
        bits = base64.b64encode(zlib.compress(np.packbits(~cells).tobytes(), 9)).decode()
        return {_MAP: f"{100 * self.share:.2f} % of the plate; {width}x{height} {bits}"}


def ignored_in(attributes: Mapping[str, object], header: PlateHeader) -> MaskArray | None:
    """The pixels `(H, W)` of a depth file that its network did not see; None where it saw all.

    `attributes` are the file's own. Raises `PlateError` where they are damaged.
    """
    text = attributes.get(_MAP)
    if text is None:
        return None
    try:
        height, width, cells = _cells(str(text))
        canvas = Window.parse(str(attributes.get(_CANVAS)))
    except (ValueError, zlib.error, binascii.Error) as wrong:
        reason = f"its {_MAP} is damaged ({wrong}); render it again"
        raise PlateError(header.path, reason) from wrong
    data, (step, *_) = header.data_window, _lattice(height, width)
    rows = _places(data.y - canvas.y, data.height, height / canvas.height) // step
    columns = _places(data.x - canvas.x, data.width, width / canvas.width) // step
    last_row, last_column = cells.shape[0] - 1, cells.shape[1] - 1
    places = np.ix_(rows.clip(0, last_row), columns.clip(0, last_column))
    return np.asarray(cells[places], bool)


def seen_part(
    disparity: FloatArray, attributes: Mapping[str, object], header: PlateHeader
) -> FloatArray:
    """`(H, W)` disparity of a file with 0 where its network saw nothing, for who measures: 0 has no distance."""
    ignored = ignored_in(attributes, header)
    return disparity if ignored is None else np.where(ignored, np.float32(0), disparity)


def _lattice(height: int, width: int) -> tuple[int, int, int]:
    """Of the map of a network's `height` x `width`: pixels a cell, rows, columns."""
    step = -(-max(height, width) // _LONGEST_SIDE)
    return step, -(-height // step), -(-width // step)


def _cells(text: str) -> tuple[int, int, MaskArray]:
    """The network's height and width, and the map, true where it saw nothing."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError("it is no map")
    height, width = int(found["height"]), int(found["width"])
    _, rows, columns = _lattice(max(height, 1), max(width, 1))
    # Bounded: a header from anywhere must not fill the memory.
    size = -(-rows * columns // 8)
    packed = zlib.decompressobj().decompress(base64.b64decode(found["bits"], validate=True), size)
    if len(packed) != size:
        raise ValueError("it is too short")
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=rows * columns)
    return height, width, bits.reshape(rows, columns).astype(bool)


def _places(first: int, count: int, scale: float) -> NDArray[np.int64]:
    """The network's row or column under the middle of each of `count` pixels from `first` on."""
    places: NDArray[np.int64] = np.floor((np.arange(first, first + count) + 0.5) * scale).astype(
        np.int64
    )
    return places
