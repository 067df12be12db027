"""Scenes into pictures: linear-light RGB and exact disparity, many views at once on any device."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.training.scenes.scene import FLOOR, Scene
from flashdepth_vfx.training.scenes.solids import MISS, SLOTS, Kind, Solids, first_hit, slot_range
from flashdepth_vfx.training.scenes.textures import SURFACE_COLUMNS, noise, surface_colour

__all__ = ["Clip", "render"]

_GROUND_REACH_M = 5000.0
# values in flight at once: a chunk's (views, solids of one kind, pixels) stays in cache on a CPU, fills a GPU
_CHUNK = {"cpu": 1 << 20, "cuda": 1 << 28}


@dataclass(frozen=True)
class Clip:
    """B clips of T frames with their cameras.

    `rgb_linear` `(B, T, 3, H, W)`; `disparity_100_per_m` `(B, T, H, W)`, 100 / planar depth, sky 0;
    `eye_m` `(B, T, 3)`, `eye_turn` `(B, T, 3, 3)` camera (x right, y up, z forward) to world;
    `focal_px` `(B,)`. The principal point is the middle of the frame; pixel centres are at halves.
    """

    rgb_linear: Tensor
    disparity_100_per_m: Tensor
    eye_m: Tensor
    eye_turn: Tensor
    focal_px: Tensor


@torch.no_grad()
def render(scene: Scene, height_px: int, width_px: int, compiled: bool = False) -> Clip:
    """Render every frame of every scene. `compiled` fuses the arithmetic (worth it on a GPU, for many calls)."""
    batch, frames = scene.eye_m.shape[:2]
    views = _views(scene)
    draw = _compiled() if compiled else _draw_views
    cells = max(SLOTS.values()) * height_px * width_px
    step = max(1, _CHUNK.get(scene.eye_m.device.type, _CHUNK["cuda"]) // cells)
    pictures, disparities = [], []
    for start in range(0, batch * frames, step):
        chunk = {name: value[start : start + step] for name, value in views.items()}
        rgb, disparity = draw(chunk, height_px, width_px)
        pictures.append(rgb)
        disparities.append(disparity)
    return Clip(
        torch.cat(pictures).view(batch, frames, 3, height_px, width_px),
        torch.cat(disparities).view(batch, frames, height_px, width_px),
        scene.eye_m,
        scene.eye_turn,
        scene.focal_ratio * max(height_px, width_px),
    )


_Drawer = Callable[[dict[str, Tensor], int, int], tuple[Tensor, Tensor]]


@functools.cache
def _compiled() -> _Drawer:
    compiled: _Drawer = torch.compile(_draw_views, dynamic=False)
    return compiled


def _views(scene: Scene) -> dict[str, Tensor]:
    """The scene's fields for each of its B x T views, moved to each frame's time."""
    batch, frames = scene.eye_m.shape[:2]
    views = {}
    for field in dataclasses.fields(scene):
        value = getattr(scene, field.name)
        each = field.name in ("eye_m", "eye_turn")
        views[field.name] = value.flatten(0, 1) if each else value.repeat_interleave(frames, 0)
    time = torch.arange(frames, device=scene.eye_m.device, dtype=torch.float32).repeat(batch)
    angle = views.pop("spin_rad") * time[:, None]
    turn = _yaw(angle)
    pivot = views.pop("pivot_m")
    arm = (turn @ (views["centre_m"] - pivot)[..., None]).squeeze(-1)
    views["centre_m"] = pivot + arm + views.pop("velocity_m") * time[:, None, None]
    views["to_unit"] = views["to_unit"] @ turn.mT
    return views


def _yaw(angle_rad: Tensor) -> Tensor:
    """`(...)` -> `(..., 3, 3)`, the turn of `parts.yaw`."""
    c, s, zero, one = angle_rad.cos(), angle_rad.sin(), angle_rad * 0, angle_rad * 0 + 1
    rows = [torch.stack(row, -1) for row in ((c, zero, s), (zero, one, zero), (-s, zero, c))]
    return torch.stack(rows, -2)


def _draw_views(view: dict[str, Tensor], height_px: int, width_px: int) -> tuple[Tensor, Tensor]:
    """RGB `(V, 3, H, W)` in linear light and disparity `(V, H, W)` in 100/m."""
    focal_px = view["focal_ratio"] * max(height_px, width_px)
    direction = _rays(view["eye_turn"], focal_px, height_px, width_px)
    solids = Solids(view["to_unit"], view["centre_m"], view["mask"])
    eye = view["eye_m"][:, None]
    depth, slot = first_hit(solids, eye, direction, 1e-3)
    behind, face, shell_normal = _shell(view, eye, direction)
    slot = torch.where(behind < depth, FLOOR + face, slot)
    depth = torch.minimum(depth, behind)
    sky = depth >= MISS / 2
    point = eye + torch.where(sky, 1.0, depth)[..., None] * direction
    normal, u_m, v_m = _surface_frame(view, slot, point, shell_normal)
    facing = (normal * direction).sum(-1) / direction.norm(dim=-1)
    normal = torch.where((facing > 0)[..., None], -normal, normal)
    pixel_m = depth.clamp_max(_GROUND_REACH_M) / focal_px[:, None] / facing.abs().clamp_min(0.08)
    rows = _take(view["surface"], slot)
    surface = _columns(rows)
    albedo = surface_colour(surface, u_m, v_m, pixel_m)
    colour = _lit(view, solids, point, normal, direction, albedo, surface["gloss"], depth)
    horizon_haze = (1.0 - torch.exp(-view["haze_per_m"][:, None] * depth.clamp_max(1e4)))[..., None]
    colour = torch.lerp(colour, view["sky"][:, None, 0].expand_as(colour), horizon_haze)
    colour = torch.where(sky[..., None], _sky(view, direction), colour)
    disparity = torch.where(sky, 0.0, 100.0 / depth)
    shape = (-1, height_px, width_px)
    return colour.mT.reshape(-1, 3, height_px, width_px), disparity.reshape(shape)


def _rays(eye_turn: Tensor, focal_px: Tensor, height_px: int, width_px: int) -> Tensor:
    """World directions `(V, H * W, 3)` whose camera z is 1, so that the ray parameter is planar depth."""
    device = eye_turn.device
    y = height_px / 2.0 - 0.5 - torch.arange(height_px, device=device, dtype=torch.float32)
    x = torch.arange(width_px, device=device, dtype=torch.float32) + 0.5 - width_px / 2.0
    across = (x[None, :].expand(height_px, -1).reshape(1, -1) / focal_px[:, None])[..., None]
    up = (y[:, None].expand(-1, width_px).reshape(1, -1) / focal_px[:, None])[..., None]
    right_axis, up_axis, forward_axis = eye_turn[:, None].unbind(-1)
    return across * right_axis + up * up_axis + forward_axis


def _shell(
    view: dict[str, Tensor], eye: Tensor, direction: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Depth `(V, P)` of the ground or the room's inside, face (0 floor, 1 wall, 2 ceiling), normal."""
    safe = torch.where(direction.abs() < 1e-9, 1e-9, direction)
    plane, height = view["ground"][:, None, :3], view["ground"][:, None, 3]
    ground = (height - (plane * eye).sum(-1)) / (plane * safe).sum(-1)
    seen = (ground > 1e-3) & (ground < _GROUND_REACH_M) & (view["ground_seen"][:, None] > 0)
    ground = torch.where(seen, ground, MISS)
    half = view["room_half_m"][:, None]
    low = half * torch.tensor([-1.0, 0.0, -1.0], device=half.device)
    walls = torch.maximum((low - eye) / safe, (half - eye) / safe)
    wall, axis = walls.min(dim=-1)
    room = half[..., 0] > 0
    up = safe[..., 1] > 0
    face = torch.where(axis == 1, torch.where(up, 2, 0), 1)
    wall = torch.where((face == 2) & (view["open_top"][:, None] > 0), MISS, wall)
    normal = _axis(axis, safe)
    normal = torch.where(room[..., None], normal, plane.expand_as(normal))
    return torch.where(room, wall, ground), torch.where(room, face, 0), normal


