"""One seed, one scene, as plain arrays: the stage is set, the camera walks, the parts go into their slots."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.training.scenes.draw import SURFACE_WIDTH, Draw
from flashdepth_vfx.training.scenes.layouts import LAYOUTS, add_foreground
from flashdepth_vfx.training.scenes.parts import Array, Arrays, rotation
from flashdepth_vfx.training.scenes.solids import SLOT_COUNT, SLOTS, Kind, slot_range
from flashdepth_vfx.training.scenes.stage import Stage
from flashdepth_vfx.training.scenes.worth import shows_something

__all__ = ["draw_scenes"]

_NOWHERE_M = -1e6
_FOREGROUND_CHANCE = 0.3
#: how near the camera comes to anything: a hand, and more where the scene is larger
_CLEAR_M, _CLEAR_SHARE = 0.1, 0.04
_TRIES = 4
#: a wall that fills the frame is a picture too, but one in thirty is enough
_KEPT_ALL_THE_SAME = 0.15


def draw_scenes(seeds: Sequence[int], frames: int, stride: float = 1) -> Arrays:
    """One scene for each seed, stacked. The same seed gives the same scene in any batch.

    `stride` is how many frames of the camera's path lie between two pictures, a part of one for sub-frames: with a
    large one, pictures of one scene have little in common.
    """
    drawn = [_draw_scene(seed, frames, stride) for seed in seeds]
    return {name: np.stack([scene[name] for scene in drawn]) for name in drawn[0]}


def _draw_scene(seed: int, frames: int, stride: float) -> Arrays:
    """The fields of `Scene` for one seed, as numpy arrays without the batch axis."""
    draw = Draw(np.random.default_rng(seed))
    for _ in range(_TRIES):
        arrays = _draw_once(draw, frames, stride)
        if shows_something(arrays) or draw.chance(_KEPT_ALL_THE_SAME):
            break
    return arrays


def _draw_once(draw: Draw, frames: int, stride: float) -> Arrays:
    layout = draw.pick([weight for _, weight in LAYOUTS])
    stage = LAYOUTS[layout][0](draw)
    if draw.chance(_FOREGROUND_CHANCE):
        add_foreground(draw, stage)
    arrays = _camera(draw, stage, frames + 1, stride) | _shell(draw, stage) | _light(draw, stage)
    arrays |= _solids(stage, arrays["eye_m"], stride)
    arrays["began"] = np.zeros(())
    arrays["surface"] = np.concatenate([arrays["surface"], arrays.pop("shell_surface")])
    return {
        name: value if name in ("mask", "moves", "used") else value.astype(np.float32)
        for name, value in arrays.items()
    }


def _solids(stage: Stage, eye_m: Array, stride: float) -> Arrays:
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
        velocity[slot], spin[slot] = motion.velocity_m * stride, motion.spin_rad * stride
        pivot[slot] = motion.pivot_m
        if part.kind is Kind.CUTOUT:
            mask[slot - slot_range(Kind.CUTOUT).start] = part.mask
    clear_m = _CLEAR_M + _CLEAR_SHARE * stage.size_m
    centre[_in_the_way(to_unit, centre, half, velocity, eye_m, clear_m)] = _NOWHERE_M
    return {
        "to_unit": to_unit,
        "centre_m": centre,
        "half_m": half,
        "velocity_m": velocity,
        "spin_rad": spin,
        "pivot_m": pivot,
        "moves": (spin != 0.0) | (velocity != 0.0).any(1),
        "used": np.array([free[kind] - slot_range(kind).start for kind in Kind]),
        "mask": mask,
        "surface": surface,
    }


def _in_the_way(
    to_unit: Array, centre: Array, half: Array, velocity: Array, eye_m: Array, clear_m: float
) -> NDArray[np.bool_]:
    """Which solids hold the camera, or nearly, on any frame: bool `(N,)`."""
    frame = np.arange(len(eye_m))[:, None, None]
    local = np.einsum("nij,tnj->tni", to_unit, eye_m[:, None] - centre - velocity * frame)
    thick = half.copy()
    flat = slot_range(Kind.CUTOUT)
    # a cut-out's third half size is 1 m by convention, but it has no thickness
    local[:, flat, 2] *= half[flat, 2] / 0.01
    thick[flat, 2] = 0.01
    blocked: NDArray[np.bool_] = (np.abs(local) < 1.0 + clear_m / thick).all(-1).any(0)
    return blocked


def _camera(draw: Draw, stage: Stage, poses: int, stride: float) -> Arrays:
    """A path: steady travel and turning with the tremor of a hand on it, or a tripod."""
    eye = stage.eye
    tripod = draw.chance(0.15)
    pace = 0.0 if tripod else stage.speed_m * draw.scale(0.1, 2.5)
    heading = draw.rng.normal(size=3) * [1.0, 0.35, 1.0]
    turning = draw.rng.normal(size=3) * [0.012, 0.006, 0.003] * (0.0 if tripod else 1.0)
    shake = 0.0 if draw.chance(0.3) else draw.scale(0.0005, 0.006)
    beat = draw.rng.uniform(0.1, 0.9, size=(6, 1))
    phase = draw.rng.uniform(0.0, 2.0 * math.pi, size=(6, 1))
    time = np.arange(poses) * stride
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
    skins = [draw.surface(span * draw.scale(0.3, 3.0)) for _ in range(3)]
    if stage.floor is not None:
        skins[0] = stage.floor
    return {
        "room_half_m": stage.room_half_m if stage.room_half_m is not None else np.zeros(3),
        "open_top": np.asarray(float(stage.open_top)),
        "ground": np.append(slope / length, stage.ground_m / length),
        "ground_seen": np.asarray(float(stage.ground_seen and not inside)),
        "shell_surface": np.stack(skins),
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
