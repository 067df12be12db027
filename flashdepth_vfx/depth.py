"""Disparity as the network gives it -> depth as the file says it: conventions, their units, and what the sky is.

Inside, depth is disparity in 100/m, a hundred times the inverse of planar distance: 0 is the sky.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.settings import NORMALISED, Convention, SceneUnit

__all__ = ["DISPARITY_PER_INVERSE_METRE", "DepthCode", "DepthRange"]

#: The network is trained on 100 / metre. FlashDepth, training section: ground truth 1/m times 100.
DISPARITY_PER_INVERSE_METRE = 100.0
_PER_METRE = np.float32(DISPARITY_PER_INVERSE_METRE)
#: Beyond it `z` says no more, and of the sky as much: no Inf or NaN unless asked, and finite in half float by metres.
FARTHEST_M = 10_000.0


@dataclass(frozen=True)
class DepthRange:
    """What a shot's normalised depth spans, as inverse distance: `far_per_m` < `near_per_m`."""

    near_per_m: float
    far_per_m: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.far_per_m < self.near_per_m < np.inf:
            raise SettingsError(
                f"a range from {self.far_per_m:g} to {self.near_per_m:g} (1/m): near has to be nearer than far, and "
                "neither behind the camera"
            )


@dataclass(frozen=True)
class DepthCode:
    """What a pixel says. Raises `SettingsError` for a normalised kind without its range.

    | convention | a pixel | the sky |
    |---|---|---|
    | inverse_z | 1/Z in 1/unit | 0 |
    | z | Z in units | 10 km, or infinity with `infinite_sky` |
    | disparity | as the network gives it, 100/m whatever the unit | 0 |
    | normalised_near_white | (1/Z - 1/far) / (1/near - 1/far), in 0..1 | 0 |
    | normalised_near_black | 1 minus that | 1 |
    """

    convention: Convention
    unit: SceneUnit = SceneUnit.M
    infinite_sky: bool = False
    span: DepthRange | None = None

    def __post_init__(self) -> None:
        if self.convention in NORMALISED and self.span is None:
            raise SettingsError(
                f"{self.convention} spans the whole shot, which is known at its end: render inverse_z, then "
                f"flashdepth convert --convention {self.convention}"
            )

    def encode(self, disparity_100_per_m: FloatArray) -> FloatArray:
        """`(H, W)` float32 disparity, never negative, as the pixels of a file."""
        match self.convention:
            case Convention.DISPARITY:
                return disparity_100_per_m
            case Convention.INVERSE_Z:
                inverse = disparity_100_per_m / _PER_METRE
                return inverse if self.unit is SceneUnit.M else inverse * self._factor
            case Convention.Z:
                return self._distance(disparity_100_per_m)
        assert self.span is not None
        near = np.float32(self.span.near_per_m) * _PER_METRE
        far = np.float32(self.span.far_per_m) * _PER_METRE
        white = ((disparity_100_per_m - far) / (near - far)).clip(0.0, 1.0)
        if self.convention is Convention.NORMALISED_NEAR_BLACK:
            white = 1 - white
        return np.asarray(white, np.float32)

    def decode(self, pixels: FloatArray) -> FloatArray:
        """The disparity that `encode` was given, up to rounding.

        Raises `SettingsError` for a normalised kind: what it clipped is gone.
        """
        match self.convention:
            case Convention.DISPARITY:
                return pixels
            case Convention.INVERSE_Z:
                inverse = pixels if self.unit is SceneUnit.M else pixels / self._factor
                return inverse * _PER_METRE
            case Convention.Z:
                metres = pixels if self.unit is SceneUnit.M else pixels * self._factor
                # at the end of the scale there is no telling how far
                sky = metres >= np.float32(FARTHEST_M * (1 - 1e-6))
                with np.errstate(divide="ignore"):
                    return np.asarray(np.where(sky, 0, _PER_METRE / metres), np.float32)
        raise SettingsError(f"{self.convention} cannot be turned back: what it clipped is gone")

    def unit_text(self, *, relative: bool, calibrated: bool) -> str:
        """The unit of a pixel, in words for the file's header.

        `relative` weights were trained on disparity of unknown scale and shift: theirs has no unit.
        """
        if self.convention in NORMALISED:
            return "none: 0 to 1 over the shot's range"
        if relative and not calibrated:
            return "relative, larger is nearer: no unit, no fixed zero"
        unit = {
            Convention.INVERSE_Z: f"1/{self.unit}",
            Convention.DISPARITY: "100/m",
            Convention.Z: str(self.unit),
        }[self.convention]
        # Monocular depth has no true scale: until it is calibrated, the unit must not be read as metres.
        return unit if calibrated else f"{unit} nominal, uncalibrated"

    @property
    def _factor(self) -> np.float32:
        return np.float32(self.unit.metres)

    def _distance(self, disparity_100_per_m: FloatArray) -> FloatArray:
        farthest = np.float32(np.inf if self.infinite_sky else FARTHEST_M)
        with np.errstate(divide="ignore", over="ignore"):
            metres = np.asarray(np.minimum(_PER_METRE / disparity_100_per_m, farthest), np.float32)
        return metres if self.unit is SceneUnit.M else metres / self._factor
