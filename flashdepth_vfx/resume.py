"""Where a render's state starts: handed in, from the nearest checkpoint that fits, or at the head.

A checkpoint fits when it was made by the same weights on the same canvas (its identity) from the same
plates (its digest): a plate that was replaced on disk since makes it useless, and it is passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flashdepth_vfx.cutplan import CutPlan
from flashdepth_vfx.errors import StateMismatchError
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.schedule import Action, Step, first_needed, steps_from
from flashdepth_vfx.shotfolder import ShotFolder
from flashdepth_vfx.state import (
    Shapes,
    ShotIdentity,
    ShotState,
    has_other_shapes,
    load_state,
    require_fit,
    roll_digest,
)

__all__ = ["Start", "doubt_about", "find_start", "pasts_of", "state_given"]


@dataclass(frozen=True)
class Start:
    """The state to begin with (None at the head of a shot) and the steps that are left."""

    state: ShotState | None
    steps: tuple[Step, ...]


def state_given(job: RenderJob, reader: PlateReader) -> ShotState | None:
    """The state of `--state-in`. Raises `StateMismatchError` when these plates cannot follow it."""
    if job.state_in is None:
        return None
    path = Path(job.state_in)
    state = load_state(path)
    waits = state.next_frame
    if not reader.frames[0] <= waits <= reader.frames[-1]:
        raise StateMismatchError(
            path,
            f"waits for frame {waits}, but {reader.name} holds {reader.frames[0]}-{reader.frames[-1]}",
        )
    wanted = job.frame_range
    if wanted is not None and wanted.frames[0] < waits:
        raise StateMismatchError(
            path, f"waits for frame {waits}: frame {wanted.frames[0]} lies before it"
        )
    return state


def find_start(
    job: RenderJob,
    folder: ShotFolder,
    steps: tuple[Step, ...],
    identity: ShotIdentity,
    given: ShotState | None,
    pasts: Mapping[int, str],
    kept: Collection[int],
    shapes: Shapes,
    notices: list[str],
) -> Start:
    """Choose the latest state from which everything that is not `kept` can be rendered.

    `pasts` is what `pasts_of` gave for these steps, `shapes` are those of the network's state.
    """
    allow = job.settings.allow_device_change
    if given is not None and job.state_in is not None:
        require_fit(Path(job.state_in), given, identity, shapes, allow_device_change=allow)
    needed = first_needed(steps, kept)
    end = steps[-1].frame + 1
    if needed is None and job.state_out is None:
        return Start(None, ())
    latest = end if needed is None else needed
    if kept and job.state_out is None:
        steps = _until_all_done(steps, kept)
    for state in folder.states(latest, notices):
        if state.identity.differences(identity, allow_device_change=allow):
            continue
        if has_other_shapes(state, shapes):
            continue
        if pasts.get(state.next_frame) == state.plates_digest:
            return Start(state, steps_from(steps, state.next_frame))
    return Start(given, steps)


def pasts_of(
    reader: PlateReader, cuts: CutPlan, steps: Iterable[Step], given: ShotState | None
) -> dict[int, str]:
    """What a state's digest must be, by the frame that it waits for, from these plates as they are."""
    digest = "" if given is None else given.plates_digest
    found = {}
    for step in steps:
        if step.action is Action.SEE:
            digest = _rolled(digest, reader, cuts, step.frame)
        found[step.frame + 1] = digest
    return found


def doubt_about(given: ShotState | None, reader: PlateReader, cuts: CutPlan) -> str:
    """What a person should check of a state that came from plates in another folder; "" for nothing.

    Farms copy plates to where they render, so another folder is no error; and where the plates that
    the state has seen are here too, and are the same files, there is no doubt.
    """
    if given is None or not given.last_plate:
        return ""
    there = Path(given.last_plate).parent
    if there == reader.path(given.next_frame).parent:
        return ""
    digest = ""
    for frame in [f for f in reader.frames if f < given.next_frame][-given.frames_seen :]:
        digest = _rolled(digest, reader, cuts, frame)
    if digest == given.plates_digest:
        return ""
    return f"the state has seen plates in {there}, these are {reader.name}: are they one shot?"


def _rolled(digest: str, reader: PlateReader, cuts: CutPlan, frame: int) -> str:
    """`digest`, after the network has seen `frame`."""
    past = "" if cuts.parts(frame) else digest
    return roll_digest(past, frame, cuts.stamp(reader, frame))


def _until_all_done(steps: tuple[Step, ...], kept: Collection[int]) -> tuple[Step, ...]:
    """The steps without those at the end that have nothing left to write."""
    last = max(step.frame for step in steps if step.write and step.frame not in kept)
    return tuple(step for step in steps if step.frame <= last)
