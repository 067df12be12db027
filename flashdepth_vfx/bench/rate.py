"""Frames a second of the network alone, its state carried."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from flashdepth_vfx.bench.clock import DeviceClock
from flashdepth_vfx.bench.subject import Subject, numbered
from flashdepth_vfx.engine import PreparedFrame
from flashdepth_vfx.pipeline import WriteBehind, one_ahead
from flashdepth_vfx.state import ShotState

__all__ = ["Rate", "TimedShot", "measure_rate"]

_WARM_UP = 3
_ROUNDS, _ROUND_SECONDS = 3, 2.0
#: Threads that bring disparity back to the host, at plate size and in the convention.
_FETCHING = 2


@dataclass(frozen=True)
class Rate:
    """Frames a second: of frames that are on the device, and of frames in host memory whose disparity comes back."""

    on_device_fps: float
    from_host_fps: float

    @property
    def network_ms(self) -> float:
        """Of one frame that is on the device."""
        return 1000.0 / self.on_device_fps


class TimedShot:
    """One shot that goes on through all rounds."""

    def __init__(self, subject: Subject) -> None:
        self._engine = subject.plan.engine
        self._clock = DeviceClock(subject.device)
        self._state: ShotState | None = None
        self._index = 0

    def on_device(self, frames: list[PreparedFrame], count: int) -> float:
        """Seconds of one frame, over `count` that were sent before; what they give stays there."""
        self._clock.wait()
        began = time.perf_counter()
        for frame in self._numbered(frames, count):
            self._infer(frame)
        self._clock.wait()
        return (time.perf_counter() - began) / count

    def from_host(self, frames: list[PreparedFrame], count: int) -> float:
        """Seconds of one frame, over `count`: sent one ahead and brought back behind, as a render does."""
        engine = self._engine
        self._clock.wait()
        began = time.perf_counter()
        with WriteBehind[object](workers=_FETCHING, behind=_FETCHING) as fetched:
            for frame in one_ahead(self._numbered(frames, count), engine.send):
                disparity = self._infer(frame)
                back = partial(engine.finish, frame.header, disparity, frame.guide)
                deque(fetched.submit(frame.header.frame, back), maxlen=0)
        return (time.perf_counter() - began) / count

    def _numbered(
        self, frames: list[PreparedFrame], count: int
    ) -> Generator[PreparedFrame, None, None]:
        for index in range(self._index, self._index + count):
            yield numbered(frames[index % len(frames)], index)
        self._index += count

    def _infer(self, frame: PreparedFrame) -> Tensor:
        disparity, self._state = self._engine.infer(frame, self._state)
        return disparity


def measure_rate(subject: Subject, frames: int) -> Rate:
    """The median of three rounds of each kind, in turn, over `frames` in all of each, or more where they are fast."""
    on_host = [subject.prepared(index) for index in range(len(subject.plan.reader.frames))]
    there = [subject.plan.engine.send(frame) for frame in on_host]
    shot = TimedShot(subject)
    shot.from_host(on_host, _WARM_UP)
    # long enough for what begins and ends a round to weigh nothing
    count = max(1, round(frames / _ROUNDS), round(_ROUND_SECONDS / shot.on_device(there, 1)))
    on_device, from_host = [], []
    for _ in range(_ROUNDS):
        on_device.append(shot.on_device(there, count))
        from_host.append(shot.from_host(on_host, count))
    return Rate(1.0 / statistics.median(on_device), 1.0 / statistics.median(from_host))
