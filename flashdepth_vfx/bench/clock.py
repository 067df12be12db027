"""Time on the device that works: a GPU's own events, which nobody waits for inside a frame, or the host's clock."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from typing import TypeAlias

import torch

__all__ = ["DeviceClock", "Mark", "fastest_seconds", "median_ms"]

#: A moment: an event on CUDA, seconds elsewhere.
Mark: TypeAlias = "torch.cuda.Event | float"


class DeviceClock:
    """Moments of one device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def mark(self) -> Mark:
        """Now, in the order of the device's work."""
        if self.device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self.device))
        return event

    @property
    def is_recorded(self) -> bool:
        """Whether what is asked of the device now is recorded for later, so that there is no moment to note."""
        return self.device.type == "cuda" and torch.cuda.is_current_stream_capturing()

    def wait(self) -> None:
        """Until the device has done all that it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def ms(self, began: Mark, ended: Mark) -> float:
        """Milliseconds between two moments that have passed: wait first."""
        if isinstance(began, torch.cuda.Event) and isinstance(ended, torch.cuda.Event):
            return float(began.elapsed_time(ended))
        assert isinstance(began, float)
        assert isinstance(ended, float)
        return 1000.0 * (ended - began)


def median_ms(seconds: Iterable[float]) -> float:
    """The median, in milliseconds."""
    return 1000.0 * statistics.median(seconds)


def fastest_seconds(work: Callable[[], object], clock: DeviceClock, repeats: int) -> float:
    """The shortest of several runs after one that is not counted: what the device can do, not what it mostly does."""
    work()
    seconds = []
    for _ in range(repeats):
        clock.wait()
        began = time.perf_counter()
        work()
        clock.wait()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
