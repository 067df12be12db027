"""Procedural patterns: what colour a surface has at a point, and where a cut-out has a hole.

Everything is computed from integer hashes, so that a seed gives the same picture on every device. A pattern that is
finer than the pixel that sees it fades to its mean colour: pictures of real cameras do not alias.
"""

from __future__ import annotations

import math
from enum import IntEnum

import torch
from torch import Tensor

__all__ = ["SURFACE_COLUMNS", "Mask", "Pattern", "cut_out", "hash_unit", "noise", "surface_colour"]

_OCTAVES = 4

SURFACE_COLUMNS = (
    ("pattern", 1),
    ("cycles_per_m", 1),
    ("aspect", 1),
    ("warp", 1),
    ("gain", 1),
    ("grain", 1),
    ("joint", 1),
    ("gloss", 1),
    ("mirror", 1),
    ("offset", 2),
    ("turn_rad", 1),
    ("colours", 9),
)
"""The columns of a surface's row of numbers, in order, with their widths."""


class Pattern(IntEnum):
    """How a surface's three colours are laid out."""

    NOISE = 0
    STRIPES = 1
    BRICKS = 2
    CHECKS = 3
    SPOTS = 4
    MARBLE = 5
    PLAIN = 6


class Mask(IntEnum):
    """What is left of a cut-out quad's square [-1, 1]^2."""

    FULL = 0
    DISC = 1
    LEAVES = 2
    BLADE = 3
    LATTICE = 4
    WHEEL = 5
    RAILING = 6


def hash_unit(x: Tensor, y: Tensor, salt: Tensor | int) -> Tensor:
    """Uniform float32 in [0, 1) for each pair of whole numbers; `x`, `y` int32 or int64, broadcast together."""
    h = (x * 0x27D4EB2F + y * 0x165667B1 + salt * 0x1B873593).to(torch.int32)
    h = (h ^ _shift(h, 15)) * 0x2C1B3C6D
    h = (h ^ _shift(h, 12)) * 0x297A2D39
    return _shift(h ^ _shift(h, 15), 8).to(torch.float32) * (1.0 / (1 << 24))


def _shift(h: Tensor, bits: int) -> Tensor:
    """To the right with zeros coming in: int32 is signed, and half the memory of int64."""
    return (h >> bits) & ((1 << (32 - bits)) - 1)


def noise(u: Tensor, v: Tensor, salt: Tensor | int) -> Tensor:
    """Smooth value noise in [0, 1) with features one unit apart, same shape as `u`."""
    floor_u, floor_v = u.floor(), v.floor()
    x, y = floor_u.int(), floor_v.int()
    a, b = _smooth(u - floor_u), _smooth(v - floor_v)
    near = torch.lerp(hash_unit(x, y, salt), hash_unit(x + 1, y, salt), a)
    far = torch.lerp(hash_unit(x, y + 1, salt), hash_unit(x + 1, y + 1, salt), a)
    return torch.lerp(near, far, b)


def surface_colour(surface: dict[str, Tensor], u_m: Tensor, v_m: Tensor, pixel_m: Tensor) -> Tensor:
    """Albedo `(..., 3)` in linear light at the surface coordinates `u_m`, `v_m` (metres, `(...)`).

    `surface` holds SURFACE_COLUMNS for each point; `pixel_m` is the size of a pixel on the surface.
    """
    turn = surface["turn_rad"]
    cos, sin, scale = turn.cos(), turn.sin(), surface["cycles_per_m"]
    u = (u_m * cos - v_m * sin) * scale + surface["offset"][..., 0]
    v = (u_m * sin + v_m * cos) * scale * surface["aspect"] + surface["offset"][..., 1]
    cycles = pixel_m * scale * surface["aspect"].clamp_min(1.0)
    salt = surface["pattern"].int()
    rough = _fractal(u, v, cycles, surface["gain"], salt)
    blend, joint = _layout(surface, u, v, rough, salt)
    seen = _seen(cycles * 2.0)
    blend = torch.lerp(torch.full_like(blend, 0.5), blend, seen)
    joint = joint * seen
    first, second, third = torch.split(surface["colours"], 3, dim=-1)
    colour = torch.lerp(first, second, blend[..., None])
    colour = torch.lerp(colour, third, joint[..., None])
    fine = noise(u * 7.3, v * 7.3, salt + 11) - 0.5
    speckle = 1.0 + surface["grain"] * (fine * _seen(cycles * 7.3) + 0.6 * (rough - 0.5))
    return (colour * speckle[..., None]).clamp(0.0, 1.5)


