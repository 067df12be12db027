"""What a resident worker does for each kind of request: read at once, done when its turn comes.

What it takes is imported when it is wanted: a worker says that it lives before it has loaded anything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from flashdepth_vfx.events import Observer, Warned
from flashdepth_vfx.job import RenderJob

if TYPE_CHECKING:
    from flashdepth_vfx.networks import Networks

__all__ = ["Work", "about_work", "render_work", "shot_work", "task_work"]

#: What is done for a request, and what comes of it as JSON values.
Work: TypeAlias = "Callable[[Observer, threading.Event, Networks], dict[str, Any]]"


def render_work(plain: dict[str, Any]) -> Work:
    """A render. Raises `UsageError` for a job that cannot be read."""
    job = RenderJob.from_dict(plain)

    def work(observer: Observer, stop: threading.Event, networks: Networks) -> dict[str, Any]:
        from flashdepth_vfx.results import result_to_plain
        from flashdepth_vfx.views import render

        return result_to_plain(render(job, observer=observer, stop=stop, networks=networks))

    return work


def shot_work(plain: dict[str, Any], known: dict[str, Any] | None) -> Work:
    """A render, and what is made of the whole shot. Raises `UsageError` for what cannot be read."""
    from flashdepth_vfx.farm import Known

    job = RenderJob.from_dict(plain)
    distances = None if known is None else Known.from_dict(known)

    def work(observer: Observer, stop: threading.Event, networks: Networks) -> dict[str, Any]:
        from flashdepth_vfx.farm import render_shot

        told = _teller(observer)
        return render_shot(
            job, known=distances, observer=observer, tell=told, stop=stop, networks=networks
        )

    return work


def task_work(plain: dict[str, Any], task_id: str) -> Work:
    """A task. Raises `PlanError` for a plan that cannot be read, or has no such task."""
    from flashdepth_vfx.farm import FarmPlan

    plan = FarmPlan.from_dict(plain)
    task = plan.task(task_id)

    def work(observer: Observer, stop: threading.Event, networks: Networks) -> dict[str, Any]:
        from flashdepth_vfx.farm import run_task

        told = _teller(observer)
        return run_task(plan, task, observer=observer, tell=told, stop=stop, networks=networks)

    return work


def about_work(_observer: Observer, _stop: threading.Event, _networks: Networks) -> dict[str, Any]:
    """What is installed here."""
    from flashdepth_vfx.about import about

    return about()


def _teller(observer: Observer) -> Callable[[str], None]:
    """Work that renders nothing only has words for people."""
    return lambda text: observer(Warned(text))
