"""A limit on how long nothing may move: a render that waits for a file system that hangs gives up, or is ended.

    no beat for SECONDS ─▶ whoever waits for a thread stops waiting: StallError, what is finished is saved
    no beat after that  ─▶ nobody is left who could stop: one line on stderr, and the process ends itself

A thread that hangs in a read of a dead disk cannot be taken out of it by anyone; the process can only end around it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import wraps
from types import TracebackType
from typing import NoReturn, ParamSpec, TypeVar

from flashdepth_vfx.errors import StallError

__all__ = ["StallWatch"]

P = ParamSpec("P")
R = TypeVar("R")

#: How long saving may take at most, after a stall.
_SAVING_SECONDS = 15.0
#: Of one processor, a process that uses less is doing nothing.
_IDLE_SHARE = 0.01


class StallWatch:
    """Watches one render, as a context; with `seconds` None it watches nothing.

    At first the render is being decided: weights are loaded and headers read, which no frame tells of. There a beat
    is that the process uses the processor at all. From `count_frames` on a beat is a frame that was read, seen by the
    network, or written. After `seconds` without one, `result_of` raises `StallError`; where nobody waits there, or
    saving takes longer than 15 s, the process ends itself with the exit code of that error.
    """

    def __init__(self, seconds: float | None) -> None:
        self.gave_up = False
        self._seconds = seconds
        self._deciding = True
        self._last_beat = time.monotonic()
        self._over = threading.Event()

    def __enter__(self) -> StallWatch:
        self.beat()
        if self._seconds is not None:
            threading.Thread(target=self._watch, name="stall", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()

    def beat(self) -> None:
        """Something moved."""
        self._last_beat = time.monotonic()

    def count_frames(self) -> None:
        """All is decided."""
        self.beat()
        self._deciding = False

    def beating(self, work: Callable[P, R]) -> Callable[P, R]:
        """`work`, with a beat at its end."""

        @wraps(work)
        def worked(*args: P.args, **kwargs: P.kwargs) -> R:
            done = work(*args, **kwargs)
            self.beat()
            return done

        return worked

    def result_of(self, future: Future[R]) -> R:
        """What `future` gives, waiting no longer than anything moves. Raises `StallError`, and as it does."""
        if self._seconds is not None:
            while not wait((future,), self._look_seconds(self._seconds)).done:
                self._give_up_if_still(self._seconds)
        return future.result()

    def _give_up_if_still(self, seconds: float) -> None:
        limit = self._saving_seconds(seconds) if self.gave_up else seconds
        if time.monotonic() - self._last_beat > limit:
            self.gave_up = True
            # Saving has its own time, from now on.
            self.beat()
            raise StallError(seconds, "stopped, with all that was finished saved")

    def _watch(self) -> None:
        seconds = self._seconds
        assert seconds is not None
        look = self._look_seconds(seconds)
        used = time.process_time()
        while not self._over.wait(look):
            before, used = used, time.process_time()
            if self._deciding and used - before > _IDLE_SHARE * look:
                self.beat()
            if time.monotonic() - self._last_beat > self._limit(seconds):
                self._end(seconds)

    def _limit(self, seconds: float) -> float:
        """After how long nobody is left who could stop."""
        if self._deciding:
            return seconds
        saving = self._saving_seconds(seconds)
        return saving if self.gave_up else seconds + saving

    def _end(self, seconds: float) -> NoReturn:
        said = (
            "nothing moved while the render was being decided; nothing is lost"
            if self._deciding
            else "the render does not stop; its last checkpoint stands"
        )
        try:
            os.write(2, f"error: {StallError(seconds, said)}\n".encode())
        finally:
            os._exit(StallError.exit_code)

    @staticmethod
    def _look_seconds(seconds: float) -> float:
        return min(1.0, seconds / 4)

    @staticmethod
    def _saving_seconds(seconds: float) -> float:
        return min(_SAVING_SECONDS, seconds)
