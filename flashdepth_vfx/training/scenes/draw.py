"""Random values of the kinds that scenes are made of.

All of this is numpy on the CPU, so that a seed gives the same scene wherever it is rendered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from flashdepth_vfx.training.scenes.parts import Array, yaw
from flashdepth_vfx.training.scenes.textures import SURFACE_COLUMNS, Mask, Pattern

__all__ = ["MIRROR", "SURFACE_WIDTH", "Draw"]

SURFACE_WIDTH = sum(width for _, width in SURFACE_COLUMNS)
MIRROR = [name for name, _ in SURFACE_COLUMNS].index("mirror")
"""The column of how much a surface mirrors; every column before it is one number wide."""

_PATTERN_WEIGHTS = {
    Pattern.NOISE: 0.26,
    Pattern.STRIPES: 0.12,
    Pattern.BRICKS: 0.14,
    Pattern.CHECKS: 0.07,
    Pattern.SPOTS: 0.07,
    Pattern.MARBLE: 0.1,
    Pattern.PLAIN: 0.24,
}


class Draw:
    """Random values of the kinds that scenes need, all from one generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def between(self, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        return low + (high - low) * self.rng.random()

    def scale(self, low: float, high: float) -> float:
        """Uniform in the logarithm: a size between `low` and `high`."""
        return math.exp(self.between(math.log(low), math.log(high)))

    def count(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both possible."""
        return low + int(self.rng.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.rng.random() < probability

    def pick(self, weights: Sequence[float]) -> int:
        """An index, by weight."""
        edges = np.cumsum(weights)
        return min(int(np.searchsorted(edges, self.rng.random() * edges[-1])), len(weights) - 1)

    def normal(self, spread: float = 1.0) -> float:
        """Normal around 0."""
        return float(self.rng.normal()) * spread

    def any_rotation(self) -> Array:
        """A rotation drawn uniformly."""
        q = self.rng.normal(size=4)
        w, x, y, z = (q / np.linalg.norm(q)).tolist()
        return np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )

    def any_yaw(self) -> Array:
        """A turn about the vertical."""
        return yaw(self.between(0.0, 2.0 * math.pi))

    def colour(self) -> Array:
        """A linear-light albedo: more often dull than vivid, as the world is."""
        value = self.scale(0.03, 0.85)
        vivid = self.rng.random() ** 1.2
        shade = value * (1.0 + vivid * (self.rng.random(3) * 2.0 - 1.0))
        return np.asarray(np.clip(shade, 0.01, 1.0), dtype=np.float64)

    def surface(self, size_m: float, pattern: Pattern | None = None) -> Array:
        """A row of SURFACE_COLUMNS whose pattern suits an object of about `size_m`."""
        kind = Pattern(self.pick(list(_PATTERN_WEIGHTS.values()))) if pattern is None else pattern
        first = self.colour()
        # mostly shades of one colour; now and then an unrelated second
        second = self.colour() if self.chance(0.35) else first * self.between(0.35, 1.6)
        third = self.colour() if self.chance(0.5) else first * self.between(0.3, 0.8)
        return np.concatenate(
            [
                [
                    float(kind),
                    self.scale(1.0, 14.0) / max(size_m, 0.02) ** 0.8,
                    self.scale(0.4, 4.0),
                    self.rng.random() ** 2,
                    self.between(0.35, 0.9),
                    self.scale(0.03, 0.9),
                    self.scale(0.03, 0.16),
                    self.between(0.0, 1.0) ** 3,
                    self.scale(0.03, 0.6) if self.chance(0.08) else 0.0,
                ],
                self.rng.random(2) * 512.0,
                [self.between(-math.pi, math.pi) if self.chance(0.3) else 0.0],
                first,
                np.clip(second, 0.0, 1.2),
                np.clip(third, 0.0, 1.2),
            ]
        )

    def flat_mirror(self, mirror: float) -> Array:
        """Water, glass or polish: dark, smooth, and what one sees in it is elsewhere."""
        surface = self.surface(1.0, Pattern.NOISE)
        surface[MIRROR] = mirror
        surface[-9:] *= self.between(0.1, 0.5)
        return surface

    def foliage_mask(self) -> tuple[int, int, int]:
        """A crown of leaves, coarse or fine."""
        return (int(Mask.LEAVES), self.count(3, 14), self.count(0, 1 << 20))

    def any_mask(self) -> tuple[int, int, int]:
        """Any way to cut a flat."""
        return (self.count(0, len(Mask) - 1), self.count(3, 12), self.count(0, 1 << 20))
