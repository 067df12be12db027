"""What was measured, as values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["MEASURES", "Facts", "Measures", "Report", "Row", "Speed", "Unrest", "mean_of"]


@dataclass(frozen=True)
class Measures:
    """One clip, or the mean of several. None cannot be measured: steadiness without cameras, or of a crowd."""

    delta1: float | None
    abs_rel: float | None
    rank: float | None
    boundary_f1: float | None
    tae: float | None = None
    flicker: float | None = None


@dataclass(frozen=True)
class Row:
    """A model, or a baseline, on the clips of a set, by their names.

    `long_side_px` is the size asked for where sizes are compared, else None: the model's own.
    """

    set: str
    model: str
    clips: Mapping[str, Measures]
    long_side_px: int | None = None

    @property
    def mean(self) -> Measures:
        """Over the clips, each as heavy as the next."""
        return mean_of(self.clips.values())


@dataclass(frozen=True)
class Unrest:
    """A model on a film."""

    film: str
    model: str
    percent: float


@dataclass(frozen=True)
class Speed:
    """Frames a second of `width_px` x `height_px`, resizing included; `long_side_px` is the working size."""

    model: str
    width_px: int
    height_px: int
    long_side_px: int
    frames_per_second: float


@dataclass(frozen=True)
class Facts:
    """Which weights a model is: their file by name and hash, and how it was run.

    `upsampling` is one of `settings.Upsampling`, or "learned".
    """

    model: str
    weights: str
    sha256: str
    long_side_px: int | None
    carry_state: bool
    upsampling: str = "bilinear"


@dataclass(frozen=True)
class Report:
    """One evaluation. `skipped` says of every set that was asked for and not measured why, and what to do.

    `first`, `per_frame`, `seeds` and `hybrid` are the parts that models play in the goals.
    """

    first: str
    models: tuple[Facts, ...]
    sets: Mapping[str, str]
    rows: tuple[Row, ...] = ()
    sizes: tuple[Row, ...] = ()
    films: tuple[Unrest, ...] = ()
    speeds: tuple[Speed, ...] = ()
    drift_percent: float | None = None
    drift_medians: Mapping[int, float] = field(default_factory=dict)
    per_frame: str | None = None
    seeds: tuple[str, ...] = ()
    hybrid: str | None = None
    skipped: tuple[str, ...] = ()
    device: str = "cpu"
    kernels: str = ""
    version: str = ""
    seconds: float = 0.0

    def mean(self, set_: str, model: str) -> Measures | None:
        """Of a model on a set; None where it was not measured."""
        return next((r.mean for r in self.rows if (r.set, r.model) == (set_, model)), None)


MEASURES = tuple(field.name for field in dataclasses.fields(Measures))
"""The names of all measures, in the order of the tables."""


def mean_of(clips: Iterable[Measures]) -> Measures:
    """Of each measure, over the clips that have it. One that is no number makes the mean none."""
    clips = list(clips)
    means: dict[str, float | None] = {}
    for name in MEASURES:
        given = [value for clip in clips if (value := getattr(clip, name)) is not None]
        means[name] = math.fsum(given) / len(given) if given else None
    return Measures(**means)
