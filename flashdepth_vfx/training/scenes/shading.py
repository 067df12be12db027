"""What light a point sends to the camera: its surface, one light with shadows, and what a glossy flat mirrors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.training.scenes.scene import FLOOR
from flashdepth_vfx.training.scenes.shell import (
    GROUND_REACH_M,
    axis_vector,
    shell_hit,
    sky_colour,
)
from flashdepth_vfx.training.scenes.solids import MISS, Kind, slot_range
from flashdepth_vfx.training.scenes.textures import SURFACE_COLUMNS, noise, surface_colour

__all__ = ["Seen", "shade", "surfaces"]

Seen = dict[str, Tensor]
"""What the rays of V views met, by name, each `(V, P)` or `(V, P, 3)`."""

_RIPPLE = 0.06


def surfaces(
    view: dict[str, Tensor], direction: Tensor, solid_depth: Tensor, solid_slot: Tensor
) -> Seen:
    """Solids and shell joined, and the two rays that go on from each point: to the light, and the mirrored one."""
    eye = view["eye_m"][:, None]
    behind, face, shell_normal = shell_hit(view, eye, direction)
    slot = torch.where(behind < solid_depth, FLOOR + face, solid_slot)
    depth = torch.minimum(solid_depth, behind)
    sky = depth >= MISS / 2
    point = eye + torch.where(sky, 1.0, depth)[..., None] * direction
    normal, u_m, v_m = _surface_frame(view, slot, point, shell_normal)
    facing = (normal * direction).sum(-1) / direction.norm(dim=-1)
    normal = torch.where((facing > 0)[..., None], -normal, normal)
    lift = (1e-3 + 3e-4 * depth.clamp_max(1e4))[..., None]
    place, is_point = view["light_m"][:, None, :3], view["light_m"][:, None, 3:]
    to_light = torch.where(is_point > 0, place - point, place.expand_as(point))
    rippled = F.normalize(normal + _ripples(u_m, v_m), dim=-1)
    mirrored = direction - 2.0 * (direction * rippled).sum(-1, keepdim=True) * rippled
    return {
        "depth": depth,
        "slot": slot,
        "sky": sky,
        "normal": normal,
        "facing": facing,
        "u_m": u_m,
        "v_m": v_m,
        "lifted": point + normal * lift,
        "to_light": to_light,
        "mirrored": mirrored,
    }


def shade(
    view: dict[str, Tensor],
    direction: Tensor,
    focal_px: Tensor,
    seen: Seen,
    blocker: Tensor,
    met: tuple[Tensor, Tensor],
) -> Tensor:
    """Radiance `(V, P, 3)`. `blocker` is the first hit towards the light, `met` the first hit of the mirrored ray."""
    depth, facing = seen["depth"], seen["facing"].abs()
    pixel_m = depth.clamp_max(GROUND_REACH_M) / focal_px[:, None] / facing.clamp_min(0.08)
    surface = _columns(_take(view["surface"], seen["slot"]))
    albedo = surface_colour(surface, seen["u_m"], seen["v_m"], pixel_m)
    colour = _lit(view, seen, direction, albedo, surface["gloss"], blocker)
    # Schlick's approximation: every flat mirrors at a grazing angle
    mirror = surface["mirror"]
    share = mirror + (1.0 - mirror) * (1.0 - facing).clamp_min(0.0) ** 5 * (mirror > 0)
    colour = torch.lerp(colour, _reflection(view, seen, met), share[..., None])
    haze = (1.0 - torch.exp(-view["haze_per_m"][:, None] * depth.clamp_max(1e4)))[..., None]
    colour = torch.lerp(colour, view["sky"][:, None, 0].expand_as(colour), haze)
    return torch.where(seen["sky"][..., None], sky_colour(view, direction), colour)


def _lit(
    view: dict[str, Tensor],
    seen: Seen,
    direction: Tensor,
    albedo: Tensor,
    gloss: Tensor,
    blocker: Tensor,
) -> Tensor:
    """One light with hard shadows, a hemisphere of ambient light, a highlight."""
    to_light, normal = seen["to_light"], seen["normal"]
    is_point = view["light_m"][:, None, 3:]
    distance_2 = (to_light * to_light).sum(-1, keepdim=True)
    toward = to_light / distance_2.sqrt().clamp_min(1e-6)
    limit = torch.where(is_point[..., 0] > 0, 1.0, MISS / 2)
    clear = (blocker >= limit)[..., None].to(toward.dtype)
    fall = torch.where(is_point > 0, 1.0 / (distance_2 + 0.3), 1.0)
    direct = (normal * toward).sum(-1, keepdim=True).clamp_min(0.0) * fall * clear
    half = F.normalize(toward - F.normalize(direction, dim=-1), dim=-1)
    shine = (normal * half).sum(-1, keepdim=True).clamp_min(0.0) ** 32 * fall * clear
    ambient = view["ambient"][:, None] * (0.7 + 0.3 * normal[..., 1:2])
    light = view["light_colour"][:, None]
    return albedo * (ambient + direct * light) + shine * light * gloss[..., None] * 0.6


def _reflection(view: dict[str, Tensor], seen: Seen, met: tuple[Tensor, Tensor]) -> Tensor:
    """What the mirrored ray meets, in its mean colour under even light: enough for what is not there in depth."""
    behind, face, _ = shell_hit(view, seen["lifted"], seen["mirrored"])
    slot = torch.where(behind < met[0], FLOOR + face, met[1])
    surface = _columns(_take(view["surface"], slot))
    first, second, _ = torch.split(surface["colours"], 3, dim=-1)
    flat = 0.5 * (first + second) * (view["ambient"] + 0.3 * view["light_colour"])[:, None]
    open_sky = torch.minimum(met[0], behind) >= MISS / 2
    return torch.where(open_sky[..., None], sky_colour(view, seen["mirrored"]), flat)


def _ripples(u_m: Tensor, v_m: Tensor) -> Tensor:
    """A normal's wobble `(V, P, 3)`: no mirror is perfect, and water never."""
    one = noise(u_m * 3.0, v_m * 3.0, 21) - 0.5
    two = noise(u_m * 3.0, v_m * 3.0, 22) - 0.5
    return _RIPPLE * torch.stack([one, torch.zeros_like(one), two], -1)


