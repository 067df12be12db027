"""What an evaluation by the paper's protocol has found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flashdepth_vfx.evaluation.published.paper import PaperRow, Scale
from flashdepth_vfx.evaluation.report import Facts

__all__ = ["FIGURES", "PublishedReport", "PublishedRow", "SceneFigures"]

FIGURES = ("delta1", "abs_rel", "boundary_f1", "tae")
"""The names of the figures, in the order of the tables."""


@dataclass(frozen=True)
class SceneFigures:
    """A model on a scene: over so many frames, or None where the truth does not tell it."""

    frames: int
    delta1: float
    abs_rel: float
    boundary_f1: float | None
    tae: float | None


@dataclass(frozen=True)
class PublishedRow:
    """A model on a set: its scenes by name, and what the paper has of it. `width_px` x `height_px` is what it saw."""

    set: str
    model: str
    scale: Scale
    width_px: int
    height_px: int
    scenes: Mapping[str, SceneFigures]
    paper: PaperRow | None

    def mean(self, figure: str) -> float | None:
        """Over the scenes that have it, each as heavy as the next. `figure` is one of `FIGURES`."""
        return _mean(getattr(scene, figure) for scene in self.scenes.values())


@dataclass(frozen=True)
class PublishedReport:
    """`left_out` says of every scene, frame and figure that is not in the rows why."""

    models: tuple[Facts, ...]
    rows: tuple[PublishedRow, ...]
    left_out: tuple[str, ...]
    device: str
    version: str
    seconds: float


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
