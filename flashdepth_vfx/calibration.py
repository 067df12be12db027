"""Scale and shift of a shot's disparity from distances that somebody measured."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flashdepth_vfx.errors import CalibrationError, SettingsError
from flashdepth_vfx.plate import FloatArray, Window

__all__ = [
    "Anchor",
    "Calibration",
    "calibrate",
    "calibrate_against",
    "calibrate_range",
    "read_anchor_value",
]

_WRITTEN = re.compile(r"\s*(?P<x>[^,]+),(?P<y>[^,]+),(?P<frame>[^,=]+)=(?P<distance>.+)")
#: Of a distance, what the worst anchor may be off by. Depth of one camera is right to a tenth at best.
WORST_RESIDUAL = 0.15
#: Two disparities nearer to each other than this share of the larger tell no scale.
_APART = 0.02
#: Against a whole layer, what half of its pixels may be off by, and from where on a pixel weighs less.
MIDDLE_RESIDUAL, _HUBER = 0.25, 0.1
_ROUNDS = 20
#: What is known, where it is not single distances.
PIXELS, RANGE_ENDS = "pixels", "ends of its range"
#: Pixels around an anchor whose median is taken: one alone may lie on an edge or a grain.
_REACH_PX = 1


@dataclass(frozen=True)
class Anchor:
    """A distance that is known: `x`, `y` in full-size pixels of the display window from its bottom left corner.

    `distance` is planar, in scene units.
    """

    x: float
    y: float
    frame: int
    distance: float

    @classmethod
    def parse(cls, text: str) -> Anchor:
        """From `x,y,frame=distance`. Raises `SettingsError`."""
        found = _WRITTEN.fullmatch(text)
        try:
            if found is None:
                raise ValueError
            numbers = (float(found[name]) for name in ("x", "y", "distance"))
            x, y, distance = numbers
            anchor = cls(x, y, int(found["frame"]), distance)
        except ValueError:
            raise SettingsError(
                f"anchor '{text}': write it as x,y,frame=distance, as 960,540,1001=4.2"
            ) from None
        if not (math.isfinite(x) and math.isfinite(y) and 0.0 < distance < math.inf):
            raise SettingsError(f"anchor '{text}': its distance should be above 0, and all finite")
        return anchor

    def __str__(self) -> str:
        return f"{self.x:g},{self.y:g},{self.frame}={self.distance:g}"

    def place(self, display: Window) -> tuple[int, int]:
        """(row, column) from the top left of the display window's own coordinates, as in EXR: y down.

        Here alone is the picture turned upside down: artists count rows from below, EXR from above.
        """
        column = display.x + math.floor(self.x)
        return display.y + display.height - 1 - math.floor(self.y), column


@dataclass(frozen=True)
class Calibration:
    """1/Z in 1/m is `scale` times disparity / 100 plus `shift_per_m`; what is 0, the sky, stays 0.

    `residuals` are how far each distance is off, as a share of it: above 0 is too far. `known` says what they are.
    """

    scale: float
    shift_per_m: float
    residuals: tuple[float, ...]
    known: str

    def apply(self, disparity_100_per_m: FloatArray) -> FloatArray:
        """Disparity that is calibrated, never negative; float32 as given."""
        moved = disparity_100_per_m * np.float32(self.scale) + np.float32(100.0 * self.shift_per_m)
        known = disparity_100_per_m > 0
        return np.where(known, np.maximum(moved, 0), 0).astype(np.float32)

    def to_plain(self) -> dict[str, Any]:
        """As JSON values. Of a whole layer's pixels the residuals are summed up: they are thousands."""
        off = np.abs(self.residuals)
        summary = {
            "count": len(self.residuals),
            "median": self.middle,
            "p90": float(np.percentile(off, 90)),
            "max": self.worst,
        }
        few = None if self.known == PIXELS else list(self.residuals)
        told = {"scale": self.scale, "shift_per_m": self.shift_per_m, "known": self.known}
        return {**told, "residuals": few, "residuals_off": summary}

    @property
    def worst(self) -> float:
        """The largest residual, without its sign."""
        return max(abs(residual) for residual in self.residuals)

    @property
    def middle(self) -> float:
        """The median of the residuals, without their signs."""
        return float(np.median(np.abs(self.residuals)))

    def __str__(self) -> str:
        found = f"scale {self.scale:.5g}, shift {self.shift_per_m:.5g} 1/m"
        # what is left of two distances that are met is rounding, and another one on another machine
        middle, worst = (round(100 * off, 4) for off in (self.middle, self.worst))
        off = f"half of them off by less than {middle:.2g} %, the worst by {worst:.2g} %"
        return f"{found}, from {len(self.residuals)} {self.known}, {off}"