def _surface_frame(
    view: dict[str, Tensor], slot: Tensor, point: Tensor, shell_normal: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """World normal `(V, P, 3)` and the two surface coordinates (m) of each point."""
    is_shell = slot >= FLOOR
    solid = slot.clamp_max(FLOOR - 1)
    to_unit = _take(view["to_unit"].flatten(2), solid)
    to_unit = to_unit.view(*to_unit.shape[:-1], 3, 3)
    away = point - _take(view["centre_m"], solid)
    unit = (to_unit * away[..., None, :]).sum(-1)
    ball, cube, tube = (solid < slot_range(kind).stop for kind in list(Kind)[:3])
    dominant = axis_vector(unit.abs().argmax(-1), unit)
    radial = unit * torch.tensor([1.0, 1.0, 0.0], device=unit.device)
    axial = torch.tensor([0.0, 0.0, 1.0], device=unit.device).expand_as(unit)
    on_cap = unit[..., 2].abs() > radial.norm(dim=-1)
    local = torch.where((tube & ~on_cap)[..., None], radial, axial)
    local = torch.where(cube[..., None], dominant * unit.sign(), local)
    local = torch.where(ball[..., None], unit, local)
    normal = (to_unit * local[..., None]).sum(-2)
    normal = F.normalize(torch.where(is_shell[..., None], shell_normal, normal), dim=-1)
    placed = torch.where(is_shell[..., None], point, unit * _take(view["half_m"], solid))
    flat = torch.where(is_shell[..., None], shell_normal, local).abs().argmax(-1)
    u_m = torch.where(flat == 0, placed[..., 2], placed[..., 0])
    v_m = torch.where(flat == 1, placed[..., 2], placed[..., 1])
    # a tube's side is unrolled, along its length and around it
    side = tube & ~cube & ~on_cap & ~is_shell
    around = torch.atan2(unit[..., 1], unit[..., 0]) * _take(view["half_m"], solid)[..., 0]
    return normal, torch.where(side, around, u_m), torch.where(side, placed[..., 2], v_m)


def _take(table: Tensor, slot: Tensor) -> Tensor:
    """`(V, N, K)` at `(V, P)` -> `(V, P, K)`."""
    return table.gather(1, slot[..., None].expand(-1, -1, table.shape[-1]))


def _columns(rows: Tensor) -> dict[str, Tensor]:
    """A surface's numbers by name; single columns without their last axis."""
    parts = torch.split(rows, [width for _, width in SURFACE_COLUMNS], dim=-1)
    named = zip(SURFACE_COLUMNS, parts, strict=True)
    return {name: part.squeeze(-1) if width == 1 else part for (name, width), part in named}
