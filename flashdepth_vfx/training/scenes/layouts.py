"""The kinds of scene there are, and what hangs before the camera in any of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

import flashdepth_vfx.training.scenes.plants as plants
from flashdepth_vfx.training.scenes.draw import Draw
from flashdepth_vfx.training.scenes.indoors import room, table_top
from flashdepth_vfx.training.scenes.outdoors import country, crowd, street, terrain
from flashdepth_vfx.training.scenes.parts import (
    Part,
    box,
    cutout,
    ellipsoid,
    limb,
    moved,
    rotation,
    turned,
)
from flashdepth_vfx.training.scenes.solids import Kind
from flashdepth_vfx.training.scenes.stage import Motion, Stage, new_eye

__all__ = ["LAYOUTS", "add_foreground"]


def floating(draw: Draw) -> Stage:
    """Things in the air anywhere: no floor tells their distance."""
    eye = new_eye(draw, np.array([0.0, 0.0, 0.0]), draw.normal(3.0), 0.6)
    seen = draw.chance(0.3)
    stage = Stage(eye, ground_m=-draw.scale(0.8, 12.0), ground_seen=seen, size_m=4.0)
    if draw.chance(0.6):
        wall = eye.through(0.0, 0.0, draw.scale(4.0, 40.0))
        turn = draw.any_yaw() @ rotation(0.0, draw.normal(0.5), draw.normal(0.5))
        stage.add([box(wall, (80.0, 80.0, 0.3), draw.surface(8.0), turn)])
    for _ in range(draw.count(8, 45)):
        depth = draw.scale(0.6, 20.0)
        place = eye.through(draw.between(-1, 1), draw.between(-1, 1), depth)
        half = depth * draw.scale(0.02, 0.25) * np.exp(draw.rng.normal(size=3) * 0.6)
        surface, turn = draw.surface(float(half.mean())), draw.any_rotation()
        kind = Kind(draw.pick([0.3, 0.3, 0.2, 0.2]))
        part = Part(kind, place, half, turn, surface)
        if kind is Kind.CUTOUT:
            part = cutout(place, (half[0], half[1]), surface, turn, draw.any_mask())
        drift = draw.rng.normal(size=3) * depth * 0.01 if draw.chance(0.3) else np.zeros(3)
        stage.add([part], Motion(drift, draw.normal(0.02), place))
    return stage


def add_foreground(draw: Draw, stage: Stage) -> None:
    """Near things anywhere in the frame, the top included: low in the frame is not the same as near."""
    for _ in range(draw.count(1, 2)):
        # not at the lens: nothing tells how near a bar before everything else is
        depth = stage.size_m * draw.scale(0.08, 0.4) + 0.3
        across, up = draw.between(-1.0, 1.0), draw.between(-0.7, 0.9)
        place = stage.eye.through(across, up, depth)
        reach = depth * math.tan(stage.eye.half_fov_rad)
        kind = draw.pick([0.35, 0.25, 0.2, 0.2])
        if kind == 0:
            parts = [p for p in turned(plants.branch(draw), draw.any_rotation()) if depth > 0.4]
        elif kind == 1:
            end = place + draw.rng.normal(size=3) * reach
            thick = reach * draw.scale(0.01, 0.12)
            parts = moved([limb(place, end, thick, draw.surface(thick))], -place)
        elif kind == 2:
            half = reach * draw.scale(0.05, 0.35) * np.exp(draw.rng.normal(size=3) * 0.4)
            make = box if draw.chance(0.5) else ellipsoid
            parts = [make((0, 0, 0), half, draw.surface(float(half[0])), draw.any_rotation())]
        else:
            half = reach * draw.scale(0.1, 0.5) * np.exp(draw.rng.normal(size=3) * 0.4)
            turn, mask = draw.any_rotation(), draw.any_mask()
            surface = draw.surface(float(half[0]))
            parts = [cutout((0, 0, 0), (half[0], half[1]), surface, turn, mask)]
        stage.add(moved(parts, place))


LAYOUTS: tuple[tuple[Callable[[Draw], Stage], float], ...] = (
    (room, 0.32),
    (street, 0.2),
    (crowd, 0.1),
    (country, 0.13),
    (terrain, 0.06),
    (table_top, 0.16),
    (floating, 0.03),
)
"""Each kind of scene and how often it is drawn."""
