"""Plants, each a list of parts around its own origin: the floor below its middle (a branch: its middle), y up."""

from __future__ import annotations

import numpy as np

from flashdepth_vfx.training.scenes.draw import Draw
from flashdepth_vfx.training.scenes.parts import (
    Array,
    Part,
    cutout,
    ellipsoid,
    limb,
    rotation,
    turned,
)
from flashdepth_vfx.training.scenes.textures import Mask, Pattern

__all__ = ["branch", "plant", "tree"]


def tree(draw: Draw) -> list[Part]:
    """A trunk under a crown of leaf cut-outs and rounded masses."""
    h = draw.scale(1.8, 11.0)
    bark, leaf = draw.surface(0.3), _leafy(draw, h * 0.2)
    lean = rotation(draw.between(0, 6.28), draw.normal(0.07), draw.normal(0.07))
    parts = [limb(np.zeros(3), np.array([0, h * 0.6, 0.0]), h * draw.scale(0.012, 0.04), bark)]
    solid = draw.chance(0.35)
    for _ in range(draw.count(2, 5)):
        r = h * draw.between(0.12, 0.3)
        place = np.array([draw.normal(0.13), draw.between(0.5, 0.95), draw.normal(0.13)]) * h
        half = np.array([r, r * draw.between(0.6, 1.1), r])
        if solid:
            parts.append(ellipsoid(place, half, leaf, draw.any_yaw()))
        else:
            leaves = draw.foliage_mask()
            parts.append(cutout(place, (r, r), leaf, draw.any_rotation(), leaves))
    return turned(parts, lean)


def branch(draw: Draw) -> list[Part]:
    """A twig with leaves, a metre or so across, around its own middle: for the top and sides of a frame."""
    leaf, bark = _leafy(draw, 0.1), draw.surface(0.1)
    reach = draw.scale(0.3, 1.2)
    end = np.array([reach, draw.normal(0.2), draw.normal(0.2)])
    parts = [limb(-end, end, reach * draw.scale(0.01, 0.04), bark)]
    for _ in range(draw.count(1, 5)):
        r = reach * draw.between(0.12, 0.45)
        mask = (int(Mask.BLADE), 1, 0) if draw.chance(0.4) else draw.foliage_mask()
        half = (r * draw.scale(0.3, 1.0), r)
        place = end * draw.between(-1, 1) + np.array([draw.normal(0.1), draw.normal(0.15), 0.0])
        parts.append(cutout(place, half, leaf, draw.any_rotation(), mask))
    return parts


def plant(draw: Draw) -> list[Part]:
    """A pot with blades or leaves rising from it."""
    size = draw.scale(0.06, 0.35)
    leaf = _leafy(draw, size * 0.4)
    pot = np.array([0, size * draw.between(0.8, 1.6), 0.0])
    parts = [limb(np.zeros(3), pot, size * draw.between(0.5, 0.9), draw.surface(size))]
    blades = draw.chance(0.6)
    for _ in range(draw.count(3, 7)):
        long = size * draw.between(0.7, 2.2)
        turn = draw.any_yaw() @ rotation(0.0, draw.normal(0.5), draw.normal(0.3))
        half = (long * (draw.scale(0.1, 0.4) if blades else 0.8), long)
        mask = (int(Mask.BLADE), 1, 0) if blades else draw.foliage_mask()
        rise = turn @ np.array([0.0, long * 0.85, 0.0])
        parts.append(cutout(pot + rise, half, leaf, turn, mask))
    return parts


def _leafy(draw: Draw, size_m: float) -> Array:
    """Mostly greens and browns, sometimes anything."""
    surface = draw.surface(size_m, Pattern.NOISE)
    if draw.chance(0.75):
        tint = np.array([draw.between(0.3, 1.0), 1.0, draw.between(0.1, 0.5)])
        surface[-9:] = np.clip(np.tile(tint, 3) * surface[-9:], 0.0, 1.0)
    return surface
