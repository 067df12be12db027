"""Decides a shot once, for all of its tasks: what a render decides before its first pixel, left on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flashdepth_vfx.color import ColorTransform
from flashdepth_vfx.cutplan import cuts_at, plan_cuts
from flashdepth_vfx.decided import Decided, path_in
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.shotcuts import cuts_seen
from flashdepth_vfx.shotinfo import open_shot
from flashdepth_vfx.shotplan import ShotPlan, plan_shot, shot_folder
from flashdepth_vfx.stall import StallWatch
from flashdepth_vfx.views import each_view
from flashdepth_vfx.viewturn import ViewTurn
from flashdepth_vfx.waiting import wait_for_plates

__all__ = ["decide_shot"]


def decide_shot(job: RenderJob, *, networks: Networks | None = None) -> tuple[Path, ...]:
    """Leave what the tasks of a shot share beside its output, a file for each view, and return the files.

    Of `job` what says which part is rendered has no say. It looks at every plate where cuts are to be found, and
    loads the weights, since the device has its share in what is decided: run it where the tasks will run. What an
    earlier call decided stands, with the cuts of plates that are new, unless `job.overwrite`. Raises as `render`
    does.
    """
    networks = networks or Networks()
    wait_for_plates(job)
    whole = replace(
        job,
        frames=None,
        preroll_frames=None,
        state_in=None,
        state_out=None,
        decided=False,
        wait_for_frames_seconds=None,
    )
    each = each_view(whole if whole.overwrite else replace(whole, resume=True))
    cuts: tuple[int, ...] | None = None
    paths = []
    with StallWatch(job.stall_timeout_seconds):
        for one, turn in each:
            # The first view's cuts are those of all: it is the hero.
            path, cuts = _decide(one, turn, cuts, networks)
            paths.append(path)
    return tuple(paths)


def _decide(
    job: RenderJob, turn: ViewTurn | None, cuts: tuple[int, ...] | None, networks: Networks
) -> tuple[Path, tuple[int, ...]]:
    """Of one view, with the `cuts` of the hero where that is another."""
    earlier = _earlier(job, turn)
    plan = plan_shot(replace(job, decided=earlier is not None), networks, turn)
    try:
        seen = plan.reader.frames
        frames = str(FrameRange(seen))
        if cuts is None:
            stand = earlier is not None and earlier.frames == frames
            cuts = earlier.cuts if earlier is not None and stand else _cuts_of(job, plan)
        identity = replace(plan.identity, cuts=cuts_at(cuts, seen, seen[0]).text)
        return Decided(identity, cuts, frames).save(plan.folder), cuts
    finally:
        plan.reader.close()


def _earlier(job: RenderJob, turn: ViewTurn | None) -> Decided | None:
    if job.overwrite:
        return None
    reader = open_shot(job.shot)
    try:
        folder = shot_folder(job, reader, turn)
        return Decided.load(folder) if path_in(folder).exists() else None
    finally:
        reader.close()


def _cuts_of(job: RenderJob, plan: ShotPlan) -> tuple[int, ...]:
    asked = plan_cuts(job.settings.cuts, plan.reader)
    if asked.listed is not None:
        return tuple(sorted(asked.listed))
    return cuts_seen(plan.reader, asked, ColorTransform(plan.color), plan.identity.canvas)
