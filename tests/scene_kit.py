"""Scenes set by hand: a few solids before a camera at the origin that looks along z."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from flashdepth_vfx.training.scenes import Scene, draw_scenes
from flashdepth_vfx.training.scenes.parts import Array, Part
from flashdepth_vfx.training.scenes.solids import SLOT_COUNT, SLOTS, Kind, slot_range
from flashdepth_vfx.training.scenes.stage import STILL, Motion
from flashdepth_vfx.training.scenes.textures import Pattern

CPU = torch.device("cpu")
#: Rays are cast for a grid this small; the laws are of numbers, not of looks.
SIZE = (24, 32)


def paint(colour: Sequence[float] = (0.5, 0.5, 0.5), mirror: float = 0.0) -> Array:
    """A surface of one colour."""
    numbers = [float(Pattern.PLAIN), 1.0, 1.0, 0.0, 0.5, 0.0, 0.1, 0.0, mirror, 0.0, 0.0, 0.0]
    return np.array([*numbers, *colour, *colour, *colour])


def made_scene(
    parts: Sequence[Part],
    frames: int = 1,
    motions: Sequence[Motion] = (),
    room_half_m: Sequence[float] = (0.0, 0.0, 0.0),
) -> Scene:
    """One scene of these parts (their motions: still where none is given), no ground, a lit grey sky, focal length
    half the frame's long side."""
    numbers = {
        "to_unit": np.tile(np.eye(3), (SLOT_COUNT, 1, 1)),
        "centre_m": np.full((SLOT_COUNT, 3), -1e6),
        "half_m": np.ones((SLOT_COUNT, 3)),
        "velocity_m": np.zeros((SLOT_COUNT, 3)),
        "spin_rad": np.zeros(SLOT_COUNT),
        "pivot_m": np.zeros((SLOT_COUNT, 3)),
        "surface": np.tile(paint(), (SLOT_COUNT + 3, 1)),
        "room_half_m": np.array(room_half_m),
        "open_top": np.zeros(()),
        "ground": np.array([0.0, 1.0, 0.0, 0.0]),
        "ground_seen": np.zeros(()),
        "eye_m": np.zeros((frames + 1, 3)),
        "eye_turn": np.tile(np.eye(3), (frames + 1, 1, 1)),
        "focal_ratio": np.array(0.5),
        "light_m": np.array([0.0, 0.8, -0.6, 0.0]),
        "light_colour": np.ones(3),
        "ambient": np.full(3, 0.3),
        "sky": np.full((2, 3), 0.4),
        "cloud": np.zeros(()),
        "haze_per_m": np.zeros(()),
        "began": np.zeros(()),
    }
    mask = np.zeros((SLOTS[Kind.CUTOUT], 3), dtype=np.int64)
    used = np.zeros(len(Kind), dtype=np.int64)
    for index, part in enumerate(parts):
        first = slot_range(part.kind).start
        slot = first + int(used[part.kind])
        used[part.kind] += 1
        motion = motions[index] if motions else STILL
        numbers["to_unit"][slot] = np.linalg.inv(part.rotation @ np.diag(part.half_m))
        numbers["centre_m"][slot], numbers["half_m"][slot] = part.centre_m, part.half_m
        numbers["surface"][slot] = part.surface
        numbers["velocity_m"][slot], numbers["spin_rad"][slot] = motion.velocity_m, motion.spin_rad
        numbers["pivot_m"][slot] = motion.pivot_m
        if part.kind is Kind.CUTOUT:
            mask[slot - first] = part.mask
    moves = (numbers["spin_rad"] != 0) | (numbers["velocity_m"] != 0).any(1)
    arrays = {name: array.astype(np.float32)[None] for name, array in numbers.items()}
    whole = {"mask": mask[None], "moves": moves[None], "used": used[None]}
    return Scene.from_arrays(arrays | whole, CPU)


def drawn_scene(seeds: Sequence[int], frames: int = 1, stride: int = 1) -> Scene:
    """The scenes of these seeds."""
    return Scene.from_arrays(draw_scenes(seeds, frames, stride), CPU)
