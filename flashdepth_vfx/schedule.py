"""Which frames the network sees, which are holes, and which are written: decided before the first pixel."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from flashdepth_vfx.errors import MissingFrameError
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.settings import MissingPolicy

__all__ = ["Action", "Step", "first_needed", "plan_steps", "steps_from"]


class Action(StrEnum):
    """What happens at one frame number."""

    SEE = "see"
    #: A hole: the last depth stands in.
    HOLD = "hold"
    #: A hole: nothing is written.
    SKIP = "skip"


@dataclass(frozen=True)
class Step:
    """One frame number of the schedule; `write` says whether its depth is asked for."""

    frame: int
    action: Action
    write: bool


def plan_steps(
    reader: PlateReader,
    wanted: FrameRange | None,
    missing: MissingPolicy,
    *,
    sparse: bool = False,
    first_frame: int | None = None,
) -> tuple[Step, ...]:
    """The steps of a render in temporal order.

    The state passes through every frame from the head of the shot, or from `first_frame` where a given
    state waits, to the last one wanted; with `sparse`, through the wanted ones alone.
    Raises `MissingFrameError` for a hole that nothing may stand in for.
    """
    head = reader.frames[0] if first_frame is None else first_frame
    chosen = wanted if wanted is not None else FrameRange.of(range(head, reader.frames[-1] + 1))
    passed = chosen.frames if sparse else range(min(head, chosen.frames[0]), chosen.frames[-1] + 1)
    on_disk = frozenset(reader.frames)
    steps = []
    for frame in passed:
        if frame in on_disk:
            steps.append(Step(frame, Action.SEE, frame in chosen))
            continue
        if missing is MissingPolicy.ERROR:
            raise MissingFrameError(reader.name, frame, reader.path(frame))
        if missing is MissingPolicy.HOLD and not steps:
            remedy = "there is no depth before it to hold; --missing skip leaves it out"
            raise MissingFrameError(reader.name, frame, reader.path(frame), remedy)
        held = missing is MissingPolicy.HOLD and frame in chosen
        steps.append(Step(frame, Action.HOLD if held else Action.SKIP, held))
    return tuple(steps)


def steps_from(steps: tuple[Step, ...], frame: int) -> tuple[Step, ...]:
    """The steps at `frame` and after it."""
    return tuple(step for step in steps if step.frame >= frame)


def first_needed(steps: tuple[Step, ...], done: Collection[int]) -> int | None:
    """The first frame that the network must see to write what is not `done`; None when all is done.

    A held frame needs the last one seen before it.
    """
    last_seen: int | None = None
    for step in steps:
        if step.action is Action.SEE:
            last_seen = step.frame
        if step.write and step.frame not in done:
            return step.frame if step.action is Action.SEE else last_seen
    return None
