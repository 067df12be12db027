"""Frames a second of the network alone, its state carried."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace

from torch import Tensor

from flashdepth_vfx.bench.clock import DeviceClock
from flashdepth_vfx.bench.subject import Subject, numbered
from flashdepth_vfx.engine import PreparedFrame
from flashdepth_vfx.state import ShotState

__all__ = ["Rate", "measure_rate"]

_WARM_UP = 3
_ROUNDS = 3


@dataclass(frozen=True)
class Rate:
    """Frames a second: of frames that are on the device, and of frames in host memory whose disparity comes back."""

    on_device_fps: float
    from_host_fps: float

    @property
    def network_ms(self) -> float:
        """Of one frame that is on the device."""
        return 1000.0 / self.on_device_fps


class _Runner:
    """One shot that goes on through all rounds."""

    def __init__(self, subject: Subject) -> None:
        self._engine = subject.plan.engine
        self._clock = DeviceClock(subject.device)
        self._state: ShotState | None = None
        self._index = 0

    def seconds(self, frames: list[PreparedFrame], count: int, *, back: bool) -> float:
        """Of one frame, over `count`; with `back` each disparity is fetched to the host."""
        self._clock.wait()
        began = time.perf_counter()
        for _ in range(count):
            disparity = self._step(frames)
            if back:
                disparity.cpu()
        self._clock.wait()
        return (time.perf_counter() - began) / count

    def _step(self, frames: list[PreparedFrame]) -> Tensor:
        frame = numbered(frames[self._index % len(frames)], self._index)
        disparity, self._state = self._engine.infer(frame, self._state)
        self._index += 1
        return disparity


def measure_rate(subject: Subject, frames: int) -> Rate:
    """The median of three rounds of each kind, in turn, over `frames` in all of each."""
    on_host = [subject.prepared(index) for index in range(len(subject.plan.reader.frames))]
    there = [replace(frame, pixels=frame.pixels.to(subject.device)) for frame in on_host]
    runner = _Runner(subject)
    runner.seconds(on_host, _WARM_UP, back=True)
    count = max(1, round(frames / _ROUNDS))
    on_device, from_host = [], []
    for _ in range(_ROUNDS):
        on_device.append(runner.seconds(there, count, back=False))
        from_host.append(runner.seconds(on_host, count, back=True))
    return Rate(1.0 / statistics.median(on_device), 1.0 / statistics.median(from_host))
