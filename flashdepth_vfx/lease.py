"""A lease on the frames that a render writes: one file in the shot's folder, kept fresh by a heartbeat.

    take: announce (own file, own name) ─▶ look at all others ─▶ nobody else: it is held; else: take it back

Two renders of the same frames cannot both hold them. Each has put its own file there before it looks, so of any two
the one that looks later sees the other: at worst both step back, and try again after pauses of different lengths.

No file is ever taken from another: the name has a token in it, so that removing the file of a dead render cannot hit
that of a living one, however many do it at once, and a render whose file is gone knows that its lease is. All that is
asked of a file system is that a file which was renamed into a folder is in the next listing of it: no flock, no link.
Making a file in a folder is also what makes a client of a network file system list that folder anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from flashdepth_vfx.errors import LeaseError
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.io.atomic import atomic_write_bytes, is_alive, process_space

__all__ = ["HEARTBEAT_SECONDS", "LAPSES_SECONDS", "Lease"]

#: Between two heartbeats.
HEARTBEAT_SECONDS = 10.0
#: Without a heartbeat for so long, a render is taken for dead.
LAPSES_SECONDS = 60.0
#: One who announces and must step back does so in far less; what is older is held.
_SETTLED_SECONDS = 2.0
#: Between two tries, at least and at most.
_PAUSE_SECONDS = (0.05, 0.5)
#: Of what Windows does not allow while another process looks.
_TRIES = 5
#: Not that of the process, which may have been seeded alike.
_RANDOM = random.SystemRandom()
_NAME = re.compile(r"lease\..*\.[0-9a-f]{16}\.json", re.DOTALL)


@dataclass(frozen=True)
class _Holder:
    """What a lease's file says. `frames` is None where it cannot be read: it may be of any."""

    path: Path
    frames: FrameRange | None = None
    host: str = "an unknown host"
    process: int = 0
    space: str = ""
    lapses_seconds: float = LAPSES_SECONDS

    @classmethod
    def read(cls, path: Path) -> _Holder:
        """Raises `FileNotFoundError` where it was given back by now."""
        try:
            plain: dict[str, Any] = json.loads(path.read_bytes())
            frames = FrameRange.parse(plain["frames"])
            return cls(
                path,
                frames,
                str(plain["host"]),
                int(plain["process"]),
                str(plain["process_space"]),
                float(plain["lapses_seconds"]),
            )
        except FileNotFoundError:
            raise
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path)

    @property
    def is_gone(self) -> bool:
        """Whether its process is known to be dead: only where process numbers mean what they mean here."""
        return self.space == process_space() and not is_alive(self.process)


