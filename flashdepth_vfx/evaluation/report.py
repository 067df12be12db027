"""What was measured, as values, as tables for people and as JSON for scripts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flashdepth_vfx.evaluation.job import BASELINES

__all__ = [
    "FORMAT",
    "Facts",
    "Measures",
    "Report",
    "Row",
    "Speed",
    "Unrest",
    "mean_of",
    "report_to_plain",
    "table",
    "tables",
]

FORMAT = "flashdepth-evaluation/1"

_COLUMNS = {
    "delta1": "delta1",
    "abs_rel": "abs-rel",
    "rank": "rank",
    "boundary_f1": "boundary F1",
    "tae": "TAE %",
    "flicker": "flicker %",
}


@dataclass(frozen=True)
class Measures:
    """One clip, or the mean of several. None is what cannot be measured: steadiness without cameras."""

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
    """Which weights a model is: their file by name and hash, and how it was run."""

    model: str
    weights: str
    sha256: str
    long_side_px: int | None
    carry_state: bool


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


def mean_of(clips: Iterable[Measures]) -> Measures:
    """Of each measure, over the clips that have it."""
    clips = list(clips)
    means: dict[str, float | None] = {}
    for name in _COLUMNS:
        given = [value for clip in clips if (value := getattr(clip, name)) is not None]
        given = [value for value in given if math.isfinite(value)]
        means[name] = math.fsum(given) / len(given) if given else None
    return Measures(**means)


def tables(report: Report) -> str:
    """Every table, under its heading: one a set, then the sizes, films, speeds and the drift."""
    parts = [
        f"{name}: {said}\n{_set_table([r for r in report.rows if r.set == name])}"
        for name, said in report.sets.items()
        if any(r.set == name for r in report.rows)
    ]
    if report.sizes:
        parts.append(f"working sizes (long side, px)\n{_sizes_table(report.sizes)}")
    if report.films:
        parts.append(f"films: change of depth where the picture stays, %\n{_films_table(report)}")
    if report.speeds:
        parts.append(f"frames a second, {report.device}\n{_speed_table(report.speeds)}")
    if report.drift_medians:
        medians = "  ".join(f"{frame}: {m:.3f}" for frame, m in report.drift_medians.items())
        parts.append(f"median disparity of a still scene, at frame\n{medians}")
    return "\n\n".join(parts)


def table(rows: Sequence[Sequence[str]], numbers: bool = True) -> str:
    """Lines of cells that line up: the first column to the left, the others too unless they are numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place and numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _set_table(rows: Sequence[Row]) -> str:
    return table([["", *_COLUMNS.values()], *([row.model, *_cells(row.mean)] for row in rows)])


def _sizes_table(rows: Sequence[Row]) -> str:
    head = ["", "set", "px", *_COLUMNS.values()]
    lines = ([r.model, r.set, str(r.long_side_px or "-"), *_cells(r.mean)] for r in rows)
    return table([head, *lines])


def _films_table(report: Report) -> str:
    films = list(dict.fromkeys(u.film for u in report.films))
    given = {(u.model, u.film): f"{u.percent:.3f}" for u in report.films}
    models = dict.fromkeys(u.model for u in report.films)
    return table([["", *films], *([m, *(given.get((m, f), "-") for f in films)] for m in models)])


def _speed_table(speeds: Sequence[Speed]) -> str:
    head = ["", "picture", "working size", "frames/s"]
    lines = (
        [s.model, f"{s.width_px}x{s.height_px}", str(s.long_side_px), f"{s.frames_per_second:.1f}"]
        for s in speeds
    )
    return table([head, *lines])


def _cells(measures: Measures) -> list[str]:
    values = (getattr(measures, name) for name in _COLUMNS)
    return ["-" if value is None else f"{value:.3f}" for value in values]


def report_to_plain(report: Report, goals: Iterable[Any] = ()) -> dict[str, Any]:
    """As JSON can hold it: every clip and its measures, the means, and the `goals`."""
    plain = dataclasses.asdict(report)
    for kind in ("rows", "sizes"):
        for row, said in zip(getattr(report, kind), plain[kind], strict=True):
            said["mean"] = dataclasses.asdict(row.mean)
    drift = {"percent": plain.pop("drift_percent"), "medians": plain.pop("drift_medians")}
    whole = {"format": FORMAT, **plain, "drift": drift, "baselines": list(BASELINES)}
    whole["goals"] = [dataclasses.asdict(goal) for goal in goals]
    finite: dict[str, Any] = _finite(whole)
    return finite


def _finite(value: Any) -> Any:
    """JSON has no word for NaN and infinity: null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): _finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
    return value
