"""Scenes as tensors that any device can render."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from flashdepth_vfx.training.scenes.parts import Arrays
from flashdepth_vfx.training.scenes.solids import SLOT_COUNT

__all__ = ["FLOOR", "Scene"]

FLOOR = SLOT_COUNT
"""Surface row of the ground or floor; the walls' row and the ceiling's follow it."""


@dataclass(frozen=True)
class Scene:
    """B scenes of T frames, N solids each (C of them cut-outs), as tensors whose first axis is B.

    There are T + 1 poses, so that a shutter that opens on the last frame sees the camera move on. Lengths in metres,
    world y up, colours in linear light, rates per frame. `eye_turn` takes camera axes (x right, y up, z forward) to
    world axes. `focal_ratio` is the focal length over the frame's long side.
    """

    to_unit: Tensor  # (B, N, 3, 3)
    centre_m: Tensor  # (B, N, 3)
    half_m: Tensor  # (B, N, 3)
    velocity_m: Tensor  # (B, N, 3)
    spin_rad: Tensor  # (B, N)
    pivot_m: Tensor  # (B, N, 3)
    moves: Tensor  # (B, N) bool
    used: Tensor  # (B, 4) int64: slots of each kind that hold a solid
    mask: Tensor  # (B, C, 3) int64
    surface: Tensor  # (B, N + 3, columns)
    room_half_m: Tensor  # (B, 3), zeros outdoors
    open_top: Tensor  # (B,) 1 or 0
    ground: Tensor  # (B, 4): unit normal and height along it
    ground_seen: Tensor  # (B,) 1 or 0
    eye_m: Tensor  # (B, T + 1, 3)
    eye_turn: Tensor  # (B, T + 1, 3, 3)
    focal_ratio: Tensor  # (B,)
    light_m: Tensor  # (B, 4): place and 1, or direction to the sun and 0
    light_colour: Tensor  # (B, 3)
    ambient: Tensor  # (B, 3)
    sky: Tensor  # (B, 2, 3): horizon, zenith
    cloud: Tensor  # (B,)
    haze_per_m: Tensor  # (B,)
    began: (
        Tensor  # (B,) the time of the first frame, in frames since things stood where they were put
    )

    @property
    def frames(self) -> int:
        """T."""
        return self.eye_m.shape[1] - 1

    @property
    def batch(self) -> int:
        """B."""
        return self.eye_m.shape[0]

    @classmethod
    def from_arrays(cls, arrays: Arrays, device: torch.device) -> Scene:
        """What `draw_scenes` drew, on a device."""
        return cls(**{name: torch.from_numpy(array).to(device) for name, array in arrays.items()})

    def part(self, start: int, stop: int) -> Scene:
        """The frames `start` up to `stop`, by themselves."""
        poses = slice(start, stop + 1)
        return dataclasses.replace(
            self,
            eye_m=self.eye_m[:, poses],
            eye_turn=self.eye_turn[:, poses],
            began=self.began + start,
        )
