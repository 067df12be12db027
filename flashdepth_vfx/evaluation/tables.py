"""A report as people read it, tables and goals, and as JSON for scripts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, cast

from flashdepth_vfx.evaluation.goals import goals
from flashdepth_vfx.evaluation.job import BASELINES
from flashdepth_vfx.evaluation.report import MEASURES, Measures, Report, Row, Speed

__all__ = ["FORMAT", "finite", "report_text", "report_to_plain", "table"]

FORMAT = "flashdepth-evaluation/1"

_HEADINGS = ("delta1", "abs-rel", "rank", "boundary F1", "TAE %", "flicker %")


def report_text(report: Report) -> str:
    """Everything, for people: what was run, the tables, what is missing, the goals."""
    models = [["", "weights", "working size", "state", "upsampling", "sha256"]]
    for m in report.models:
        size, state = str(m.long_side_px or "own"), "carried" if m.carry_state else "none"
        models.append([m.model, m.weights, size, state, m.upsampling, m.sha256[:12]])
    lines = [["", "goal", "measured", "reached"]]
    for goal in goals(report):
        reached = "-" if goal.reached is None else "yes" if goal.reached else "no"
        lines.append([goal.name, goal.goal, goal.measured, reached])
    skipped = [f"not measured: {line}" for line in report.skipped]
    end = f"flashdepth_vfx {report.version}, {report.device}, {report.seconds:.0f} s"
    parts = [
        table(models, numbers=False),
        _tables(report),
        "\n".join(skipped),
        f"goals\n{table(lines, numbers=False)}",
        end,
    ]
    return "\n\n".join(part for part in parts if part)


def report_to_plain(report: Report) -> dict[str, Any]:
    """As JSON can hold it: every clip and its measures, the means, and the goals."""
    plain = dataclasses.asdict(report)
    for kind in ("rows", "sizes"):
        for row, said in zip(getattr(report, kind), plain[kind], strict=True):
            said["mean"] = dataclasses.asdict(row.mean)
    drift = {"percent": plain.pop("drift_percent"), "medians": plain.pop("drift_medians")}
    whole = {"format": FORMAT, **plain, "drift": drift, "baselines": list(BASELINES)}
    whole["goals"] = [dataclasses.asdict(goal) for goal in goals(report)]
    return cast(dict[str, Any], finite(whole))


def _tables(report: Report) -> str:
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
    return table([["", *_HEADINGS], *([row.model, *_cells(row.mean)] for row in rows)])


def _sizes_table(rows: Sequence[Row]) -> str:
    head = ["", "set", "px", *_HEADINGS]
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
    values = (getattr(measures, name) for name in MEASURES)
    return ["-" if value is None else f"{value:.3f}" for value in values]


def finite(value: Any) -> Any:
    """JSON has no word for NaN and infinity: null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [finite(inner) for inner in value]
    return value
