"""One task of a plan, run here: what every engine's command comes to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flashdepth_vfx.converter import convert_depth
from flashdepth_vfx.deciding import decide_shot
from flashdepth_vfx.events import Observer
from flashdepth_vfx.farm.plates import PlatesStep, make_plates
from flashdepth_vfx.farm.tasks import FarmPlan, Kind, PlannedShot, ShotPage, Task
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.hook import manifests_beside, run_hook
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.outputs import output_sequence
from flashdepth_vfx.results import result_to_plain
from flashdepth_vfx.review import write_report
from flashdepth_vfx.shotinfo import open_shot
from flashdepth_vfx.views import each_view, render

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
        case Kind.PLATES:
            assert isinstance(shot.plates, PlatesStep), f"{task.id} makes no plates"
            return make_plates(shot.job, shot.plates, tell=tell, stop=stop)
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
        case Kind.PUBLISH:
            assert shot.hook is not None, f"{task.id} runs nothing"
            manifests = manifests_beside(_outputs(shot))
            run_hook(shot.hook, manifests)
            return {"hook": shot.hook, "manifests": [str(path) for path in manifests]}


def _outputs(shot: PlannedShot) -> list[FrameSequence]:
    """Where a render has put its depth, and its manifests beside it."""
    found = []
    for one, _ in each_view(shot.job):
        reader = open_shot(one.shot)
        try:
            found.append(output_sequence(one.output, reader, one.shot.view, "_depth"))
        finally:
            reader.close()
    return found


def _report(asked: ShotPage, tell: Callable[[str], None]) -> dict[str, Any]:
    page, reports = write_report(asked.sources, Path(asked.page), layer=asked.depth_layer)
    for report in reports:
        for finding in report.findings:
            tell(f"{report.found.name}: {finding}")
    return {"report": str(page), "findings": sum(len(report.findings) for report in reports)}
