"""Which frames a clip is of: by seed and place alone, so that a run that was cut off goes on with the same ones."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

__all__ = ["ClipPlace", "Order", "frames_of_clip"]

_SHUFFLE, _DIRECTION, _BESIDE = 0x5E7, 0x5E8, 0x5E9


@dataclass(frozen=True)
class ClipPlace:
    """Frames `frames` (places in the scene, in time) of scene number `scene`."""

    scene: int
    frames: tuple[int, ...]


class Order:
    """The clips of one set, one after the other without end.

    Every frame of every scene begins (or ends) one clip in a round, in an order shuffled anew for each. `seed` and
    `number` (of the set) tell two orders apart.
    """

    def __init__(
        self, lengths: Sequence[int], frames: int, stride: int, seed: int, number: int
    ) -> None:
        self._ends = list(accumulate(lengths))
        self._lengths, self._frames, self._stride = lengths, frames, stride
        self._key = (seed, number)

    def __len__(self) -> int:
        """Clips in a round."""
        return self._ends[-1] if self._ends else 0

    def clip(self, position: int) -> ClipPlace:
        """The clip at this place of the order, from 0 on."""
        turn, at = divmod(position, len(self))
        whole = int(_shuffled(*self._key, turn, len(self))[at])
        scene = bisect.bisect_right(self._ends, whole)
        length = self._lengths[scene]
        start = whole - (self._ends[scene] - length)
        backward = bool(np.random.default_rng([_DIRECTION, *self._key, position]).integers(2))
        return ClipPlace(scene, frames_of_clip(length, start, self._frames, self._stride, backward))

    def drawn(self, position: int) -> np.random.Generator:
        """What else is drawn for the clip there: where it is cropped, and which is taken if it cannot be read."""
        return np.random.default_rng([_BESIDE, *self._key, position])


def frames_of_clip(
    length: int, start: int, frames: int, stride: int, backward: bool
) -> tuple[int, ...]:
    """`frames` places of a scene of `length`, ascending, `stride` apart, that begin at `start`, or end there.

    `backward` decides where both fit; where neither does, it is the last clip of the scene. A scene too short for the
    stride takes the widest that fits, and one with fewer frames holds its last.
    """
    gaps = max(frames - 1, 1)
    stride = max(min(stride, (length - 1) // gaps), 1)
    reach = stride * (frames - 1)
    fits_after, fits_before = start + reach < length, start >= reach
    if fits_before and (backward or not fits_after):
        first = start - reach
    elif fits_after:
        first = start
    else:
        first = max(length - 1 - reach, 0)
    return tuple(min(first + i * stride, length - 1) for i in range(frames))


@functools.lru_cache(maxsize=8)
def _shuffled(seed: int, number: int, turn: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng([_SHUFFLE, seed, number, turn, count]).permutation(count)
