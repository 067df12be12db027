"""Scenes: one seed, one scene, as plain arrays that any device can render."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flashdepth_vfx.training.scenes.draw import SURFACE_WIDTH, Draw
from flashdepth_vfx.training.scenes.layouts import LAYOUTS, add_foreground
from flashdepth_vfx.training.scenes.parts import Array, Arrays, rotation
from flashdepth_vfx.training.scenes.solids import SLOT_COUNT, SLOTS, Kind, slot_range
from flashdepth_vfx.training.scenes.stage import Stage

__all__ = ["FLOOR", "Scene", "draw_scenes"]

FLOOR = SLOT_COUNT
"""Surface row of the ground or floor; the walls' row and the ceiling's follow it."""

_NOWHERE_M = -1e6
_FOREGROUND_CHANCE = 0.4
_CLEAR_M = 0.08


@dataclass(frozen=True)
class Scene:
    """B scenes of T frames, N solids each (C of them cut-outs), as tensors whose first axis is B.

    Lengths in metres, world y up, colours in linear light, rates per frame. `eye_turn` takes camera axes (x right,
    y up, z forward) to world axes. `focal_ratio` is the focal length over the frame's long side.
    """

    to_unit: Tensor  # (B, N, 3, 3)
    centre_m: Tensor  # (B, N, 3)
    half_m: Tensor  # (B, N, 3)
    velocity_m: Tensor  # (B, N, 3)
    spin_rad: Tensor  # (B, N)
    pivot_m: Tensor  # (B, N, 3)
    mask: Tensor  # (B, C, 3) int64
    surface: Tensor  # (B, N + 3, columns)
    room_half_m: Tensor  # (B, 3), zeros outdoors
    open_top: Tensor  # (B,) 1 or 0
    ground: Tensor  # (B, 4): unit normal and height along it
    ground_seen: Tensor  # (B,) 1 or 0
    eye_m: Tensor  # (B, T, 3)
    eye_turn: Tensor  # (B, T, 3, 3)
    focal_ratio: Tensor  # (B,)
    light_m: Tensor  # (B, 4): place and 1, or direction to the sun and 0
    light_colour: Tensor  # (B, 3)
    ambient: Tensor  # (B, 3)
    sky: Tensor  # (B, 2, 3): horizon, zenith
    cloud: Tensor  # (B,)
    haze_per_m: Tensor  # (B,)

    @property
    def frames(self) -> int:
        """T."""
        return self.eye_m.shape[1]

    @classmethod
    def from_arrays(cls, arrays: Arrays, device: torch.device) -> Scene:
        """What `draw_scenes` drew, on a device."""
        return cls(**{name: torch.from_numpy(array).to(device) for name, array in arrays.items()})


def draw_scenes(seeds: Sequence[int], frames: int) -> Arrays:
    """One scene for each seed, stacked. The same seed gives the same scene in any batch."""
    drawn = [_draw_scene(seed, frames) for seed in seeds]
    return {name: np.stack([scene[name] for scene in drawn]) for name in drawn[0]}


def _draw_scene(seed: int, frames: int) -> Arrays:
    """The fields of `Scene` for one seed, as numpy arrays without the batch axis."""
    draw = Draw(np.random.default_rng(seed))
    layout = draw.pick([weight for _, weight in LAYOUTS])
    stage = LAYOUTS[layout][0](draw)
    if draw.chance(_FOREGROUND_CHANCE):
        add_foreground(draw, stage)
    arrays = _camera(draw, stage, frames) | _shell(draw, stage) | _light(draw, stage)
    arrays |= _solids(stage, arrays["eye_m"])
    arrays["surface"] = np.concatenate([arrays["surface"], arrays.pop("shell_surface")])
    return {
        name: value if name == "mask" else value.astype(np.float32)
        for name, value in arrays.items()
    }


def _solids(stage: Stage, eye_m: Array) -> Arrays:
    """Pack the parts into their slots, without those that the camera would pass through."""
    to_unit = np.tile(np.eye(3), (SLOT_COUNT, 1, 1))
    centre = np.full((SLOT_COUNT, 3), _NOWHERE_M)
    half, velocity = np.ones((SLOT_COUNT, 3)), np.zeros((SLOT_COUNT, 3))
    pivot, spin = np.zeros((SLOT_COUNT, 3)), np.zeros(SLOT_COUNT)
    surface = np.zeros((SLOT_COUNT, SURFACE_WIDTH))
    mask = np.zeros((SLOTS[Kind.CUTOUT], 3), dtype=np.int64)
    free = {kind: slot_range(kind).start for kind in Kind}
    for placed in stage.placed:
        part, motion = placed.part, placed.motion
        slot = free[part.kind]
        free[part.kind] += 1
        to_unit[slot] = (part.rotation / part.half_m).T
        centre[slot], half[slot], surface[slot] = part.centre_m, part.half_m, part.surface
        velocity[slot], spin[slot], pivot[slot] = motion.velocity_m, motion.spin_rad, motion.pivot_m
        if part.kind is Kind.CUTOUT:
            mask[slot - slot_range(Kind.CUTOUT).start] = part.mask
    centre[_in_the_way(to_unit, centre, half, velocity, eye_m)] = _NOWHERE_M
    return {
        "to_unit": to_unit,
        "centre_m": centre,
        "half_m": half,
        "velocity_m": velocity,
        "spin_rad": spin,
        "pivot_m": pivot,
        "mask": mask,
        "surface": surface,
    }


def _in_the_way(
    to_unit: Array, centre: Array, half: Array, velocity: Array, eye_m: Array
) -> NDArray[np.bool_]:
    """Which solids hold the camera, or nearly, on any frame: bool `(N,)`."""
    frame = np.arange(len(eye_m))[:, None, None]
    local = np.einsum("nij,tnj->tni", to_unit, eye_m[:, None] - centre - velocity * frame)
    thick = half.copy()
    flat = slot_range(Kind.CUTOUT)
    # a cut-out's third half size is 1 m by convention, but it has no thickness
    local[:, flat, 2] *= half[flat, 2] / 0.01
    thick[flat, 2] = 0.01
    blocked: NDArray[np.bool_] = (np.abs(local) < 1.0 + _CLEAR_M / thick).all(-1).any(0)
    return blocked


def _camera(draw: Draw, stage: Stage, frames: int) -> Arrays:
    """A path: steady travel and turning with the tremor of a hand on it, or a tripod."""
    eye = stage.eye
    tripod = draw.chance(0.15)
    pace = 0.0 if tripod else stage.speed_m * draw.scale(0.1, 2.5)
    heading = draw.rng.normal(size=3) * [1.0, 0.35, 1.0]
    turning = draw.rng.normal(size=3) * [0.012, 0.006, 0.003] * (0.0 if tripod else 1.0)
    shake = 0.0 if draw.chance(0.3) else draw.scale(0.0005, 0.006)
    beat = draw.rng.uniform(0.1, 0.9, size=(6, 1))
    phase = draw.rng.uniform(0.0, 2.0 * math.pi, size=(6, 1))
    time = np.arange(frames)
    tremor = (np.sin(beat * time + phase) - np.sin(phase)).T * shake
    place = eye.position_m + heading * pace * time[:, None] + tremor[:, :3] * stage.speed_m * 10.0
    if stage.room_half_m is not None:
        limit = stage.room_half_m - 0.1
        low = np.array([-limit[0], 0.1, -limit[2]])
        place = np.clip(place, low, limit)
    angles = np.array([eye.yaw_rad, eye.pitch_rad, eye.roll_rad]) + turning * time[:, None]
    turns = [rotation(*row) for row in angles + tremor[:, 3:]]
    return {
        "eye_m": place,
        "eye_turn": np.stack(turns),
        "focal_ratio": np.asarray(0.5 / math.tan(eye.half_fov_rad)),
    }


def _shell(draw: Draw, stage: Stage) -> Arrays:
    """The room or the ground, and its three surfaces."""
    inside = stage.room_half_m is not None
    slope = np.array([-stage.ground_tilt[0], 1.0, -stage.ground_tilt[1]])
    length = np.linalg.norm(slope)
    span = min(stage.size_m, 4.0)
    return {
        "room_half_m": stage.room_half_m if stage.room_half_m is not None else np.zeros(3),
        "open_top": np.asarray(float(stage.open_top)),
        "ground": np.append(slope / length, stage.ground_m / length),
        "ground_seen": np.asarray(float(stage.ground_seen and not inside)),
        "shell_surface": np.stack([draw.surface(span * draw.scale(0.3, 3.0)) for _ in range(3)]),
    }


def _light(draw: Draw, stage: Stage) -> Arrays:
    """A lamp in a closed room, the sun elsewhere; sky and haze."""
    warm = np.array([1.0, draw.between(0.8, 1.0), draw.between(0.55, 1.0)])
    half = stage.room_half_m
    haze = 0.0
    if half is not None and not stage.open_top:
        spread = draw.rng.uniform(-0.9, 0.9, size=3)
        light = np.array(
            [spread[0] * half[0], half[1] * draw.between(0.5, 0.97), spread[2] * half[2], 1]
        )
        # so that a lamp of a large room is stronger: what arrives at its far side is about the same
        power = draw.between(0.4, 1.6) * float(half.mean()) ** 2
    else:
        toward = draw.rng.normal(size=3)
        toward[1] = abs(toward[1]) + draw.between(0.15, 1.0)
        light = np.append(toward / np.linalg.norm(toward), 0.0)
        power = draw.between(0.0, 2.5)
        if half is None and draw.chance(0.35):
            haze = draw.scale(0.002, 0.06)
    tint = np.array([draw.between(0.75, 1.0), draw.between(0.88, 1.0), 1.0])
    zenith = draw.scale(0.25, 1.2) * np.array(
        [draw.between(0.25, 1.0), draw.between(0.6, 1.0), 1.0]
    )
    horizon = draw.scale(0.4, 1.3) * np.array(
        [1.0, draw.between(0.85, 1.0), draw.between(0.75, 1.1)]
    )
    return {
        "light_m": light,
        "light_colour": power * warm,
        "ambient": draw.between(0.12, 0.7) * tint,
        "sky": np.stack([horizon, zenith]),
        "cloud": np.asarray(draw.between(0.0, 1.0) if draw.chance(0.6) else 0.0),
        "haze_per_m": np.asarray(haze),
    }
