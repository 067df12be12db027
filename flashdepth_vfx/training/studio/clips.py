"""Clips of a studio's shots for training: which, from where, how cut and how toned, all by seed and step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.measures.clip import TruthClip
from flashdepth_vfx.model import ModelConfig
from flashdepth_vfx.plate import Window
from flashdepth_vfx.preprocess import Canvas, plan_canvas
from flashdepth_vfx.training.data import Batch
from flashdepth_vfx.training.studio.shot import StudioShot

__all__ = ["ClipSettings", "StudioClips", "whole_clip"]

_STREAM = 0x57D10
#: A clip with less known depth teaches little; another is drawn, so many times.
_LEAST_KNOWN = 0.05
_TRIES = 8


@dataclass(frozen=True)
class ClipSettings:
    """How clips are cut: `frames` in a row, at this size.

    `least_crop` is the smallest part of a shot's height or width (whichever the shape allows) that a clip shows; 1
    always shows as much as fits. `augment` adds a mild gamma and gain, one for each clip.
    """

    seed: int
    frames: int
    height_px: int
    width_px: int
    least_crop: float = 0.6
    augment: bool = True

    def __post_init__(self) -> None:
        if not 0.0 < self.least_crop <= 1.0:
            raise SettingsError(
                f"a least crop of {self.least_crop}: give a share above 0 and up to 1"
            )


class StudioClips:
    """Batches of clips by step: the same step is the same batch, in whatever order and thread it is loaded.

    Nothing is kept between two batches. Every shot is drawn as often as any other, however long.
    """

    def __init__(self, shots: Sequence[StudioShot], settings: ClipSettings) -> None:
        self.settings = settings
        self._shots = [(shot, shot.starts(settings.frames)) for shot in shots]
        self._shots = [(shot, starts) for shot, starts in self._shots if starts]
        if not self._shots:
            raise SettingsError(
                f"no shot has {settings.frames} frames in a row; ask for shorter clips"
            )

    def batch(self, step: int, count: int) -> Batch:
        """`count` clips (1 or more) of a step, on the CPU. Raises PlateError for a frame that cannot be read."""
        clips = [self._clip(step, index) for index in range(count)]
        return Batch(torch.stack([rgb for rgb, _ in clips]), torch.stack([d for _, d in clips]))

    def _clip(self, step: int, index: int) -> tuple[Tensor, Tensor]:
        s = self.settings
        rng = np.random.default_rng([_STREAM, s.seed, step, index])
        for _ in range(_TRIES):
            shot, starts = self._shots[int(rng.integers(len(self._shots)))]
            canvas = draw_crop(rng, shot, s)
            rgb, disparity = shot.clip(starts[int(rng.integers(len(starts)))], s.frames, canvas)
            if float((disparity >= 0.0).float().mean()) >= _LEAST_KNOWN:
                break
        if rng.random() < 0.5:
            rgb, disparity = rgb.flip(-1), disparity.flip(-1)
        return (_toned(rng, rgb) if s.augment else rgb), disparity


def whole_clip(shot: StudioShot, frames: int, long_side_px: int, config: ModelConfig) -> TruthClip:
    """The whole frame as a render sees it: up to `frames` in a row, from the first place that has them.

    `long_side_px` is the network's working size. Raises PlateError for a frame that cannot be read.
    """
    length = next(n for n in range(min(frames, len(shot.frames)), 0, -1) if shot.starts(n))
    canvas = plan_canvas(
        shot.window,
        shot.pixel_aspect,
        long_side_px,
        multiple=config.multiple,
        minimum=config.min_side_px,
    )
    rgb, disparity = shot.clip(shot.starts(length)[0], length, canvas)
    return TruthClip(shot.name, rgb, disparity)


def draw_crop(rng: np.random.Generator, shot: StudioShot, settings: ClipSettings) -> Canvas:
    """A part of the shot's window in the clip's shape: its size, then its place, are drawn."""
    whole = shot.window
    # in full-size pixels, which may not be square
    shape = settings.width_px / settings.height_px / shot.pixel_aspect
    tallest = min(float(whole.height), whole.width / shape)
    # no smaller than the clip's own pixels, as far as the plate has them: a blown-up plate is a blurred one
    least = max(tallest * settings.least_crop, min(tallest, float(settings.height_px)))
    height = (
        math.exp(rng.uniform(math.log(least), math.log(tallest))) if least < tallest else tallest
    )
    rows = min(max(round(height), 1), whole.height)
    columns = min(max(round(height * shape), 1), whole.width)
    x = whole.x + int(rng.integers(whole.width - columns + 1))
    y = whole.y + int(rng.integers(whole.height - rows + 1))
    window = Window(x, y, columns, rows)
    return Canvas(window, shot.pixel_aspect, settings.height_px, settings.width_px)


def _toned(rng: np.random.Generator, rgb: Tensor) -> Tensor:
    """Gamma and gain of the whole clip: never of a frame, which would be flicker that nobody filmed."""
    gamma = math.exp(rng.normal() * 0.12)
    gain = np.exp(rng.normal() * 0.1 + rng.normal(size=3) * 0.03).astype(np.float32)
    return (rgb.pow(gamma) * torch.from_numpy(gain).view(3, 1, 1)).clamp(0.0, 1.0)
