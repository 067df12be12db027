"""A comparison as Markdown, from what a benchmark wrote of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flashdepth_vfx.evaluation.job import BASELINES

__all__ = ["comparison_markdown"]

_COSTS = {"working_px": ("px", 0), "gflops": ("GFLOP", 1), "ms": ("ms", 1)}
_MEASURES = {
    "delta1": "delta1",
    "abs_rel": "abs-rel",
    "boundary_f1": "boundary F1",
    "tae": "TAE %",
    "flicker": "flicker %",
}
_MORE_IS_BETTER = ("delta1", "boundary_f1")


def comparison_markdown(record: Mapping[str, Any]) -> str:
    """Where and when it was measured, and a table for each set.

    `record` is what `benchmarks/baselines.py` writes. The best of each column is bold, of those that see pictures.
    """
    machine, settings = record["machine"], record["settings"]
    cores, torch = f"{machine['cores']} cores", f"PyTorch {machine['torch']}"
    where = ", ".join([*machine["gpus"], cores, torch, record["measured_at"][:10]])
    trained = f"{settings['frames_trained']:,} frames of training each"
    parts = [f"{where}; {trained}; costs equal within {100 * settings['unequal']:.1f} %."]
    for name, said in settings["sets"].items():
        rows = [row for row in record["rows"] if row["set"] == name]
        parts.append(_table(f"{name}: {said}", rows))
    return "\n\n".join(parts)


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Without the columns of what nobody has."""
    shown = [key for key in _MEASURES if any(row[key] is not None for row in rows)]
    best = {key: _best(rows, key) for key in shown}
    heads = [title, *(head for head, _ in _COSTS.values()), *(_MEASURES[key] for key in shown)]
    lines = [_line(heads), "|---" * len(heads) + "|"]
    for row in rows:
        costs = (_cell(row[key], digits) for key, (_, digits) in _COSTS.items())
        values = (_cell(row[key], 3, bold=_shown(row) and row[key] == best[key]) for key in shown)
        lines.append(_line([row["contestant"], *costs, *values]))
    return "\n".join(lines)


def _best(rows: Sequence[Mapping[str, Any]], key: str) -> float | None:
    values = [row[key] for row in rows if _shown(row) and row[key] is not None]
    return (max if key in _MORE_IS_BETTER else min)(values, default=None)


def _shown(row: Mapping[str, Any]) -> bool:
    """Whether it is shown the picture; a constant is steadier than all that is."""
    return row["contestant"] not in BASELINES


def _cell(value: float | None, digits: int, bold: bool = False) -> str:
    text = "" if value is None else f"{value:.{digits}f}"
    return f"**{text}**" if text and bold else text


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