def read_anchor_value(
    anchor: Anchor, disparity_100_per_m: FloatArray, data: Window, display: Window
) -> float:
    """The disparity at an anchor: the median around it. `disparity` is that of `data`, of the anchor's frame.

    Raises `CalibrationError` where there is no depth, or it is sky.
    """
    row, column = anchor.place(display)
    row, column = row - data.y, column - data.x
    if not (0 <= row < data.height and 0 <= column < data.width):
        raise CalibrationError(f"anchor {anchor} is outside the data window {data} of its frame")
    rows = slice(max(row - _REACH_PX, 0), row + _REACH_PX + 1)
    columns = slice(max(column - _REACH_PX, 0), column + _REACH_PX + 1)
    value = float(np.median(disparity_100_per_m[rows, columns]))
    if not value > 0.0:
        raise CalibrationError(
            f"anchor {anchor} is on the sky, or on ignored pixels: neither has a distance"
        )
    return value


def calibrate(disparities_100_per_m: Sequence[float], distances_m: Sequence[float]) -> Calibration:
    """Scale and shift by least squares over what they make of the distances, each as a share of itself.

    Raises `CalibrationError` for fewer than two, for anchors that contradict each other, and for a fit that leaves
    one off by more than 15 %.
    """
    given, wanted = np.asarray(disparities_100_per_m, float), np.asarray(distances_m, float)
    if len(given) < 2:
        raise CalibrationError("one distance tells no scale and shift: give two or more")
    if given.max() - given.min() < _APART * given.max():
        raise CalibrationError(
            "the anchors are all as near as each other in the depth pass: take one near and one far"
        )
    # of each distance its share: (scale d + shift) distance = 1
    scale, shift = _line(given / 100.0, 1.0 / wanted, wanted**2)
    inverse = scale * given / 100.0 + shift
    if scale <= 0.0 or bool((inverse <= 0.0).any()):
        raise CalibrationError(
            "the anchors contradict the depth pass: what it has nearer is said to be farther; "
            "check their places (from the bottom left) and frames"
        )
    residuals = tuple(float(r) for r in 1.0 / (inverse * wanted) - 1.0)
    found = Calibration(scale, shift, residuals, "distances")
    if found.worst > WORST_RESIDUAL:
        off = ", ".join(f"{100 * residual:+.0f} %" for residual in residuals)
        raise CalibrationError(
            f"no scale and shift fits these anchors: they would be off by {off}; "
            f"{100 * WORST_RESIDUAL:.0f} % is the most"
        )
    return found


def calibrate_against(disparity_100_per_m: FloatArray, distance_m: FloatArray) -> Calibration:
    """Scale and shift from a layer of known distances: `(N,)` pixels of both, from all of a shot.

    Robust: a pixel that is off by more than a tenth weighs the less the more it is (Huber), since a depth pass is
    wrong somewhere. Raises `CalibrationError` when they are too few or too alike, contradict each other, or when
    half of them would be off by more than 25 %.
    """
    given, wanted = disparity_100_per_m.astype(float), distance_m.astype(float)
    if len(given) < 2 or given.max() - given.min() < _APART * given.max():
        raise CalibrationError(
            "the layer and the depth pass share too few pixels, or all are equally near"
        )
    inverse_wanted = 1.0 / wanted
    weight = np.ones(len(given))
    for _ in range(_ROUNDS):
        scale, shift = _line(given / 100.0, inverse_wanted, weight)
        inverse = scale * given / 100.0 + shift
        # of the larger of the two, so that nothing is off by more than all of itself
        size = np.maximum(np.abs(inverse), inverse_wanted)
        off = np.abs(inverse - inverse_wanted) / size
        weight = _HUBER / np.maximum(off, _HUBER) / size**2
    inverse = np.maximum(inverse, 1e-9)
    residuals = tuple(float(r) for r in 1.0 / (inverse * wanted) - 1.0)
    found = Calibration(scale, shift, residuals, PIXELS)
    if scale <= 0.0 or found.middle > MIDDLE_RESIDUAL:
        raise CalibrationError(
            f"no scale and shift brings the depth pass to the layer: half of its pixels would be off by more than "
            f"{100 * found.middle:.0f} %; is it planar distance, of this shot?"
        )
    return found


def calibrate_range(
    near_per_m: float, far_per_m: float, near_m: float, far_m: float
) -> Calibration:
    """Scale and shift that put the ends of a shot's range, as inverse nominal distance, at two known distances.

    Raises `CalibrationError` for a shot that is all equally near.
    """
    if near_per_m - far_per_m < _APART * near_per_m or not far_per_m > 0.0:
        raise CalibrationError("all of the shot is equally near: near and far tell no scale")
    found = calibrate([100.0 * near_per_m, 100.0 * far_per_m], [near_m, far_m])
    return replace(found, known=RANGE_ENDS)


def _line(x: Any, y: Any, weight: Any) -> tuple[float, float]:
    """Slope and intercept of y over x by weighted least squares."""
    root = np.sqrt(weight)
    columns = np.stack([x, np.ones(len(x))], axis=1) * root[:, None]
    (slope, intercept), *_ = np.linalg.lstsq(columns, y * root, rcond=None)
    return float(slope), float(intercept)
