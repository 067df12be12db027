"""From depth to points before a camera, in numbers alone. The renderer's own `flashdepth_vfx.camera` says how, and a
test holds this to it.

Symbols: x right, y up, the camera looks along -z; a window is (x, y, width, height) in pixels, its rows counted up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["UNITS_M", "Lens", "distance_of", "normalised", "unprojected", "used"]

Window = tuple[float, float, float, float]

#: Metres of a length of 1.
UNITS_M = {
    "mm": 0.001,
    "cm": 0.01,
    "dm": 0.1,
    "m": 1.0,
    "km": 1000.0,
    "in": 0.0254,
    "ft": 0.3048,
    "yd": 0.9144,
}
#: What is as far as that in depth of distance is sky.
_SKY_M = 10_000.0 * (1 - 1e-6)


@dataclass(frozen=True)
class Lens:
    """In millimetres; `aperture_mm` is the film's width, desqueezed, behind the width of the display window."""

    focal_mm: float
    aperture_mm: float

    def __post_init__(self) -> None:
        if not (self.focal_mm > 0.0 and self.aperture_mm > 0.0):
            raise ValueError(
                f"focal {self.focal_mm:g} mm, aperture {self.aperture_mm:g} mm: both are above 0"
            )


def distance_of(depth: Any, convention: str, unit: str) -> Any:
    """`(H, W)` planar distance of `(H, W)` depth, in scene units; infinite for the sky.

    Raises `ValueError` for a convention without a distance.
    """
    if convention == "z":
        distance = np.asarray(depth, np.float64)
        return np.where(distance * UNITS_M[unit] >= _SKY_M, np.inf, distance)
    if convention != "inverse_z":
        raise ValueError(f"{convention}: says no distance; render z or inverse_z")
    with np.errstate(divide="ignore"):
        return 1.0 / np.asarray(depth, np.float64)


def normalised(depth: Any, convention: str, near: float, far: float, unit: str = "m") -> Any:
    """`(H, W)` float32 in 0 to 1, linear in 1/Z, 1 at `near` and 0 at `far`: the renderer's normalised_near_white.

    Normalised depth is given back with near white. Raises `ValueError`.
    """
    depth = np.asarray(depth, np.float64)
    if convention == "normalised_near_white":
        return depth.astype(np.float32)
    if convention == "normalised_near_black":
        return (1.0 - depth).astype(np.float32)
    if not 0.0 < near < far:
        raise ValueError(
            f"near {near:g}, far {far:g}: give 0 < near < far, as the shot was rendered"
        )
    distance = distance_of(depth, convention, unit)
    with np.errstate(divide="ignore"):
        inverse = 1.0 / distance
    share = (inverse - 1.0 / far) / (1.0 / near - 1.0 / far)
    return np.clip(share, 0.0, 1.0).astype(np.float32)


def unprojected(
    distance: Any, lens: Lens, data: Window, display: Window, pixel_aspect: float
) -> Any:
    """`(H, W, 3)` points in camera space at `(H, W)` planar distances, row 0 at the bottom of `data`."""
    height, width = distance.shape
    columns = data[0] + np.arange(width) + 0.5
    rows = data[1] + np.arange(height) + 0.5
    across = (columns - display[0]) / display[2] - 0.5
    up = (rows - display[1]) / display[3] - 0.5
    # The film is as high as the picture is: its height follows from the display window and the pixels' shape.
    film_width = lens.aperture_mm / lens.focal_mm
    film_height = film_width * display[3] / (display[2] * pixel_aspect)
    x, y = across[None, :] * film_width, up[:, None] * film_height
    return np.stack(np.broadcast_arrays(x * distance, y * distance, -distance), axis=-1)


def used(distance: Any, step: int, clip: float, edge: Any = None, threshold: float = 1.0) -> Any:
    """`(H, W)` bool: every `step`-th pixel whose distance is one, nearer than `clip` (0: any), and no edge."""
    if step < 1:
        raise ValueError(f"step {step}: give 1 or more")
    keep = np.zeros(distance.shape, bool)
    keep[::step, ::step] = True
    keep &= np.isfinite(distance) & (distance > 0.0)
    if clip > 0.0:
        keep &= distance < clip
    if edge is not None:
        keep &= edge <= threshold
    return keep
