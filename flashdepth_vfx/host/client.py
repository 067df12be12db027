"""Worker: one `flashdepth serve` process, and what is asked of it. Nothing here waits without an end.

this thread ─ request ─▶ stdin │ worker │ stdout ─▶ reader thread ─▶ a queue for each request
                                        │ stderr ─▶ reader thread ─▶ its last lines
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from .errors import RenderCancelled, RenderFailed, WorkerFailed, WorkerMissing

__all__ = ["PROTOCOL", "Worker", "WorkerTimes"]

Message = dict[str, Any]

#: What this client speaks: docs/serve.md.
PROTOCOL = 1
#: A line of a worker is a kilobyte; one that never ends must not fill the host's memory.
_LONGEST_LINE = 1 << 24
_LINES_KEPT = 30
#: How often it is looked whether to stop.
_LOOK_SECONDS = 0.1
_ENDS = ("finished", "cancelled", "error")


class WorkerTimes:
    """How long a worker may take, in seconds: to start; to say anything at all; after a cancel; to end."""

    def __init__(
        self, start: float = 120.0, quiet: float = 20.0, cancel: float = 120.0, end: float = 10.0
    ) -> None:
        self.start, self.quiet, self.cancel, self.end = start, quiet, cancel, end


class Worker:
    """A worker that was started, or is starting. Raises `WorkerMissing` where it cannot be."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        times: WorkerTimes | None = None,
    ) -> None:
        self.times = times or WorkerTimes()
        self.facts: Message = {}
        self._log: deque[str] = deque(maxlen=_LINES_KEPT)
        self._mail: dict[str, queue.Queue[Message | None]] = {}
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._ready = threading.Event()
        self._over = threading.Event()
        self._nonsense, self._killed = "", False
        self._process = _started([*command, "serve"], environment)
        self._readers = [
            threading.Thread(target=work, name="flashdepth", daemon=True)
            for work in (self._read, self._read_log)
        ]
        for reader in self._readers:
            reader.start()

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked for anything."""
        return not self._over.is_set() and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def ask(
        self,
        request: Mapping[str, Any],
        tell: Callable[[Message], None] = lambda message: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Any:
        """What comes of `request`, which has an `id` of its own. `tell` is given every message about it, here.

        Raises `RenderFailed`, `RenderCancelled` once `cancelled()` is true, and `WorkerFailed`.
        """
        self._wait_until_ready(cancelled)
        mail: queue.Queue[Message | None] = queue.Queue()
        with self._lock:
            self._mail[request["id"]] = mail
        try:
            self._send(request)
            return self._follow(request["id"], mail, tell, cancelled)
        finally:
            with self._lock:
                del self._mail[request["id"]]

    def close(self) -> None:
        """End it: by its stdin, so that it saves what it has; by force where it does not."""
        with contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(self.times.end)
        except subprocess.TimeoutExpired:
            self.kill()
        for reader in self._readers:
            reader.join(self.times.end)

    def kill(self) -> None:
        """End it at once."""
        self._over.set()
        self._killed = self._killed or self._process.poll() is None
        with contextlib.suppress(OSError):
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.times.end)

    def _wait_until_ready(self, cancelled: Callable[[], bool]) -> None:
        until = time.monotonic() + self.times.start
        while not self._ready.wait(_LOOK_SECONDS):
            if cancelled():
                raise RenderCancelled("stopped before the worker had started")
            if self._over.is_set():
                raise self._failed("the worker ended while it started")
            if time.monotonic() > until:
                self.kill()
                raise self._failed(f"the worker did not start in {self.times.start:.0f} s")
        if self.facts.get("protocol") != PROTOCOL:
            self.kill()
            raise WorkerMissing(
                f"flashdepth {self.facts.get('version')} speaks protocol {self.facts.get('protocol')}, and this "
                f"plugin {PROTOCOL}: install the plugin that came with it"
            )

    def _follow(
        self,
        name: str,
        mail: queue.Queue[Message | None],
        tell: Callable[[Message], None],
        cancelled: Callable[[], bool],
    ) -> Any:
        heard = time.monotonic()
        pinged, told_at = False, 0.0
        while True:
            now = time.monotonic()
            if not told_at and cancelled():
                told_at = now
                self._send({"type": "cancel", "id": name})
            if told_at and now - told_at > self.times.cancel:
                self.kill()
                raise RenderCancelled(
                    "the worker did not stop when asked, and was ended; its last checkpoint stands"
                )
            if now - heard > self.times.quiet:
                if pinged:
                    self.kill()
                    raise self._failed(
                        f"the worker said nothing for {2 * self.times.quiet:.0f} s, and was ended"
                    )
                pinged, heard = True, now
                self._send({"type": "ping"})
            try:
                message = mail.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if message is None:
                raise self._failed("the worker ended in the middle of a render")
            pinged, heard = False, time.monotonic()
            if message["type"] in _ENDS and not (told_at and _is_late_cancel(message)):
                return _outcome(message)
            tell(message)

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            assert self._process.stdin is not None
            # Whole or not at all: two threads may ask at once.
            with self._writing:
                self._process.stdin.write(json.dumps(message).encode() + b"\n")
                self._process.stdin.flush()
        except (OSError, ValueError) as error:
            self._process.poll()
            raise self._failed("the worker is gone") from error

    def _read(self) -> None:
        # A pipe that is closed under it ends it as one that ends.
        with contextlib.suppress(OSError, ValueError):
            self._read_messages()
        self._over.set()
        if self._nonsense:
            self.kill()
        with self._lock:
            waiting = list(self._mail.values())
        for mail in waiting:
            mail.put(None)

    def _read_messages(self) -> None:
        assert self._process.stdout is not None
        while line := self._process.stdout.readline(_LONGEST_LINE):
            message = _message(line)
            if message is None:
                self._nonsense = repr(line[:200])
                return
            self._deliver(message)

    def _deliver(self, message: Message) -> None:
        if message["type"] == "ready":
            self.facts = message
            self._ready.set()
        with self._lock:
            about = message.get("id")
            to = list(self._mail.values()) if about is None else [self._mail.get(str(about))]
        for mail in to:
            if mail is not None:
                mail.put(message)

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        with contextlib.suppress(OSError, ValueError):
            while line := self._process.stderr.readline(_LONGEST_LINE):
                self._log.append(line.decode("utf-8", "replace").rstrip()[:500])

    def _failed(self, what: str) -> WorkerFailed:
        # Its last lines, and its exit code, are on their way when the end is seen.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        self.kill()
        code = self._process.poll()
        self._readers[1].join(1.0)
        if self._nonsense:
            what = f"the worker said what is no message, and was ended: {self._nonsense}"
        elif code is not None and not self._killed:
            what = f"{what} (exit code {code})"
        return WorkerFailed(what, tuple(self._log))


def _started(command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    more: dict[str, Any] = {}
    if sys.platform == "win32":
        more["creationflags"] = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        # Ctrl-C in the host's terminal is the host's: the worker ends with its stdin, and saves first.
        more["start_new_session"] = True
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(environment), **more
        )
    except (OSError, ValueError) as error:
        raise WorkerMissing(f"{command[0]} cannot be started: {error}") from error


def _message(line: bytes) -> Message | None:
    """A line as a message; None for what is none."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    is_one = isinstance(message, dict) and isinstance(message.get("type"), str)
    return message if is_one else None


def _is_late_cancel(message: Message) -> bool:
    """A cancel that came as the render ended is answered by an error of its own; the end is on its way."""
    return message["type"] == "error" and "no render" in str(message.get("message"))


def _outcome(message: Message) -> Any:
    if message["type"] == "finished":
        return message.get("result")
    said = str(message.get("message", ""))
    if message["type"] == "cancelled":
        raise RenderCancelled(said)
    raise RenderFailed(str(message.get("class", "Error")), said, int(message.get("exit_code", 1)))
