"""What depth pixels say, as disparity in 100/m: 0 is sky, below 0 is unknown."""

from __future__ import annotations

import numpy as np

from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.studio.reading import DepthIs

__all__ = ["NOT_KNOWN", "to_disparity"]

NOT_KNOWN = -1.0
#: 1 mm: what is nearer is no place for a lens, but a pixel that nothing was rendered to.
_NEAREST_100_PER_M = 1e5
#: 100 km: renderers that do not write inf where a ray hits nothing write 1e10 or the like.
_FARTHEST_100_PER_M = 1e-3


def to_disparity(values: FloatArray, depth_is: DepthIs, scene_unit_m: float) -> FloatArray:
    """Depth pixels of any shape to disparity in 100/m, same shape.

    Planar depth: +inf is sky; NaN, -inf and what is not above 0 are unknown. The other two: 0 is sky; NaN, infinities
    and what is below 0 are unknown. Nearer than 1 mm is unknown, farther than 100 km is sky.
    """
    if depth_is == "z":
        known = values > 0.0  # NaN is not above 0, +inf is
        safe = np.where(known, values.astype(np.float64), 1.0)
        disparity = 100.0 / (safe * scene_unit_m)
    else:
        known = np.isfinite(values) & (values >= 0.0)
        unit = 100.0 if depth_is == "inverse_z" else 1.0
        disparity = np.where(known, values.astype(np.float64), 0.0) * (unit / scene_unit_m)
    known &= disparity <= _NEAREST_100_PER_M
    disparity[disparity < _FARTHEST_100_PER_M] = 0.0
    return np.where(known, disparity, NOT_KNOWN).astype(np.float32)
