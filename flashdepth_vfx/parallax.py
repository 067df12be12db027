"""Which pixels of two views show the same thing: small pictures, matched along rows, both ways.

A match counts where the search from the other view comes back to it, and where it is clearly better than
any other along the row: what one eye alone sees, and what has no structure, is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.plate import FloatArray

__all__ = ["Matches", "match_rows"]

#: Half the side of what is compared, in small pixels.
_RADIUS = 3
#: Of the width, how far a thing may lie from itself in the other view.
_REACH = 1 / 6
#: How much worse the next best place has to be, and how far from the best it has to lie.
_CLEARLY, _NEXT_PX = 1.15, 2
#: Deviation in 0..1 below which there is nothing to compare.
_BLANK = 0.01


@dataclass(frozen=True)
class Matches:
    """`(N,)` each: pixel (`rows`, `columns`) of the one view is (`rows`, `others`) of the other."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    others: NDArray[np.intp]


def match_rows(
    one: FloatArray, other: FloatArray, known: NDArray[np.bool_], known_other: NDArray[np.bool_]
) -> Matches:
    """The matches between two pictures `(h, w)` in 0..1, of pixels that are `known` in both."""
    reach = max(1, round(one.shape[1] * _REACH))
    shifts = np.arange(-reach, reach + 1)
    costs = np.stack([_costs(one, other, known, known_other, int(s)) for s in shifts])
    best: NDArray[np.intp] = costs.argmin(0)
    places: NDArray[np.intp] = np.indices(one.shape)
    rows, columns = places[0], places[1]
    # The same costs, seen from the other view: its pixel x was compared with x - shift.
    back = np.stack([_moved(cost, int(s)) for cost, s in zip(costs, shifts, strict=True)])
    best_back: NDArray[np.intp] = back.argmin(0)
    others = columns + shifts[best]
    inside = (others >= 0) & (others < one.shape[1])
    there = best_back[rows, others.clip(0, one.shape[1] - 1)]
    agree = np.abs(shifts[there] - shifts[best]) <= 1
    lowest = np.take_along_axis(costs, best[None], 0)[0]
    near = np.abs(shifts[:, None, None] - shifts[best]) <= _NEXT_PX
    second = np.where(near, np.inf, costs).min(0)
    clear = np.isfinite(lowest) & (second > lowest * _CLEARLY + 1e-4)
    variance = _box(one * one) - _box(one) ** 2
    found = inside & agree & clear & (variance > _BLANK**2)
    return Matches(rows[found], columns[found], others[found])


def _costs(
    one: FloatArray,
    other: FloatArray,
    known: NDArray[np.bool_],
    known_other: NDArray[np.bool_],
    shift: int,
) -> FloatArray:
    """What the neighbourhoods of `one` at x and of `other` at x + shift differ by; infinite outside."""
    difference = np.abs(one - _moved(other, -shift))
    outside = ~known | ~(_moved(known_other.astype(np.float32), -shift) == 1.0)
    return np.where(outside, np.float32(np.inf), _box(np.where(outside, 1.0, difference)))


def _moved(picture: FloatArray, by: int) -> FloatArray:
    """The picture moved to the right; infinite where it comes from nowhere."""
    moved = np.full_like(picture, np.inf)
    width = picture.shape[1]
    if by >= 0:
        moved[:, by:] = picture[:, : width - by]
    else:
        moved[:, :by] = picture[:, -by:]
    return moved


def _box(picture: NDArray[np.floating]) -> FloatArray:
    """The mean of the neighbourhood, which is continued at the border."""
    side = 2 * _RADIUS + 1
    padded = np.pad(picture.astype(np.float64), _RADIUS, mode="edge")
    for axis in (0, 1):
        total = np.cumsum(padded, axis)
        head = np.zeros_like(total.take([0], axis))
        total = np.concatenate((head, total), axis)
        count = total.shape[axis]
        after, before = np.arange(side, count), np.arange(count - side)
        padded = (total.take(after, axis) - total.take(before, axis)) / side
    return padded.astype(np.float32)
