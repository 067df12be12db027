"""Things that stand in scenes, each a list of parts around its own origin: the floor below its middle, y up."""

from __future__ import annotations

import math

import numpy as np

from flashdepth_vfx.training.scenes.draw import Draw
from flashdepth_vfx.training.scenes.parts import (
    IDENTITY,
    Array,
    Part,
    box,
    cutout,
    ellipsoid,
    limb,
    moved,
    up,
    yaw,
)
from flashdepth_vfx.training.scenes.textures import Mask, Pattern

__all__ = [
    "building",
    "clutter",
    "cycle",
    "fence",
    "figure",
    "lamp",
    "pane",
    "person",
    "pole",
    "railing",
    "seat",
    "shelf",
    "table",
    "vehicle",
]


def person(draw: Draw) -> list[Part]:
    """A walking or standing figure with limbs in any moderate pose."""
    h = draw.between(1.2, 1.95)
    skin, top, legs = (draw.surface(0.4) for _ in range(3))
    wide = draw.between(0.9, 1.35)
    parts = [
        ellipsoid((0, 0.93 * h, 0), (0.052 * h, 0.072 * h, 0.06 * h), skin),
        ellipsoid((0, 0.955 * h, -0.012 * h), (0.056 * h, 0.06 * h, 0.06 * h), legs),
        ellipsoid((0, 0.7 * h, 0), (0.115 * h * wide, 0.17 * h, 0.075 * h * wide), top),
        ellipsoid((0, 0.52 * h, 0), (0.095 * h * wide, 0.09 * h, 0.075 * h * wide), legs),
    ]
    for side in (-1.0, 1.0):
        swing, bend = draw.normal(0.3), draw.between(0.0, 0.7)
        hip, knee = np.array([side * 0.055 * h, 0.5 * h, 0.0]), _down(0.25 * h, swing)
        parts.append(limb(hip, hip + knee, 0.045 * h, legs))
        parts.append(limb(hip + knee, hip + knee + _down(0.25 * h, swing - bend), 0.034 * h, legs))
        swing, bend = draw.normal(0.45), draw.between(0.0, 1.3)
        shoulder = np.array([side * 0.125 * h * wide, 0.82 * h, 0.0])
        elbow = shoulder + _down(0.17 * h, swing) + [side * draw.between(0.0, 0.07) * h, 0, 0]
        parts.append(limb(shoulder, elbow, 0.03 * h, top))
        parts.append(limb(elbow, elbow + _down(0.16 * h, swing + bend), 0.024 * h, skin))
    return parts


def figure(draw: Draw) -> list[Part]:
    """A person of five parts, for crowds: seen from afar nobody counts limbs."""
    h = draw.between(1.2, 1.95)
    skin, top, legs = (draw.surface(0.4) for _ in range(3))
    wide, stance = draw.between(0.9, 1.4), draw.between(0.0, 0.1) * h
    parts = [
        ellipsoid((0, 0.93 * h, 0), (0.055 * h, 0.072 * h, 0.06 * h), skin),
        ellipsoid((0, 0.67 * h, 0), (0.13 * h * wide, 0.2 * h, 0.085 * h * wide), top),
    ]
    for side in (-1.0, 1.0):
        foot = np.array([side * 0.06 * h, 0.0, side * stance])
        parts.append(limb(foot, (side * 0.055 * h, 0.55 * h, 0.0), 0.05 * h, legs))
    if draw.chance(0.4):
        size = draw.scale(0.1, 0.25)
        place = np.array([0.2 * h * wide, draw.between(0.2, 0.45) * h, 0.0])
        parts.append(box(place, (size * 0.4, size, size * 0.7), draw.surface(size)))
    return parts


def table(draw: Draw) -> list[Part]:
    """A top on legs, with small things on it."""
    w, d, h = draw.scale(0.25, 1.1), draw.scale(0.22, 0.6), draw.between(0.35, 0.95)
    wood = draw.surface(0.6)
    parts = [box((0, h, 0), (w, 0.012 + 0.03 * h, d), wood)]
    r = draw.scale(0.012, 0.045)
    for x in (-0.9, 0.9):
        for z in (-0.85, 0.85):
            foot = np.array([x * w, 0.0, z * d])
            parts.append(limb(foot, up(foot, h), r, wood))
    for _ in range(draw.count(0, 3)):
        size = draw.scale(0.03, 0.16)
        place = (draw.between(-0.75, 0.75) * w, h + 0.03, draw.between(-0.75, 0.75) * d)
        parts += moved(clutter(draw, size), place)
    return parts


