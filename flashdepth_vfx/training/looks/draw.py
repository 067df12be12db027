"""Looks by seed: what a plate has, how often, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flashdepth_vfx.training.looks.tracks import STREAM, draw_tracks
from flashdepth_vfx.training.scenes.draw import Draw
from flashdepth_vfx.training.scenes.parts import Array, Arrays

__all__ = ["draw_looks"]

#: how often each of film.GRAIN_SIGMA_PX: most plates are scaled down to the size that the network works at
_GRAIN_SIZES = (0.5, 0.25, 0.15, 0.1)
_WARMER = np.array([1.0, 0.0, -1.0])
_GREENER = np.array([-0.5, 1.0, -0.5])


def draw_looks(seeds: Sequence[int], frames: int, flicker: float) -> Arrays:
    """One look for each seed, stacked. `flicker` is the chance that anything changes within the clip.

    A seed gives the same look in any batch, and its first frames the same in a clip of any length but for the place
    of a flash (see `tracks`).
    """
    drawn = [_draw_look(seed, frames, flicker) for seed in seeds]
    return {name: np.stack([look[name] for look in drawn]) for name in drawn[0]}


def _draw_look(seed: int, frames: int, flicker: float) -> Arrays:
    draw = Draw(np.random.default_rng([STREAM, seed]))
    tracks = draw_tracks(seed, frames, flicker)
    values = {
        "light_stops": tracks["light_stops"],
        "exposure_stops": _exposure(draw) + tracks["exposure_stops"],
        "white": np.exp(_white(draw) + tracks["white_log"]),
        **_lens(draw),
        **_grain(draw),
        **_tone(draw),
        # black and white is rare in plates, a washed-out or a rich picture is not
        "saturation": 0.0 if draw.chance(0.07) else draw.between(0.4, 1.35),
        # haze of a raised black, or blacks that a grade has crushed
        "lift": draw.between(-0.05, 0.12) if draw.chance(0.25) else 0.0,
        # previews, proxies and films from a phone; 95 cannot be seen, 30 can by anyone
        "jpeg_quality": draw.between(30.0, 95.0) if draw.chance(0.3) else 0.0,
        "flip": float(draw.chance(0.5)),
    }
    look = {name: np.asarray(value, dtype=np.float32) for name, value in values.items()}
    look["grain_size"] = np.asarray(draw.pick(_GRAIN_SIZES))
    # grain that has lost its colour: black and white stock, or a codec that keeps little of it
    look["grain_apart"] = np.asarray(int(draw.chance(0.7)))
    look["salt"] = np.asarray(draw.count(0, 1 << 20))
    return look


def _exposure(draw: Draw) -> float:
    """Stops from the right exposure: nearly right in most clips, in an eighth of them wrong by up to two stops."""
    if draw.chance(0.875):
        return min(max(draw.normal(0.35), -1.0), 1.0)
    # a night that stays dark, a window that burns out
    return draw.between(0.7, 2.0) * (1.0 if draw.chance(0.5) else -1.0)


def _white(draw: Draw) -> Array:
    """Log gain of each channel: mostly warm against cool (a lamp's 3200 K in daylight is 0.4), a little green."""
    gains: Array = draw.normal(0.16) * _WARMER + draw.normal(0.05) * _GREENER
    return gains + draw.rng.normal(size=3) * 0.03


def _lens(draw: Draw) -> dict[str, object]:
    """A lens: as clean as a modern zoom, or an old one wide open."""
    away = draw.normal(0.0012)
    scatter = draw.scale(0.006, 0.06) if draw.chance(0.3) else 0.0
    # film lets light through to its back and returns the red of it; glass scatters all colours alike
    tint = [1.0, draw.between(0.3, 0.7), draw.between(0.15, 0.5)] if draw.chance(0.4) else [1.0] * 3
    return {
        # a shutter of 180 degrees is 0.5; most footage of slow things shows none of it
        "shutter": draw.between(0.2, 0.9) if draw.chance(0.25) else 0.0,
        # 35 mm at f/8 opens 4 mm, 50 mm at f/2 25 mm and magnifies 1.4 times, 85 mm at f/1.8 47 mm and 2.4 times
        "aperture_mm": draw.scale(3.0, 90.0) if draw.chance(0.3) else 0.0,
        # what a shot is about is rarely at its rim, and more often below its middle than above
        "focus_at": [draw.between(0.3, 0.95), draw.between(0.15, 0.85)],
        # a plate scaled down well is sharp to the pixel; one scaled up, or out of focus, is not
        "blur_px": draw.scale(0.3, 0.8) if draw.chance(0.85) else draw.scale(0.8, 1.8),
        # 0.1 % is a pixel at the rim of a 2K plate: what good lenses keep below and cheap ones do not
        "aberration": [away, -away * draw.between(0.3, 1.0)] if draw.chance(0.35) else [0.0, 0.0],
        "vignette": draw.between(0.0, 0.55) if draw.chance(0.4) else 0.0,
        "glow": np.multiply(scatter, tint),
    }


def _grain(draw: Draw) -> dict[str, object]:
    """None (a clean render, a denoised plate), up to a night's: 0.07 is a signal-to-noise ratio of 6 at mid grey."""
    film = draw.chance(0.4)
    return {
        "grain": draw.between(0.0, 0.17) ** 1.5 if draw.chance(0.55) else 0.0,
        # blue is the slowest layer of a film, and the weakest channel of a sensor under a lamp
        "grain_rgb": [draw.between(0.85, 1.15), draw.between(0.75, 1.0), draw.between(1.0, 1.6)],
        "grain_film": draw.between(0.6, 1.0) if film else draw.between(0.0, 0.15),
    }


def _tone(draw: Draw) -> dict[str, object]:
    """A curve: log, a film's S with toe and shoulder, a soft shoulder alone, or video that clips."""
    log = draw.chance(0.1)
    kind = draw.pick([0.4, 0.3, 0.3])
    return {
        # film prints and the usual display transforms have a slope of 1.2 to 1.6 at mid grey
        "contrast": draw.between(1.1, 1.6) if kind == 0 else 1.0,
        "shoulder": 0.0 if kind == 2 else draw.between(0.4, 2.5),
        "gamma": draw.between(1.7, 2.7),
        # LogC has 0.074 a stop and 0.39 at grey, Cineon 0.088 and 0.46, S-Log3 0.077 and 0.41
        "log_slope": draw.between(0.06, 0.1) if log else 0.0,
        "log_grey": draw.between(0.37, 0.48),
        # LogC's is 0.009: below it the curve is straight and the black stays off 0
        "log_offset": draw.scale(0.004, 0.02),
    }
