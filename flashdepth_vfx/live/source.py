"""Grabber: opens a source, decodes what comes, and opens it again when it went away. A thread of its own.

open ─▶ decode ─▶ inbox          a source that is lost: wait 0.5, 1, 2, 4, 8, 8 ... s, and open it again
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from flashdepth_vfx.errors import CorruptPlateError, StreamError
from flashdepth_vfx.io.movie_frames import MovieFacts, facts_of
from flashdepth_vfx.io.upright import exif_of_rotation
from flashdepth_vfx.live.inbox import Ended, Gap, Grabbed, Inbox
from flashdepth_vfx.live.job import LiveJob

__all__ = ["Grabber", "long_side_px"]

#: Between two tries to open a source that went away.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 8.0
#: A decoder that is given nothing but damage is not fed for ever.
_MOST_DAMAGED_IN_A_ROW = 250
#: How FFmpeg opens what is no file: over TCP, since lost UDP packets are damage that nobody asked for.
_OPTIONS = {"rtsp_transport": "tcp"}
_DEVICES = {"/dev/video": "v4l2"}


class Grabber:
    """Grabs `job.source` into `inbox` while it is a context. `damaged` counts packets that could not be decoded."""

    def __init__(self, job: LiveJob, inbox: Inbox) -> None:
        self.damaged = 0
        self._job, self._inbox = job, inbox
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="grab", daemon=True)

    def __enter__(self) -> Grabber:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A source that hangs is left to its own time limit.
        self._stop.set()
        self._inbox.close()
        self._thread.join(self._job.timeout_seconds)

    def _run(self) -> None:
        try:
            self._grab_and_grab_again()
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            self._inbox.put(Ended(error))
        else:
            self._inbox.put(Ended())

    def _grab_and_grab_again(self) -> None:
        lost_at: float | None = None
        pause = _FIRST_PAUSE_SECONDS
        reason = "never opened"
        while not self._stop.is_set():
            try:
                with self._opened() as (container, stream):
                    for picture in self._pictures(container, stream):
                        if lost_at is not None:
                            self._inbox.put(Gap(picture.captured - lost_at, reason))
                            lost_at, pause = None, _FIRST_PAUSE_SECONDS
                        if not self._inbox.put(picture):
                            return
                if self._job.is_movie:
                    return
                reason = "the source ended"
            except av.FFmpegError as error:
                reason = error.strerror or str(error)
                if self._job.is_movie:
                    raise CorruptPlateError(self._job.source, reason) from error
            lost_at = lost_at or time.monotonic()
            self._wait_or_give_up(lost_at, pause, reason)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _wait_or_give_up(self, lost_at: float, pause: float, reason: str) -> None:
        if time.monotonic() - lost_at + pause > self._job.reconnect_seconds:
            raise StreamError(self._job.source, f"is gone ({reason})")
        self._stop.wait(pause)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        source, seconds = self._job.source, self._job.timeout_seconds
        known: dict[str, Any] = {}
        if not self._job.is_movie:
            known = {"options": dict(_OPTIONS), "format": _format_of(source)}
        with av.open(
            source, timeout=(seconds, seconds), metadata_errors="replace", **known
        ) as container:
            if not container.streams.video:
                raise CorruptPlateError(source, "it has no picture, only sound or data")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO" if self._job.every_frame else "SLICE"
            yield container, stream

    def _pictures(self, container: InputContainer, stream: VideoStream) -> Iterator[Grabbed]:
        facts: MovieFacts | None = None
        size = (0, 0)
        orientation = 1
        began: tuple[float, float] | None = None
        seconds: float | None = None
        for picture in self._decoded(container, stream):
            if self._stop.is_set():
                return
            if facts is None or size != (picture.width, picture.height):
                size = picture.width, picture.height
                orientation = exif_of_rotation(picture.rotation)
                facts = facts_of(stream, picture, orientation)
            if picture.time is not None:
                began = began or (time.monotonic(), picture.time)
                seconds = picture.time - began[1]
                if self._is_paced:
                    self._stop.wait(max(0.0, began[0] + seconds - time.monotonic()))
            yield Grabbed(picture, facts, orientation, time.monotonic(), seconds)

    @property
    def _is_paced(self) -> bool:
        """A camera has its own pace; a movie has that of its time stamps."""
        return self._job.is_movie and not self._job.every_frame

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Pictures; damage is counted and passed over, as a viewer of a stream would have it."""
        in_a_row = 0
        for packet in container.demux(stream):
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError as error:
                self.damaged += 1
                in_a_row += 1
                if in_a_row > _MOST_DAMAGED_IN_A_ROW:
                    raise StreamError(
                        self._job.source, f"is nothing but damage ({error.strerror})"
                    ) from error
                continue
            for picture in pictures:
                in_a_row = 0
                if isinstance(picture, VideoFrame):
                    yield picture


def long_side_px(movie: Path) -> int:
    """Of a movie's pictures, in square pixels. Raises `CorruptPlateError`."""
    try:
        with av.open(str(movie), metadata_errors="replace") as container:
            if not container.streams.video:
                raise CorruptPlateError(movie, "it has no picture, only sound or data")
            stream = container.streams.video[0]
            across = stream.width * float(stream.sample_aspect_ratio or 1)
            return round(max(across, stream.height))
    except av.FFmpegError as error:
        raise CorruptPlateError(movie, error.strerror or str(error)) from error


def _format_of(source: str) -> str | None:
    """FFmpeg's name for a device, which no address tells it."""
    kind = next((name for start, name in _DEVICES.items() if source.startswith(start)), None)
    known = {name for names in av.formats_available for name in names.split(",")}
    if kind is not None and kind not in known:
        raise StreamError(
            source,
            f"this FFmpeg reads no {kind} devices; serve the camera as RTSP and name its address",
        )
    return kind