def cut_out(kind: Tensor, cells: Tensor, salt: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Where the quad is solid: bool, for points of its square. `cells` is how fine the pattern is across it."""
    radius = (x * x + y * y).sqrt()
    across = x.abs() < 0.55 * (1.0 - y * y)
    lattice = (_phase(x * cells) < 0.16) | (_phase(y * cells) < 0.16)
    # the angle of a diamond instead of a circle: the same in every arithmetic, and no trigonometry
    turn = x / (x.abs() + y.abs() + 1e-9)
    turn = torch.where(y < 0.0, turn - 1.0, 1.0 - turn)
    spokes = _phase(turn * cells * 0.5) < 0.12
    wheel = (radius < 1.0) & ((radius > 0.84) | (radius < 0.12) | spokes)
    solid = torch.ones_like(lattice)
    solid = torch.where(kind == Mask.DISC.value, radius < 1.0, solid)
    solid = torch.where(
        kind == Mask.LEAVES.value, _leaves(x * cells, y * cells, salt, radius), solid
    )
    solid = torch.where(kind == Mask.BLADE.value, across, solid)
    solid = torch.where(kind == Mask.LATTICE.value, lattice, solid)
    rails = (y.abs() > 0.93) | ((y + 0.8).abs() < 0.05) | (_phase(x * cells * 2.0) < 0.14)
    solid = torch.where(kind == Mask.RAILING.value, rails, solid)
    return torch.where(kind == Mask.WHEEL.value, wheel, solid)


def _leaves(u: Tensor, v: Tensor, salt: Tensor, radius: Tensor) -> Tensor:
    """One leaf a cell, fewer towards the rim of the disc, so that a crown of leaves thins out."""
    floor_u, floor_v = u.floor(), v.floor()
    x, y = floor_u.int(), floor_v.int()
    one, two = hash_unit(x, y, salt), hash_unit(x, y, salt + 1)
    du = u - floor_u - (0.35 + 0.3 * one)
    dv = v - floor_v - (0.35 + 0.3 * two)
    lean = (one - two) * 1.6
    a, b = du + lean * dv, dv - lean * du
    leaf = a * a * 2.2 + b * b < 0.16 + 0.2 * two
    return leaf & (radius < 0.55 + 0.45 * one)


def _layout(
    surface: dict[str, Tensor], u: Tensor, v: Tensor, rough: Tensor, salt: Tensor
) -> tuple[Tensor, Tensor]:
    """(blend of the first two colours, amount of the third), each in [0, 1]."""
    kind, warp, width = surface["pattern"], surface["warp"] * (rough - 0.5), surface["joint"]
    wave = 0.5 + 0.5 * torch.sin((u + 2.0 * warp) * (2.0 * math.pi))
    row = v.floor()
    shifted = u + 0.5 * torch.remainder(row, 2.0)
    cell = shifted.floor()
    tone = hash_unit(cell.int(), row.int(), salt)
    edge = (_phase(shifted) < width) | (_phase(v) < width)
    checks = torch.remainder(u.floor() + v.floor(), 2.0)
    jitter = 0.3 + 0.4 * hash_unit(u.floor().int(), v.floor().int(), salt + 3)
    spot = (_phase(u) - jitter).square() + (_phase(v) - jitter).square() < (0.08 + width).square()
    vein = (1.0 - (rough - 0.5).abs() * (3.0 + 6.0 * surface["warp"])).clamp_min(0.0)
    blend = torch.where(kind == Pattern.STRIPES.value, wave, rough)
    blend = torch.where(kind == Pattern.BRICKS.value, tone, blend)
    blend = torch.where(kind == Pattern.CHECKS.value, checks, blend)
    blend = torch.where(kind == Pattern.PLAIN.value, torch.zeros_like(blend), blend)
    none = torch.zeros_like(blend)
    joint = torch.where(kind == Pattern.BRICKS.value, edge.to(blend.dtype), none)
    joint = torch.where(kind == Pattern.SPOTS.value, spot.to(blend.dtype), joint)
    return blend, torch.where(kind == Pattern.MARBLE.value, vein, joint)


def _fractal(u: Tensor, v: Tensor, cycles: Tensor, gain: Tensor, salt: Tensor) -> Tensor:
    """Octaves of noise around 0.5, each fading out once it is finer than a pixel."""
    total = torch.zeros_like(u)
    height, reach = torch.ones_like(u), torch.zeros_like(u)
    for octave in range(_OCTAVES):
        fine = float(2**octave)
        layer = noise(u * fine + 17.0 * octave, v * fine - 31.0 * octave, salt + 5 * octave) - 0.5
        total = total + height * _seen(cycles * fine) * layer
        reach = reach + height
        height = height * gain
    return (0.5 + 1.3 * total / reach.sqrt()).clamp(0.0, 1.0)


def _seen(cycles_per_pixel: Tensor) -> Tensor:
    """1 where a pattern is well resolved, 0 from half a cycle a pixel on."""
    return (1.5 - 3.0 * cycles_per_pixel).clamp(0.0, 1.0)


def _phase(x: Tensor) -> Tensor:
    return x - x.floor()


def _smooth(x: Tensor) -> Tensor:
    return x * x * (3.0 - 2.0 * x)
