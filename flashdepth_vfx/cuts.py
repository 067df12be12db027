"""Where one take ends and the next begins, from small pictures, with a bounded look around each frame.

A frame is the first of a new take when no picture of the few before it comes back in the few from it on:
a flash, which gives way to the picture that was there, is no cut. Pictures are compared by their
structure, after the best shift of the one over the other, so that light and a fast pan do not count.
"""

from __future__ import annotations

import base64
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from flashdepth_vfx.preprocess import IMAGENET_MEAN, IMAGENET_STD

__all__ = [
    "DETECTOR",
    "LOOK_AHEAD",
    "LOOK_BACK",
    "Picture",
    "begins_a_take",
    "difference",
    "from_text",
    "may_begin_a_take",
    "small_picture",
    "to_text",
]

#: What decides, as files name it; another number stands for other decisions on the same pictures.
DETECTOR = "auto/1"
#: Pictures after a frame that decide about it. A flash of as many frames is none of the cuts.
LOOK_AHEAD = 3
#: Pictures before it: those of the longest flash, and the one before that to recognise.
LOOK_BACK = LOOK_AHEAD + 1

_FloatArray: TypeAlias = NDArray[np.float64]
#: Grain averages out at this size, and what is large in the picture is still there.
_HEIGHT, _WIDTH = 24, 40
#: Half the side of the neighbourhood that structure is seen against, in small pixels.
_RADIUS = 4
#: Deviation of the structure, in display-encoded 0..1, below which a picture is blank: the black of a
#: fade, with its noise, and the white of a flash.
_BLANK = 0.015
#: How much of the mean contrast weak neighbourhoods are measured against, so that they stay weak.
_LOCAL_FLOOR = 0.4
#: Shifts that leave less than this share of the picture to compare say nothing...
_LEAST_OVERLAP = 0.3
#: ...and those that leave little find a likeness by chance: what a vanishing overlap must be better by.
_OVERLAP_PRICE = 0.15
#: 0 is the same structure and 1 an unrelated one. Whip pans of 60 % of the width a frame stay below 0.3
#: and unrelated pictures lie above 0.5 (benchmarks/cuts.py).
_UNLIKE = 0.45
#: How far a cut stands out of the usual change from frame to frame: what rushes past the lens does not.
_OUTSTANDING = 1.6


