"""stream: a source in, depth out, frame by frame with the state kept, for as long as it goes on."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from flashdepth_vfx.errors import Interrupted
from flashdepth_vfx.io.movie_frames import pixels_of
from flashdepth_vfx.live.inbox import Ended, Gap, Grabbed, Inbox
from flashdepth_vfx.live.job import LiveJob
from flashdepth_vfx.live.pushing import DepthStream
from flashdepth_vfx.live.source import Grabber
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.plate import DepthFrame, FloatArray

__all__ = ["LiveFrame", "LiveOutput", "LiveStatus", "live_frames", "stream"]

#: How often it is looked whether to stop.
_LOOK_SECONDS = 0.1
#: Latency and rate are those of so many frames.
_REMEMBERED = 120


@dataclass(frozen=True)
class LiveFrame:
    """One picture `(H, W, 3)` as it is encoded, and its depth. `captured` is by the monotonic clock, `seconds` by the
    source's own time stamps since it was opened, None where it has none.
    """

    number: int
    picture: FloatArray
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

    def to_plain(self) -> dict[str, float]:
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
    grabber = Grabber(job, inbox)
    grabber.start()
    try:
        for item in _items(job, inbox, stop or threading.Event()):
            if isinstance(item, Gap):
                tell(_over(item, job, pushed, status))
                continue
            frame = _pushed(item, pushed)
            status.dropped, status.damaged = inbox.dropped, grabber.damaged
            status.resets = pushed.resets
            yield frame
    finally:
        grabber.close()


def _items(job: LiveJob, inbox: Inbox, stop: threading.Event) -> Iterator[Grabbed | Gap]:
    """What the source leaves, until it ends, or time or frames are over."""
    until = math.inf if job.duration_seconds is None else time.monotonic() + job.duration_seconds
    left = math.inf if job.max_frames is None else job.max_frames
    while left > 0 and time.monotonic() < until:
        if stop.is_set():
            raise Interrupted("stopped; the files that are there are whole")
        item = inbox.take(_LOOK_SECONDS)
        if isinstance(item, Ended):
            if item.error is not None:
                raise item.error
            return
        if item is not None:
            left -= isinstance(item, Grabbed)
            yield item


def _over(gap: Gap, job: LiveJob, pushed: DepthStream, status: LiveStatus) -> str:
    """The rule of a gap: what was seen a moment ago still holds, what was seen long ago does not."""
    status.gaps += 1
    kept = gap.seconds <= job.keep_state_seconds
    if not kept:
        pushed.reset()
    fate = "kept" if kept else "begun anew"
    return f"{gap.reason}: {gap.seconds:.1f} s without pictures, the state is {fate}"


def _pushed(item: Grabbed, pushed: DepthStream) -> LiveFrame:
    picture = pixels_of(item.picture, item.orientation)
    facts = item.facts
    depth = pushed.push(picture, pixel_aspect=facts.pixel_aspect, color_hint=facts.color_hint)
    return LiveFrame(depth.frame, picture, depth, item.captured, item.seconds)
