"""A scene at an instant: where its camera and its solids are at a time between frames."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from flashdepth_vfx.training.scenes.scene import Scene

__all__ = ["views_at"]

_OF_MOTION = ("eye_m", "eye_turn", "spin_rad", "velocity_m", "pivot_m")


def views_at(scene: Scene, which: Tensor, time: Tensor, light_stops: Tensor) -> dict[str, Tensor]:
    """The fields of V views: scenes `which` at `time` (in frames), lights brighter by `light_stops`, all `(V,)`."""
    views = {
        field.name: getattr(scene, field.name)[which]
        for field in dataclasses.fields(scene)
        if field.name not in _OF_MOTION
    }
    views["eye_m"], views["eye_turn"] = _camera_at(scene, which, time)
    time = time + views.pop("began")
    turn = _yaw(scene.spin_rad[which] * time[:, None])
    pivot = scene.pivot_m[which]
    arm = (turn @ (views["centre_m"] - pivot)[..., None]).squeeze(-1)
    travel = scene.velocity_m[which] * time[:, None, None]
    views["centre_m"] = pivot + arm + travel
    views["to_unit"] = views["to_unit"] @ turn.mT
    # the light that comes from everywhere is half the lamps' and half the day's
    views["light_colour"] = views["light_colour"] * torch.exp2(light_stops)[:, None]
    views["ambient"] = views["ambient"] * torch.exp2(0.5 * light_stops)[:, None]
    return views


def _camera_at(scene: Scene, which: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """`(V, 3)` and `(V, 3, 3)`: exact on a frame, between two frames on the straight way from pose to pose."""
    last = scene.eye_m.shape[1] - 1
    before = time.floor().long().clamp(0, last)
    after = (before + 1).clamp_max(last)
    part = (time - before)[:, None]
    eye = torch.lerp(scene.eye_m[which, before], scene.eye_m[which, after], part)
    one, two = scene.eye_turn[which, before], scene.eye_turn[which, after]
    mixed = torch.lerp(one, two, part[..., None])
    forward = torch.nn.functional.normalize(mixed[..., 2], dim=-1)
    up = mixed[..., 1] - (mixed[..., 1] * forward).sum(-1, keepdim=True) * forward
    up = torch.nn.functional.normalize(up, dim=-1)
    turned = torch.stack([torch.linalg.cross(up, forward, dim=-1), up, forward], -1)
    return eye, torch.where(part[..., None] == 0.0, one, turned)


def _yaw(angle_rad: Tensor) -> Tensor:
    """`(...)` -> `(..., 3, 3)`, the turn of `parts.yaw`."""
    c, s, zero, one = angle_rad.cos(), angle_rad.sin(), angle_rad * 0, angle_rad * 0 + 1
    rows = [torch.stack(row, -1) for row in ((c, zero, s), (zero, one, zero), (-s, zero, c))]
    return torch.stack(rows, -2)
