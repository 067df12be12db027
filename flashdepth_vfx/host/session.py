"""Session: one worker for all nodes of a host, started when it is needed, and gone when nobody needs it."""

from __future__ import annotations

import atexit
import itertools
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from .client import Worker, WorkerTimes

__all__ = ["Session"]

#: A worker without work holds the GPU's memory no longer than that.
IDLE_SECONDS = 300.0


class Session:
    """Starts a worker for the first request, keeps it for the next, and starts another where it died.

    `find` gives the command and the environment, anew for each worker, so that a setting that was mended is used.
    """

    def __init__(
        self,
        find: Callable[[], tuple[Sequence[str], Mapping[str, str]]],
        *,
        idle_seconds: float = IDLE_SECONDS,
        times: WorkerTimes | None = None,
    ) -> None:
        self._find = find
        self._idle_seconds = idle_seconds
        self._times = times
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._asking = 0
        self._idle: threading.Timer | None = None
        self._numbers = itertools.count(1)
        atexit.register(self.close)

    @property
    def worker(self) -> Worker | None:
        """The worker that would be asked, if one is there."""
        return self._worker

    def ask(
        self,
        request: Mapping[str, Any],
        tell: Callable[[dict[str, Any]], None] = lambda message: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Any:
        """What comes of `request`, which is given an id here: `Worker.ask`. Several threads may ask at once."""
        name = f"{os.getpid()}-{next(self._numbers)}"
        worker = self._begin()
        try:
            return worker.ask({**request, "id": name}, tell, cancelled)
        finally:
            self._end()

    def close(self) -> None:
        """End the worker; the next request starts another."""
        with self._lock:
            self._forget_idle()
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _begin(self) -> Worker:
        with self._lock:
            self._forget_idle()
            if self._worker is None or not self._worker.is_alive:
                command, environment = self._find()
                self._worker = Worker(command, environment, self._times)
            self._asking += 1
            return self._worker

    def _end(self) -> None:
        with self._lock:
            self._asking -= 1
            if not self._asking:
                self._idle = threading.Timer(self._idle_seconds, self._close_idle)
                self._idle.daemon = True
                self._idle.start()

    def _close_idle(self) -> None:
        with self._lock:
            # A request may have come while the timer was on its way here.
            if self._asking or self._idle is not threading.current_thread():
                return
            worker, self._worker, self._idle = self._worker, None, None
        if worker is not None:
            worker.close()

    def _forget_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
