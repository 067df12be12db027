"""What an evaluation is told, as plain values. Importing this imports no torch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.settings import Upsampling

__all__ = ["BASELINES", "SETS", "SETTLED_FRAME", "EvaluationJob", "Model", "check_models"]

SETS = ("made", "flicker", "levels", "photos", "films", "drift", "speed")
"""What can be measured, in the order in which it is."""

BASELINES = ("constant", "ramp")
"""Rows of every table: no depth at all, and "lower in the picture is nearer"."""

SETTLED_FRAME = 20
"""The first frame, counted from 1, that later ones are held against: in ten a state has seen enough of a scene."""

_LEAST_PX = 32
#: They are parts of file names.
_NAME = re.compile(r"\w[\w.+-]*")
_TAKEN = (*BASELINES, "truth")


@dataclass(frozen=True)
class Model:
    """Weights that are measured, under a `name` of their own.

    `weights` is a registered name or a file. `long_side_px` None is the working size that the weights name, or the
    picture's own. `carry_state` False gives every frame to the network as if it were the first. Its disparity reaches
    the picture's size by `upsampling`, or by the learned `upsampler`, a checkpoint, which sees pictures at a long
    side of `upsampled_px`, None being the picture's own.
    """

    name: str
    weights: str = "nano"
    long_side_px: int | None = None
    carry_state: bool = True
    upsampling: Upsampling = Upsampling.BILINEAR
    upsampler: Path | None = None
    upsampled_px: int | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationJob:
    """What is measured, on what, and where the report goes. The goals are those of the first of `models`.

    `per_frame` names the model without memory that it is compared with, `seeds` those trained as it was from other
    seeds, `hybrid` the one with a larger teacher; all are among `models`. `data` is a folder as
    `flashdepth evaluate --fetch` leaves it. `clips` made clips of `frames` frames, and `clips_per_level` of
    each level. At each of `long_sides_px` all models are measured again on the levels and the photographs. Raises
    `SettingsError`.
    """

    models: tuple[Model, ...]
    output: Path
    data: Path | None = None
    sets: tuple[str, ...] = SETS
    per_frame: str | None = None
    seeds: tuple[str, ...] = ()
    hybrid: str | None = None
    clips: int = 16
    frames: int = 8
    clips_per_level: int = 2
    height_px: int = 224
    width_px: int = 384
    long_sides_px: tuple[int, ...] = ()
    drift_frames: int = 1000
    sheets: int = 3
    device: str = "cpu"
    accept_license: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_models(self.models)
        _check_parts(self)
        unknown = [name for name in self.sets if name not in SETS]
        if unknown or not self.sets:
            raise SettingsError(f"sets {', '.join(unknown) or 'none'}: known are {', '.join(SETS)}")
        for field in ("clips", "frames", "clips_per_level"):
            if getattr(self, field) < 1:
                raise SettingsError(f"{field} {getattr(self, field)}: at least 1")
        if self.drift_frames <= SETTLED_FRAME:
            raise SettingsError(f"drift over {self.drift_frames} frames: more than {SETTLED_FRAME}")
        _require_sides((self.height_px, self.width_px, *self.long_sides_px))


def check_models(models: Sequence[Model]) -> None:
    """Raises `SettingsError` unless there is one, and each has a name and a side of its own."""
    if not models:
        raise SettingsError("an evaluation needs a model")
    for name, count in Counter(model.name for model in models).items():
        if count > 1:
            raise SettingsError(f"two models are called '{name}': write one of them as NAME=FILE")
        if name in _TAKEN or not _NAME.fullmatch(name):
            raise SettingsError(
                f"a model cannot be called '{name}': letters, digits and . + - _ alone, and not "
                f"{', '.join(_TAKEN)}; write it as NAME=FILE"
            )
    _require_sides(m.long_side_px for m in models if m.long_side_px is not None)


def _require_sides(sides: Iterable[int]) -> None:
    for side in sides:
        if side < _LEAST_PX:
            raise SettingsError(f"a side of {side} pixels: at least {_LEAST_PX}")


def _check_parts(job: EvaluationJob) -> None:
    """Those with a part to play are other models than the first."""
    names = [model.name for model in job.models]
    for part in (job.per_frame, job.hybrid, *job.seeds):
        if part is not None and part not in names[1:]:
            raise SettingsError(f"'{part}' is none of the models after the first, {names[0]}")
