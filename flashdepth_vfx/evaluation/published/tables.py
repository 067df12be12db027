"""A report by the paper's protocol, as people read it and as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

from flashdepth_vfx.evaluation.published.paper import SOURCE
from flashdepth_vfx.evaluation.published.report import FIGURES, PublishedReport, PublishedRow
from flashdepth_vfx.evaluation.tables import finite, table

__all__ = ["published_text", "published_to_plain"]

_HEADINGS = ("delta1", "abs-rel", "boundary F1", "TAE %")
_FORMAT = "flashdepth-evaluation-published/1"


def published_text(report: PublishedReport) -> str:
    """A table for each set: every model, and under it the paper's own row."""
    parts = []
    for name in dict.fromkeys(row.set for row in report.rows):
        rows = [row for row in report.rows if row.set == name]
        lines = [["", "input", "scenes", "frames", *_HEADINGS]]
        for row in rows:
            lines += _lines(row)
        parts.append(f"{name}: one scale and shift a scene, mean of the scenes\n{table(lines)}")
    if any(row.paper for row in report.rows):
        parts.append(f"the paper's rows: {SOURCE}")
    parts.append("\n".join(f"left out: {line}" for line in report.left_out))
    parts.append(f"flashdepth_vfx {report.version}, {report.device}, {report.seconds:.0f} s")
    return "\n\n".join(part for part in parts if part)


def published_to_plain(report: PublishedReport) -> dict[str, Any]:
    """As JSON can hold it: every scene and its figures, and the means."""
    plain = dataclasses.asdict(report)
    for row, said in zip(report.rows, plain["rows"], strict=True):
        said["mean"] = {name: row.mean(name) for name in FIGURES}
    return cast(dict[str, Any], finite({"format": _FORMAT, "paper_source": SOURCE, **plain}))


def _lines(row: PublishedRow) -> list[list[str]]:
    frames = sum(scene.frames for scene in row.scenes.values())
    size = f"{row.width_px}x{row.height_px}"
    measured = [_cell(row.mean(name), "-") for name in FIGURES]
    lines = [[row.model, size, str(len(row.scenes)), str(frames), *measured]]
    if row.paper is not None:
        said = [_cell(getattr(row.paper, name), "not stated") for name in FIGURES]
        lines.append([f"paper: {row.paper.model}", "", "", "", *said])
    return lines


def _cell(value: float | None, none: str) -> str:
    return none if value is None else f"{value:.3f}"
