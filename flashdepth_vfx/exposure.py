"""How bright a shot is, in one number for all of it: what `--exposure auto` makes up for.

A number per frame would make depth flicker, so there is one, from frames spread over the whole sequence on disk,
whatever part of it is rendered. Medians within frames and over them: highlights, slates and black frames do not move
it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from flashdepth_vfx.color import ColorPlan, ColorTransform
from flashdepth_vfx.errors import NoSuchChannelError, PlateError
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.plate import FloatArray, Plate

__all__ = ["auto_exposure"]

#: Frames that are looked at. A movie is decoded up to the last of them.
_LOOKED_AT = 24
#: Of a frame, rows and columns at most.
_LATTICE = 256
#: What the middle of a shot is brought to: the grey that cameras are exposed for.
_GREY = 0.18
#: So that highlights are measured and not clipped, up to 2^14 times white.
_DARKENED_STOPS = -14.0
#: Light below it is black; a frame with less above it than this share has no say.
_BLACK, _LEAST_SHARE = 2.0**-14, 0.01
#: Coarser than what a few frames more or fewer change.
_STEP_STOPS = 0.25
_MOST_STOPS = 12.0
#: Rec.709.
_LUMINANCE = np.array((0.2126, 0.7152, 0.0722), np.float32)


def auto_exposure(reader: PlateReader, color: ColorPlan) -> float:
    """Stops, in quarters, that bring the middle of a shot to 18 % grey; 0 for a shot that is black.

    Measured in linear light, by the way of `color`, which has no view. What plates ignore has no say, nor have frames
    that cannot be read. The same files give the same number.
    """
    # Dark enough that no light is clipped, on the plain curve, which can be undone.
    linear = ColorTransform(replace(color, exposure_stops=_DARKENED_STOPS, pixels_hash=""))
    levels = [level for plate in _looks(reader) if (level := _level(plate, linear)) is not None]
    if not levels:
        return 0.0
    stops = math.log2(_GREY) - float(np.median(levels))
    stops = min(max(stops, -_MOST_STOPS), _MOST_STOPS)
    return round(stops / _STEP_STOPS) * _STEP_STOPS


def _looks(reader: PlateReader) -> Iterator[Plate]:
    frames = reader.frames
    count = min(_LOOKED_AT, len(frames))
    for index in range(count):
        # From the middle of each stretch: a slate is at the head.
        with contextlib.suppress(PlateError, NoSuchChannelError):
            yield reader.read(frames[(2 * index + 1) * len(frames) // (2 * count)])


def _level(plate: Plate, linear: ColorTransform) -> float | None:
    """The median of log2 of the light of a frame; None where it is black."""
    step = max(1, -(-max(plate.rgb.shape) // _LATTICE))
    seen = np.ones(plate.rgb.shape[:2], bool) if plate.ignored is None else ~plate.ignored
    if plate.alpha is not None and bool((plate.alpha > 0).any()):
        seen = seen & (plate.alpha > 0)
    seen = seen[::step, ::step] & np.isfinite(plate.rgb[::step, ::step]).all(axis=-1)
    light = _undone(linear.to_network(plate.rgb[::step, ::step])) @ _LUMINANCE
    light = light[seen]
    light = light[light > _BLACK]
    if light.size <= _LEAST_SHARE * seen.size:
        return None
    return float(np.median(np.log2(light)))


def _undone(encoded: FloatArray) -> FloatArray:
    """Linear light of what the sRGB curve (IEC 61966-2-1) made of it in the dark."""
    x = encoded.astype(np.float64)
    dark = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return np.asarray(dark * 2.0**-_DARKENED_STOPS, np.float32)
