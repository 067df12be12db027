"""Renders of one view and of several: each view in its turn, with what they share decided for all.

    shot ─▶ view names ─▶ render left, render right ─▶ how far the two disagree

Each view has its own state and frames. The first is the hero: it decides the cuts, and is rendered first.
The canvas holds the data windows of all.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.events import Observer
from flashdepth_vfx.frames import fill_view
from flashdepth_vfx.job import RenderJob, Shot
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.renderer import RenderResult
from flashdepth_vfx.renderer import render as render_view
from flashdepth_vfx.shotinfo import open_shot
from flashdepth_vfx.stereo import Mismatch, measure_mismatch, write_mismatches
from flashdepth_vfx.viewturn import ViewTurn, stands_for_view, turns_of, view_names
from flashdepth_vfx.waiting import wait_for_plates

__all__ = ["StereoResult", "each_view", "render"]


@dataclass(frozen=True)
class StereoResult(RenderResult):
    """What a render of several views did; its own fields are the hero's.

    `mismatches` compare each other view with the hero; they are in `stereo.<frames>.json` beside its
    manifest too.
    """

    views: Mapping[str, RenderResult] = field(default_factory=dict)
    mismatches: tuple[Mismatch, ...] = ()


def render(
    job: RenderJob,
    *,
    observer: Observer | None = None,
    stop: threading.Event | None = None,
    networks: Networks | None = None,
) -> RenderResult:
    """Render a shot, or the part of it that is asked for and not there yet.

    `observer` is told what happens, on this thread. Setting `stop` ends the render after the frame in
    hand, with the state saved, by raising `Interrupted`. `networks` keeps weights loaded between calls.
    A job of several views gives a `StereoResult`, and tells of a start and an end for each. Raises every
    `FlashDepthError`; what was written by then is whole, and `resume` goes on from there.
    """
    # One for all: each view would load the weights again.
    networks = networks or Networks()
    wait_for_plates(job, observer, stop)
    each = each_view(job)
    if len(each) < 2:
        ((one, _),) = each
        return render_view(one, observer=observer, stop=stop, networks=networks)
    jobs, results = {}, {}
    for one, turn in each:
        name = one.shot.view or ""
        jobs[name] = one
        results[name] = render_view(one, observer=observer, stop=stop, networks=networks, turn=turn)
    first, *others = jobs
    hero = results[first]
    mismatches = tuple(measure_mismatch(jobs[first], jobs[name]) for name in others)
    write_mismatches(hero.manifest, mismatches)
    return StereoResult(
        hero.frames_written,
        hero.frames_kept,
        hero.manifest,
        sum(result.seconds for result in results.values()),
        hero.state,
        views=results,
        mismatches=mismatches,
    )


def each_view(job: RenderJob) -> tuple[tuple[RenderJob, ViewTurn | None], ...]:
    """The job of each view that `job` asks for, the hero's first; of one view alone there is no turn.

    Raises as `view_names` and `turns_of` do.
    """
    shot = job.shot
    names = view_names(shot.view, shot.input, lambda: _views_there(shot))
    if len(names) < 2:
        return ((replace(job, shot=replace(shot, view=names[0])) if names else job, None),)
    turns = turns_of(names, shot.input, job.output, job.settings.depth_layer)
    return tuple((_job_of(job, turn.name), turn) for turn in turns)


def _views_there(shot: Shot) -> tuple[str, ...]:
    reader = open_shot(replace(shot, view=None))
    try:
        return reader.header(reader.frames[0]).views
    finally:
        reader.close()


def _job_of(job: RenderJob, name: str) -> RenderJob:
    return replace(
        job,
        shot=replace(job.shot, view=name),
        state_in=_own_state(job.state_in, name, "--state-in"),
        state_out=_own_state(job.state_out, name, "--state-out"),
    )


def _own_state(path: str | None, name: str, option: str) -> str | None:
    if path is None:
        return None
    if not stands_for_view(path):
        raise SettingsError(f"{option} {path}: each view has a state of its own: put %V into it")
    return fill_view(path, name)
