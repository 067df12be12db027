"""ColorTransform: a plan at work. One OCIO processor goes the whole way in one pass."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import PyOpenColorIO

from flashdepth_vfx.color.config import BUILT_IN, OCIO_ERRORS, make_context, open_config
from flashdepth_vfx.color.plan import ColorPlan
from flashdepth_vfx.errors import ColorError
from flashdepth_vfx.plate import CodeArray, FloatArray

#: Calls a function with each of several, in any order or at once: `map`, or a pool's.
Each: TypeAlias = Callable[[Callable[[int], None], Iterable[int]], Iterable[None]]

__all__ = [
    "ACES_INTERCHANGE",
    "LINEAR_REC709",
    "ColorTransform",
    "Each",
    "pixels_hash",
    "processor_for",
]

LINEAR_REC709 = "Linear Rec.709 (sRGB)"
#: Of display-referred light: what 1.0 is in OCIO, and what a white page is in HDR by BT.2408.
_UNIT_NITS, _PAPER_WHITE_NITS = 100.0, 203.0
#: Of paper white: above it light is rolled off.
_KNEE = 0.6
_MOST_HALF = 65504.0
#: Of a picture in whole numbers, done at once: 3 MiB going in and coming out.
_BAND_PX = 1 << 17
#: The role by which OCIO 2 configs say what their spaces mean to the rest of the world.
ACES_INTERCHANGE = "aces_interchange"


class ColorTransform:
    """What `plan` says, ready to work. Raises `ColorError` when its config is not what was planned.

    Safe to call from several threads at once; OCIO lets go of the GIL while it works.
    """

    def __init__(self, plan: ColorPlan) -> None:
        processor = processor_for(open_config(plan.config).config, plan)
        if plan.pixels_hash and pixels_hash(processor) != plan.pixels_hash:
            raise ColorError(
                f"OCIO config {plan.config}: it, or a LUT that it reads, is not the one that this "
                "render was planned with"
            )
        self.plan = plan
        self._cpu = processor.getDefaultCPUProcessor()

    def to_network(self, rgb: FloatArray) -> FloatArray:
        """`rgb` `(H, W, 3)` float32 in the plate's space -> a new `(H, W, 3)` float32 in [0, 1].

        A sample that is NaN or -Inf gives 0, one that is +Inf gives 1; the other two samples of its
        pixel are converted as if it were 0 or 1, and no other pixel changes.
        """
        source = np.ascontiguousarray(rgb, dtype=np.float32)
        broken = None if bool(np.isfinite(source).all()) else ~np.isfinite(source)
        if broken is not None:
            stand_in = (source == np.inf).astype(np.float32)
            source = np.where(broken, stand_in, source)
        result = np.empty_like(source)
        self._apply(source, result)
        if broken is not None:
            result[broken] = stand_in[broken]
        return result

    def codes_to_network(self, codes: CodeArray, each: Each = map) -> FloatArray:
        """`to_network` of `codes / white`, `(H, W, 3)` uint8 or uint16, in bands of rows that `each` is mapped over.

        The same bits, in half the time on one core: what a band needs stays in a core's cache. `each` may be that of
        a pool of threads.
        """
        height, width = codes.shape[:2]
        result = np.empty(codes.shape, np.float32)
        rows = max(_BAND_PX // width, 1)
        white = np.float32(np.iinfo(codes.dtype).max)

        def convert(top: int) -> None:
            band = codes[top : top + rows].astype(np.float32)
            band /= white
            self._apply(band, result[top : top + rows])

        list(each(convert, range(0, height, rows)))
        return result

    def code_table(self) -> FloatArray | None:
        """`(256, 3)`: what becomes of each code of 8 bits; None where a channel's depends on the other two."""
        if self._cpu.hasChannelCrosstalk():
            return None
        ramp = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 256, 3)
        colours: FloatArray = self.codes_to_network(ramp)[0]
        return colours

    def _apply(self, source: FloatArray, result: FloatArray) -> None:
        height, width = source.shape[:2]
        self._cpu.apply(
            PyOpenColorIO.PackedImageDesc(source, width, height, 3),
            PyOpenColorIO.PackedImageDesc(result, width, height, 3),
        )


