"""What changes inside a clip: stops and colour over time.

Each track is drawn from a generator of its own, in the order of frames, so that the first frames of a longer clip
have the tracks of the shorter. The exception is where a single flash falls: anywhere in the clip.
"""

from __future__ import annotations

import math

import numpy as np

from flashdepth_vfx.training.scenes.draw import Draw
from flashdepth_vfx.training.scenes.parts import Array, Arrays

__all__ = ["STREAM", "draw_tracks", "flash", "lamps", "track"]

STREAM = 0x10041
"""Keeps the looks' random numbers apart from the scenes' of the same seed."""

#: along the blue-amber axis that light moves on, log gain per unit of track
_WARMTH = np.array([0.16, 0.0, -0.16])
#: a camera's exposure never wanders further than an operator would let it
_FURTHEST_STOPS = 2.0


def draw_tracks(seed: int, frames: int, flicker: float) -> Arrays:
    """`exposure_stops` `(T,)`, `white_log` `(T, 3)` and `light_stops` `(T,)`, all 0 where nothing changes.

    With the chance `flicker` something does: most often the exposure; a clip may have several changes at once.
    """
    draw = _generator(seed, 0)
    changes = draw.chance(flicker)
    # exposure and white hunt in every automatic camera; lamps flicker and guns flash in fewer shots
    drifts, hunts, burns, flashes = (draw.chance(p) for p in (0.55, 0.35, 0.35, 0.15))
    drifts = drifts or not (hunts or burns or flashes)
    still = np.zeros(frames)
    exposure = track(_generator(seed, 1), frames) if changes and drifts else still
    if changes and flashes:
        exposure = exposure + flash(_generator(seed, 2), frames, longest=2)
    warmth = track(_generator(seed, 3), frames) if changes and hunts else still
    lights = lamps(_generator(seed, 4), frames) if changes and burns else still
    return {
        "exposure_stops": exposure,
        "white_log": warmth[:, None] * _WARMTH,
        "light_stops": lights,
    }


def track(draw: Draw, frames: int) -> Array:
    """`(T,)` stops over time: a ramp that comes to a hold, a slow wave, or a flicker of independent frames."""
    time = np.arange(frames, dtype=np.float64)
    kind = draw.pick([0.35, 0.25, 0.4])
    if kind == 0:
        stops = np.clip(time * draw.normal(0.12), -_FURTHEST_STOPS, _FURTHEST_STOPS)
    elif kind == 1:
        wave = np.sin(time * draw.between(0.3, 1.5) + draw.between(0.0, 6.0))
        stops = wave * draw.between(0.1, 0.6)
    else:
        spread = draw.between(0.03, 0.35)
        stops = np.clip(draw.rng.normal(size=frames), -3.0, 3.0) * spread
    return np.asarray(stops, dtype=np.float64)


def flash(draw: Draw, frames: int, longest: int) -> Array:
    """`(T,)` stops: 1..3 on one frame, or up to `longest` in a row, and 0 on all others; never on a whole clip."""
    stops = np.zeros(frames)
    first, height = int(draw.rng.random() * frames), draw.between(1.0, 3.0)
    long = min(draw.count(1, longest), frames - 1)
    stops[first : first + long] = height
    return stops


def lamps(draw: Draw, frames: int) -> Array:
    """`(T,)` stops of the scene's lights: the beat of mains against the shutter, a fire, or lightning."""
    kind = draw.pick([0.45, 0.4, 0.15])
    if kind == 2:
        return flash(draw, frames, longest=1)
    if kind == 1:
        return _fire(draw, frames)
    # 100 or 120 Hz seen at 24 to 60 frames/s folds to anything up to half a cycle a frame
    cycles, phase = draw.between(0.04, 0.5), draw.between(0.0, 2.0 * math.pi)
    swing = draw.scale(0.04, 0.5)
    beat: Array = swing * np.cos(2.0 * math.pi * cycles * np.arange(frames) + phase)
    return beat


def _fire(draw: Draw, frames: int) -> Array:
    """Light that remembers the frame before: a flame, a torch, a television."""
    memory, spread = draw.between(0.5, 0.92), draw.between(0.1, 0.5)
    fresh = draw.rng.normal(size=frames)
    stops = np.empty(frames)
    level = 0.0
    for frame in range(frames):
        kept = memory * level if frame else 0.0
        level = kept + fresh[frame] * (math.sqrt(1.0 - memory * memory) if frame else 1.0)
        stops[frame] = level
    return np.clip(stops * spread, -_FURTHEST_STOPS, _FURTHEST_STOPS)


def _generator(seed: int, which: int) -> Draw:
    return Draw(np.random.default_rng([STREAM, seed, which]))