@dataclass(frozen=True, eq=False)
class Picture:
    """One frame for comparison: `codes` `(24, 40)` uint16, its luma, display-encoded, over 0..65535."""

    codes: NDArray[np.uint16]

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing in it to recognise."""
        return self._contrast < _BLANK

    @cached_property
    def spectra(self) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        """Of the structure and of its square, padded, so that shifts do not wrap around."""
        flat = self._detail / max(self._contrast, _BLANK)
        structure = flat / (np.sqrt(_around(flat**2)) + _LOCAL_FLOOR)
        return _spectrum(structure), _spectrum(structure**2)

    @cached_property
    def _detail(self) -> _FloatArray:
        luma = self.codes / 65535.0
        return luma - _around(luma)

    @cached_property
    def _contrast(self) -> float:
        return float(np.sqrt(np.mean(self._detail**2)))


def small_picture(pixels: Tensor) -> Picture:
    """From what the network takes: `(1, 3, h, w)` float32, ImageNet-normalised, in host memory.

    The codes are whole numbers, so that a picture that was kept in a state decides as the one it was.
    """
    small = F.adaptive_avg_pool2d(pixels, (_HEIGHT, _WIDTH))[0].double()
    mean, std = (torch.tensor(v, dtype=torch.float64) for v in (IMAGENET_MEAN, IMAGENET_STD))
    # Rec. 709 weights.
    weights = torch.tensor((0.2126, 0.7152, 0.0722), dtype=torch.float64)
    luma = torch.tensordot(weights * std, small, dims=1) + (weights * mean).sum()
    return Picture((luma.clamp(0.0, 1.0) * 65535.0).round().numpy().astype(np.uint16))


def begins_a_take(before: Sequence[Picture], frame: Picture, after: Sequence[Picture]) -> bool:
    """Whether `frame` is the first of a new take.

    `before` are the pictures that precede it, in order, of which the last `LOOK_BACK` count; `after`
    those that follow, of which the first `LOOK_AHEAD` count. With fewer, at the ends of a shot, it is
    not: nobody can tell a take that short from a flash.
    """
    before, after = before[-LOOK_BACK:], after[:LOOK_AHEAD]
    if len(after) < LOOK_AHEAD or not may_begin_a_take(before, frame):
        return False
    past = [picture for picture in before if not picture.is_blank]
    future = [frame, *(picture for picture in after if not picture.is_blank)]
    if not past:
        # The take before the black is out of sight: what emerges is another, unless it is a flash.
        return len(future) > LOOK_AHEAD
    usual = max(_usual_change(past), _usual_change(future))
    if difference(past[-1], frame) <= _OUTSTANDING * usual:
        return False
    return all(difference(old, new) > _UNLIKE for old in past for new in future)


def may_begin_a_take(before: Sequence[Picture], frame: Picture) -> bool:
    """Whether `begins_a_take` could be true, whatever comes after. Mostly it could not."""
    if len(before) < LOOK_BACK or frame.is_blank:
        return False
    past = [picture for picture in before[-LOOK_BACK:] if not picture.is_blank]
    return not past or difference(past[-1], frame) > _UNLIKE


def difference(one: Picture, other: Picture) -> float:
    """How unlike two pictures are, at the shift where they are most alike: 0 the same, 1 unrelated.

    One less the normalised correlation of their structures (Padfield 2012, masked), for all shifts.
    """
    first, first_square = one.spectra
    second, second_square = other.spectra
    mean_1, mean_2 = _over(first, _ONES) / _COUNT, _over(_ONES, second) / _COUNT
    power_1 = _over(first_square, _ONES) / _COUNT - mean_1**2
    power_2 = _over(_ONES, second_square) / _COUNT - mean_2**2
    shared = _over(first, second) / _COUNT - mean_1 * mean_2
    alike = shared / np.sqrt(np.maximum(power_1, 1e-6) * np.maximum(power_2, 1e-6))
    overlap = _COUNT / (_HEIGHT * _WIDTH)
    alike = np.where(overlap >= _LEAST_OVERLAP, alike - _OVERLAP_PRICE * (1.0 - overlap), -1.0)
    return float(1.0 - alike.max())


def to_text(pictures: Sequence[Picture]) -> str:
    """The last `LOOK_BACK` pictures as one text, to be kept in a state."""
    return " ".join(
        base64.b64encode(picture.codes.astype("<u2").tobytes()).decode()
        for picture in pictures[-LOOK_BACK:]
    )


def from_text(text: str) -> list[Picture]:
    """What `to_text` gave. Raises `ValueError` for anything else."""
    codes = (np.frombuffer(base64.b64decode(t, validate=True), "<u2") for t in text.split())
    return [Picture(part.astype(np.uint16).reshape(_HEIGHT, _WIDTH)) for part in codes]


def _usual_change(pictures: Sequence[Picture]) -> float:
    """The median from each to the next, which one flash or one more cut does not move."""
    changes = [difference(a, b) for a, b in itertools.pairwise(pictures)]
    return statistics.median(changes) if changes else 0.0


def _spectrum(values: _FloatArray) -> NDArray[np.complex128]:
    return np.fft.rfft2(values, (2 * _HEIGHT, 2 * _WIDTH))


def _over(first: NDArray[np.complex128], second: NDArray[np.complex128]) -> _FloatArray:
    """The sum of products where the two overlap, for every shift."""
    return np.fft.irfft2(np.conj(first) * second, (2 * _HEIGHT, 2 * _WIDTH))


def _mean_of_neighbours(length: int) -> _FloatArray:
    """A matrix that averages a side, twice, with its ends continued outwards."""
    once = np.zeros((length, length))
    for row in range(length):
        for step in range(-_RADIUS, _RADIUS + 1):
            once[row, min(max(row + step, 0), length - 1)] += 1.0 / (2 * _RADIUS + 1)
    return once @ once


def _around(values: _FloatArray) -> _FloatArray:
    return _DOWN @ values @ _ACROSS.T


_DOWN, _ACROSS = _mean_of_neighbours(_HEIGHT), _mean_of_neighbours(_WIDTH)
_ONES = _spectrum(np.ones((_HEIGHT, _WIDTH)))
#: Of the small pixels that overlap, for every shift; 1 where none does, to divide by.
_COUNT = np.maximum(_over(_ONES, _ONES).round(), 1.0)
