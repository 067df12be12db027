"""Stages of a stream overlap: order, the newest picture, counts and errors are what they are one after the other."""

from __future__ import annotations

import contextlib
import math
import statistics
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest

from flashdepth_vfx import RenderSettings
from flashdepth_vfx.errors import DeviceError
from flashdepth_vfx.io.movie_frames import MovieFacts
from flashdepth_vfx.live import DepthStream, LiveJob
from flashdepth_vfx.live.inbox import Ended, Gap, Grabbed, Inbox
from flashdepth_vfx.live.pace import Pace
from flashdepth_vfx.live.pushing import Prepared, Seen
from flashdepth_vfx.live.stages import Stages
from flashdepth_vfx.plate import DepthFrame


class Slow(DepthStream):
    """As it is, but that the network and what comes after it take longer, and one frame may fail."""

    infer_seconds = finish_seconds = 0.0
    fails_at = 0

    def infer(self, prepared: Prepared) -> Seen:
        if prepared.frame.header.frame == self.fails_at:
            raise DeviceError("it fell out of its slot")
        time.sleep(self.infer_seconds)
        return super().infer(prepared)

    def finish(self, seen: Seen) -> DepthFrame:
        time.sleep(self.finish_seconds)
        return super().finish(seen)


@pytest.fixture
def slow(nano_weights: Path) -> Slow:
    return Slow(RenderSettings(weights=str(nano_weights), device="cpu"))


def _picture(number: int) -> Grabbed:
    pixels = np.random.default_rng(number).integers(0, 256, (64, 80, 3), np.uint8)
    picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    return Grabbed(picture, MovieFacts(1.0, None, None, None), 1, time.monotonic())


def _fed(inbox: Inbox, items: list[object], pause: float = 0.0) -> None:
    def feed() -> None:
        for item in items:
            time.sleep(pause)
            inbox.put(_picture(item) if isinstance(item, int) else item)  # type: ignore[arg-type]
        inbox.put(Ended())

    threading.Thread(target=feed, daemon=True).start()


def test_stages_overlap_where_every_frame_counts(slow: Slow) -> None:
    slow.infer_seconds = slow.finish_seconds = 0.1
    job, inbox = LiveJob(source="camera", every_frame=True), Inbox(every_frame=True)
    stages = Stages(job, inbox, slow, threading.Event())
    _fed(inbox, list(range(12)))
    began, numbers = time.monotonic(), []
    with contextlib.closing(stages.run()) as made:
        for item in made:
            with stages.written(item):
                time.sleep(0.1)
                numbers.append(item.work.frame)
    assert numbers == list(range(1, 13))
    # One after the other they take 3.6 s and more.
    assert time.monotonic() - began < 2.9
    assert list(stages.stage_seconds) == ["prepare", "infer", "finish", "write"]
    assert stages.stage_seconds["infer"] > 0.1


@pytest.mark.parametrize("slowest", ["infer", "write"])
def test_no_picture_is_older_than_its_own_way_takes(slow: Slow, slowest: str) -> None:
    """A line that is as full as it can be shows what was: each picture would wait for all those before it."""
    seconds = {"infer": 0.02, "write": 0.02, slowest: 0.2}
    slow.infer_seconds = seconds["infer"]
    job, inbox = LiveJob(source="camera"), Inbox(every_frame=False)
    stages = Stages(job, inbox, slow, threading.Event())
    _fed(inbox, list(range(300)), pause=0.01)
    waited, frames, dropped = [], 0, 0
    with contextlib.closing(stages.run()) as made:
        for item in made:
            with stages.written(item):
                time.sleep(seconds["write"])
                age = time.monotonic() - item.taken.grabbed.captured
            frames, dropped = frames + 1, item.taken.dropped
            waited.append(age - sum(stages.stage_seconds.values()))
    assert statistics.median(waited[5:]) < 0.1
    assert frames > 9
    assert frames + dropped == 300


def test_an_error_comes_after_the_frames_before_it(slow: Slow) -> None:
    slow.fails_at = 3
    inbox = Inbox(every_frame=True)
    stages = Stages(LiveJob(source="camera", every_frame=True), inbox, slow, threading.Event())
    _fed(inbox, list(range(50)))
    numbers: list[int] = []
    with contextlib.closing(stages.run()) as made:
        numbers += [next(made).work.frame for _ in range(2)]  # type: ignore[union-attr]
        with pytest.raises(DeviceError, match="slot"):
            next(made)
    assert numbers == [1, 2]


def test_a_gap_is_crossed_in_its_place(slow: Slow) -> None:
    inbox = Inbox(every_frame=True)
    job = LiveJob(source="camera", every_frame=True, keep_state_seconds=1.0)
    stages = Stages(job, inbox, slow, threading.Event())
    _fed(inbox, [0, 1, Gap(0.5, "gone"), 2, Gap(2.0, "gone"), 3, 4])
    said = []
    with contextlib.closing(stages.run()) as made:
        for item in made:
            gap = isinstance(item, Gap)
            said.append(
                item.seconds if gap else (item.work.attributes["flashdepth/reset"], item.resets)
            )
    assert said == [(1, 0), (0, 0), 0.5, (0, 0), 2.0, (1, 1), (0, 1)]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _known(pace: Pace, clock: Clock, seconds: tuple[float, ...]) -> None:
    """One picture has passed, and each stage took so long."""
    ride = pace.board()
    for stage, taken in enumerate(seconds):
        with pace.at(ride, stage):
            clock.now += taken


def test_a_picture_is_taken_just_in_time() -> None:
    clock = Clock()
    pace = Pace(3, clock)
    assert pace.wait_seconds() == 0.0
    first = pace.board()
    assert pace.wait_seconds() == math.inf
    pace = Pace(3, clock)
    _known(pace, clock, (2.0, 10.0, 3.0))
    assert pace.wait_seconds() == 0.0
    first = pace.board()
    with pace.at(first, 0):
        # It will be at the long stage 12 s from now, which leaves 2 s less for the next one to get there.
        assert pace.wait_seconds() == pytest.approx(10.0)
        clock.now += 2.0
    with pace.at(first, 1):
        clock.now += 4.0
        assert pace.wait_seconds() == pytest.approx(4.0)
        clock.now += 20.0
        # It takes longer than it used to: it may be done at any moment.
        assert pace.wait_seconds() == 0.0


def test_what_comes_last_holds_back_what_comes_first() -> None:
    clock = Clock()
    pace = Pace(3, clock)
    _known(pace, clock, (2.0, 3.0, 20.0))
    written = pace.board()
    for stage, taken in enumerate((2.0, 3.0)):
        with pace.at(written, stage):
            clock.now += taken
    with pace.at(written, 2):
        waiting = pace.board()
        for stage, taken in enumerate((2.0, 3.0)):
            with pace.at(waiting, stage):
                clock.now += taken
        # 15 s are left of the one and 20 s are those of the other, less 5 s on the way there.
        assert pace.wait_seconds() == pytest.approx(30.0)


def test_a_picture_is_rather_taken_late_than_early() -> None:
    clock = Clock()
    pace = Pace(3, clock)
    _known(pace, clock, (2.0, 10.0, 3.0))
    _known(pace, clock, (4.0, 6.0, 3.0))
    ride = pace.board()
    with pace.at(ride, 1):
        # The slow stage may take 10 s again, and the way to it 2.
        assert pace.wait_seconds() == pytest.approx(8.0)
