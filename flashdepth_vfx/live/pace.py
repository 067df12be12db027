"""Pace: when the next picture is taken, so that it is as new as it can be and still keeps every stage at work.

A picture that is taken too early waits between two stages, and is old when it is seen; one that is taken too late
leaves them idle. How long each stage takes is measured as it goes.
"""

from __future__ import annotations

import contextlib
import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["Pace", "Ride"]

#: How long a stage takes is known from so many pictures.
_REMEMBERED = 5


@dataclass
class Ride:
    """One picture on its way: the stage that it is at, or waits for where `since` is None."""

    stage: int = 0
    since: float | None = None


class Pace:
    """Of pictures that pass through `stages`, one after another, each of which has one in hand at most."""

    def __init__(self, stages: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._taken: list[deque[float]] = [deque(maxlen=_REMEMBERED) for _ in range(stages)]
        self._rides: deque[Ride] = deque()
        self._lock = threading.Condition()

    def board(self) -> Ride:
        """A picture is taken."""
        with self._lock:
            self._rides.append(Ride())
            return self._rides[-1]

    @contextlib.contextmanager
    def at(self, ride: Ride, stage: int) -> Iterator[None]:
        """Inside, the picture is at that stage."""
        began = self._clock()
        with self._lock:
            ride.stage, ride.since = stage, began
        yield
        with self._lock:
            self._taken[stage].append(self._clock() - began)
            ride.stage, ride.since = stage + 1, None
            if ride.stage == len(self._taken):
                self._rides.popleft()
            self._lock.notify_all()

    def wait(self, seconds: float) -> None:
        """For so long, or until a picture moves on."""
        with self._lock:
            self._lock.wait(seconds)

    def stage_seconds(self) -> list[float]:
        """How long each stage takes, of late; 0 for what is not known."""
        with self._lock:
            return [statistics.median(taken) if taken else 0.0 for taken in self._taken]

    def wait_seconds(self) -> float:
        """How long from now the next picture may still be left where it is: it then finds each stage just free.

        Until every stage is known a picture is alone, and the wait is without end.
        """
        now = self._clock()
        with self._lock:
            if not self._rides:
                return 0.0
            if not all(self._taken):
                return math.inf
            # Rather late than early: a stage that waits a little costs less than a picture that grows old.
            free = self._free_at(now, [max(taken) for taken in self._taken])
            shortest = [min(taken) for taken in self._taken]
        arrives, wait = 0.0, 0.0
        for stage, at in enumerate(free):
            wait = max(wait, at - now - arrives)
            arrives += shortest[stage]
        return wait

    def _free_at(self, now: float, seconds: list[float]) -> list[float]:
        """When each stage will have let all go that are on their way."""
        free = [now] * len(seconds)
        for ride in self._rides:
            at = now
            for stage in range(ride.stage, len(seconds)):
                began = max(at, free[stage])
                if stage == ride.stage and ride.since is not None:
                    began = ride.since
                # what takes longer than it used to may be done at any moment
                at = free[stage] = max(began + seconds[stage], now)
        return free
