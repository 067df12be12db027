"""A long shot: what its frames cost and what it holds, early and late. Frames are made as they are needed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from flashdepth_vfx.bench.clock import DeviceClock, median_ms
from flashdepth_vfx.bench.job import Size
from flashdepth_vfx.bench.memory import device_bytes, process_bytes
from flashdepth_vfx.bench.subject import (
    Subject,
    bench_folder,
    bench_job,
    numbered,
    open_subject,
)
from flashdepth_vfx.engine import PreparedFrame
from flashdepth_vfx.settings import RenderSettings
from flashdepth_vfx.state import ShotState

__all__ = ["LengthMark", "LongShot", "long_shot", "marks_of", "measure_length"]

#: Frames up to a mark whose median is its cost.
_WINDOW = 9
_PIXELS_A_FRAME = 3


@dataclass(frozen=True)
class LengthMark:
    """At frame `frame`, counted from 1: the median cost of the frames up to it, from host memory and back, and what
    the process and the GPU hold. None where the system does not say, or there is no GPU.
    """

    frame: int
    frame_ms: float
    process_bytes: int | None
    device_bytes: int | None


@dataclass(frozen=True)
class LongShot:
    """One shot of one network, with what it cost at its marks."""

    weights: str
    size: Size
    network_size: Size
    device: str
    marks: tuple[LengthMark, ...]

    @property
    def growth(self) -> dict[str, float]:
        """Memory at the last mark over that at the first, of the process and of a GPU, where it is known."""
        first, last = self.marks[0], self.marks[-1]
        held = {
            "process": (first.process_bytes, last.process_bytes),
            "device": (first.device_bytes, last.device_bytes),
        }
        return {name: after / before for name, (before, after) in held.items() if before and after}


def long_shot(
    weights: str,
    size: Size,
    settings: RenderSettings,
    marks: Sequence[int],
    show: Callable[[str], None] = lambda _: None,
) -> LongShot:
    """A network by itself, over a shot up to the last of `marks`. Raises every `FlashDepthError` of a render."""
    with (
        bench_folder() as folder,
        open_subject(weights, bench_job(weights, size, settings, folder), size) as subject,
    ):
        found = measure_length(subject, marks, show)
        return LongShot(
            weights, size, subject.network_size, subject.plan.network.device.name, found
        )


def marks_of(frames: int) -> tuple[int, ...]:
    """Of a shot of so many: 10, 100, 1000 and on, and its last."""
    powers = (10**power for power in range(1, 9))
    return (*(mark for mark in powers if mark < frames), frames)


def measure_length(
    subject: Subject, marks: Sequence[int], show: Callable[[str], None]
) -> tuple[LengthMark, ...]:
    """One shot up to the last of `marks`, its state carried. `show` hears how far it is."""
    clock = DeviceClock(subject.device)
    window: deque[float] = deque(maxlen=_WINDOW)
    state: ShotState | None = None
    found = []
    for count, prepared in enumerate(_frames(subject, max(marks)), start=1):
        clock.wait()
        began = time.perf_counter()
        disparity, state = subject.plan.engine.infer(prepared, state)
        disparity.cpu()
        window.append(time.perf_counter() - began)
        if count in marks:
            held = process_bytes(), device_bytes(subject.device)
            found.append(LengthMark(count, median_ms(window), *held))
        show(f"{subject.name} {subject.size}: frame {count} of {max(marks)}")
    return tuple(found)


def _frames(subject: Subject, count: int) -> Iterator[PreparedFrame]:
    """One plate that moves on: no frame is the one before, and none is kept."""
    plate = subject.prepared(0)
    for index in range(count):
        moved = torch.roll(plate.pixels, _PIXELS_A_FRAME * index, dims=-1)
        yield numbered(replace(plate, pixels=moved), index)
