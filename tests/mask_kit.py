"""Shots with borders, and dark shots that have none: small plates of exact values, for the tests of masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from plates import write_exr
from render_kit import at, picture

from flashdepth_vfx.plate import FloatArray, MaskArray, Window

WINDOW = Window(0, 0, 160, 96)
BARS = 12
#: Exact in float32, as a log curve's black is.
LOG_BLACK = np.float32(95 / 1023)


def scene(frame: int, window: Window = WINDOW) -> FloatArray:
    """A picture without any pixel at 0, that moves, with grain."""
    grain = np.random.default_rng(frame).normal(0, 0.01, (*window.shape, 3))
    return (0.1 + 0.8 * picture(frame, window) + grain).clip(0.02, 1).astype(np.float32)


def letterboxed(frame: int, value: float = 0.0, bars: int = BARS) -> FloatArray:
    """Bars above and below."""
    rgb = scene(frame)
    rgb[:bars] = rgb[-bars:] = value
    return rgb


def pillarboxed(frame: int) -> FloatArray:
    """Bars on both sides."""
    rgb = scene(frame)
    rgb[:, :20] = rgb[:, -21:] = 0
    return rgb


def outside_of_lens(frame: int, k: float) -> MaskArray:
    """What undistorting leaves black: corners with `k` above 0, crescents along all sides below. It breathes."""
    rows, columns = np.mgrid[: WINDOW.height, : WINDOW.width]
    x, y = columns / 79.5 - 1, rows / 47.5 - 1
    k = k * (1 + 0.03 * np.sin(frame))
    scale = 1 + k * (x**2 + y**2) - (1.2 * k if k > 0 else 2.05 * k)
    if k < 0:
        scale = 1 - k * (2.05 - x**2 - y**2)
    return (abs(x * scale) > 1) | (abs(y * scale) > 1)


def undistorted(frame: int, k: float = 0.12) -> FloatArray:
    """The scene with the black that a lens leaves, and a rim half as bright."""
    rgb = scene(frame)
    rgb[outside_of_lens(frame, k)] = 0
    return rgb


def night(frame: int, level: float = 0.01, grain: float = 0.01) -> FloatArray:
    """A lamp in the dark, its blacks crushed to exact 0 all around, as an 8-bit picture of a night is."""
    rows, columns = np.mgrid[: WINDOW.height, : WINDOW.width]
    lamp = np.exp(-(((columns - 80) / 30) ** 2 + ((rows - 48) / 18) ** 2))
    noise = np.random.default_rng(frame).normal(0, grain, (*WINDOW.shape, 3))
    return np.maximum(lamp[..., None] + noise - level, 0).astype(np.float32)


def night_sky(frame: int) -> FloatArray:
    """Nothing but exact black above a flat roof that fills the width; a lit street below."""
    rgb = scene(frame)
    rgb[:40] = 0
    return rgb


def night_street(frame: int) -> FloatArray:
    """Exact black above roofs and below in the gutter, houses of many heights between."""
    rgb = scene(frame)
    heights = np.random.default_rng(5).integers(10, 40, 20).repeat(8)
    rows = np.arange(96)[:, None]
    rgb[(rows < heights) | (rows > 95 - heights[::-1] // 3)] = 0
    return rgb


def planet(frame: int) -> FloatArray:
    """CG without alpha: a ball before exact black."""
    rows, columns = np.mgrid[: WINDOW.height, : WINDOW.width]
    rgb = scene(frame)
    rgb[(columns - 80) ** 2 + (rows - 48) ** 2 > 40**2] = 0
    return rgb


def subtitled(frame: int) -> FloatArray:
    """A dark plain with a burn-in: black above and below it up to the edges."""
    rgb = np.zeros((*WINDOW.shape, 3), np.float32)
    rgb[44:50, 30 : 60 + frame] = 0.8
    return rgb


def write_shot(
    folder: Path, make: Callable[[int], FloatArray], frames: range = range(1, 11)
) -> str:
    """Plates of a maker, and their pattern."""
    pattern = str(folder / "plates/shot.####.exr")
    for frame in frames:
        write_exr(at(pattern, frame), {"RGB": make(frame)}, data=WINDOW, display=WINDOW)
    return pattern