def processor_for(config: Any, plan: ColorPlan) -> Any:
    """The OCIO processor of `plan`. Raises `ColorError`: a LUT is missing, a name is not there."""
    steps = PyOpenColorIO.GroupTransform()
    steps.appendTransform(PyOpenColorIO.ColorSpaceTransform(src=plan.colorspace, dst=plan.linear))
    gain = 2.0**plan.exposure_stops
    steps.appendTransform(
        PyOpenColorIO.MatrixTransform(matrix=np.diag([gain, gain, gain, 1.0]).ravel())
    )
    if plan.display is None:
        _append_srgb(steps, plan.linear, hdr=plan.hdr)
    else:
        steps.appendTransform(
            PyOpenColorIO.DisplayViewTransform(
                src=plan.linear, display=plan.display, view=plan.view
            )
        )
    # OCIO's range turns NaN into its lower bound
    steps.appendTransform(
        PyOpenColorIO.RangeTransform(
            minInValue=0.0, minOutValue=0.0, maxInValue=1.0, maxOutValue=1.0
        )
    )
    try:
        context = make_context(config, plan.context)
        return config.getProcessor(context, steps, PyOpenColorIO.TRANSFORM_DIR_FORWARD)
    except OCIO_ERRORS as error:
        raise ColorError(
            f"OCIO config {plan.config}: from '{plan.colorspace}' to "
            f"'{plan.display_view or 'sRGB'}': {error}"
        ) from error


def pixels_hash(processor: Any) -> str:
    """A hash of what the processor does to pixels: what LUTs hold counts, where they lie not."""
    return hashlib.sha256(processor.getCacheID().encode()).hexdigest()[:16]


def _append_srgb(steps: Any, linear: str, *, hdr: bool) -> None:
    """From the config's `linear` space to the sRGB curve (IEC 61966-2-1) over Rec.709 primaries."""
    if linear == ACES_INTERCHANGE:
        steps.appendTransform(_aces_to_rec709())
    if hdr:
        steps.appendTransform(_shoulder())
    steps.appendTransform(
        PyOpenColorIO.ExponentWithLinearTransform(
            gamma=[2.4, 2.4, 2.4, 1.0],
            offset=[0.055, 0.055, 0.055, 0.0],
            negativeStyle=PyOpenColorIO.NEGATIVE_LINEAR,
            direction=PyOpenColorIO.TRANSFORM_DIR_INVERSE,
        )
    )


@lru_cache(maxsize=1)
def _shoulder() -> Any:
    """From light where 1 is 100 nits to light where 1 is as bright as it gets, with 203 nits (BT.2408) near it.

    Straight up to the knee, then an exponential that goes on from it without a kink: every brighter pixel stays
    brighter, and what is darker than most of a picture keeps its contrast.
    """
    light = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float64)
    light = np.nan_to_num(light, nan=0.0, posinf=_MOST_HALF, neginf=-_MOST_HALF) * (
        _UNIT_NITS / _PAPER_WHITE_NITS
    )
    over = np.maximum(light - _KNEE, 0.0) / (1.0 - _KNEE)
    rolled = np.minimum(light, _KNEE) + (1.0 - _KNEE) * -np.expm1(-over)
    lut = PyOpenColorIO.Lut1DTransform(length=1 << 16, inputHalfDomain=True)
    lut.setData(np.repeat(rolled.astype(np.float32), 3))
    return lut


@lru_cache(maxsize=1)
def _aces_to_rec709() -> Any:
    built_in = open_config(BUILT_IN).config
    return built_in.getProcessor("ACES2065-1", LINEAR_REC709).createGroupTransform()
