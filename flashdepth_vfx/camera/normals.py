"""Normals of a depth pass: from its own neighbours, on one side of an edge or the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.camera.pixels import Doubles
from flashdepth_vfx.plate import FloatArray

__all__ = ["normals_of"]

#: Of a disparity, what a pixel may be off the line through those beside it: so much is rounding.
_SMOOTH = 1e-5
#: What a surface that bends is off on one side, it is on the other, up to this factor; at an edge one is far more.
_ALIKE = 2.0


def normals_of(points: Doubles, disparity: FloatArray) -> Doubles:
    """`(H, W, 3)` unit normals that face the camera, of `(H, W, 3)` camera-space points; 0 where there is none.

    `(H, W)` disparity is 0 where there is no point. Across the picture and up it, a tangent is the step to the
    neighbour on the side that goes on straight: on a plane disparity is linear in the pixel, so what a side's next
    two pixels say of this one tells how far that side is of the same surface. Where both are alike, their mean is
    taken. A step never leads over an edge while the surface goes on to the other side by two pixels.
    """
    known = np.where(disparity > 0, disparity, np.nan).astype(np.float64)
    across, has_x = _tangents(points, known)
    down, has_y = _tangents(points.swapaxes(0, 1), known.T)
    # rows go down and y goes up
    normal = np.cross(across, -down.swapaxes(0, 1))
    size = np.linalg.norm(normal, axis=-1, keepdims=True)
    found = (has_x & has_y.T)[..., None] & (size > 0)
    unit: Doubles = np.divide(normal, size, out=np.zeros_like(normal), where=found)
    return unit


def _tangents(points: Doubles, disparity: Doubles) -> tuple[Doubles, NDArray[np.bool_]]:
    """Along the second axis: the step of one pixel, `(H, W, 3)`, and where there is one."""
    step = np.diff(points, axis=1)
    before, after = np.zeros_like(points), np.zeros_like(points)
    before[:, 1:], after[:, :-1] = step, step
    off_before, off_after = _off(disparity), _off(disparity[:, ::-1])[:, ::-1]
    straight = _SMOOTH * disparity
    with np.errstate(invalid="ignore"):
        less, more = np.minimum(off_before, off_after), np.maximum(off_before, off_after)
        both = (more <= straight) | (more <= _ALIKE * less)
        share = np.where(both, 0.5, (off_after < off_before).astype(float))
    one = np.isfinite(disparity) & (np.isfinite(off_before) | np.isfinite(off_after))
    # a side without a neighbour has a step from nowhere in it
    clean_before = np.where(np.isfinite(off_before)[..., None], before, 0.0)
    clean_after = np.where(np.isfinite(off_after)[..., None], after, 0.0)
    return clean_before * (1.0 - share[..., None]) + clean_after * share[..., None], one


def _off(disparity: Doubles) -> Doubles:
    """How far each pixel is off what the two before it lead to; of one alone, off that; infinite without any."""
    off = np.full_like(disparity, np.inf)
    off[:, 1:] = np.abs(disparity[:, 1:] - disparity[:, :-1])
    line = np.abs(2.0 * disparity[:, 1:-1] - disparity[:, :-2] - disparity[:, 2:])
    off[:, 2:] = np.where(np.isfinite(line), line, off[:, 2:])
    return np.where(np.isfinite(off), off, np.inf)
