"""SIGTERM and Ctrl-C, as farms and people send them: finish the frame, save the state, then end."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["stop_on_signals"]

#: Windows has no SIGTERM from outside: farms send Ctrl-Break there.
_NAMES = ("SIGTERM", "SIGINT", "SIGBREAK")
_NOTICE = b"\nstopping after the frame in hand; Ctrl-C ends at once\n"


@contextlib.contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """The event that the first signal sets. A Ctrl-C after it ends the process at once."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            # Left to the system, which ends a process that hangs in a disk or a driver, too.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            # A print could meet the print that this signal broke into.
            # A stderr that nobody reads must not break what this signal asks for.
            with contextlib.suppress(OSError):
                os.write(2, _NOTICE)

    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
