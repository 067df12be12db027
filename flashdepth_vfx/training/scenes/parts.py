"""Parts: solids in the world, and the few ways to make and move them. World axes: y up, metres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flashdepth_vfx.training.scenes.solids import Kind
from flashdepth_vfx.training.scenes.textures import Mask

__all__ = [
    "IDENTITY",
    "Array",
    "Arrays",
    "Part",
    "box",
    "cutout",
    "ellipsoid",
    "limb",
    "moved",
    "rotation",
    "turned",
    "up",
    "yaw",
]

Array = NDArray[np.float64]

Arrays = dict[str, NDArray[Any]]
"""Named arrays, of one scene or stacked: what is drawn on the CPU before it becomes tensors."""

IDENTITY: Array = np.eye(3)


@dataclass(frozen=True)
class Part:
    """One solid: its kind, centre and half sizes (m), rotation (own axes -> world), row of surface numbers.

    `mask` (kind, cells, salt) matters to cut-outs only.
    """

    kind: Kind
    centre_m: Array
    half_m: Array
    rotation: Array
    surface: Array
    mask: tuple[int, int, int] = (int(Mask.FULL), 1, 0)


def box(centre_m: ArrayLike, half_m: ArrayLike, surface: Array, turn: Array = IDENTITY) -> Part:
    """A box of these half sizes."""
    return Part(Kind.BOX, _vector(centre_m), _vector(half_m), turn, surface)


def ellipsoid(
    centre_m: ArrayLike, half_m: ArrayLike, surface: Array, turn: Array = IDENTITY
) -> Part:
    """An ellipsoid of these half axes."""
    return Part(Kind.ELLIPSOID, _vector(centre_m), _vector(half_m), turn, surface)


def cutout(
    centre_m: ArrayLike,
    half_m: tuple[float, float],
    surface: Array,
    turn: Array,
    mask: tuple[int, int, int],
) -> Part:
    """A flat shape in the plane of its own x and y."""
    return Part(Kind.CUTOUT, _vector(centre_m), _vector([*half_m, 1.0]), turn, surface, mask)


def limb(start_m: ArrayLike, end_m: ArrayLike, radius_m: float, surface: Array) -> Part:
    """A cylinder from one point to another."""
    start, end = _vector(start_m), _vector(end_m)
    axis = end - start
    long = math.sqrt(float(axis @ axis)) + 1e-6
    z = axis / long
    # any direction that is not the axis serves to build a frame on it
    other = (1.0, 0.0, 0.0) if abs(z[1]) > 0.9 else (0.0, 1.0, 0.0)
    x = _cross(other, z)
    x = x / math.sqrt(float(x @ x))
    turn = np.stack([x, _cross(z, x), z], axis=1)
    half = np.array([radius_m, radius_m, long / 2.0])
    return Part(Kind.CYLINDER, (start + end) / 2.0, half, turn, surface)


def moved(parts: Sequence[Part], to_m: ArrayLike) -> list[Part]:
    """The same parts, shifted."""
    shift = _vector(to_m)
    return [replace(part, centre_m=part.centre_m + shift) for part in parts]


def turned(parts: Sequence[Part], turn: Array) -> list[Part]:
    """The same parts, turned about the origin."""
    return [
        replace(part, centre_m=turn @ part.centre_m, rotation=turn @ part.rotation)
        for part in parts
    ]


def up(point_m: ArrayLike, rise_m: float) -> Array:
    """The point this far above."""
    raised: Array = _vector(point_m) + np.array([0.0, rise_m, 0.0])
    return raised


def yaw(angle_rad: float) -> Array:
    """Rotation about the world's y."""
    c, s = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def rotation(yaw_rad: float, pitch_rad: float, roll_rad: float) -> Array:
    """Camera (x right, y up, z forward) to world: roll, then pitch (up is positive), then yaw."""
    cp, sp = math.cos(pitch_rad), math.sin(pitch_rad)
    cr, sr = math.cos(roll_rad), math.sin(roll_rad)
    pitch = np.array([[1.0, 0.0, 0.0], [0.0, cp, sp], [0.0, -sp, cp]])
    roll = np.array([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]])
    turn: Array = yaw(yaw_rad) @ pitch @ roll
    return turn


def _vector(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64)


def _cross(a: ArrayLike, b: ArrayLike) -> Array:
    # numpy's cross is slow on single vectors, and scenes make thousands a second
    (ax, ay, az), (bx, by, bz) = _vector(a).tolist(), _vector(b).tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])