def _surface_frame(
    view: dict[str, Tensor], slot: Tensor, point: Tensor, shell_normal: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """World normal `(V, P, 3)` and the two surface coordinates (m) of each point."""
    is_shell = slot >= FLOOR
    solid = slot.clamp_max(FLOOR - 1)
    to_unit = _take(view["to_unit"].flatten(2), solid)
    to_unit = to_unit.view(*to_unit.shape[:-1], 3, 3)
    unit = (to_unit @ (point - _take(view["centre_m"], solid))[..., None]).squeeze(-1)
    ball, cube, tube = (solid < slot_range(kind).stop for kind in list(Kind)[:3])
    dominant = _axis(unit.abs().argmax(-1), unit)
    radial = unit * torch.tensor([1.0, 1.0, 0.0], device=unit.device)
    axial = torch.tensor([0.0, 0.0, 1.0], device=unit.device).expand_as(unit)
    on_cap = unit[..., 2].abs() > radial.norm(dim=-1)
    local = torch.where((tube & ~on_cap)[..., None], radial, axial)
    local = torch.where(cube[..., None], dominant * unit.sign(), local)
    local = torch.where(ball[..., None], unit, local)
    normal = (to_unit.mT @ local[..., None]).squeeze(-1)
    normal = F.normalize(torch.where(is_shell[..., None], shell_normal, normal), dim=-1)
    placed = torch.where(is_shell[..., None], point, unit * _take(view["half_m"], solid))
    flat = torch.where(is_shell[..., None], shell_normal, local).abs().argmax(-1)
    u_m = torch.where(flat == 0, placed[..., 2], placed[..., 0])
    v_m = torch.where(flat == 1, placed[..., 2], placed[..., 1])
    # a tube's side is unrolled, along its length and around it
    side = tube & ~cube & ~on_cap & ~is_shell
    around = torch.atan2(unit[..., 1], unit[..., 0]) * _take(view["half_m"], solid)[..., 0]
    return normal, torch.where(side, around, u_m), torch.where(side, placed[..., 2], v_m)


def _lit(
    view: dict[str, Tensor],
    solids: Solids,
    point: Tensor,
    normal: Tensor,
    direction: Tensor,
    albedo: Tensor,
    gloss: Tensor,
    depth: Tensor,
) -> Tensor:
    """Radiance `(V, P, 3)`: one light with hard shadows, a hemisphere of ambient light, a highlight."""
    place, is_point = view["light_m"][:, None, :3], view["light_m"][:, None, 3:]
    to_light = torch.where(is_point > 0, place - point, place.expand_as(point))
    distance_2 = (to_light * to_light).sum(-1, keepdim=True)
    toward = to_light / distance_2.sqrt().clamp_min(1e-6)
    lifted = point + normal * (1e-3 + 3e-4 * depth.clamp_max(1e4))[..., None]
    blocker, _ = first_hit(solids, lifted, to_light, 1e-3)
    limit = torch.where(is_point[..., 0] > 0, 1.0, MISS / 2)
    clear = (blocker >= limit)[..., None].to(point.dtype)
    fall = torch.where(is_point > 0, 1.0 / (distance_2 + 0.3), 1.0)
    direct = (normal * toward).sum(-1, keepdim=True).clamp_min(0.0) * fall * clear
    half = F.normalize(toward - F.normalize(direction, dim=-1), dim=-1)
    shine = (normal * half).sum(-1, keepdim=True).clamp_min(0.0) ** 32 * fall * clear
    ambient = view["ambient"][:, None] * (0.7 + 0.3 * normal[..., 1:2])
    light = view["light_colour"][:, None]
    return albedo * (ambient + direct * light) + shine * light * gloss[..., None] * 0.6


def _sky(view: dict[str, Tensor], direction: Tensor) -> Tensor:
    """A gradient from the horizon up, with clouds: `(V, P, 3)`."""
    ray = F.normalize(direction, dim=-1)
    rise = ray[..., 1:2].clamp_min(0.0)
    colour = torch.lerp(view["sky"][:, None, 0], view["sky"][:, None, 1], rise**0.6)
    spread = 2.0 / (rise + 0.2)
    u, v = (ray[..., 0:1] * spread), (ray[..., 2:3] * spread)
    layers = noise(u, v, 7) + 0.5 * noise(u * 2.3, v * 2.3, 8) + 0.25 * noise(u * 5.1, v * 5.1, 9)
    cover = ((layers / 1.75 - 0.5) * 4.0).clamp(0.0, 1.0) * view["cloud"][:, None, None]
    return torch.lerp(colour, torch.ones_like(colour), cover)


def _axis(index: Tensor, like: Tensor) -> Tensor:
    """Unit vectors along axes 0, 1 or 2: `(V, P)` -> `(V, P, 3)`."""
    return (index[..., None] == torch.arange(3, device=index.device)).to(like.dtype)


def _take(table: Tensor, slot: Tensor) -> Tensor:
    """`(V, N, K)` at `(V, P)` -> `(V, P, K)`."""
    return table.gather(1, slot[..., None].expand(-1, -1, table.shape[-1]))


def _columns(rows: Tensor) -> dict[str, Tensor]:
    """A surface's numbers by name; single columns without their last axis."""
    parts = torch.split(rows, [width for _, width in SURFACE_COLUMNS], dim=-1)
    named = zip(SURFACE_COLUMNS, parts, strict=True)
    return {name: part.squeeze(-1) if width == 1 else part for (name, width), part in named}
