"""Two versions of a pass, frame by frame: how far they are from each other, and where."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from flashdepth_vfx.errors import PlateError, SettingsError
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.review.passes import DepthPass, Seen

__all__ = ["Comparison", "FrameDifference", "compare_passes", "difference_of"]

#: Nearness below this share of the frame's median is compared as if it were that: the sky has no ratio.
_SKY = 0.01
_LATTICE = 256


@dataclass(frozen=True)
class FrameDifference:
    """Of one frame. `mean_percent`, `high_percent` (the 99th percentile) and `most_percent` are of how far a pixel is
    from the other's: of the larger of the two, or of the range where values are not nearness. `unlike_percent` of
    the pixels only one of the two has. `low` and `high` are the 1st and 99th percentile of what `a` holds.
    """

    frame: int
    mean_percent: float
    high_percent: float
    most_percent: float
    unlike_percent: float
    identical: bool
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Two passes: `frames` are those that both have, `remarks` what else is to be known."""

    a: DepthPass
    b: DepthPass
    frames: tuple[FrameDifference, ...]
    only_a: FrameRange
    only_b: FrameRange
    remarks: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether both have the same frames, and every bit of them."""
        return not (self.only_a or self.only_b or self.remarks) and all(
            one.identical for one in self.frames
        )

    @property
    def most_percent(self) -> float:
        """Of all frames; infinite where a pixel or a frame is in one of them only."""
        unlike = any(one.unlike_percent for one in self.frames)
        if self.only_a or self.only_b or unlike:
            return math.inf
        return max((one.most_percent for one in self.frames), default=0.0)

    def to_plain(self) -> dict[str, Any]:
        """As JSON values: null for what is infinite."""
        most = self.most_percent
        return {
            "a": self.a.sequence.pattern,
            "b": self.b.sequence.pattern,
            "identical": self.identical,
            "most_percent": most if math.isfinite(most) else None,
            "only_a": str(self.only_a),
            "only_b": str(self.only_b),
            "remarks": list(self.remarks),
            "frames": [asdict(one) for one in self.frames],
        }


def compare_passes(a: DepthPass, b: DepthPass) -> Comparison:
    """Every frame that both have, read once. Whatever the conventions, nearness in 1/m is compared; passes that
    cannot be turned back into it must be of one convention.

    Raises `SettingsError` where they are not, and where they share no frame.
    """
    convention = a.told("convention")
    if (a.code is None or b.code is None) and convention != b.told("convention"):
        raise SettingsError(
            f"{a.sequence.pattern} is {convention} and {b.sequence.pattern} is {b.told('convention')}: convert one "
            "of them to the other's convention first"
        )
    shared = sorted(set(a.frames) & set(b.frames))
    if not shared:
        raise SettingsError(
            f"{a.sequence.pattern} and {b.sequence.pattern} have no frame in common"
        )
    remarks = [*_of_headers(a, b)]
    frames = tuple(_differences(a, b, shared, remarks))
    return Comparison(
        a,
        b,
        frames,
        FrameRange.of(set(a.frames) - set(b.frames)),
        FrameRange.of(set(b.frames) - set(a.frames)),
        tuple(remarks),
    )


def difference_of(
    a: DepthPass, one: Seen, b: DepthPass, two: Seen
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """`(H, W)` each, over the window that both have: how far they are apart, 0 to 1, NaN where only one of them has
    a value; and what `a` and `b` have there. Raises `ValueError` where the windows do not meet.
    """
    window = one.data_window.overlap(two.data_window)
    if window is None:
        raise ValueError(f"data windows {one.data_window} and {two.data_window} do not meet")
    first, second = (
        _per_metre(found, seen.values[window.slices_in(seen.data_window)])
        for found, seen in ((a, one), (b, two))
    )
    with np.errstate(invalid="ignore"):
        apart = np.abs(first - second)
        if a.code is not None or a.told("convention") == "z":
            numbers = first[np.isfinite(first)]
            floor = _SKY * float(np.median(numbers)) if numbers.size else 0.0
            larger = np.maximum(np.maximum(np.abs(first), np.abs(second)), np.float32(floor))
            apart = apart / np.where(larger > 0, larger, 1)
    # What both lack, and what is infinite in both, is alike.
    alike = (first == second) | (np.isnan(first) & np.isnan(second))
    return np.where(alike, np.float32(0), apart).astype(np.float32), first, second


def _per_metre(found: DepthPass, values: FloatArray) -> FloatArray:
    return values if found.code is None else values / np.float32(found.code.unit.metres)


def _of_headers(a: DepthPass, b: DepthPass) -> Iterator[str]:
    if a.told("calibrated") != b.told("calibrated"):
        one = a if a.told("calibrated") == "1" else b
        yield f"only {one.sequence.pattern} is calibrated: their scales have nothing to do with each other"
    for found in (a, b):
        yield from found.torn.values()


def _differences(
    a: DepthPass, b: DepthPass, shared: Sequence[int], remarks: list[str]
) -> Iterator[FrameDifference]:
    other_windows = []
    for one, two in zip(a.look(shared), b.look(shared), strict=True):
        wrong = [str(seen) for seen in (one, two) if isinstance(seen, PlateError)]
        remarks += wrong
        if isinstance(one, PlateError) or isinstance(two, PlateError):
            continue
        if one.data_window != two.data_window:
            other_windows.append(one.frame)
        try:
            yield _difference(a, one, b, two)
        except ValueError as apart:
            remarks.append(f"frame {one.frame}: {apart}")
    if other_windows:
        remarks.append(
            f"other data windows, compared where they overlap: {FrameRange.of(other_windows)}"
        )


def _difference(a: DepthPass, one: Seen, b: DepthPass, two: Seen) -> FrameDifference:
    apart, first, second = difference_of(a, one, b, two)
    numbers = apart[np.isfinite(apart)]
    high = float(np.percentile(numbers, 99)) if numbers.size else 0.0
    step = max(1, -(-max(first.shape) // _LATTICE))
    looked = first[::step, ::step]
    looked = looked[np.isfinite(looked)]
    low, top = np.percentile(looked, (1, 99)) if looked.size else (0.0, 1.0)
    return FrameDifference(
        frame=one.frame,
        mean_percent=100 * float(numbers.mean()) if numbers.size else 0.0,
        high_percent=100 * high,
        most_percent=100 * float(numbers.max()) if numbers.size else 0.0,
        unlike_percent=100 * (1 - numbers.size / apart.size),
        identical=one.data_window == two.data_window and _same_bits(first, second),
        low=float(low),
        high=float(top),
    )


def _same_bits(first: FloatArray, second: FloatArray) -> bool:
    return first.tobytes() == second.tobytes()
