"""What is around the solids: the ground or a room's inside, the sky, and the rays that look at them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.training.scenes.solids import MISS
from flashdepth_vfx.training.scenes.textures import noise

__all__ = ["GROUND_REACH_M", "axis_vector", "rays", "shell_hit", "sky_colour"]

GROUND_REACH_M = 5000.0
"""Beyond this the ground is sky."""


def rays(eye_turn: Tensor, focal_px: Tensor, height_px: int, width_px: int) -> Tensor:
    """World directions `(V, H * W, 3)` whose camera z is 1, so that the ray parameter is planar depth."""
    device = eye_turn.device
    y = height_px / 2.0 - 0.5 - torch.arange(height_px, device=device, dtype=torch.float32)
    x = torch.arange(width_px, device=device, dtype=torch.float32) + 0.5 - width_px / 2.0
    across = (x[None, :].expand(height_px, -1).reshape(1, -1) / focal_px[:, None])[..., None]
    up = (y[:, None].expand(-1, width_px).reshape(1, -1) / focal_px[:, None])[..., None]
    right_axis, up_axis, forward_axis = eye_turn[:, None].unbind(-1)
    return across * right_axis + up * up_axis + forward_axis


def shell_hit(
    view: dict[str, Tensor], eye: Tensor, direction: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Depth `(V, P)` of the ground or the room's inside, face (0 floor, 1 wall, 2 ceiling), normal."""
    safe = torch.where(direction.abs() < 1e-9, 1e-9, direction)
    plane, height = view["ground"][:, None, :3], view["ground"][:, None, 3]
    ground = (height - (plane * eye).sum(-1)) / (plane * safe).sum(-1)
    seen = (ground > 1e-3) & (ground < GROUND_REACH_M) & (view["ground_seen"][:, None] > 0)
    ground = torch.where(seen, ground, MISS)
    half = view["room_half_m"][:, None]
    low = half * torch.tensor([-1.0, 0.0, -1.0], device=half.device)
    walls = torch.maximum((low - eye) / safe, (half - eye) / safe)
    wall, axis = walls.min(dim=-1)
    room = half[..., 0] > 0
    up = safe[..., 1] > 0
    face = torch.where(axis == 1, torch.where(up, 2, 0), 1)
    wall = torch.where((face == 2) & (view["open_top"][:, None] > 0), MISS, wall)
    normal = axis_vector(axis, safe)
    normal = torch.where(room[..., None], normal, plane.expand_as(normal))
    return torch.where(room, wall, ground), torch.where(room, face, 0), normal


def sky_colour(view: dict[str, Tensor], direction: Tensor) -> Tensor:
    """A gradient from the horizon up, with clouds: `(V, P, 3)`."""
    ray = F.normalize(direction, dim=-1)
    rise = ray[..., 1:2].clamp_min(0.0)
    colour = torch.lerp(view["sky"][:, None, 0], view["sky"][:, None, 1], rise**0.6)
    spread = 2.0 / (rise + 0.2)
    u, v = (ray[..., 0:1] * spread), (ray[..., 2:3] * spread)
    layers = noise(u, v, 7) + 0.5 * noise(u * 2.3, v * 2.3, 8) + 0.25 * noise(u * 5.1, v * 5.1, 9)
    cover = ((layers / 1.75 - 0.5) * 4.0).clamp(0.0, 1.0) * view["cloud"][:, None, None]
    return torch.lerp(colour, torch.ones_like(colour), cover)


def axis_vector(index: Tensor, like: Tensor) -> Tensor:
    """Unit vectors along axes 0, 1 or 2: `(V, P)` -> `(V, P, 3)`."""
    return (index[..., None] == torch.arange(3, device=index.device)).to(like.dtype)
