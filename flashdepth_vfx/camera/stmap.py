"""STMaps: for each pixel of a distorted plate, where it is in the undistorted picture that the camera sees.

Red is the share of that picture's width from its left edge, green that of its height from its bottom edge, both at
the pixel's centre, as Nuke's STMap reads them. The picture is the one that the camera's film covers; beyond 0 and 1
is overscan. One map may serve all frames, or each frame has its own.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from flashdepth_vfx.camera.pixels import Doubles, picture_shares
from flashdepth_vfx.errors import CameraError
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.plate import Plate, Window

__all__ = ["StMaps"]

#: Of the picture, how far the middle pixel of a map may be moved: no lens moves more, pixel offsets do.
_MOST_MOVED = 0.5
#: Of a plate's pixels, how many must have a place for the map to be of this plate.
_LEAST_KNOWN = 0.5
_LATTICE = 64


class StMaps:
    """The maps of a shot, from EXRs. Raises as `open_plates` does, and `CameraError`."""

    def __init__(self, pattern: str) -> None:
        self._reader = open_plates(pattern)
        first = self._reader.header(self._reader.frames[0])
        if first.kind != "exr":
            self._reader.close()
            raise CameraError(first.path, "an STMap of 8 or 16 bits is too coarse; write it as EXR")
        #: A map without a frame number serves all frames.
        self._one = not self._reader.sequence.padding
        self._only = cache(self._read_first)

    @property
    def name(self) -> str:
        """What was given."""
        return self._reader.name

    def missing(self, frames: tuple[int, ...]) -> tuple[int, ...]:
        """Those of `frames` that have no map."""
        return () if self._one else tuple(sorted(set(frames) - set(self._reader.frames)))

    def shares(self, frame: int, data: Window, display: Window) -> tuple[Doubles, Doubles]:
        """As `picture_shares`, both `(H, W)`, of the undistorted picture. Not a number where the map says nothing.

        Raises `CameraError` for a map of another size, that turns the picture round, that is in pixels, or that
        says nothing of half of the plate.
        """
        plate = self._only() if self._one else self._reader.read(frame)
        header = plate.header
        if header.display_window.shape != display.shape:
            raise CameraError(
                header.path,
                f"is a map of {header.display_window.width}x{header.display_window.height}, and the depth is "
                f"{display.width}x{display.height}; render the map at the plate's size",
            )
        across, up = _over(plate, data, display)
        _require_map(plate, across, up, picture_shares(data, display))
        return across, up

    def close(self) -> None:
        """Give back what is held open."""
        self._reader.close()

    def _read_first(self) -> Plate:
        return self._reader.read(self._reader.frames[0])


def _over(plate: Plate, data: Window, display: Window) -> tuple[Doubles, Doubles]:
    """The map's pixels over `data`. Windows of the two may be counted from different corners."""
    drawn, shown = plate.header.data_window, plate.header.display_window
    there = Window(
        drawn.x - shown.x + display.x, drawn.y - shown.y + display.y, drawn.width, drawn.height
    )
    found = np.full((2, *data.shape), np.nan)
    left, top = max(data.x, there.x), max(data.y, there.y)
    right = min(data.x + data.width, there.x + there.width)
    bottom = min(data.y + data.height, there.y + there.height)
    if right > left and bottom > top:
        both = Window(left, top, right - left, bottom - top)
        pixels = plate.rgb[both.slices_in(there)]
        found[(slice(None), *both.slices_in(data))] = np.moveaxis(pixels[..., :2], -1, 0)
    found[:, ~np.isfinite(found).all(0)] = np.nan
    return found[0], found[1]


def _require_map(
    plate: Plate, across: Doubles, up: Doubles, straight: tuple[Doubles, Doubles]
) -> None:
    path, every = plate.header.path, _lattice(across)
    shape = across.shape
    across, up, known = across[every], up[every], np.isfinite(across[every])
    if known.mean() < _LEAST_KNOWN:
        raise CameraError(
            path,
            f"says where {100 * known.mean():.0f} % of the pixels of the depth are; is it the map of this plate?",
        )
    for word, found, plain, axis in (
        ("red", across, straight[0], 1),
        ("green", up, straight[1], 0),
    ):
        steps = np.diff(found, axis=axis)
        steps = steps[np.isfinite(steps)] * (1 if axis else -1)
        there = np.broadcast_to(plain, shape)[every]
        moved = float(np.median(np.abs(found - there)[known]))
        if moved > _MOST_MOVED or (steps.size and not np.median(steps) > 0.0):
            raise CameraError(
                path,
                f"its {word} is no share of the picture: red grows from 0 at the left edge to 1 at the right, green "
                "from 0 at the bottom to 1 at the top",
            )


def _lattice(plane: Doubles) -> tuple[slice, slice]:
    """Enough of its pixels to judge it by."""
    height, width = plane.shape
    return slice(None, None, max(1, height // _LATTICE)), slice(
        None, None, max(1, width // _LATTICE)
    )
