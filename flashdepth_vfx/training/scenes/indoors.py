"""Where things stand under a roof and on tables."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

import flashdepth_vfx.training.scenes.plants as plants
import flashdepth_vfx.training.scenes.props as props
from flashdepth_vfx.training.scenes.draw import Draw
from flashdepth_vfx.training.scenes.parts import (
    Array,
    box,
    up,
    yaw,
)
from flashdepth_vfx.training.scenes.stage import Prop, Stage, new_eye

__all__ = ["room", "table_top"]


def room(draw: Draw) -> Stage:
    """A room or a corridor: furniture, people, what hangs on walls and lies about."""
    corridor = draw.chance(0.2)
    half = np.array([draw.scale(1.2, 5.0), draw.scale(2.1, 4.5), draw.scale(1.5, 7.0)])
    if corridor:
        half = np.array([draw.between(0.7, 1.6), draw.between(2.1, 3.2), draw.scale(5.0, 20.0)])
    place = half * [draw.between(-0.8, 0.8), 0.0, draw.between(-0.9, -0.2)]
    place[1] = draw.between(0.35, min(2.2, half[1] - 0.25))
    eye = new_eye(draw, place, look_yaw=draw.normal(0.2 if corridor else 0.6), pitch_spread=0.22)
    stage = Stage(eye, room_half_m=half, open_top=draw.chance(0.12), size_m=float(half[2]))
    _furnish_walls(draw, stage, half)
    deep = float(half[2]) * 1.6
    if draw.chance(0.15):
        stage.floor = draw.flat_mirror(draw.scale(0.03, 0.2))
    furniture: list[Prop] = [
        props.table, props.seat, props.shelf, plants.plant, props.cycle, props.pane,
    ]  # fmt: skip
    for _ in range(draw.count(1, 5)):
        prop = furniture[draw.pick([0.28, 0.28, 0.17, 0.12, 0.08, 0.07])]
        stage.stand(draw, prop, eye.ahead(draw, 0.8, deep))
    for _ in range(draw.count(0, 2)):
        stage.stand(draw, props.person, eye.ahead(draw, 0.9, deep, 0.8), moving=0.5)
    for _ in range(draw.count(1, 7)):
        size = draw.scale(0.04, 0.4)
        stage.stand(draw, partial(props.clutter, size_m=size), eye.ahead(draw, 0.5, deep))
    return stage


def _furnish_walls(draw: Draw, stage: Stage, half: Array) -> None:
    """Cupboards, pictures, doors, beams and lamps."""
    for _ in range(draw.count(1, 5)):
        w, h = draw.scale(0.15, 1.1), draw.scale(0.15, 1.1)
        low = 0.0 if draw.chance(0.5) else draw.between(0.3, half[1] - 0.2)
        deep = draw.scale(0.02, 0.45)
        side = draw.count(0, 2)
        along = draw.between(-0.9, 0.9)
        if side == 2:
            place, size = (along * half[0], low + h, half[2] - deep), (w, h, deep)
        else:
            x = (half[0] - deep) * (1.0 if side else -1.0)
            place, size = (x, low + h, along * half[2]), (deep, h, w)
        stage.add([box(place, size, draw.surface(1.0))])
    if draw.chance(0.25):
        surface, thick = draw.surface(0.5), draw.between(0.05, 0.2)
        for z in np.linspace(-0.8, 0.9, draw.count(2, 5)) * half[2]:
            stage.add([box((0, half[1] - thick, z), (half[0], thick, thick), surface)])
    for _ in range(draw.count(0, 2)):
        spot = stage.eye.ahead(draw, 0.6, float(half[2]), 0.8)
        spot[1] = half[1]
        stage.stand(draw, props.lamp, spot)


def table_top(draw: Draw) -> Stage:
    """Small things close by."""
    height = draw.scale(0.12, 1.1)
    eye = new_eye(draw, np.array([0.0, height, 0.0]), draw.normal(0.4), 0.15, drop=0.5 * height)
    stage = Stage(eye, size_m=0.8, speed_m=0.008)
    if draw.chance(0.5):
        stage.room_half_m = np.array([draw.scale(1.5, 4), draw.scale(1.5, 4), draw.scale(1.5, 5)])
    if draw.chance(0.7):
        deep = draw.scale(0.8, 3.0)
        wall = np.array([math.sin(eye.yaw_rad), 0.0, math.cos(eye.yaw_rad)]) * deep
        turn = yaw(eye.yaw_rad + draw.normal(0.4))
        low = draw.between(0.1, 2.0)
        stage.add([box(up(wall, low), (draw.scale(0.5, 4), low, 0.05), draw.surface(1), turn)])
    near = height * 0.7 + 0.12
    for _ in range(draw.count(3, 13)):
        size = draw.scale(0.015, 0.16)
        spot = eye.ahead(draw, near, 2.0)
        stage.stand(draw, partial(props.clutter, size_m=size), spot, moving=0.08)
    for _ in range(draw.count(0, 3)):
        stage.stand(draw, plants.plant, eye.ahead(draw, near + 0.1, 1.6, 0.8))
    return stage
