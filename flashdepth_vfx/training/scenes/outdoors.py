"""Where things stand in the open: streets, crowds, open country, hills."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import flashdepth_vfx.training.scenes.plants as plants
import flashdepth_vfx.training.scenes.props as props
from flashdepth_vfx.training.scenes.draw import Draw
from flashdepth_vfx.training.scenes.parts import (
    IDENTITY,
    box,
    ellipsoid,
    limb,
    moved,
    turned,
)
from flashdepth_vfx.training.scenes.stage import Prop, Stage, new_eye

__all__ = ["country", "crowd", "street", "terrain"]


def street(draw: Draw) -> Stage:
    """Buildings, vehicles, people, posts and trees, from a pavement or a window."""
    high = draw.chance(0.15)
    place = np.array(
        [draw.normal(0.8), draw.scale(2.5, 9.0) if high else draw.between(0.5, 2.2), 0]
    )
    eye = new_eye(
        draw, place, look_yaw=draw.normal(0.35), pitch_spread=0.2, drop=0.25 if high else 0
    )
    stage = Stage(eye, size_m=15.0, speed_m=0.08)
    stage.tilt(draw, 0.02)
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
    street: list[Prop] = [
        props.vehicle, props.cycle, props.pole, plants.tree, props.fence, props.railing, props.pane,
    ]  # fmt: skip
    for _ in range(draw.count(2, 8)):
        prop = street[draw.pick([0.24, 0.14, 0.26, 0.18, 0.06, 0.08, 0.04])]
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


def crowd(draw: Draw) -> Stage:
    """Many people, in the open or in a hall; each moves as one body."""
    place = np.array([0.0, draw.between(0.9, 2.4) if draw.chance(0.75) else draw.scale(2.5, 6), 0])
    drop = 0.25 if place[1] > 2.5 else 0.0
    eye = new_eye(draw, place, look_yaw=draw.normal(0.4), pitch_spread=0.15, drop=drop)
    stage = Stage(eye, size_m=12.0, speed_m=0.05)
    if draw.chance(0.4):
        half = np.array([draw.scale(5, 12), draw.scale(3.2, 8.0), draw.scale(8, 25)])
        stage.room_half_m = half
        stage.eye = eye = replace(eye, position_m=place * [1, 1, 0] - [0, 0, half[2] * 0.7])
    else:
        for _ in range(draw.count(0, 4)):
            spot = eye.ahead(draw, 15.0, 70.0, 1.3)
            stage.add(moved(turned(props.building(draw), draw.any_yaw()), spot))
    for _ in range(draw.count(1, 2)):
        stage.stand(draw, props.person, eye.ahead(draw, 1.2, 4.0), moving=0.6)
    for _ in range(draw.count(5, 16)):
        stage.stand(draw, props.figure, eye.ahead(draw, 1.8, 22.0, 1.1), moving=0.6)
    for _ in range(draw.count(0, 3)):
        prop = (props.pole, props.railing, props.seat)[draw.count(0, 2)]
        stage.stand(draw, prop, eye.ahead(draw, 2.0, 15.0))
    return stage


def country(draw: Draw) -> Stage:
    """Mounds, trees, stones and fences in the open."""
    place = np.array([0.0, draw.scale(0.3, 3.0) if draw.chance(0.85) else draw.scale(3.0, 20.0), 0])
    eye = new_eye(draw, place, look_yaw=draw.normal(1.0), pitch_spread=0.25)
    stage = Stage(eye, size_m=15.0, speed_m=0.06)
    stage.tilt(draw, 0.12)
    surface = draw.surface(2.0)
    for _ in range(draw.count(1, 7)):
        wide = draw.scale(1.0, 60.0)
        spot = eye.ahead(draw, 1.5, 4.0) + (eye.ahead(draw, 1.0, 90.0) - eye.position_m)
        spot[1] = -wide * 0.02
        half = (wide, wide * draw.scale(0.04, 0.45), wide * draw.scale(0.5, 2.0))
        skin = surface if draw.chance(0.6) else draw.surface(2.0)
        stage.add([ellipsoid(spot, half, skin, draw.any_yaw())])
    if draw.chance(0.12):
        stage.floor, stage.ground_tilt = draw.flat_mirror(draw.scale(0.02, 0.1)), (0.0, 0.0)
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


def terrain(draw: Draw) -> Stage:
    """Hills behind hills, rocks, scree; now and then a lake between them."""
    place = np.array([0.0, draw.scale(0.8, 12.0), 0.0])
    eye = new_eye(draw, place, look_yaw=draw.normal(1.0), pitch_spread=0.2, drop=place[1] * 0.02)
    stage = Stage(eye, size_m=15.0, speed_m=0.07)
    stage.tilt(draw, 0.08)
    if draw.chance(0.35):
        stage.floor, stage.ground_tilt = draw.flat_mirror(draw.scale(0.02, 0.1)), (0.0, 0.0)
    soil = [draw.surface(draw.scale(0.5, 6.0)) for _ in range(3)]
    for _ in range(draw.count(6, 18)):
        away = draw.scale(5.0, 300.0)
        wide = away * draw.scale(0.1, 0.9)
        spot = eye.ahead(draw, away, away * 1.2, 1.6)
        half = (wide, wide * draw.scale(0.08, 0.7), wide * draw.scale(0.4, 1.6))
        # no hill begins under the camera's feet
        spot = spot + (spot - eye.position_m) * [1, 0, 1] * (max(half) / away)
        spot[1] = stage.floor_m(spot[0], spot[2]) - half[1] * draw.between(0.0, 0.5)
        stage.add([ellipsoid(spot, half, soil[draw.count(0, 2)], draw.any_yaw())])
    for _ in range(draw.count(3, 14)):
        size = draw.scale(0.06, 2.5)
        spot = eye.ahead(draw, 1.0 + 2.0 * size, 40.0)
        spot[1] = stage.floor_m(spot[0], spot[2]) + size * draw.between(-0.4, 0.3)
        half = (size, size * draw.between(0.4, 1.0), size * draw.between(0.6, 1.4))
        make = ellipsoid if draw.chance(0.7) else box
        stage.add([make(spot, half, soil[draw.count(0, 2)], draw.any_rotation())])
    for _ in range(draw.count(0, 4)):
        stage.stand(draw, plants.tree, eye.ahead(draw, 3.0, 40.0))
    return stage
