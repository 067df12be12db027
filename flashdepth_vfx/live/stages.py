"""Stages: what is done with each picture, each stage on a thread of its own, so that they overlap.

inbox ─▶ prepare ─▶ infer ─▶ finish ─▶ whoever writes it          in order, each with one picture in hand
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, TypeVar

from flashdepth_vfx.errors import Interrupted
from flashdepth_vfx.io.movie_frames import codes_of
from flashdepth_vfx.live.inbox import Ended, Gap, Grabbed, Inbox
from flashdepth_vfx.live.job import LiveJob
from flashdepth_vfx.live.pace import Pace, Ride
from flashdepth_vfx.live.pushing import DepthStream, Prepared, Seen
from flashdepth_vfx.pipeline import on_a_thread
from flashdepth_vfx.plate import CodeArray, DepthFrame

__all__ = ["STAGES", "Made", "Stages"]

W = TypeVar("W")

#: How often it is looked whether to stop.
_LOOK_SECONDS = 0.1
STAGES = ("prepare", "infer", "finish", "write")
"""In the order in which a picture passes through them; the last is that of whoever takes it."""
_PREPARE, _INFER, _FINISH, _WRITE = range(len(STAGES))


@dataclass(frozen=True)
class _Taken:
    """`dropped` pictures gave way until this one was taken."""

    grabbed: Grabbed
    ride: Ride
    dropped: int


@dataclass(frozen=True)
class Made(Generic[W]):
    """A picture as far as it is made: `work` is what the last stage made of it, `resets` counts up to it."""

    taken: _Taken
    picture: CodeArray
    work: W
    resets: int


class Stages:
    """What is left in `inbox` through `pushed`, for as long as `job` says. Raises as `live_frames` does."""

    def __init__(
        self, job: LiveJob, inbox: Inbox, pushed: DepthStream, stop: threading.Event
    ) -> None:
        self._job, self._inbox, self._pushed, self._stop = job, inbox, pushed, stop
        self._over = threading.Event()
        self._pace = Pace(len(STAGES))

    @property
    def stage_seconds(self) -> dict[str, float]:
        """How long each stage takes, of late."""
        return dict(zip(STAGES, self._pace.stage_seconds(), strict=True))

    def run(self) -> Generator[Made[DepthFrame] | Gap, None, None]:
        """What is made, in order, until it is closed. What is done with one belongs inside `written`."""
        prepared = on_a_thread(self._prepared(), STAGES[_PREPARE])
        seen = on_a_thread(self._seen(prepared), STAGES[_INFER])
        made = on_a_thread(self._finished(seen), STAGES[_FINISH])
        try:
            yield from made
        finally:
            self._over.set()
            made.close()

    def written(self, made: Made[DepthFrame]) -> AbstractContextManager[None]:
        """Inside, the picture is in the hands of whoever took it."""
        return self._pace.at(made.taken.ride, _WRITE)

    def keeps_state(self, gap: Gap) -> bool:
        """The rule of a gap: what was seen a moment ago still holds, what was seen long ago does not."""
        return gap.seconds <= self._job.keep_state_seconds

    def _prepared(self) -> Generator[Made[Prepared] | Gap, None, None]:
        for item in self._items():
            if isinstance(item, Gap):
                yield item
                continue
            grabbed, facts = item.grabbed, item.grabbed.facts
            with self._pace.at(item.ride, _PREPARE):
                picture = codes_of(grabbed.picture, grabbed.orientation)
                prepared = self._pushed.prepare(
                    picture, pixel_aspect=facts.pixel_aspect, color_hint=facts.color_hint
                )
            yield Made(item, picture, prepared, 0)

    def _seen(
        self, items: Generator[Made[Prepared] | Gap, None, None]
    ) -> Generator[Made[Seen] | Gap, None, None]:
        for item in items:
            if isinstance(item, Gap):
                if not self.keeps_state(item):
                    self._pushed.reset()
                yield item
                continue
            with self._pace.at(item.taken.ride, _INFER):
                seen = self._pushed.infer(item.work)
            yield Made(item.taken, item.picture, seen, self._pushed.resets)

    def _finished(
        self, items: Generator[Made[Seen] | Gap, None, None]
    ) -> Generator[Made[DepthFrame] | Gap, None, None]:
        for item in items:
            if isinstance(item, Gap):
                yield item
                continue
            with self._pace.at(item.taken.ride, _FINISH):
                depth = self._pushed.finish(item.work)
            yield Made(item.taken, item.picture, depth, item.resets)

    def _items(self) -> Generator[_Taken | Gap, None, None]:
        """What the source leaves, until it ends, or time or frames are over."""
        job = self._job
        until = math.inf
        if job.duration_seconds is not None:
            until = time.monotonic() + job.duration_seconds
        left = math.inf if job.max_frames is None else job.max_frames
        while left > 0 and time.monotonic() < until and not self._over.is_set():
            if self._stop.is_set():
                raise Interrupted("stopped; the files that are there are whole")
            # Every picture counts: then none can be taken too early.
            wait = 0.0 if job.every_frame else self._pace.wait_seconds()
            if wait > 0:
                self._pace.wait(min(wait, _LOOK_SECONDS))
                continue
            item = self._inbox.take(_LOOK_SECONDS)
            if isinstance(item, Ended):
                if item.error is not None:
                    raise item.error
                return
            if isinstance(item, Gap):
                yield item
            elif item is not None:
                left -= 1
                yield _Taken(item, self._pace.board(), self._inbox.dropped)
