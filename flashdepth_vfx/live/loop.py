"""stream: a source in, depth out, frame by frame with the state kept, for as long as it goes on."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flashdepth_vfx.live.inbox import Gap, Inbox
from flashdepth_vfx.live.job import LiveJob
from flashdepth_vfx.live.pushing import DepthStream
from flashdepth_vfx.live.source import Grabber
from flashdepth_vfx.live.stages import Stages
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.plate import CodeArray, DepthFrame

__all__ = ["LiveFrame", "LiveOutput", "LiveStatus", "live_frames", "stream"]

#: Latency and rate are those of so many frames.
_REMEMBERED = 120


@dataclass(frozen=True)
class LiveFrame:
    """One picture `(H, W, 3)` RGB as it is encoded, uint8, or uint16 where its source has more than 8 bits, and its
    depth. `captured` is by the monotonic clock, `seconds` by the source's own time stamps since it was opened, None
    where it has none.
    """

    number: int
    picture: CodeArray
    depth: DepthFrame
    captured: float
    seconds: float | None = None


class LiveOutput(Protocol):
    """Takes frames as they are made, on one thread, in order. Raises `OutputError`."""

    def write(self, frame: LiveFrame) -> None:
        """One frame."""

    def close(self) -> None:
        """No more of them."""


@dataclass
class LiveStatus:
    """How it goes. Seconds from a picture's capture to its depth being written, and frames a second, are of late."""

    frames: int = 0
    dropped: int = 0
    damaged: int = 0
    resets: int = 0
    gaps: int = 0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    written: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    stage_seconds: dict[str, float] = field(default_factory=dict)

    def count(self, frame: LiveFrame, now: float) -> None:
        """One more, which is done with at `now` by the monotonic clock."""
        self.frames += 1
        self.latencies.append(now - frame.captured)
        self.written.append(now)

    @property
    def latency_seconds(self) -> float:
        """The median."""
        return statistics.median(self.latencies) if self.latencies else 0.0

    @property
    def worst_latency_seconds(self) -> float:
        """Of those that are remembered."""
        return max(self.latencies, default=0.0)

    @property
    def frames_per_second(self) -> float:
        """Of those that are remembered."""
        span = self.written[-1] - self.written[0] if len(self.written) > 1 else 0.0
        return (len(self.written) - 1) / span if span > 0 else 0.0

    def to_line(self) -> str:
        """In words, for people."""
        return (
            f"{self.frames} frames, {self.frames_per_second:.1f}/s, latency {1000 * self.latency_seconds:.0f} ms "
            f"(worst {1000 * self.worst_latency_seconds:.0f}), {self.dropped} dropped, {self.damaged} damaged, "
            f"{self.gaps} gaps, {self.resets} resets"
        )

    def to_plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "frames": self.frames,
            "dropped": self.dropped,
            "damaged": self.damaged,
            "resets": self.resets,
            "gaps": self.gaps,
            "latency_seconds": round(self.latency_seconds, 4),
            "worst_latency_seconds": round(self.worst_latency_seconds, 4),
            "frames_per_second": round(self.frames_per_second, 3),
            "stage_seconds": {name: round(s, 4) for name, s in self.stage_seconds.items()},
        }


def stream(
    job: LiveJob,
    outputs: Sequence[LiveOutput],
    *,
    networks: Networks | None = None,
    stop: threading.Event | None = None,
    on_frame: Callable[[LiveStatus], None] = lambda status: None,
    tell: Callable[[str], None] = lambda text: None,
) -> LiveStatus:
    """Stream until the source, the time or the frames are over, and return how it went.

    `on_frame` is told after each frame, `tell` is given lines for people, both on this thread. Setting `stop` ends it
    by raising `Interrupted`. Raises what `live_frames` and the outputs raise. The outputs are closed.
    """
    status = LiveStatus()
    made = live_frames(job, networks=networks, stop=stop, tell=tell, status=status)
    try:
        for frame in made:
            for output in outputs:
                output.write(frame)
            status.count(frame, time.monotonic())
            on_frame(status)
    finally:
        made.close()
        for output in outputs:
            output.close()
    return status


def live_frames(
    job: LiveJob,
    *,
    networks: Networks | None = None,
    stop: threading.Event | None = None,
    tell: Callable[[str], None] = lambda text: None,
    status: LiveStatus | None = None,
) -> Generator[LiveFrame, None, None]:
    """Pictures and their depth as they come, for a loop of one's own; closing it lets the source go.

    `status` is kept up to date but for what the loop does with a frame. Raises `StreamError` for a source that cannot
    be opened or went away for good, `CorruptPlateError` for one without a picture, and what the network raises.
    """
    status = status or LiveStatus()
    pushed = DepthStream(job.settings, networks=networks, name=job.source)
    inbox = Inbox(every_frame=job.every_frame)
    stages = Stages(job, inbox, pushed, stop or threading.Event())
    with Grabber(job, inbox) as grabber, contextlib.closing(stages.run()) as made:
        for item in made:
            if isinstance(item, Gap):
                status.gaps += 1
                fate = "kept" if stages.keeps_state(item) else "begun anew"
                tell(f"{item.reason}: {item.seconds:.1f} s without pictures, the state is {fate}")
                continue
            depth, grabbed = item.work, item.taken.grabbed
            status.dropped, status.damaged = item.taken.dropped, grabber.damaged
            status.resets = item.resets
            with stages.written(item):
                yield LiveFrame(depth.frame, item.picture, depth, grabbed.captured, grabbed.seconds)
            status.stage_seconds = stages.stage_seconds
