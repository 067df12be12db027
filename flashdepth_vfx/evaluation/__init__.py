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
    from flashdepth_vfx.evaluation.report import Report as Report
    from flashdepth_vfx.evaluation.run import evaluate as evaluate
    from flashdepth_vfx.evaluation.tables import report_text as report_text
    from flashdepth_vfx.evaluation.tables import report_to_plain as report_to_plain

_HOME = {
    "SETS": "job",
    "EvaluationJob": "job",
    "Model": "job",
    "Report": "report",
    "evaluate": "run",
    "fetch_data": "fetch",
    "report_text": "tables",
    "report_to_plain": "tables",
}

__all__ = sorted(_HOME)

__getattr__, __dir__ = public_names(__name__, _HOME)
