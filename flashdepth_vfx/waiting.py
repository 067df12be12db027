"""Waits for plates that are on their way: until each that a render needs is there, whole, and no longer written to.

A file that is being copied has its name before it has its pixels, so it is looked at twice: it must have the same
size and time at two looks a second apart, and then be whole by what it says of itself.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from flashdepth_vfx.errors import Interrupted, LatePlateError, PlateError, SettingsError
from flashdepth_vfx.events import Observer, Waiting
from flashdepth_vfx.frames import FrameRange, FrameSequence
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.sequence import file_stamp
from flashdepth_vfx.io.whole import require_whole
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.pipeline import each_header
from flashdepth_vfx.stall import StallWatch
from flashdepth_vfx.state import load_state
from flashdepth_vfx.viewturn import stands_for_view, view_names

__all__ = ["wait_for_plates"]

#: Between two looks.
_LOOK_SECONDS = 1.0
#: Between two glances at `stop`: a signal sets it, which may take no lock, so that nothing may wait for it.
_GLANCE_SECONDS = 0.1
#: Between two lines of progress.
_TOLD_SECONDS = 10.0


def wait_for_plates(
    job: RenderJob, observer: Observer | None = None, stop: threading.Event | None = None
) -> None:
    """Return once every plate and matte that `job` needs is there and whole; at once where it does not wait.

    Needed are the frames of `--frames`, and those before them that the state passes through, from the first that is
    on disk. Raises `LatePlateError` when nothing has come for `job.wait_for_frames_seconds`, `Interrupted` when
    `stop` is set, `SettingsError` for a sequence without `--frames`, and `StateError` for a `--state-in` that is not
    there.
    """
    if job.wait_for_frames_seconds is None:
        return
    waits = _Waits(_awaited(job), job.wait_for_frames_seconds, observer, stop or threading.Event())
    with StallWatch(job.stall_timeout_seconds) as watch:
        watch.count_frames()
        waits.to_the_end(watch)


@dataclass
class _Awaited:
    """The files of one pattern. `wanted` is None for a single file; the state sees these frames `alone`, or those
    before them too, from `begins` on, which is None for the head of the shot.

    `stamps` are those of the last look, `whole` the files that need no other, `faults` what is wrong with the rest.
    """

    pattern: str
    view: str | None
    sequence: FrameSequence
    wanted: FrameRange | None
    alone: bool
    begins: int | None
    stamps: dict[int, str] = field(default_factory=dict)
    whole: set[int] = field(default_factory=set)
    faults: dict[int, tuple[str, str]] = field(default_factory=dict)

    def needed(self) -> Iterable[int]:
        """The frames to wait for, as far as can be told now."""
        if self.wanted is None:
            return (1,)
        first, last = self.wanted.frames[0], self.wanted.frames[-1]
        if self.alone:
            return self.wanted
        head = min((*self.sequence.frames_on_disk()[:1], first))
        return range(head if self.begins is None else max(head, self.begins), last + 1)

    def look(self, frames: Iterable[int], beat: Callable[[], None]) -> bool:
        """Look at the files of `frames` once, with a `beat` for each; whether anything is new."""
        before, self.stamps = self.stamps, {}
        for frame in frames:
            if frame not in self.whole:
                with contextlib.suppress(PlateError):
                    self.stamps[frame] = file_stamp(self.sequence.path(frame))
                beat()
        quiet = [f for f, stamp in self.stamps.items() if before.get(f) == stamp]
        # What was found wrong stays wrong until the file changes.
        whole = self._check([f for f in quiet if self._fault(f) is None], beat)
        self.whole |= whole
        return bool(whole) or any(before.get(f) != stamp for f, stamp in self.stamps.items())

    def lacks(self, frame: int) -> str:
        """What `frame` lacks, as far as is known."""
        if frame not in self.stamps:
            return "is not on disk"
        return self._fault(frame) or "is still being written"

    def _fault(self, frame: int) -> str | None:
        stamp, fault = self.faults.get(frame, ("", ""))
        return fault if stamp and stamp == self.stamps.get(frame) else None

    def _check(self, frames: list[int], beat: Callable[[], None]) -> set[int]:
        """Those of `frames` that are whole."""
        if not frames:
            return set()
        try:
            reader = open_plates(self.pattern, view=self.view)
        except PlateError as error:
            self.faults |= {f: (self.stamps[f], error.reason) for f in frames}
            return set()

        def fault_of(frame: int) -> str | None:
            try:
                # A single file has a number of its own.
                require_whole(reader, frame if self.sequence.padding else reader.frames[0])
            except PlateError as error:
                return error.reason
            finally:
                beat()
            return None

        try:
            found = dict(each_header(frames, fault_of))
        finally:
            reader.close()
        self.faults |= {f: (self.stamps[f], said) for f, said in found.items() if said is not None}
        return {frame for frame, said in found.items() if said is None}


@dataclass
class _Waits:
    awaited: tuple[_Awaited, ...]
    seconds: float
    observer: Observer | None
    stop: threading.Event

    def to_the_end(self, watch: StallWatch) -> None:
        news = time.monotonic()
        # After the first look nothing is known to be quiet.
        tell_after = news + _LOOK_SECONDS / 2
        while True:
            lacking, needed, is_new = self._look(watch.beat)
            now = time.monotonic()
            news = now if is_new else news
            if lacking is None:
                return
            path, reason = lacking
            if now - news > self.seconds:
                raise LatePlateError(
                    path,
                    f"{reason}, and nothing new has come for {self.seconds:g} s (--wait-for-frames): "
                    "run again when it is there",
                )
            if self.observer is not None and now > tell_after:
                tell_after = now + _TOLD_SECONDS
                there = sum(len(each.whole) for each in self.awaited)
                self.observer(Waiting(there, needed, f"{path} {reason}"))
            self._pause(watch.beat)

    def _look(self, beat: Callable[[], None]) -> tuple[tuple[Path, str] | None, int, bool]:
        """The first file that is not there or not whole, and what it lacks; how many are needed; whether anything
        came since the last look.
        """
        lacking: tuple[Path, str] | None = None
        count, is_new = 0, False
        for each in self.awaited:
            frames = tuple(each.needed())
            is_new = each.look(frames, beat) or is_new
            count += len(frames)
            first = next((frame for frame in frames if frame not in each.whole), None)
            if first is not None and lacking is None:
                lacking = (each.sequence.path(first), each.lacks(first))
        return lacking, count, is_new

    def _pause(self, beat: Callable[[], None]) -> None:
        until = time.monotonic() + _LOOK_SECONDS
        while (left := until - time.monotonic()) > 0.0:
            if self.stop.is_set():
                raise Interrupted("stopped while waiting for plates; nothing was begun")
            time.sleep(min(left, _GLANCE_SECONDS))
            beat()


def _awaited(job: RenderJob) -> tuple[_Awaited, ...]:
    """The plates, of each view that has files of its own, and the mattes that are not in them."""
    begins = _begin(job)
    found = []
    for pattern in filter(None, (job.shot.input, job.settings.matte_input)):
        for view in _views(job, pattern):
            sequence = _sequence(pattern, view)
            if sequence.padding and job.frames is None:
                raise SettingsError(
                    "--wait-for-frames needs --frames, the frames that will come: a sequence that grows does not "
                    "say where it ends"
                )
            wanted = job.frame_range if sequence.padding else None
            found.append(_Awaited(pattern, view, sequence, wanted, job.settings.sparse, begins))
    return tuple(found)


def _begin(job: RenderJob) -> int | None:
    """The first frame that the state sees; None for the head of the shot."""
    wanted = job.frame_range
    if job.state_in is not None:
        return load_state(Path(job.state_in)).next_frame
    if wanted is None or job.preroll_frames is None:
        return None
    return wanted.frames[0] - job.preroll_frames


def _views(job: RenderJob, pattern: str) -> tuple[str | None, ...]:
    if not stands_for_view(pattern):
        return (None,)
    return view_names(job.shot.view, pattern, tuple) or (None,)


def _sequence(pattern: str, view: str | None) -> FrameSequence:
    path = Path(pattern).expanduser()
    if path.is_dir():
        raise SettingsError(
            f"{pattern}: --wait-for-frames needs a pattern, as plate.####.exr: a folder does not say which files "
            "will come"
        )
    if path.is_file():
        return FrameSequence(path.parent, path.stem, 0, path.suffix)
    return FrameSequence.parse(pattern, view=view)
