"""How good and how steady a depth is: metrics, test sets, tables and sheets.

Public names load on first use: importing this imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flashdepth_vfx.evaluation.goals import report_text as report_text
    from flashdepth_vfx.evaluation.goals import whole_report as whole_report
    from flashdepth_vfx.evaluation.job import SETS as SETS
    from flashdepth_vfx.evaluation.job import EvaluationJob as EvaluationJob
    from flashdepth_vfx.evaluation.job import Model as Model
    from flashdepth_vfx.evaluation.report import Report as Report
    from flashdepth_vfx.evaluation.run import evaluate as evaluate

_HOME = {
    "SETS": "job",
    "EvaluationJob": "job",
    "Model": "job",
    "Report": "report",
    "evaluate": "run",
    "report_text": "goals",
    "whole_report": "goals",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
