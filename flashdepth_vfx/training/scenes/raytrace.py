"""Scenes into pictures: linear-light RGB and exact disparity, many views at once on any device."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.training.scenes.clip import Clip
from flashdepth_vfx.training.scenes.draw import MIRROR
from flashdepth_vfx.training.scenes.scene import Scene
from flashdepth_vfx.training.scenes.shading import Seen, shade, surfaces
from flashdepth_vfx.training.scenes.shell import rays
from flashdepth_vfx.training.scenes.solids import MISS, SLOTS, Solids, first_hit
from flashdepth_vfx.training.scenes.views import views_at

__all__ = ["render"]

_SUB_FRAMES = 5
#: values in flight at once on a CPU: a chunk's (views, solids of one kind, pixels) stays in its cache
_CPU_CHUNK = 1 << 20
#: rays in flight at once on a GPU, always as many, so that what is compiled is compiled once
_GPU_RAYS = 1 << 20


@torch.no_grad()
def render(
    scene: Scene,
    height_px: int,
    width_px: int,
    *,
    shutter: Tensor | None = None,
    light_stops: Tensor | None = None,
    compiled: bool = False,
) -> Clip:
    """Render every frame of every scene.

    `shutter` `(B,)` is the share of a frame's time that the shutter is open: light is gathered over sub-frames from
    the frame's time on, and depth is that of the middle. `light_stops` `(B, T)` brightens the scene's lights on each
    frame. `compiled` fuses the arithmetic (worth it on a GPU, for many calls).
    """
    batch, frames, device = scene.batch, scene.frames, scene.eye_m.device
    shutter = torch.zeros(batch, device=device) if shutter is None else shutter
    dark = torch.zeros(batch, frames, device=device)
    light_stops = dark if light_stops is None else light_stops
    time = torch.arange(frames, device=device, dtype=torch.float32).expand(batch, -1)
    which = torch.arange(batch, device=device)[:, None].expand(-1, frames)
    size = (height_px, width_px)
    middle = _Instants(which, time + 0.5 * shutter[:, None], light_stops)
    seen = _render_views(scene, middle, size, compiled)
    rgb = seen.rgb
    open_for_long = (shutter > 0).nonzero().squeeze(1)
    if len(open_for_long):
        instants = _sub_frames(_Instants(which, time, light_stops), open_for_long, shutter)
        several = _render_views(scene, instants, size, compiled).rgb
        shape = (len(open_for_long), frames, _SUB_FRAMES, *several.shape[2:])
        rgb = rgb.index_copy(0, open_for_long, several.view(shape).mean(2))
    return Clip(
        rgb_linear=rgb,
        disparity_100_per_m=seen.disparity_100_per_m,
        slot=seen.slot.to(torch.int16),
        still=_still(scene, seen.slot),
        eye_m=seen.eye_m,
        eye_turn=seen.eye_turn,
        focal_px=scene.focal_ratio * max(height_px, width_px),
    )


@dataclass(frozen=True)
class _Instants:
    """What to look at, each `(B, T)`: which scene, at which time in frames, with lights so much brighter."""

    which: Tensor
    time: Tensor
    light_stops: Tensor


def _sub_frames(each: _Instants, clips: Tensor, shutter: Tensor) -> _Instants:
    """The instants inside the exposures of these clips, `(clips, T x _SUB_FRAMES)`."""
    part = torch.linspace(0.0, 1.0, _SUB_FRAMES, device=shutter.device)
    time = each.time[clips, :, None] + shutter[clips, None, None] * part
    which = each.which[clips, :, None].expand_as(time)
    light = each.light_stops[clips, :, None].expand_as(time)
    return _Instants(which.flatten(1), time.flatten(1), light.flatten(1))


def _still(scene: Scene, slot: Tensor) -> Tensor:
    """Which pixels show what does not move. Floor, walls, ceiling and, behind them, the sky's -1 do not."""
    moves = F.pad(scene.moves, (0, 4))
    found = moves.gather(1, (slot % moves.shape[1]).flatten(1))
    return ~found.view_as(slot)


@dataclass(frozen=True)
class _Views:
    """What B x T views saw, as in `Clip`."""

    rgb: Tensor
    disparity_100_per_m: Tensor
    slot: Tensor
    eye_m: Tensor
    eye_turn: Tensor


def _render_views(
    scene: Scene, instants: _Instants, size: tuple[int, int], compiled: bool
) -> _Views:
    """All instants, a chunk of views at a time."""
    shape, total = instants.time.shape, instants.time.numel()
    device = instants.time.device
    step = _views_at_once(device, size)
    # the last chunk is filled up with its last view, so that all chunks are alike
    fill = -total % step if device.type != "cpu" else 0
    each = (instants.which, instants.time, instants.light_stops)
    which, time, light = (torch.cat([x.flatten(), x.flatten()[-1:].expand(fill)]) for x in each)
    views = views_at(scene, which, time, light)
    drawn = []
    for start in range(0, total, step):
        chunk = {name: value[start : start + step] for name, value in views.items()}
        drawn.append(_draw_views(chunk, *size, compiled))
    rgb, disparity, slot = (torch.cat(part)[:total] for part in zip(*drawn, strict=True))
    return _Views(
        rgb.view(*shape, 3, *size),
        disparity.view(*shape, *size),
        slot.view(*shape, *size),
        views["eye_m"][:total].view(*shape, 3),
        views["eye_turn"][:total].view(*shape, 3, 3),
    )


def _views_at_once(device: torch.device, size: tuple[int, int]) -> int:
    pixels = size[0] * size[1]
    if device.type == "cpu":
        return max(1, _CPU_CHUNK // (max(SLOTS.values()) * pixels))
    return max(1, _GPU_RAYS // pixels)


def _draw_views(
    view: dict[str, Tensor], height_px: int, width_px: int, compiled: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """RGB `(V, 3, H, W)` in linear light, disparity in 100/m and slot, both `(V, H, W)`."""
    find, colour = (_compiled(surfaces), _compiled(shade)) if compiled else (surfaces, shade)
    focal_px = view["focal_ratio"] * max(height_px, width_px)
    direction = rays(view["eye_turn"], focal_px, height_px, width_px)
    solids = Solids(view["to_unit"], view["centre_m"], view["mask"], view["used"])
    depth, slot = first_hit(solids, view["eye_m"][:, None], direction, 1e-3)
    seen = find(view, direction, depth, slot)
    blocker, _ = first_hit(solids, seen["lifted"], seen["to_light"], 1e-3)
    rgb = colour(view, direction, focal_px, seen, blocker, _met(view, solids, seen))
    sky = seen["depth"] >= MISS / 2
    disparity = torch.where(sky, 0.0, 100.0 / seen["depth"])
    slot = torch.where(sky, -1, seen["slot"])
    shape = (-1, height_px, width_px)
    return rgb.mT.reshape(-1, 3, *shape[1:]), disparity.reshape(shape), slot.reshape(shape)


def _met(view: dict[str, Tensor], solids: Solids, seen: Seen) -> tuple[Tensor, Tensor]:
    """What the mirrored rays meet first, as `first_hit`; in scenes without a mirror a CPU need not look."""
    slot = seen["slot"]
    mirrors = view["surface"][..., MIRROR].gather(1, slot)
    # on a GPU the question would cost more than the rays
    if slot.device.type == "cpu" and not bool(mirrors.any()):
        return torch.full_like(seen["depth"], MISS), torch.zeros_like(slot)
    return first_hit(solids, seen["lifted"], seen["mirrored"], 1e-3)


@functools.cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    fused: Callable[..., Any] = torch.compile(function, dynamic=False)
    return fused
