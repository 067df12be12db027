"""Turning stored pixels upright, by the EXIF number of how they were stored (1 to 8)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["exif_of_rotation", "swaps_sides", "upright"]


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """`(H, W, ...)` as it is meant to be seen, C-contiguous; an unknown number is taken for 1."""
    turned = pixels
    if swaps_sides(orientation):
        turned = turned.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)


def swaps_sides(orientation: int) -> bool:
    """Whether width and height change places."""
    return 5 <= orientation <= 8


def exif_of_rotation(degrees_counterclockwise: int) -> int:
    """The EXIF number of a rotation to the nearest quarter turn."""
    return (1, 8, 3, 6)[round(degrees_counterclockwise / 90) % 4]
