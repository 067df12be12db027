"""Flicker of disparity's scale and offset, taken out frame by frame: one affine map of the whole picture each.

What spread and centre of disparity did since the frame before is found robustly over a coarse grid, and filtered:
what goes to and fro is taken out, and what goes on, as when a camera moves in, is let through (exponential smoothing
with a trend: Holt, 1957). Where the picture stands still there is nothing to go on for, and the hold is firm.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["MEMORY", "STABILISER", "steadied"]

#: Of `ShotState.decisions`: what the next frame is compared with.
MEMORY = "stabiliser"
#: As files name it; another number stands for other pixels.
STABILISER = "affine/1"

_Floats: TypeAlias = NDArray[np.float64]
#: Of spread and of centre, as logarithms.
_Pair: TypeAlias = tuple[float, float]
#: Rows and columns of the grid, and how many samples of the picture a cell has each way.
_ROWS, _COLUMNS, _PATTERN = 18, 32, 4
#: No pixel is changed by more than this factor.
_MOST = 1.25
#: Cells whose change is this far from that of most, as a logarithm, have no say.
_TRIMMED = 0.15
#: Where half of the cells are this far from the rest, what they have in common is half believed.
_DIFFERENT = 0.02
#: Of the centre: a spread of disparity below it says little of spread apart from centre.
_NARROW = 0.1
#: Shares of what is new that are followed at once, and that become a trend, in a moving picture.
_FOLLOWED, _TREND = 0.3, 0.05
#: The share that is followed where the picture stands still, so that nothing is held for ever.
_LEAK = 0.02
#: Deviation of a cell's pattern, of 0..1, that grain alone does not make.
_TEXTURE = 0.02
#: Patterns this much alike are of a thing that stands still.
_ALIKE = 0.9
#: Fewest cells, of all, that tell anything.
_LEAST = 0.1
_TINY = 1e-12


@dataclass(frozen=True)
class _Memory:
    """What is kept of the frames so far.

    `cells` `(_ROWS, _COLUMNS)` is the last disparity as it came, `pattern` the last picture's brightness, 0 to 1.
    `held` is what that frame was changed by; `trend`, how disparity goes on from frame to frame; `still`, how much
    of the picture stands still, 0 to 1.
    """

    cells: _Floats
    pattern: _Floats
    held: _Pair = (0.0, 0.0)
    trend: _Pair = (0.0, 0.0)
    still: float = 0.0

    @classmethod
    def from_text(cls, text: str) -> _Memory:
        """What `to_text` gave. Raises `ValueError` for anything else."""
        facts = json.loads(text)
        cells = np.frombuffer(base64.b64decode(facts["cells"]), "<f4").astype(np.float64)
        pattern = np.frombuffer(base64.b64decode(facts["pattern"]), "u1").astype(np.float64)
        return cls(
            cells=cells.reshape(_ROWS, _COLUMNS),
            pattern=pattern.reshape(_ROWS * _PATTERN, _COLUMNS * _PATTERN) / 255,
            held=(facts["held"][0], facts["held"][1]),
            trend=(facts["trend"][0], facts["trend"][1]),
            still=facts["still"],
        )

    def to_text(self) -> str:
        """As one text, to be kept in a state."""
        pattern = np.rint(self.pattern * 255).astype("u1")
        facts = {
            "cells": base64.b64encode(self.cells.astype("<f4").tobytes()).decode(),
            "pattern": base64.b64encode(pattern.tobytes()).decode(),
            "held": self.held,
            "trend": self.trend,
            "still": self.still,
        }
        return json.dumps(facts)


def steadied(disparity: Tensor, pixels: Tensor, memory: str) -> tuple[Tensor, str]:
    """`(h, w)` disparity of a frame whose `pixels` `(1, 3, h, w)` the network saw -> the same, steadier, and memory.

    `memory` is what the frame before left, "" for the first of a take, which stays as it is. Of two pixels the nearer
    stays the nearer, the sky stays 0, and no value changes by more than a quarter. Deterministic.
    """
    now = _Memory(_cells(disparity), _pattern(pixels))
    if not memory:
        return disparity, now.to_text()
    now = _filtered(_Memory.from_text(memory), now)
    spread, offset = (float(np.exp(value)) for value in now.held)
    seen = now.cells[now.cells > 0]
    centre = float(seen.mean()) if seen.size else 0.0
    moved = (disparity - centre) * spread + centre * offset
    limited = moved.maximum(disparity / _MOST).minimum(disparity * _MOST)
    return limited, now.to_text()


def _filtered(before: _Memory, now: _Memory) -> _Memory:
    """`now` with what it is changed by."""
    still = _still_share(before, now)
    changes, agreement = _change(before.cells, now.cells)
    # Flicker is what all of the picture does; what its parts do each by itself is real, and passes.
    followed = 1 + (_FOLLOWED + (_LEAK - _FOLLOWED) * still - 1) * agreement
    most = float(np.log(_MOST))
    held, trend = [], []
    for old_held, old_trend, change in zip(before.held, before.trend, changes, strict=True):
        expected = old_trend * (1 - still)
        away = old_held + expected - change
        held.append(float(np.clip(away * (1 - followed), -most, most)))
        trend.append(expected - _TREND * (1 - still) * away)
    return dataclasses.replace(
        now, held=(held[0], held[1]), trend=(trend[0], trend[1]), still=still
    )


def _change(before: _Floats, now: _Floats) -> tuple[_Pair, float]:
    """By how much spread and centre grew, over the cells that agree on it, and how well they do, 0 to 1."""
    both = (before > 0) & (now > 0)
    if both.mean() < _LEAST:
        return (0.0, 0.0), 0.0
    old, new = before[both], now[both]
    ratio = np.log(new / old)
    middle = float(np.median(ratio))
    apart = float(np.median(np.abs(ratio - middle)))
    weight = np.ones_like(ratio)
    # From the median on, each time nearer to what most cells say.
    for _ in range(3):
        weight = (1 - ((ratio - middle) / _TRIMMED).clip(-1, 1) ** 2) ** 2 + _TINY
        middle = float((weight * ratio).sum() / weight.sum())
    weight /= weight.sum()
    old_centre, new_centre = float((weight * old).sum()), float((weight * new).sum())
    offset = float(np.log(new_centre / old_centre))
    x, y = old / old_centre - 1, new / new_centre - 1
    # Where all is about equally near, spread goes with the centre.
    prior = _NARROW**2
    slope = float(((weight * x * y).sum() + prior) / ((weight * x * x).sum() + prior))
    growth = float(np.log(np.clip(slope, 1 / _MOST, _MOST))) + offset
    return (growth, offset), _DIFFERENT**2 / (_DIFFERENT**2 + apart**2)


def _still_share(before: _Memory, now: _Memory) -> float:
    """Of the cells with texture, how many show what they showed, however bright; as it was where few have any."""
    one, two = _parts(before.pattern), _parts(now.pattern)
    textured = np.minimum((one**2).mean(-1), (two**2).mean(-1)) > _TEXTURE**2
    if textured.mean() < _LEAST:
        return before.still
    alike = (one * two).sum(-1) / np.sqrt((one**2).sum(-1) * (two**2).sum(-1) + _TINY)
    share = float((alike > _ALIKE)[textured].mean())
    # Half of a picture may move in front of a camera that does not; a quarter may look as it did by chance.
    return float(np.clip((share - 0.25) / 0.25, 0.0, 1.0))


def _parts(pattern: _Floats) -> _Floats:
    """`(cells, samples)`, each cell about its own mean."""
    apart = pattern.reshape(_ROWS, _PATTERN, _COLUMNS, _PATTERN).transpose(0, 2, 1, 3)
    cells: _Floats = apart.reshape(_ROWS * _COLUMNS, _PATTERN**2)
    return np.asarray(cells - cells.mean(-1, keepdims=True))


def _cells(disparity: Tensor) -> _Floats:
    pooled = F.adaptive_avg_pool2d(disparity.float()[None], (_ROWS, _COLUMNS))[0]
    return pooled.cpu().numpy().astype(np.float64)


def _pattern(pixels: Tensor) -> _Floats:
    """Brightness: the network's three channels are normalised by nearly the same mean and deviation."""
    size = (_ROWS * _PATTERN, _COLUMNS * _PATTERN)
    pooled = F.adaptive_avg_pool2d(pixels.float().mean(1), size)[0]
    return np.asarray((pooled.cpu().numpy().astype(np.float64) * 0.226 + 0.449).clip(0.0, 1.0))
