"""One whole shot, here and now: planned and done in one call, with one set of networks. What a host asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flashdepth_vfx.converter import convert_depth
from flashdepth_vfx.events import Observer
from flashdepth_vfx.farm.known import Known
from flashdepth_vfx.farm.planning import plan
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.results import result_to_plain
from flashdepth_vfx.views import render

__all__ = ["render_shot"]


def render_shot(
    job: RenderJob,
    *,
    known: Known | None = None,
    observer: Observer | None = None,
    tell: Callable[[str], None] = lambda text: None,
    stop: threading.Event | None = None,
    networks: Networks | None = None,
) -> dict[str, Any]:
    """Render `job`, and convert what needs the whole shot: the two steps that a plan of it has.

    Unlike a plan's tasks it replaces frames of other settings where `job.overwrite` says so. Returns, as JSON values,
    `output` (the pattern of the depth, one for each view with files of its own), `render` and `convert` (null where
    there was none) as the commands of these names print them. Raises as `plan`, `render` and `convert_depth` do.
    """
    (shot,) = plan(replace(job, resume=False, overwrite=False), known=known).shots
    whole = replace(shot.job, resume=not job.overwrite, overwrite=job.overwrite)
    rendered = render(whole, observer=observer, stop=stop, networks=networks)
    converted = None
    if shot.convert is not None:
        convert = replace(shot.convert, overwrite=job.overwrite)
        converted = convert_depth(convert, tell=tell, stop=stop).to_plain()
    assert shot.report is not None, "a plan has a page for each shot"
    return {
        "output": list(shot.report.sources),
        "render": result_to_plain(rendered),
        "convert": converted,
    }
