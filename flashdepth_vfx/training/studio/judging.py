"""Error before and after, on what no step has seen, by the measures that the evaluation reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flashdepth_vfx.measures.clip import Predictor, TruthClip
from flashdepth_vfx.measures.metrics import HORIZON_M, accuracy

__all__ = ["HELD_OUT_SHOTS", "MADE_SCENES", "ErrorRow", "errors"]

HELD_OUT_SHOTS, MADE_SCENES = "held-out shots", "made scenes"


@dataclass(frozen=True)
class ErrorRow:
    """How `predictor` did on one held-out shot, or in the mean over `clips` of them.

    `delta1`, `abs_rel` and `rank` are those of `measures.metrics.Accuracy`.
    """

    held_out: str
    predictor: str
    clips: int
    delta1: float
    abs_rel: float
    rank: float


def errors(
    shots: Iterable[TruthClip], made: Iterable[TruthClip], predictors: Mapping[str, Predictor]
) -> tuple[ErrorRow, ...]:
    """Rows of every predictor: each shot, the mean of the shots, the mean of the made scenes.

    One clip is in memory at a time. A clip with nothing nearer than 70 m is left out: there is nothing to measure.
    """
    of_shots, of_made = (_each(clips, predictors) for clips in (shots, made))
    return (*of_shots, *_mean(HELD_OUT_SHOTS, of_shots), *_mean(MADE_SCENES, of_made))


def _each(clips: Iterable[TruthClip], predictors: Mapping[str, Predictor]) -> list[ErrorRow]:
    rows = []
    for clip in clips:
        if not bool((clip.truth_100_per_m > 100.0 / HORIZON_M).any()):
            continue
        for name, predict in predictors.items():
            found = accuracy(predict(clip.rgb), clip.truth_100_per_m)
            rows.append(ErrorRow(clip.name, name, 1, found.delta1, found.abs_rel, found.rank))
    return rows


def _mean(name: str, rows: Sequence[ErrorRow]) -> list[ErrorRow]:
    """One row of each predictor, every clip as much as any other, however long."""
    means = []
    for predictor in dict.fromkeys(row.predictor for row in rows):
        own = [row for row in rows if row.predictor == predictor]
        count = len(own)
        means.append(
            ErrorRow(
                name,
                predictor,
                count,
                delta1=sum(row.delta1 for row in own) / count,
                abs_rel=sum(row.abs_rel for row in own) / count,
                rank=sum(row.rank for row in own) / count,
            )
        )
    return means
