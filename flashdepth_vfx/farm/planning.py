"""From render jobs to a plan: which tasks a shot falls into. Folders are listed and cut lists read; no pixel is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from flashdepth_vfx.errors import PlanError
from flashdepth_vfx.farm.anywhere import absolute_hook, absolute_paths
from flashdepth_vfx.farm.dealing import DealtShot, Rules
from flashdepth_vfx.farm.known import Known
from flashdepth_vfx.farm.modes import Mode, how_far_off
from flashdepth_vfx.farm.naming import named_apart, shot_name, view_list
from flashdepth_vfx.farm.plates import PlatesStep, PromisedPlates
from flashdepth_vfx.farm.tasks import FarmPlan, PlannedShot, Requirements
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.shotinfo import open_shot
from flashdepth_vfx.viewturn import stands_for_view

__all__ = ["plan"]

#: Of a chain or of chunks with a pre-roll, unless said.
CHUNK_FRAMES = 100
PREROLL_FRAMES = 16


def plan(
    jobs: RenderJob | Iterable[RenderJob],
    *,
    mode: Mode | str = Mode.WHOLE,
    chunk_frames: int | None = None,
    preroll_frames: int | None = None,
    requirements: Requirements | None = None,
    attempts: int = 3,
    report: bool = True,
    hook: str | None = None,
    known: Known | None = None,
    plates: PlatesStep | None = None,
) -> FarmPlan:
    """The tasks of one job, or of many. `{shot}` in an output stands for the name of its plates.

    Takes are those of a cut list, or of what an earlier `decide` found; they and the views with files of their own
    are rendered at once. The paths of a plan are absolute: its tasks run anywhere. `chunk_frames` are the frames of a
    task of `chain` and `preroll`. The last tasks of a shot write a `report` about it, and run `hook`, an executable
    that is given its manifests. A plan of one job may have `known` distances, and `plates`, which makes its frames
    first. Raises `PlanError` for jobs that have no place in a plan, `PlateError`, `UsageError` for plates that are
    not there, and what `known` deserves: all before anything is written.
    """
    mode = _mode(mode, chunk_frames, preroll_frames)
    given = [absolute_paths(job) for job in _listed(jobs)]
    rules = Rules(mode, chunk_frames or CHUNK_FRAMES, report, absolute_hook(hook), known, plates)
    dealt = _dealt(given, rules)
    frames = PREROLL_FRAMES if preroll_frames is None else preroll_frames
    return FarmPlan(
        mode=mode,
        shots=tuple(made.shot for made in dealt),
        tasks=tuple(task for made in dealt for task in made.tasks()),
        preroll_frames=frames if mode is Mode.PREROLL else None,
        attempts=attempts,
        requirements=requirements or Requirements(),
        notes=_notes(mode, frames, dealt),
    )


def _dealt(jobs: Sequence[RenderJob], rules: Rules) -> list[DealtShot]:
    for what, given in (("known distances", rules.known), ("a plates step", rules.plates)):
        if given is not None and len(jobs) > 1:
            raise PlanError(
                f"{what}: for one shot, and {len(jobs)} are planned; plan each by itself"
            )
    readers = [_opened(job, promised=rules.plates is not None) for job in jobs]
    names = named_apart([shot_name(reader.sequence) for reader in readers])
    outputs = Counter(job.output for job in jobs)
    dealt = [
        DealtShot(_placed(job, name, shared=outputs[job.output] > 1), reader, name, rules)
        for job, reader, name in zip(jobs, readers, names, strict=True)
    ]
    _require_apart(made.shot for made in dealt)
    return dealt


def _notes(mode: Mode, preroll_frames: int, dealt: Iterable[DealtShot]) -> tuple[str, ...]:
    """What the person who plans should know."""
    of_mode = (how_far_off(preroll_frames),) if mode is Mode.PREROLL else ()
    return (*of_mode, *(note for made in dealt for note in made.notes))


def _listed(jobs: RenderJob | Iterable[RenderJob]) -> list[RenderJob]:
    given = [jobs] if isinstance(jobs, RenderJob) else list(jobs)
    if not given:
        raise PlanError("there is nothing to plan: name plates")
    return given


def _mode(mode: Mode | str, chunk_frames: int | None, preroll_frames: int | None) -> Mode:
    try:
        mode = Mode(mode)
    except ValueError:
        raise PlanError(f"mode '{mode}' is unknown; it is one of: {', '.join(Mode)}") from None
    if chunk_frames is not None and mode is Mode.WHOLE:
        raise PlanError("mode whole has no chunks: leave --chunk out, or plan a chain or a preroll")
    if chunk_frames is not None and chunk_frames < 1:
        raise PlanError(f"chunks of {chunk_frames} frames: give 1 or more")
    if preroll_frames is not None and mode is not Mode.PREROLL:
        raise PlanError(f"mode {mode} has no pre-roll: leave --preroll out, or plan a preroll")
    if preroll_frames is not None and preroll_frames < 0:
        raise PlanError(f"a pre-roll of {preroll_frames} frames: give 0 or more")
    return mode


def _opened(job: RenderJob, *, promised: bool) -> PlateReader:
    """The plates of a job that has a place in a plan; those that are `promised` are not looked for."""
    refused = {
        "--state-in": job.state_in,
        "--state-out": job.state_out,
        "--preroll": job.preroll_frames,
        "--decided": job.decided,
        "--overwrite": job.overwrite,
    }
    for option, given in refused.items():
        if given not in (None, False):
            raise PlanError(
                f"{option} is for one render; the tasks of a plan resume, and hand their state on themselves"
            )
    several = job.shot.view is not None and stands_for_view(job.shot.input)
    view = view_list(job.shot.view)[0] if several else job.shot.view
    if not several and view is not None and ("," in view or view == "all"):
        view = None
    return PromisedPlates(job, view) if promised else open_shot(replace(job.shot, view=view))


def _placed(job: RenderJob, name: str, *, shared: bool) -> RenderJob:
    """The job with a place of its own for its output."""
    output = job.output.replace("{shot}", name)
    if shared and output == job.output:
        if not output.endswith("/") and Path(output).suffix:
            raise PlanError(
                f"{output}: is one place for several shots; put {{shot}} into it, as depth/{{shot}}/{{shot}}.####.exr"
            )
        output = str(Path(output) / name) + "/"
    return replace(job, output=output, resume=False)


def _require_apart(shots: Iterable[PlannedShot]) -> None:
    places: dict[str, str] = {}
    for shot in shots:
        other = places.setdefault(shot.job.output, shot.name)
        if other != shot.name:
            raise PlanError(
                f"{shot.job.output}: is the output of {other} and of {shot.name}; put {{shot}} into it"
            )
