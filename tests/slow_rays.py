"""What the renderer must agree with: a ray cast in float64 numpy, one solid after the other, from the textbook.

It shares no arithmetic with `training.scenes`: it takes a scene's numbers and what they are said to mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.training.scenes import Scene
from flashdepth_vfx.training.scenes.solids import Kind, slot_range
from flashdepth_vfx.training.scenes.textures import Mask

Array = NDArray[np.float64]
Truth = NDArray[np.bool_]

#: Nearer than this the camera sees nothing.
_NEAR_M = 1e-3
_GROUND_REACH_M = 5000.0
#: Where a slot that holds no solid has its centre, or beyond.
_NOWHERE_M = 1e5


def slow_depth(
    scene: Scene, which: int, frame: int, place: tuple[Array, Array], size: tuple[int, int]
) -> Array:
    """Planar depth `(P,)` in metres, inf for sky, at the pixels `place` (rows, columns: wholes are their centres)."""
    rows, columns = place
    height, width = size
    focal = float(scene.focal_ratio[which]) * max(size)
    across, down = (columns + 0.5 - width / 2) / focal, (rows + 0.5 - height / 2) / focal
    in_camera = np.stack([across, -down, np.ones_like(across)], axis=-1)
    turn, eye = of(scene.eye_turn[which, frame]), of(scene.eye_m[which, frame])
    ray = in_camera @ turn.T
    nearest = _shell(scene, which, eye, ray)
    with np.errstate(divide="ignore", invalid="ignore"):
        for kind in Kind:
            where = slot_range(kind)
            for slot in range(where.start, where.stop):
                if abs(float(scene.centre_m[which, slot, 0])) < _NOWHERE_M:
                    o, d = _local(scene, which, slot, frame, eye, ray)
                    mask = of(scene.mask[which, slot - where.start]) if kind is Kind.CUTOUT else o
                    nearest = np.minimum(nearest, entry(kind, o, d, mask))
    return nearest


def of(tensor: Any) -> Array:
    """A tensor's numbers in float64."""
    return np.asarray(tensor.double().numpy(), dtype=np.float64)


def _local(
    scene: Scene, which: int, slot: int, frame: int, eye: Array, ray: Array
) -> tuple[Array, Array]:
    """The rays in the unit solid: the world is moved back by what the solid has moved since it was put there."""
    time = frame + float(scene.began[which])
    angle = float(scene.spin_rad[which, slot]) * time
    c, s = np.cos(angle), np.sin(angle)
    back = np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
    pivot, to_unit = of(scene.pivot_m[which, slot]), of(scene.to_unit[which, slot])
    moved = of(scene.velocity_m[which, slot]) * time
    start = pivot + back @ (eye - moved - pivot)
    return to_unit @ (start - of(scene.centre_m[which, slot])), ray @ back.T @ to_unit.T


def entry(kind: Kind, o: Array, d: Array, mask: Array) -> Array:
    """Where rays from `o` `(3,)` along `d` `(P, 3)` first touch a unit solid, by trying all that it is made of."""
    if kind is Kind.ELLIPSOID:
        hits = [np.where(real, t, np.inf) for t, real in _round(o, d, 3)]
        inside = bool((o**2).sum() < 1)
    elif kind is Kind.BOX:
        hits, inside = _faces(o, d), bool(np.abs(o).max() < 1)
    elif kind is Kind.CYLINDER:
        hits, inside = _tube(o, d), bool((o[:2] ** 2).sum() < 1 and abs(o[2]) < 1)
    else:
        hits, inside = [_flat(o, d, mask)], False
    ahead = np.stack([np.where(t > _NEAR_M, t, np.inf) for t in hits])
    # a solid is entered from outside only
    return np.full(len(d), np.inf) if inside else ahead.min(axis=0)


def _round(o: Array, d: Array, axes: int) -> list[tuple[Array, Truth]]:
    """Both roots on the unit sphere (3 axes) or the endless unit tube (2)."""
    o, d = o[:axes], d[:, :axes]
    a, b, c = (d**2).sum(1), 2 * d @ o, (o**2).sum() - 1
    root = b * b - 4 * a * c
    real = root > 0
    return [((-b + sign * np.sqrt(np.where(real, root, 0))) / (2 * a), real) for sign in (-1, 1)]


def _tube(o: Array, d: Array) -> list[Array]:
    sides = [
        np.where(ok & (np.abs(o[2] + t * d[:, 2]) <= 1), t, np.inf) for t, ok in _round(o, d, 2)
    ]
    caps = []
    for side in (-1.0, 1.0):
        t = (side - o[2]) / d[:, 2]
        at = o[:2] + t[:, None] * d[:, :2]
        caps.append(np.where((at**2).sum(1) <= 1, t, np.inf))
    return sides + caps


