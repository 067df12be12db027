"""Inbox: where a source leaves pictures and the network takes them: the newest one, or every one."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from av.video.frame import VideoFrame

from flashdepth_vfx.io.movie_frames import MovieFacts

__all__ = ["Ended", "Gap", "Grabbed", "Inbox", "Item"]


@dataclass(frozen=True)
class Grabbed:
    """A picture as it was decoded, not yet pixels: those that are dropped cost nothing more."""

    picture: VideoFrame
    facts: MovieFacts
    orientation: int
    #: By the monotonic clock, when it was decoded.
    captured: float
    #: By the source's own time stamps, since its first picture; None where it has none.
    seconds: float | None = None


@dataclass(frozen=True)
class Gap:
    """The source was away: for so long, and why."""

    seconds: float
    reason: str


@dataclass(frozen=True)
class Ended:
    """Nothing comes any more. `error` says why, where it should not have ended."""

    error: Exception | None = None


Item = Grabbed | Gap | Ended


class Inbox:
    """Holds one picture at most. `dropped` counts those that gave way to a newer one."""

    def __init__(self, *, every_frame: bool) -> None:
        self.dropped = 0
        self._every_frame = every_frame
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Item) -> bool:
        """Leave one; where every picture counts, wait until the last one was taken. False once nobody takes any."""
        with self._changed:
            if isinstance(item, Grabbed):
                self._make_room()
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def take(self, seconds: float) -> Item | None:
        """The next one; None where none came in that time."""
        until = time.monotonic() + seconds
        with self._changed:
            while not self._items:
                left = until - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Nobody takes any more: whoever waits to leave one goes on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _make_room(self) -> None:
        if self._every_frame:
            self._changed.wait_for(lambda: self._closed or not self._pictures())
            return
        for waiting in self._pictures():
            self._items.remove(waiting)
            self.dropped += 1

    def _pictures(self) -> list[Item]:
        return [item for item in self._items if isinstance(item, Grabbed)]
