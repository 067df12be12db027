"""Where a camera can be in a level, and how it moves there: a few steps and a turn, with the tremor of a hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.evaluation.levels.bsp import UNITS_PER_M, Lumps, origin_m, to_world_m
from flashdepth_vfx.evaluation.levels.mesh import entity_shifts

__all__ = ["CLEAR_M", "Path", "Space", "draw_path", "starts_of"]

CLEAR_M = 0.25
"""No wall comes nearer to a camera."""

_FRAMES_PER_S = 24.0
_STARTS = ("info_player_", "team_ctf_red", "team_ctf_blue")
#: What a camera is not inside: solid, lava, slime, water.
_BLOCKING = 0x1 | 0x8 | 0x10 | 0x20
#: A player start lies 24 units over its floor, or a little more.
_START_OVER_FLOOR_M = 24.0 / UNITS_PER_M
_FLOOR_STEP_M, _FLOOR_DEEP_M = 0.05, 4.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Path:
    """A camera over T frames: `eye_m` `(T, 3)`, `eye_turn` `(T, 3, 3)` camera axes to world, `focal_px`."""

    eye_m: Floats
    eye_turn: Floats
    focal_px: float


class Space:
    """The solid parts of a level: convex brushes, each the inside of its planes."""

    def __init__(self, lumps: Lumps) -> None:
        blocking = (lumps.shaders["contents"][lumps.brushes["shader"]] & _BLOCKING) != 0
        chosen = np.flatnonzero(blocking & (lumps.brushes["sides"] > 0))
        counts = lumps.brushes["sides"][chosen]
        # the sides of all chosen brushes in a row, and where each brush begins
        self._begins = np.cumsum(counts, dtype=np.int64) - counts
        within = np.arange(counts.sum()) - np.repeat(self._begins, counts)
        sides = lumps.sides[np.repeat(lumps.brushes["side"][chosen], counts) + within]
        planes = lumps.planes[sides["plane"]]
        # Directions, and no places: turned, and not scaled.
        self._normal = to_world_m(planes["normal"].astype(np.float64) * UNITS_PER_M)
        self._distance = planes["distance"] / np.float32(UNITS_PER_M)
        owner = np.repeat(chosen, counts)
        for model, shift in entity_shifts(lumps):
            first, count = (int(value) for value in lumps.models["brushes"][model])
            moved = (owner >= first) & (owner < first + count)
            self._distance = self._distance + moved * (self._normal @ shift)

    def is_clear(self, places_m: NDArray[Any], radius_m: float = 0.0) -> NDArray[np.bool_]:
        """Which of `places_m` `(P, 3)` lie outside every brush, `radius_m` away from its planes: `(P,)`."""
        if not len(self._distance):
            return np.ones(len(places_m), np.bool_)
        over = places_m @ self._normal.T - self._distance
        outside = np.maximum.reduceat(over, self._begins, axis=1).min(axis=1)
        return np.asarray(outside > radius_m, np.bool_)

    def floor_m(self, start_m: Floats) -> float:
        """Height of the floor below a place; what a player start has below it where none is found."""
        down = np.arange(0.0, _FLOOR_DEEP_M, _FLOOR_STEP_M)
        below = start_m - down[:, None] * [0.0, 1.0, 0.0]
        solid = np.flatnonzero(~self.is_clear(below))
        deep = down[solid[0]] if len(solid) and solid[0] else _START_OVER_FLOOR_M
        return float(start_m[1] - deep)


def starts_of(lumps: Lumps) -> Floats:
    """Where players enter the level, metres: `(S, 3)`. Raises `CorruptPlateError`."""
    found = [
        origin_m(lumps.source, entity)
        for entity in lumps.entities
        if entity.get("classname", "").lower().startswith(_STARTS)
    ]
    return np.array([place for place in found if place is not None], np.float64).reshape(-1, 3)


def draw_path(
    rng: np.random.Generator, space: Space, starts_m: Floats, frames: int, width_px: int
) -> Path:
    """One camera near a player start. It may run into a wall: `Space.is_clear` tells."""
    start = starts_m[rng.integers(len(starts_m))]
    eye = start + rng.uniform(-1.5, 1.5, 3) * [1.0, 0.0, 1.0]
    eye[1] = space.floor_m(start) + rng.uniform(1.0, 1.9)
    time_s = np.arange(frames) / _FRAMES_PER_S
    yaw = rng.uniform(0.0, 2.0 * math.pi)
    heading = yaw + math.radians(rng.normal() * 40.0)
    speed_m = rng.uniform(0.3, 1.6) * (rng.random() > 0.15)
    along = np.array([math.sin(heading), 0.0, math.cos(heading)]) * speed_m
    tremor = _tremor(rng, time_s)
    yaws = yaw + math.radians(rng.normal() * 12.0) * time_s + tremor[0] * 0.008
    pitch = math.radians(float(np.clip(rng.normal(-3.0, 9.0), -30.0, 30.0)))
    pitches = pitch + math.radians(rng.normal() * 3.0) * time_s + tremor[1] * 0.006
    rolls = math.radians(rng.normal() * 1.5) + tremor[2] * 0.004
    half_field = math.radians(rng.uniform(50.0, 85.0)) / 2.0
    return Path(
        eye + along * time_s[:, None] + tremor[3:].T * 0.01,
        _turns(yaws, pitches, rolls),
        width_px / 2.0 / math.tan(half_field),
    )


def _tremor(rng: np.random.Generator, time_s: Floats) -> Floats:
    """Six slow waves of amplitude 1, each of two, from 0.3 to 2.5 a second: `(6, T)`."""
    rate = rng.uniform(0.3, 2.5, (6, 2, 1)) * 2.0 * math.pi
    phase = rng.uniform(0.0, 2.0 * math.pi, (6, 2, 1))
    waves: Floats = np.sin(rate * time_s + phase).mean(axis=1) * rng.uniform(0.0, 1.0)
    return waves


def _turns(yaw: Floats, pitch: Floats, roll: Floats) -> Floats:
    """Camera axes (right, up, ahead) as the columns, `(T, 3, 3)`. Yaw 0 looks along z, pitch is up."""
    zero = np.zeros_like(yaw)
    ahead = np.stack(
        [np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], axis=-1
    )
    level = np.stack([np.cos(yaw), zero, -np.sin(yaw)], axis=-1)
    above = np.cross(ahead, level)
    c, s = np.cos(roll)[:, None], np.sin(roll)[:, None]
    return np.stack([c * level + s * above, c * above - s * level, ahead], axis=-1)
