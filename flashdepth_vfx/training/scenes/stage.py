"""A scene being set: the camera's first view, and the parts placed before it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from flashdepth_vfx.training.scenes.draw import Draw
from flashdepth_vfx.training.scenes.parts import Array, Part, moved, rotation, turned
from flashdepth_vfx.training.scenes.solids import SLOTS, Kind

__all__ = ["STILL", "Eye", "Motion", "Placed", "Prop", "Stage", "new_eye"]

Prop = Callable[[Draw], list[Part]]
"""Draws a thing, as parts around its own origin."""


@dataclass(frozen=True)
class Motion:
    """Per frame: a shift (m) and a turn about the vertical through `pivot_m` (rad)."""

    velocity_m: Array
    spin_rad: float
    pivot_m: Array


STILL = Motion(np.zeros(3), 0.0, np.zeros(3))


@dataclass(frozen=True)
class Placed:
    """A part and how it moves."""

    part: Part
    motion: Motion


@dataclass(frozen=True)
class Eye:
    """The camera on the first frame. `half_fov_rad` is half the angle across the frame's long side."""

    position_m: Array
    yaw_rad: float
    pitch_rad: float
    roll_rad: float
    half_fov_rad: float

    def ahead(self, draw: Draw, near_m: float, far_m: float, spread: float = 1.0) -> Array:
        """A spot on the floor (y = 0) in or near the field of view."""
        angle = self.yaw_rad + draw.between(-spread, spread) * self.half_fov_rad
        away = draw.scale(near_m, far_m)
        x, _, z = self.position_m
        return np.array([x + away * math.sin(angle), 0.0, z + away * math.cos(angle)])

    def through(self, across: float, up: float, depth_m: float) -> Array:
        """The world point at `depth_m` behind a point of the frame, each coordinate in [-1, 1]."""
        slope = math.tan(self.half_fov_rad)
        ray = np.array([across * slope, up * slope, 1.0]) * depth_m
        point: Array = self.position_m + rotation(self.yaw_rad, self.pitch_rad, self.roll_rad) @ ray
        return point


def new_eye(
    draw: Draw, position_m: Array, look_yaw: float, pitch_spread: float, drop: float = 0.0
) -> Eye:
    """A camera there, looking about level: `drop` is how far down, and now and then it looks up or is held askew."""
    pitch = draw.normal(pitch_spread) - drop
    if draw.chance(0.15):
        pitch += draw.between(-0.9, 0.9)
    roll = draw.normal(0.04) if draw.chance(0.8) else draw.normal(0.3)
    half_fov = math.radians(draw.scale(15.0, 48.0))
    return Eye(position_m, look_yaw, float(np.clip(pitch, -1.45, 1.45)), roll, half_fov)


@dataclass
class Stage:
    """A scene being set. A prop goes in whole or not at all: half a figure teaches nothing."""

    eye: Eye
    placed: list[Placed] = field(default_factory=list)
    room_half_m: Array | None = None
    open_top: bool = False
    ground_m: float = 0.0
    ground_tilt: tuple[float, float] = (0.0, 0.0)
    ground_seen: bool = True
    floor: Array | None = None
    size_m: float = 1.0
    speed_m: float = 0.03

    def add(self, parts: list[Part], motion: Motion = STILL) -> None:
        """Put these parts on the stage if it has slots left for all of them."""
        for kind in Kind:
            used = sum(one.part.kind is kind for one in self.placed)
            if used + sum(part.kind is kind for part in parts) > SLOTS[kind]:
                return
        self.placed += [Placed(part, motion) for part in parts]

    def stand(self, draw: Draw, prop: Prop, spot_m: Array, moving: float = 0.0) -> None:
        """Put a prop on its spot, turned anyhow; with this chance it moves."""
        spot = self._inside(spot_m)
        motion = STILL
        if draw.chance(moving):
            heading = draw.between(0.0, 2.0 * math.pi)
            speed = draw.scale(0.005, 0.12)
            velocity = speed * np.array([math.sin(heading), 0.0, math.cos(heading)])
            motion = Motion(velocity, draw.normal(0.02), spot)
        self.add(moved(turned(prop(draw), draw.any_yaw()), spot), motion)

    def tilt(self, draw: Draw, spread: float) -> None:
        """Slope the ground, or leave it level."""
        if draw.chance(0.4):
            self.ground_tilt = (draw.normal(spread), draw.normal(spread))

    def floor_m(self, x_m: float, z_m: float) -> float:
        """Height of the ground there."""
        return self.ground_m + self.ground_tilt[0] * x_m + self.ground_tilt[1] * z_m

    def _inside(self, spot_m: Array) -> Array:
        """The spot on this ground, or inside this room."""
        x, y, z = spot_m
        if self.room_half_m is None:
            return np.array([x, y + self.floor_m(x, z), z])
        limit = np.maximum(self.room_half_m - 0.3, 0.1)
        return np.array([np.clip(x, -limit[0], limit[0]), y, np.clip(z, -limit[2], limit[2])])
