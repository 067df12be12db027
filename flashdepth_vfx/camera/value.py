"""A camera of one frame: a pinhole that stands somewhere, with a rectangle of film behind it.

Camera axes are x right, y up, and the camera looks along -z. Matrices take column vectors, so a translation is in the
last column. Whatever a file has otherwise is turned into this where the file is read, and nowhere else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.plate import Window

__all__ = ["Camera", "FilmBack", "Frustum", "Matrix", "placed_in_metres"]

Matrix: TypeAlias = NDArray[np.float64]

#: What a rotation that went through 32 bits and a text may be off by.
_SLACK = 1e-3


@dataclass(frozen=True)
class Frustum:
    """What the display window's edges see: slopes, x or y over distance, at its left, right, bottom and top edge.

    Edges are those of the outermost pixels, not their centres. Raises `ValueError` for one without an inside.
    """

    left: float
    right: float
    bottom: float
    top: float

    def __post_init__(self) -> None:
        edges = (self.left, self.right, self.bottom, self.top)
        if not all(map(math.isfinite, edges)) or self.right <= self.left or self.top <= self.bottom:
            raise ValueError(
                f"a frustum from {self.left:g} to {self.right:g} across and {self.bottom:g} to {self.top:g} up has "
                "no inside"
            )

    def pixel_aspect(self, display: Window) -> float:
        """How many times as wide as high the pixels of a display window are that is seen so."""
        across, up = self.right - self.left, self.top - self.bottom
        return across / display.width / (up / display.height)


@dataclass(frozen=True)
class FilmBack:
    """A lens in millimetres. `width_mm` is the film, desqueezed, behind the width of the display window.

    Its height follows from the picture, as in Nuke. An offset moves the film, and with it what is seen, to the
    right and up. Raises `ValueError` for a length that is none.
    """

    focal_mm: float
    width_mm: float
    offset_x_mm: float = 0.0
    offset_y_mm: float = 0.0

    def __post_init__(self) -> None:
        for word, length in (("focal length", self.focal_mm), ("film width", self.width_mm)):
            if not 0.0 < length < math.inf:
                raise ValueError(f"its {word} is {length:g} mm; above 0 it should be")
        if not (math.isfinite(self.offset_x_mm) and math.isfinite(self.offset_y_mm)):
            raise ValueError("its film offset is not a number")

    def frustum(self, display: Window, pixel_aspect: float) -> Frustum:
        """Over a display window whose pixels are `pixel_aspect` times as wide as high."""
        across = self.width_mm / 2.0 / self.focal_mm
        up = across * display.height / (display.width * pixel_aspect)
        x, y = self.offset_x_mm / self.focal_mm, self.offset_y_mm / self.focal_mm
        return Frustum(x - across, x + across, y - up, y + up)


@dataclass(frozen=True)
class Camera:
    """`world_from_camera` is `(4, 4)` float64, rigid, in metres; None where only the lens is known."""

    lens: FilmBack | Frustum
    world_from_camera: Matrix | None = None

    def frustum(self, display: Window, pixel_aspect: float) -> Frustum:
        """What the edges of this picture see."""
        if isinstance(self.lens, Frustum):
            return self.lens
        return self.lens.frustum(display, pixel_aspect)

    def numbers(self, display: Window, pixel_aspect: float) -> tuple[float, ...]:
        """All that decides pixels, in one row."""
        seen = self.frustum(display, pixel_aspect)
        place = () if self.world_from_camera is None else self.world_from_camera.ravel()
        return (seen.left, seen.right, seen.bottom, seen.top, *map(float, place))


def placed_in_metres(world_from_camera: Any, unit_m: float) -> Matrix:
    """A camera's matrix, of column vectors and in units of `unit_m` metres, as `Camera` has it.

    A uniform scale is taken out: a pinhole sees the same at any size, and depth is in units of the world. Raises
    `ValueError` for what is no camera's place: not finite, not affine, sheared, or mirrored.
    """
    matrix = np.array(world_from_camera, np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ValueError("its matrix is not 4 by 4 finite numbers")
    if np.abs(matrix[3, :3]).max() > _SLACK * np.abs(matrix[:3, :3]).max():
        raise ValueError(
            "the last row of its matrix is not 0 0 0 1: write it for column vectors, with the translation in the "
            "last column"
        )
    if matrix[3, 3] == 0.0:
        raise ValueError("its matrix has no scale for its translation (its last number is 0)")
    matrix /= matrix[3, 3]
    turn = matrix[:3, :3]
    size = float(np.cbrt(np.linalg.det(turn)))
    if not size > 0.0:
        raise ValueError("its matrix mirrors or flattens the world; export the camera unmirrored")
    turn = turn / size
    if np.abs(turn.T @ turn - np.eye(3)).max() > _SLACK:
        raise ValueError("its matrix shears or stretches; freeze the scale of its parents")
    placed = np.eye(4)
    # the nearest rotation: what is off by a millionth must not lengthen P
    left, _, right = np.linalg.svd(turn)
    placed[:3, :3], placed[:3, 3] = left @ right, matrix[:3, 3] * unit_m
    placed.flags.writeable = False
    return placed
