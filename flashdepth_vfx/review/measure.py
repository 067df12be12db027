"""What is measured of each frame of a pass: how near and far it is, how it trembles, how soft its edges are."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from flashdepth_vfx.plate import FloatArray, Window
from flashdepth_vfx.review.passes import Seen

__all__ = ["FrameMeasure", "measure"]

#: Of a frame, rows and columns at most for what is measured of all of it.
_LATTICE = 256
#: Two pixels this far apart, and more than this many times as near, have an edge between them.
_REACH_PX, _EDGE = 2, 1.25
#: Of the way from one side of an edge to the other, what is neither.
_BETWEEN = 0.25
#: Every so many rows, edges are looked at from left to right.
_ROWS = 4
#: Nearness below this share of the median is the sky's: there are no ratios of 0.
_SKY = 0.01


@dataclass(frozen=True)
class FrameMeasure:
    """Of one frame, in the pass's unit. `low`, `median` and `high` are the 1st, 50th and 99th percentile of what is
    seen, None where nothing is.

    `flicker_percent`: the median over pixels of how far a value is from the mean of those before and after it, of the
    frame's median: what moves steadily has none. None at the ends of takes, and beside holes. `edge_percent` of the
    pixels have an edge within 2 pixels along their row, and `between_percent` of those are on neither side of it.
    Both are None where values are not nearness, in which ratios mean nothing. `unseen_percent` is what the
    network was not shown; `not_finite` counts Inf, which files have only where it was asked for.
    """

    frame: int
    low: float | None
    median: float | None
    high: float | None
    flicker_percent: float | None
    edge_percent: float | None
    between_percent: float | None
    unseen_percent: float
    not_finite: int


@dataclass(frozen=True)
class _Sample:
    """What is kept of a frame until the one after it has come."""

    measure: FrameMeasure
    lattice: FloatArray
    window: Window


def measure(
    frames: Iterable[Seen], starts: frozenset[int], *, ratios: bool
) -> Iterator[FrameMeasure]:
    """Each frame's measures, in order; of the frames, two small pictures are kept at a time.

    `starts` are the frames at which takes begin; `ratios`, whether values are nearness, so that twice as much is
    half as far.
    """
    held: deque[_Sample] = deque()
    for seen in frames:
        sample = _sample(seen, ratios=ratios)
        if held and not _follows(sample, held[-1], starts):
            yield from (one.measure for one in _flushed(held))
        held.append(sample)
        if len(held) == 3:
            middle = held[1].measure
            flicker = _flicker(*(one.lattice for one in held))
            held[1] = replace(held[1], measure=replace(middle, flicker_percent=flicker))
            yield held.popleft().measure
    yield from (one.measure for one in _flushed(held))


def _flushed(held: deque[_Sample]) -> Iterator[_Sample]:
    while held:
        yield held.popleft()


def _follows(sample: _Sample, before: _Sample, starts: frozenset[int]) -> bool:
    next_one = sample.measure.frame == before.measure.frame + 1
    return next_one and sample.measure.frame not in starts and sample.window == before.window


def _sample(seen: Seen, *, ratios: bool) -> _Sample:
    values = seen.values
    step = max(1, -(-max(values.shape) // _LATTICE))
    lattice = np.ascontiguousarray(values[step // 2 :: step, step // 2 :: step])
    numbers = lattice[np.isfinite(lattice)]
    low = median = high = None
    if numbers.size:
        low, median, high = (float(value) for value in np.percentile(numbers, (1, 50, 99)))
    edge = between = None
    if ratios and median:
        edge, between = _edges(values[_ROWS // 2 :: _ROWS], median)
    unseen = float(np.isnan(values).mean()) * 100
    told = FrameMeasure(
        seen.frame, low, median, high, None, edge, between, unseen, int(np.isinf(values).sum())
    )
    return _Sample(told, lattice, seen.data_window)


def _flicker(before: FloatArray, here: FloatArray, after: FloatArray) -> float | None:
    apart = np.abs(here - (before + after) / 2)
    usable = np.isfinite(apart)
    if not usable.any():
        return None
    middle = float(np.median(here[usable]))
    return 100 * float(np.median(apart[usable])) / middle if middle > 0 else None


def _edges(rows: FloatArray, median: float) -> tuple[float, float | None]:
    """Per cent of pixels at an edge, and per cent of those on neither side of it."""
    if rows.shape[1] <= 2 * _REACH_PX:
        return 0.0, None
    rows = np.maximum(rows, np.float32(_SKY * median))
    left, right = rows[:, : -2 * _REACH_PX], rows[:, 2 * _REACH_PX :]
    low, high = np.minimum(left, right), np.maximum(left, right)
    # What was not seen compares with nothing.
    at_edge = high > np.float32(_EDGE) * low
    count = int(at_edge.sum())
    if not count:
        return 0.0, None
    low, high = low[at_edge], high[at_edge]
    place = (rows[:, _REACH_PX:-_REACH_PX][at_edge] - low) / (high - low)
    between = int(((place > _BETWEEN) & (place < 1 - _BETWEEN)).sum())
    return 100 * count / at_edge.size, 100 * between / count
