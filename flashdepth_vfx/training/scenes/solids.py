"""Rays against solids, many at once: the first solid that each ray enters.

Every solid is a unit solid (sphere, cube [-1, 1]^3, cylinder of radius 1 along z in [-1, 1], square [-1, 1]^2 at
z = 0) under an affine map. Rays are not normalised: with a direction whose camera z is 1, the parameter is planar
depth. Only entries count, so that a ray that starts on a surface does not meet that surface again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

from flashdepth_vfx.training.scenes.hit_kernel import kernel_first_hit, kernel_is_there
from flashdepth_vfx.training.scenes.textures import cut_out

__all__ = ["MISS", "SLOTS", "SLOT_COUNT", "Kind", "Solids", "first_hit", "slot_range"]

MISS = 1e9
"""The parameter of a ray that meets nothing."""

_TINY = 1e-9


class Kind(IntEnum):
    """The four solids."""

    ELLIPSOID = 0
    BOX = 1
    CYLINDER = 2
    CUTOUT = 3


SLOTS = {Kind.ELLIPSOID: 40, Kind.BOX: 32, Kind.CYLINDER: 48, Kind.CUTOUT: 24}
"""How many solids of each kind a scene has room for; a slot that is not used is an empty solid."""

SLOT_COUNT = sum(SLOTS.values())


def slot_range(kind: Kind) -> slice:
    """The slots that hold solids of `kind`."""
    start = sum(count for other, count in SLOTS.items() if other < kind)
    return slice(start, start + SLOTS[kind])


@dataclass(frozen=True)
class Solids:
    """The solids of V views, in the world of each view.

    `to_unit` `(V, N, 3, 3)` and `centre_m` `(V, N, 3)`: a world point p is at `to_unit @ (p - centre_m)` in the unit
    solid. `mask` `(V, C, 3)` int64: kind, cells and salt of each cut-out. `used` `(V, 4)` int64: how many of each
    kind's slots hold a solid, from its first.
    """

    to_unit: Tensor
    centre_m: Tensor
    mask: Tensor
    used: Tensor


def first_hit(
    solids: Solids, origin_m: Tensor, direction: Tensor, start: float
) -> tuple[Tensor, Tensor]:
    """Parameter `(V, P)` of the first entry beyond `start`, MISS if none, and its slot `(V, P)` int64.

    `direction` is `(V, P, 3)`, `origin_m` that or `(V, 1, 3)`. On a GPU with Triton it is one kernel.
    """
    if direction.is_cuda and kernel_is_there():
        starts = (0, *(slot_range(kind).start for kind in (Kind.BOX, Kind.CYLINDER, Kind.CUTOUT)))
        return kernel_first_hit(
            solids.to_unit, solids.centre_m, solids.mask, solids.used, starts,
            (origin_m, direction), start,
        )  # fmt: skip
    return _plain_first_hit(solids, origin_m, direction, start)


def _plain_first_hit(
    solids: Solids, origin_m: Tensor, direction: Tensor, start: float
) -> tuple[Tensor, Tensor]:
    """Every ray against every slot that some view uses, in one product for each kind."""
    best: Tensor | None = None
    slot: Tensor | None = None
    for kind in Kind:
        where = slot_range(kind)
        # one slot at least: an empty one is a solid that no ray meets
        where = slice(where.start, where.start + max(1, int(solids.used[:, kind].max())))
        entry = _entries(kind, solids, where, origin_m, direction)
        entry = torch.where(entry > start, entry, MISS)
        nearest, index = entry.min(dim=1)
        index = index + where.start
        if best is None or slot is None:
            best, slot = nearest, index
        else:
            slot = torch.where(nearest < best, index, slot)
            best = torch.minimum(nearest, best)
    assert best is not None
    assert slot is not None
    return best, slot


def _entries(
    kind: Kind, solids: Solids, where: slice, origin_m: Tensor, direction: Tensor
) -> Tensor:
    """Parameter `(V, S, P)` at which each ray enters each solid of one kind, MISS if it does not."""
    rows, centre = solids.to_unit[:, where], solids.centre_m[:, where]
    d = _in_unit(rows, direction)
    shift = (rows * centre[:, :, None, :]).sum(-1)
    o = [one - shift[:, :, axis, None] for axis, one in enumerate(_in_unit(rows, origin_m))]
    if kind is Kind.ELLIPSOID:
        return _enter_sphere(o, d)
    if kind is Kind.BOX:
        return _enter_box(o, d)
    if kind is Kind.CYLINDER:
        return _enter_cylinder(o, d)
    return _enter_cutout(o, d, solids.mask[:, : where.stop - where.start])


def _in_unit(rows: Tensor, vector: Tensor) -> tuple[Tensor, ...]:
    """`(V, S, 3, 3)` times `(V, P, 3)`: x, y and z, each `(V, S, P)`."""
    turned = rows.flatten(1, 2) @ vector.mT.expand(len(rows), -1, -1)
    axes: tuple[Tensor, ...] = torch.unflatten(turned, 1, (-1, 3)).unbind(2)
    return axes


def _enter_sphere(o: Sequence[Tensor], d: Sequence[Tensor]) -> Tensor:
    square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    middle = -(o[0] * d[0] + o[1] * d[1] + o[2] * d[2]) / square
    # by the closest approach: b^2 - ac loses all its digits on small, far solids in float32
    q = [o[axis] + middle * d[axis] for axis in range(3)]
    inside = 1.0 - (q[0] * q[0] + q[1] * q[1] + q[2] * q[2])
    return torch.where(inside > 0, middle - (inside.clamp_min(0.0) / square).sqrt(), MISS)


def _enter_box(o: Sequence[Tensor], d: Sequence[Tensor]) -> Tensor:
    slabs = [_slab(o[axis], d[axis]) for axis in range(3)]
    enter = torch.maximum(torch.maximum(slabs[0][0], slabs[1][0]), slabs[2][0])
    leave = torch.minimum(torch.minimum(slabs[0][1], slabs[1][1]), slabs[2][1])
    return torch.where(enter < leave, enter, MISS)


def _enter_cylinder(o: Sequence[Tensor], d: Sequence[Tensor]) -> Tensor:
    square = d[0] * d[0] + d[1] * d[1] + 1e-12
    middle = -(o[0] * d[0] + o[1] * d[1]) / square
    x, y = o[0] + middle * d[0], o[1] + middle * d[1]
    inside = 1.0 - (x * x + y * y)
    half = (inside.clamp_min(0.0) / square).sqrt()
    low, high = _slab(o[2], d[2])
    enter, leave = torch.maximum(middle - half, low), torch.minimum(middle + half, high)
    return torch.where((inside > 0) & (enter < leave), enter, MISS)


def _enter_cutout(o: Sequence[Tensor], d: Sequence[Tensor], mask: Tensor) -> Tensor:
    hit = -o[2] / _away_from_zero(d[2])
    x, y = o[0] + hit * d[0], o[1] + hit * d[1]
    kind, cells, salt = mask.unsqueeze(-1).unbind(2)
    square = (x.abs() < 1.0) & (y.abs() < 1.0)
    # beyond the square the pattern is not asked for, and far values would overflow its hash
    x, y = x.clamp(-1.0, 1.0), y.clamp(-1.0, 1.0)
    return torch.where(square & cut_out(kind, cells.to(x.dtype), salt, x, y), hit, MISS)


def _slab(o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    inverse = 1.0 / _away_from_zero(d)
    one, two = (-1.0 - o) * inverse, (1.0 - o) * inverse
    return torch.minimum(one, two), torch.maximum(one, two)


def _away_from_zero(d: Tensor) -> Tensor:
    return torch.where(d.abs() < _TINY, _TINY, d)
