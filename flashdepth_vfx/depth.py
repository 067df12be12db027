"""Disparity as the network gives it -> depth as the file says it: conventions and their units."""

from __future__ import annotations

from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.settings import Convention

__all__ = ["DISPARITY_PER_INVERSE_METRE", "convert", "unit_of"]

#: The network is trained on 100 / metre. FlashDepth, training section: ground truth 1/m times 100.
DISPARITY_PER_INVERSE_METRE = 100.0

_UNITS = {
    # Monocular depth has no true scale: until it is calibrated, the unit must not be read as metres.
    Convention.INVERSE_Z: "1/m nominal, uncalibrated",
    Convention.DISPARITY: "100/m nominal, uncalibrated",
}


def convert(disparity_100_per_m: FloatArray, convention: Convention) -> FloatArray:
    """`(H, W)` float32 disparity in 100/m -> `(H, W)` float32 in `convention`; sky, 0, stays 0."""
    if convention is Convention.DISPARITY:
        return disparity_100_per_m
    return disparity_100_per_m / DISPARITY_PER_INVERSE_METRE


def unit_of(convention: Convention, *, relative: bool = False) -> str:
    """The unit of a depth pixel, in words for the file's header.

    `relative` weights were trained on disparity of unknown scale and shift: theirs has no unit.
    """
    return "relative, larger is nearer: no unit, no fixed zero" if relative else _UNITS[convention]
