"""The frames of a render in order, each with whether it begins a take: the look-ahead over what is read ahead.

Only where a picture is unlike the one before it are those after it waited for, and never more than
`LOOK_AHEAD` of them. A plate that cannot be read fails at its own turn, or at that of the frame that
cannot be decided without it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Protocol, TypeVar

from flashdepth_vfx.cutplan import CutPlan
from flashdepth_vfx.cuts import (
    LOOK_AHEAD,
    LOOK_BACK,
    Picture,
    begins_a_take,
    from_text,
    may_begin_a_take,
    to_text,
)
from flashdepth_vfx.schedule import Step

__all__ = ["MEMORY", "Turn", "in_takes"]

#: Of `ShotState.decisions`: the pictures that the frames after a state are compared with.
MEMORY = "cuts"


class _HasPicture(Protocol):
    @property
    def picture(self) -> Picture | None:
        """For comparison; None where a list decides."""


L = TypeVar("L", bound=_HasPicture)


@dataclass(frozen=True)
class Turn(Generic[L]):
    """One step with what was read for it, None for a hole. `memory` is what the state after it keeps; `parted`, that
    its cut was known beforehand.
    """

    step: Step
    loaded: L | None
    cut: bool
    memory: str
    parted: bool


def in_takes(
    read: Generator[tuple[Step, L | None], None, None], plan: CutPlan, memory: str, count: int
) -> Generator[Turn[L], None, None]:
    """The first `count` steps of `read`, a turn each; those after them are there to decide.

    `memory` is what the state before kept, "" at the head of the shot. Closing it closes `read`.
    """
    queue = _Queue(read)
    before = from_text(memory)
    try:
        for step, loaded in islice(queue, count):
            cut = False
            if loaded is not None and plan.listed is not None:
                cut = plan.parts(step.frame)
            elif loaded is not None and loaded.picture is not None:
                picture = loaded.picture
                if may_begin_a_take(before, picture):
                    cut = begins_a_take(before, picture, queue.pictures_ahead())
                before = [*before, picture][-LOOK_BACK:]
                memory = to_text(before)
            yield Turn(step, loaded, cut, memory, cut and not plan.from_pictures)
    finally:
        read.close()


class _Queue(Generic[L]):
    """Of what was read and not yet taken; an error waits in it for its turn."""

    def __init__(self, read: Iterator[tuple[Step, L | None]]) -> None:
        self._read = read
        self._waiting: deque[tuple[Step, L | None]] = deque()
        self._error: Exception | None = None

    def __iter__(self) -> Iterator[tuple[Step, L | None]]:
        """In order. Raises what reading one raised."""
        while self._waiting or self._pull():
            yield self._waiting.popleft()
        if self._error is not None:
            raise self._error

    def pictures_ahead(self) -> list[Picture]:
        """Of the next `LOOK_AHEAD` that have one; fewer at the end. Raises what reading one raised."""
        found = [p for p in map(_picture, self._waiting) if p is not None]
        while len(found) < LOOK_AHEAD and self._pull():
            picture = _picture(self._waiting[-1])
            if picture is not None:
                found.append(picture)
        if len(found) < LOOK_AHEAD and self._error is not None:
            raise self._error
        return found[:LOOK_AHEAD]

    def _pull(self) -> bool:
        if self._error is not None:
            return False
        try:
            taken = next(self._read, None)
        except Exception as error:  # noqa: BLE001 - raised again at its turn
            self._error = error
            return False
        if taken is not None:
            self._waiting.append(taken)
        return taken is not None


def _picture(item: tuple[Step, L | None]) -> Picture | None:
    return None if item[1] is None else item[1].picture
