"""From pixels to points before a camera, and back. Rows are counted down and the world up: they meet here alone."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.camera.value import Camera, Frustum
from flashdepth_vfx.plate import Window

__all__ = [
    "Doubles",
    "picture_shares",
    "positions",
    "ray_lengths",
    "shares_of_points",
    "slopes_at",
    "to_world",
]

Doubles: TypeAlias = NDArray[np.float64]


def picture_shares(data: Window, display: Window) -> tuple[Doubles, Doubles]:
    """Where the centres of `data`'s pixels are in the display window: `(1, W)` from its left edge, `(H, 1)` from its
    bottom edge, as shares of its width and height. Beyond 0 and 1 is overscan.
    """
    columns = np.arange(data.x, data.x + data.width, dtype=np.float64)
    rows = np.arange(data.y, data.y + data.height, dtype=np.float64)
    across = (columns + 0.5 - display.x) / display.width
    up = 1.0 - (rows + 0.5 - display.y) / display.height
    return across[None, :], up[:, None]


def slopes_at(seen: Frustum, across: Doubles, up: Doubles) -> tuple[Doubles, Doubles]:
    """x and y over planar distance of the rays through these shares of the picture."""
    x = seen.left + across * (seen.right - seen.left)
    y = seen.bottom + up * (seen.top - seen.bottom)
    return x, y


def positions(slopes: tuple[Doubles, Doubles], distance: Doubles) -> Doubles:
    """`(H, W, 3)` points in camera space at `(H, W)` planar distances, in the distance's unit."""
    x, y = slopes
    return np.stack(np.broadcast_arrays(x * distance, y * distance, -distance), axis=-1)


def ray_lengths(slopes: tuple[Doubles, Doubles]) -> Doubles:
    """Distance along the ray over planar distance, `(H, W)`: 1 in the axis, larger beside it."""
    x, y = slopes
    return np.asarray(np.sqrt(1.0 + x * x + y * y), np.float64)


def to_world(camera: Camera, vectors: Doubles, *, unit_m: float, points: bool) -> Doubles:
    """`(..., 3)` from camera to world space, in units of `unit_m` metres: points, or directions that only turn.

    Raises `ValueError` where the camera's place is not known.
    """
    if camera.world_from_camera is None:
        raise ValueError("the camera has no place")
    turned = vectors @ camera.world_from_camera[:3, :3].T
    return turned + camera.world_from_camera[:3, 3] / unit_m if points else turned


def shares_of_points(
    camera: Camera, seen: Frustum, points: Doubles, *, unit_m: float = 1.0
) -> tuple[Doubles, Doubles, Doubles]:
    """World points `(..., 3)` -> shares of the picture, across and up as in `picture_shares`, and planar distance.

    The way back of `slopes_at`, `positions` and `to_world`.
    """
    place = np.eye(4) if camera.world_from_camera is None else camera.world_from_camera
    seen_from = (points - place[:3, 3] / unit_m) @ place[:3, :3]
    distance = -seen_from[..., 2]
    x, y = seen_from[..., 0] / distance, seen_from[..., 1] / distance
    across = (x - seen.left) / (seen.right - seen.left)
    up = (y - seen.bottom) / (seen.top - seen.bottom)
    return across, up, distance
