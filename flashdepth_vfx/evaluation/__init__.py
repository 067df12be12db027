"""How good and how steady a depth is: metrics, test sets, tables and sheets.

Public names load on first use: importing this imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashdepth_vfx.lazy import public_names

if TYPE_CHECKING:
    from flashdepth_vfx.evaluation.fetch import fetch_data as fetch_data
    from flashdepth_vfx.evaluation.job import SETS as SETS
    from flashdepth_vfx.evaluation.job import EvaluationJob as EvaluationJob
    from flashdepth_vfx.evaluation.job import Model as Model
    from flashdepth_vfx.evaluation.published.job import PublishedJob as PublishedJob
    from flashdepth_vfx.evaluation.published.job import published_sets as published_sets
    from flashdepth_vfx.evaluation.published.run import evaluate_published as evaluate_published
    from flashdepth_vfx.evaluation.published.tables import published_text as published_text
    from flashdepth_vfx.evaluation.published.tables import (
        published_to_plain as published_to_plain,
    )
    from flashdepth_vfx.evaluation.report import Report as Report
    from flashdepth_vfx.evaluation.run import evaluate as evaluate
    from flashdepth_vfx.evaluation.tables import report_text as report_text
    from flashdepth_vfx.evaluation.tables import report_to_plain as report_to_plain

_HOME = {
    "SETS": "job",
    "EvaluationJob": "job",
    "Model": "job",
    "PublishedJob": "published.job",
    "Report": "report",
    "evaluate": "run",
    "evaluate_published": "published.run",
    "fetch_data": "fetch",
    "published_sets": "published.job",
    "published_text": "published.tables",
    "published_to_plain": "published.tables",
    "report_text": "tables",
    "report_to_plain": "tables",
}

__all__ = sorted(_HOME)

__getattr__, __dir__ = public_names(__name__, _HOME)
