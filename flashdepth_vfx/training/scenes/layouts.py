"""Where things stand: rooms, streets, open country, table tops, floating things, and what hangs before the camera."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

import flashdepth_vfx.training.scenes.plants as plants
import flashdepth_vfx.training.scenes.props as props
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
    rotation,
    turned,
    up,
    yaw,
)
from flashdepth_vfx.training.scenes.solids import Kind
from flashdepth_vfx.training.scenes.stage import Eye, Motion, Prop, Stage
from flashdepth_vfx.training.scenes.textures import Mask

__all__ = ["LAYOUTS", "add_foreground"]


def _room(draw: Draw) -> Stage:
    corridor = draw.chance(0.2)
    half = np.array([draw.scale(1.2, 5.0), draw.scale(2.1, 4.5), draw.scale(1.5, 7.0)])
    if corridor:
        half = np.array([draw.between(0.7, 1.6), draw.between(2.1, 3.2), draw.scale(5.0, 20.0)])
    place = half * [draw.between(-0.8, 0.8), 0.0, draw.between(-0.9, -0.2)]
    place[1] = draw.between(0.35, min(2.2, half[1] - 0.25))
    eye = _eye(draw, place, look_yaw=draw.normal(0.2 if corridor else 0.6), pitch_spread=0.22)
    stage = Stage(eye, room_half_m=half, open_top=draw.chance(0.12), size_m=float(half[2]))
    _furnish_walls(draw, stage, half)
    deep = float(half[2]) * 1.6
    furniture: list[Prop] = [props.table, props.seat, props.shelf, plants.plant, props.cycle]
    for _ in range(draw.count(1, 5)):
        prop = furniture[draw.pick([0.28, 0.3, 0.18, 0.14, 0.1])]
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


def _street(draw: Draw) -> Stage:
    high = draw.chance(0.15)
    place = np.array(
        [draw.normal(0.8), draw.scale(2.5, 9.0) if high else draw.between(0.5, 2.2), 0]
    )
    eye = _eye(draw, place, look_yaw=draw.normal(0.35), pitch_spread=0.2, drop=0.25 if high else 0)
    stage = Stage(eye, size_m=15.0, speed_m=0.08)
    _tilt(draw, stage, 0.02)
    canyon = draw.chance(0.6)
    far = draw.scale(12.0, 90.0)
    for _ in range(draw.count(2, 8)):
        parts = props.building(draw)
        deep = draw.between(3.0, far)
        side = 1.0 if draw.chance(0.5) else -1.0
        x = (
            side * (parts[0].half_m[0] + draw.scale(2.0, 7.0))
            if canyon
            else draw.normal(0.5) * deep
        )
        turn = IDENTITY if canyon and draw.chance(0.8) else draw.any_yaw()
        stage.add(moved(turned(parts, turn), (x, 0.0, deep + (0 if canyon else 6.0))))
    for _ in range(draw.count(0, 3)):
        stage.stand(draw, props.person, eye.ahead(draw, 1.5, 15.0), moving=0.6)
    street: list[Prop] = [props.vehicle, props.cycle, props.pole, plants.tree, props.fence]
    for _ in range(draw.count(2, 8)):
        prop = street[draw.pick([0.25, 0.15, 0.3, 0.2, 0.1])]
        stage.stand(draw, prop, eye.ahead(draw, 2.0, 25.0), moving=0.2)
    if draw.chance(0.25):
        _wires(draw, stage)
    return stage


def _wires(draw: Draw, stage: Stage) -> None:
    """Overhead lines across the street or along it."""
    surface, deep = draw.surface(0.2), draw.scale(3.0, 25.0)
    for _ in range(draw.count(1, 3)):
        y = draw.between(3.0, 7.0)
        z = deep + draw.normal(1.0)
        ends = ((-12.0, y, z), (12.0, y + draw.normal(0.5), z + draw.normal(3.0)))
        stage.add([limb(*ends, draw.scale(0.008, 0.03), surface)])


def _country(draw: Draw) -> Stage:
    place = np.array([0.0, draw.scale(0.3, 3.0) if draw.chance(0.85) else draw.scale(3.0, 20.0), 0])
    eye = _eye(draw, place, look_yaw=draw.normal(1.0), pitch_spread=0.25)
    stage = Stage(eye, size_m=15.0, speed_m=0.06)
    _tilt(draw, stage, 0.12)
    surface = draw.surface(2.0)
    for _ in range(draw.count(1, 7)):
        wide = draw.scale(1.0, 60.0)
        spot = eye.ahead(draw, 1.5, 4.0) + (eye.ahead(draw, 1.0, 90.0) - eye.position_m)
        spot[1] = -wide * 0.02
        half = (wide, wide * draw.scale(0.04, 0.45), wide * draw.scale(0.5, 2.0))
        skin = surface if draw.chance(0.6) else draw.surface(2.0)
        stage.add([ellipsoid(spot, half, skin, draw.any_yaw())])
    wild: list[Prop] = [plants.tree, plants.plant, props.fence, props.pole]
    for _ in range(draw.count(2, 8)):
        prop = wild[draw.pick([0.6, 0.15, 0.15, 0.1])]
        stage.stand(draw, prop, eye.ahead(draw, 1.2, 40.0))
    for _ in range(draw.count(0, 6)):
        size = draw.scale(0.08, 1.2)
        spot = eye.ahead(draw, 1.0, 20.0) - [0.0, 0.3 * size, 0.0]
        turn = draw.any_rotation()
        half = (size, size * draw.between(0.5, 1.2), size * draw.between(0.6, 1.4))
        stage.add([ellipsoid(spot, half, draw.surface(size), turn)])
    for _ in range(draw.count(0, 2)):
        stage.stand(draw, props.person, eye.ahead(draw, 1.5, 15.0), moving=0.5)
    return stage


def _table_top(draw: Draw) -> Stage:
    height = draw.scale(0.12, 1.1)
    eye = _eye(draw, np.array([0.0, height, 0.0]), draw.normal(0.4), 0.15, drop=0.5 * height)
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


def _floating(draw: Draw) -> Stage:
    eye = _eye(draw, np.array([0.0, 0.0, 0.0]), draw.normal(3.0), 0.6)
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
            part = cutout(place, (half[0], half[1]), surface, turn, _any_mask(draw))
        drift = draw.rng.normal(size=3) * depth * 0.01 if draw.chance(0.3) else np.zeros(3)
        stage.add([part], Motion(drift, draw.normal(0.02), place))
    return stage


def add_foreground(draw: Draw, stage: Stage) -> None:
    """Near things anywhere in the frame, the top included: low in the frame is not the same as near."""
    for _ in range(draw.count(1, 3)):
        depth = stage.size_m * draw.scale(0.03, 0.3) + 0.12
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
            turn, mask = draw.any_rotation(), _any_mask(draw)
            surface = draw.surface(float(half[0]))
            parts = [cutout((0, 0, 0), (half[0], half[1]), surface, turn, mask)]
        stage.add(moved(parts, place))


def _any_mask(draw: Draw) -> tuple[int, int, int]:
    return (draw.count(0, len(Mask) - 1), draw.count(3, 12), draw.count(0, 1 << 20))


def _eye(
    draw: Draw, position_m: Array, look_yaw: float, pitch_spread: float, drop: float = 0.0
) -> Eye:
    pitch = draw.normal(pitch_spread) - drop
    if draw.chance(0.15):
        pitch += draw.between(-0.9, 0.9)
    roll = draw.normal(0.04) if draw.chance(0.8) else draw.normal(0.3)
    half_fov = math.radians(draw.scale(15.0, 48.0))
    return Eye(position_m, look_yaw, float(np.clip(pitch, -1.45, 1.45)), roll, half_fov)


def _tilt(draw: Draw, stage: Stage, spread: float) -> None:
    if draw.chance(0.4):
        stage.ground_tilt = (draw.normal(spread), draw.normal(spread))


LAYOUTS: tuple[tuple[Callable[[Draw], Stage], float], ...] = (
    (_room, 0.34),
    (_street, 0.2),
    (_country, 0.16),
    (_table_top, 0.18),
    (_floating, 0.12),
)
"""Each kind of scene and how often it is drawn."""
