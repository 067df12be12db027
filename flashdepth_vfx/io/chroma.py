"""Subsampled channels, and pictures kept as luminance and chroma (Y, RY, BY), as EXR has them.

Source: "Luminance/Chroma Images" of the OpenEXR documentation: RY = (R - Y) / Y, BY = (B - Y) / Y, and
Y weighs R, G, B by the second row of the matrix from RGB to XYZ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.plate import FloatArray

__all__ = ["full_size", "rgb_from_luminance_chroma"]

#: Rec. 709 with D65, which the format assumes where a header has no chromaticities.
_REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)


def full_size(plane: FloatArray, shape: tuple[int, int], step_x: int, step_y: int) -> FloatArray:
    """A plane of every `step`-th sample, as `(H, W)` of `shape`, linear between the samples."""
    rows = _stretched(plane, shape[0], step_y, axis=0)
    return np.ascontiguousarray(_stretched(rows, shape[1], step_x, axis=1))


def _stretched(plane: FloatArray, size: int, step: int, axis: int) -> FloatArray:
    if step == 1:
        return plane
    place = np.arange(size) / step
    low = np.minimum(place.astype(np.intp), plane.shape[axis] - 1)
    high = np.minimum(low + 1, plane.shape[axis] - 1)
    weight = (place - low).astype(np.float32)
    weight = weight[:, None] if axis == 0 else weight[None, :]
    a, b = np.take(plane, low, axis), np.take(plane, high, axis)
    # Not a + (b - a) * w: that loses an infinity that stands on a sample.
    between: FloatArray = np.where(weight == 0, a, a * (1 - weight) + b * weight)
    return between


def rgb_from_luminance_chroma(
    y: FloatArray, ry: FloatArray, by: FloatArray, chromaticities: Sequence[float] | None
) -> FloatArray:
    """`(H, W, 3)` float32, scene-linear, from three full-size planes."""
    weights = _luminance_weights(_REC709 if chromaticities is None else tuple(chromaticities))
    red = (ry + 1) * y
    blue = (by + 1) * y
    green = (y - red * weights[0] - blue * weights[2]) / weights[1]
    return np.stack((red, green, blue), axis=-1).astype(np.float32)


def _luminance_weights(chromaticities: Sequence[float]) -> NDArray[np.float64]:
    xy = np.asarray(chromaticities, np.float64).reshape(4, 2)
    xyz = np.column_stack((xy, 1 - xy.sum(axis=1))) / xy[:, 1:]
    # Scale each primary so that the three together make white; each row of xyz has Y = 1.
    weights: NDArray[np.float64] = np.linalg.solve(xyz[:3].T, xyz[3])
    return weights