def seat(draw: Draw) -> list[Part]:
    """A chair, stool or sofa."""
    w, d, h = draw.scale(0.18, 0.8), draw.scale(0.2, 0.4), draw.between(0.35, 0.55)
    cloth = draw.surface(0.5)
    back = draw.scale(0.1, 0.45)
    parts = [
        box((0, h, 0), (w, draw.scale(0.02, 0.15), d), cloth),
        box((0, h + back, -d), (w, back, draw.scale(0.015, 0.1)), cloth),
    ]
    for x in (-0.9, 0.9):
        foot = np.array([x * w, 0.0, draw.between(0.5, 0.9) * d])
        parts.append(limb(foot, up(foot, h), 0.02, cloth))
        if draw.chance(0.4):
            parts.append(box((x * 1.05 * w, h + 0.15, 0), (0.05, 0.12, d), cloth))
    return parts


def shelf(draw: Draw) -> list[Part]:
    """Boards between two sides, with things on them: near things high up, on a flat back."""
    w, h, d = draw.scale(0.3, 1.0), draw.scale(0.8, 2.4), draw.scale(0.12, 0.3)
    wood = draw.surface(0.8)
    parts = [box((side * w, h / 2, 0), (0.015, h / 2, d), wood) for side in (-1.0, 1.0)]
    boards = draw.count(2, 4)
    for level in range(boards):
        y = h * (level + 0.4) / boards
        parts.append(box((0, y, 0), (w, 0.015, d), wood))
        for _ in range(draw.count(0, 2)):
            place = (draw.between(-0.8, 0.8) * w, y + 0.015, draw.between(-0.4, 0.4) * d)
            parts += moved(clutter(draw, draw.scale(0.05, 0.4 * h / boards)), place)
    return parts


def clutter(draw: Draw, size_m: float) -> list[Part]:
    """One simple thing of about this half size, resting on the floor."""
    surface = draw.surface(size_m)
    tall = draw.scale(0.35, 2.2)
    half = (size_m, size_m * tall, size_m * draw.scale(0.5, 1.5))
    turn = draw.any_yaw()
    kind = draw.pick([0.3, 0.4, 0.3])
    if kind == 0:
        return [ellipsoid((0, half[1], 0), half, surface, turn)]
    if kind == 1:
        return [box((0, half[1], 0), half, surface, turn)]
    return [limb((0, 0, 0), (0, 2.0 * half[1], 0), size_m, surface)]


def pole(draw: Draw) -> list[Part]:
    """A post, a street lamp or a sign."""
    h, r = draw.scale(0.8, 7.0), draw.scale(0.012, 0.14)
    metal = draw.surface(0.4)
    parts = [limb((0, 0, 0), (draw.normal(0.03), h, draw.normal(0.03)), r, metal)]
    if draw.chance(0.35):
        parts.append(limb((0, h, 0), (draw.normal(1.0), h, 0.2), r, metal))
    if draw.chance(0.35):
        half = (draw.scale(0.15, 0.6), draw.scale(0.15, 0.6))
        mask = (int(Mask.DISC if draw.chance(0.4) else Mask.FULL), 1, 0)
        place = (0.0, h * draw.between(0.7, 1.0), r + 0.01)
        parts.append(cutout(place, half, draw.surface(half[0]), IDENTITY, mask))
    return parts


def fence(draw: Draw) -> list[Part]:
    """Rails or a lattice: something to look through."""
    w, h = draw.scale(0.8, 3.5), draw.between(0.35, 1.1)
    wood = draw.surface(0.3)
    if draw.chance(0.5):
        mask = (int(Mask.LATTICE), draw.count(3, 10), 0)
        return [cutout((0.0, h, 0.0), (w, h), wood, IDENTITY, mask)]
    r = draw.scale(0.012, 0.05)
    rails = [limb((-w, y, 0), (w, y, 0), r, wood) for y in (h, 1.8 * h)]
    posts = np.linspace(-w, w, draw.count(3, 6))
    return rails + [limb((x, 0, 0), (x, 2.0 * h, 0), r, wood) for x in posts]


def railing(draw: Draw) -> list[Part]:
    """Balusters between two rails, thin enough to see through."""
    w, h = draw.scale(0.8, 4.0), draw.between(0.4, 0.6)
    mask = (int(Mask.RAILING), draw.count(4, 12), 0)
    return [cutout((0.0, h, 0.0), (w, h), draw.surface(0.3), IDENTITY, mask)]


def pane(draw: Draw) -> list[Part]:
    """A sheet of glass or polished metal on edge: it shows what is elsewhere."""
    w, h = draw.scale(0.2, 1.6), draw.scale(0.3, 1.3)
    frame, thin = draw.surface(0.4), draw.scale(0.01, 0.05)
    glass = draw.flat_mirror(draw.scale(0.1, 0.7))
    low = draw.scale(0.05, 1.0)
    parts = [box((0, low + h, 0), (w, h, thin), glass)]
    for side in (-1.0, 1.0):
        parts.append(box((side * w, low + h, 0), (0.04, h + 0.04, thin + 0.02), frame))
        parts.append(box((0, low + h + side * h, 0), (w, 0.04, thin + 0.02), frame))
    return parts