class Lease:
    """The lease on `frames` in `folder`, as a context that gives it back. Nothing is there before `take`.

    It costs a file of 300 bytes, written over every 10 s by a thread that sleeps between, and a look at one name
    before each frame that is written.
    """

    def __init__(self, folder: Path, frames: FrameRange) -> None:
        self._folder = folder
        self._frames = frames
        self._path: Path | None = None
        self._text = b""
        self._given_back = threading.Event()
        self._heart: threading.Thread | None = None

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._given_back.set()
        if self._heart is not None:
            # It may hang in a file system that hangs: whoever comes next sees that the heart stands still.
            self._heart.join(_SETTLED_SECONDS)
        self._step_back()

    def take(self) -> None:
        """Hold the frames from now on; of no frames there is nothing to hold.

        Raises `LeaseError` when another render holds one of them, and `OutputError` where no file can be written.
        """
        if not self._frames:
            return
        while (found := self._announce()) is not None:
            other, age_seconds = found
            self._step_back()
            if age_seconds > _SETTLED_SECONDS:
                raise _refusal(self._folder, other, age_seconds)
            time.sleep(_RANDOM.uniform(*_PAUSE_SECONDS))
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._heart.start()

    def require(self) -> None:
        """Raise `LeaseError` when another render has taken the frames: nothing may be written any more."""
        if self._path is None:
            return
        try:
            # Opened, not looked at: a network file system answers a look from what it remembers.
            self._path.open("rb").close()
        except FileNotFoundError:
            raise LeaseError(
                self._folder,
                f"the lease on frames {self._frames} is gone: this render stood still for longer than "
                f"{LAPSES_SECONDS:.0f} s and another one took them, or the folder was taken away. Nothing is saved "
                "over what is there now; run again with --resume",
            ) from None

    def _announce(self) -> tuple[_Holder, float] | None:
        """Put our file there, and look for another that is alive and wants one of our frames; with its age."""
        token = secrets.token_hex(8)
        told = {
            "frames": str(self._frames),
            "host": socket.gethostname(),
            "process": os.getpid(),
            "process_space": process_space(),
            "token": token,
            "heartbeat_seconds": HEARTBEAT_SECONDS,
            "lapses_seconds": LAPSES_SECONDS,
        }
        self._text = json.dumps(told, indent=2).encode() + b"\n"
        self._path = self._folder / f"lease.{_short(str(self._frames))}.{token}.json"
        atomic_write_bytes(self._path, self._text)
        try:
            return next(self._rivals(), None)
        except BaseException:
            self._step_back()
            raise

    def _step_back(self) -> None:
        if self._path is not None:
            _remove(self._path)
            self._path = None

    def _rivals(self) -> Iterator[tuple[_Holder, float]]:
        for path in sorted(self._folder.iterdir()):
            if path == self._path or not _NAME.fullmatch(path.name):
                continue
            # Given back, or swept by someone else, between any two lines here.
            with contextlib.suppress(FileNotFoundError):
                other = _Holder.read(path)
                if other.frames is not None and not self._overlaps(other.frames):
                    continue
                age_seconds = self._age_of(other)
                if other.is_gone or age_seconds > other.lapses_seconds:
                    _remove(path)
                else:
                    yield other, age_seconds

    def _overlaps(self, frames: FrameRange) -> bool:
        return any(frame in self._frames for frame in frames)

    def _age_of(self, other: _Holder) -> float:
        """Seconds since its last heartbeat, by the clock of the file server alone: hosts disagree about the time.

        Raises `FileNotFoundError` where it is not there any more.
        """
        assert self._path is not None
        return self._path.stat().st_mtime - other.path.stat().st_mtime

    def _beat(self) -> None:
        while not self._given_back.wait(HEARTBEAT_SECONDS):
            # What fails now and then is made good by the next one; what goes on failing is a lease that lapses.
            with contextlib.suppress(OSError):
                self._write_over()

    def _write_over(self) -> None:
        """The same bytes again, which sets the time by the file server's clock.

        In place, and without making the file: one that was taken away must not come back.
        """
        assert self._path is not None
        with self._path.open("r+b") as file:
            file.write(self._text)
            file.flush()
            os.fsync(file.fileno())


def _remove(path: Path) -> None:
    """Take a lease's file away, if it is there."""
    for _ in range(_TRIES):
        try:
            path.unlink(missing_ok=True)
        except OSError:
            # On Windows while another one reads it. One that stays lapses.
            time.sleep(_PAUSE_SECONDS[0])
        else:
            return


def _short(frames: str) -> str:
    return frames.replace(",", "_")[:60]


def _refusal(folder: Path, other: _Holder, age_seconds: float) -> LeaseError:
    frames = "frames that cannot be told" if other.frames is None else f"frames {other.frames}"
    return LeaseError(
        folder,
        f"{frames} are being rendered by process {other.process} on {other.host}, heard of "
        f"{max(age_seconds, 0.0):.0f} s ago: wait for it, or stop it and run again with --resume. "
        f"Should it be dead, its lease lapses {LAPSES_SECONDS:.0f} s after its last heartbeat "
        f"({other.path.name})",
    )
