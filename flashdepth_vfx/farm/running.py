"""One task of a plan, run here: what every engine's command comes to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flashdepth_vfx.converter import convert_depth
from flashdepth_vfx.deciding import decide_shot
from flashdepth_vfx.events import Observer
from flashdepth_vfx.farm.tasks import FarmPlan, Kind, ShotPage, Task
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.results import result_to_plain
from flashdepth_vfx.review import write_report
from flashdepth_vfx.views import render

__all__ = ["run_task"]


def run_task(
    plan: FarmPlan,
    task: Task,
    *,
    observer: Observer | None = None,
    tell: Callable[[str], None] = lambda text: None,
    stop: threading.Event | None = None,
    networks: Networks | None = None,
) -> dict[str, Any]:
    """Do what `task` is for, and return what came of it as JSON values. A task that is done already does nothing.

    `observer` is told of a render, `tell` is given lines for people. Setting `stop` ends it with what it has saved,
    by raising `Interrupted`. Raises every `FlashDepthError`.
    """
    shot = plan.shot(task.shot)
    match task.kind:
        case Kind.DECIDE:
            paths = decide_shot(plan.job_of(task), networks=networks)
            return {"decided": [str(path) for path in paths]}
        case Kind.RENDER:
            job = plan.job_of(task)
            return result_to_plain(render(job, observer=observer, stop=stop, networks=networks))
        case Kind.CONVERT:
            assert shot.convert is not None, f"{task.id} converts nothing"
            return convert_depth(shot.convert, tell=tell, stop=stop).to_plain()
        case Kind.REPORT:
            assert shot.report is not None, f"{task.id} reports nothing"
            return _report(shot.report, tell)


def _report(asked: ShotPage, tell: Callable[[str], None]) -> dict[str, Any]:
    page, reports = write_report(asked.sources, Path(asked.page), layer=asked.depth_layer)
    for report in reports:
        for finding in report.findings:
            tell(f"{report.found.name}: {finding}")
    return {"report": str(page), "findings": sum(len(report.findings) for report in reports)}