def building(draw: Draw) -> list[Part]:
    """One or two blocks, the larger with bands of another surface."""
    w, h, d = draw.scale(1.2, 8.0), draw.scale(1.5, 14.0), draw.scale(1.5, 9.0)
    parts = [box((0, h, 0), (w, h, d), draw.surface(3.0))]
    if draw.chance(0.5):
        ledge = h * draw.between(0.2, 1.9)
        parts.append(box((0, ledge, 0), (w + 0.3, 0.15, d + 0.3), draw.surface(2.0)))
    if draw.chance(0.4):
        low = h * draw.between(0.2, 0.5)
        parts.append(box((draw.normal(w), low, 0), (w * 0.6, low, d * 1.15), draw.surface(2.0)))
    return parts


def vehicle(draw: Draw) -> list[Part]:
    """A car or van: body, cabin, four wheels."""
    paint, glass, rubber = draw.surface(2.0, Pattern.PLAIN), draw.surface(2.0), draw.surface(0.5)
    w, long, h = draw.between(0.75, 0.95), draw.between(1.6, 2.6), draw.between(0.28, 0.6)
    cabin = draw.between(0.2, 0.6)
    parts = [
        box((0, 0.3 + h, 0), (w, h, long), paint),
        box((0, 0.3 + 2 * h + cabin, -0.2 * long), (w * 0.88, cabin, long * 0.6), glass),
        box((0, 0.3 + 2 * h + 2 * cabin, -0.2 * long), (w * 0.9, 0.03, long * 0.55), paint),
    ]
    for x in (-w, w):
        for z in (-0.62 * long, 0.62 * long):
            hub, axle = np.array([x, 0.33, z]), np.array([0.09, 0.0, 0.0])
            parts.append(limb(hub - axle, hub + axle, 0.33, rubber))
    return parts


def cycle(draw: Draw) -> list[Part]:
    """A bicycle or motorcycle: two wheels, a frame of thin tubes, sometimes a body."""
    r, base = draw.between(0.26, 0.36), draw.between(0.5, 0.75)
    tube, rubber = draw.surface(0.3, Pattern.PLAIN), draw.surface(0.3)
    motor = draw.chance(0.5)
    side = yaw(math.pi / 2.0)
    parts = []
    for z in (-base, base):
        hub, axle = np.array([0.0, r, z]), np.array([0.05, 0.0, 0.0])
        if motor:
            parts.append(limb(hub - axle, hub + axle, r, rubber))
        else:
            spokes = (int(Mask.WHEEL), draw.count(5, 12), 0)
            parts.append(cutout(hub, (r, r), rubber, side, spokes))
    crank, saddle = np.array([0, r * 0.9, -0.1]), np.array([0, r * 2.6, -0.35 * base])
    head = np.array([0, r * 2.7, 0.6 * base])
    thick = 0.03 if motor else 0.016
    for one, two in ((crank, saddle), (crank, head), (saddle, head)):
        parts.append(limb(one, two, thick, tube))
    parts.append(limb(up(head, 0.1), (0.0, r, base), thick, tube))
    grip, bar = np.array([0.27, 0.0, 0.0]), up(head, 0.12)
    parts.append(limb(bar - grip, bar + grip, thick, tube))
    parts.append(ellipsoid(up(saddle, 0.03), (0.07, 0.04, 0.14 + 0.12 * motor), rubber))
    if motor:
        parts.append(ellipsoid((0, r * 2.5, 0.1), (0.13, 0.12, 0.26), tube))
        parts.append(box((0, r * 1.4, 0), (0.13, 0.16, 0.2), draw.surface(0.2)))
    return parts


def lamp(draw: Draw) -> list[Part]:
    """Hangs from its own origin downward: a cord and a shade."""
    drop, r = draw.scale(0.2, 1.3), draw.scale(0.06, 0.4)
    shade = draw.surface(r)
    low = np.array([0.0, -drop, 0.0])
    parts = [limb(np.zeros(3), low, 0.012, draw.surface(0.1))]
    if draw.chance(0.5):
        parts.append(ellipsoid(low, (r, r * draw.between(0.4, 1.0), r), shade))
    else:
        parts.append(limb(low, low - [0, r * draw.between(0.4, 1.5), 0], r, shade))
    return parts


def _down(long_m: float, swing_rad: float) -> Array:
    return np.array([0.0, -long_m * math.cos(swing_rad), long_m * math.sin(swing_rad)])