def _faces(o: Array, d: Array) -> list[Array]:
    found = []
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        for side in (-1.0, 1.0):
            t = (side - o[axis]) / d[:, axis]
            at = o[others] + t[:, None] * d[:, others]
            found.append(np.where((np.abs(at) <= 1).all(1), t, np.inf))
    return found


def _flat(o: Array, d: Array, mask: Array) -> Array:
    t = -o[2] / d[:, 2]
    x, y = o[0] + t * d[:, 0], o[1] + t * d[:, 1]
    square = (np.abs(x) < 1) & (np.abs(y) < 1)
    kept = slow_mask(Mask(int(mask[0])), int(mask[1]), int(mask[2]), x[square], y[square])
    solid = np.zeros(len(d), dtype=bool)
    solid[square] = kept
    return np.where(solid, t, np.inf)


def slow_mask(mask: Mask, cells: int, salt: int, x: Array, y: Array) -> Truth:
    """Where a flat is there, for points of [-1, 1]^2: each mask as it would be drawn on paper."""
    r = np.hypot(x, y)
    if mask is Mask.DISC:
        return np.asarray(r < 1.0)
    if mask is Mask.LEAVES:
        return _leaves(cells, salt, x, y)
    if mask is Mask.BLADE:
        return np.asarray(np.abs(x) < 0.55 * (1.0 - y**2))
    if mask is Mask.LATTICE:
        return (np.mod(x * cells, 1.0) < 0.16) | (np.mod(y * cells, 1.0) < 0.16)
    if mask is Mask.WHEEL:
        # once around is 4 from -2: the corners of a diamond instead of degrees
        along = x / (np.abs(x) + np.abs(y) + 1e-9)
        around = np.where(y < 0, along - 1.0, 1.0 - along)
        rim, hub = (r > 0.84) & (r < 1.0), r < 0.12
        return rim | hub | ((r < 1.0) & (np.mod(around * cells / 2.0, 1.0) < 0.12))
    if mask is Mask.RAILING:
        balusters = np.mod(x * cells * 2.0, 1.0) < 0.14
        top, bottom, kick = y > 0.93, y < -0.93, (y > -0.85) & (y < -0.75)
        return balusters | top | bottom | kick
    return np.ones(len(x), dtype=bool)


def _leaves(cells: int, salt: int, x: Array, y: Array) -> Truth:
    """An ellipse in every cell, leaning and sized by chance; the outer ones are missing more often."""
    u, v = x * cells, y * cells
    pairs = zip(np.floor(u).astype(int).tolist(), np.floor(v).astype(int).tolist(), strict=True)
    chance = np.array([[_hash(i, j, salt), _hash(i, j, salt + 1)] for i, j in pairs])
    one, two = chance.reshape(-1, 2).T
    du, dv = np.mod(u, 1.0) - 0.35 - 0.3 * one, np.mod(v, 1.0) - 0.35 - 0.3 * two
    lean = 1.6 * (one - two)
    a, b = du + lean * dv, dv - lean * du
    leaf = 2.2 * a**2 + b**2 < 0.16 + 0.2 * two
    return np.asarray(leaf & (np.hypot(x, y) < 0.55 + 0.45 * one))


def _hash(x: int, y: int, salt: int) -> float:
    """Of Python's whole numbers, cut to 32 bits by hand."""
    bits = 0xFFFFFFFF
    h = (x * 0x27D4EB2F + y * 0x165667B1 + salt * 0x1B873593) & bits
    h = ((h ^ (h >> 15)) * 0x2C1B3C6D) & bits
    h = ((h ^ (h >> 12)) * 0x297A2D39) & bits
    return ((h ^ (h >> 15)) >> 8) / 2.0**24


def _shell(scene: Scene, which: int, eye: Array, ray: Array) -> Array:
    """The inside of the room, or the ground."""
    half = of(scene.room_half_m[which])
    if half[0] == 0:
        *normal, height = of(scene.ground[which])
        t = (height - np.dot(normal, eye)) / (ray @ np.asarray(normal))
        seen = (t > _NEAR_M) & (t < _GROUND_REACH_M) & bool(scene.ground_seen[which])
        return np.where(seen, t, np.inf)
    planes = []
    for axis in range(3):
        for side in (0.0 if axis == 1 else -half[axis], half[axis]):
            to_go = side - eye[axis]
            planes.append(np.where(ray[:, axis] * to_go > 0, to_go / ray[:, axis], np.inf))
    first, ceiling = np.argmin(planes, axis=0), 3
    out = (first == ceiling) & bool(scene.open_top[which])
    return np.where(out, np.inf, np.min(planes, axis=0))
