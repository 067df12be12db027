"""Worker: does what it is asked for over one pair of pipes or one connection, one thing at a time.

requests ─▶ reader thread ─▶ queue ─▶ this thread: render, one at a time ─▶ replies
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
import traceback
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any

from flashdepth_vfx.errors import FlashDepthError, Interrupted, UsageError
from flashdepth_vfx.events import (
    Finished,
    FramePassed,
    FrameWritten,
    Observer,
    RenderEvent,
    Started,
    Waiting,
    Warned,
    to_line,
    to_plain,
)
from flashdepth_vfx.job import job_schema
from flashdepth_vfx.lines import Outbox, read_lines
from flashdepth_vfx.protocol import (
    PROTOCOL,
    About,
    Cancel,
    Ping,
    Render,
    Schema,
    Shot,
    Task,
    id_in,
    parse_request,
)
from flashdepth_vfx.requested import Work, about_work, render_work, shot_work, task_work
from flashdepth_vfx.version import VERSION

if TYPE_CHECKING:
    from flashdepth_vfx.networks import Networks

__all__ = ["Worker"]

#: Exit code when its requests ended under a render: it saved its state.
_INTERRUPTED = Interrupted.exit_code
#: Exit code when the render in hand did not end in its time.
_HUNG = 1
#: How long a host may take to read the last replies.
_FAREWELL_SECONDS = 5.0


@dataclass(frozen=True)
class _Asked:
    """Something that was asked for. Setting `stop` interrupts it once it is begun."""

    id: str
    work: Work
    stop: threading.Event = field(default_factory=threading.Event)


class Worker:
    """Three threads: this one works, one reads requests, one waits for the end.

    `signalled` says whether a signal has asked for the end; `networks` are those that are loaded.
    """

    def __init__(
        self,
        requests: int,
        replies: int,
        grace_seconds: float,
        *,
        debug: bool,
        networks: Networks | None = None,
    ) -> None:
        self.signalled = False
        self.networks = networks
        self._requests = requests
        self._grace_seconds = grace_seconds
        self._debug = debug
        # Simple queues alone may be used by a signal's handler.
        self._ends: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._queue: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._outbox = Outbox(replies, on_loss=lambda: self._ends.put("nobody reads stdout"))
        self._lock = threading.Lock()
        self._waiting: dict[str, _Asked] = {}
        self._running: _Asked | None = None
        self._ending = False
        self._farewells_sent = threading.Event()

    def run(self) -> int:
        """Until the end."""
        for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._on_signal)
        self._send("ready", None, version=VERSION, pid=os.getpid(), protocol=PROTOCOL)
        for work in (self._read, self._wait_for_the_end):
            threading.Thread(target=work, daemon=True).start()
        # Imported once the host knows that we live, and before it asks for anything: it takes seconds.
        from flashdepth_vfx.networks import Networks

        self.networks = self.networks or Networks()
        interrupted = False
        while (asked := self._next()) is not None:
            # A render that its host cancelled earlier is no reason to end with an error.
            interrupted = self._do(asked, self.networks) and self._ending
        self._farewells_sent.wait()
        # No longer: a host that hangs must not make us hang.
        self._outbox.drain(_FAREWELL_SECONDS)
        return _INTERRUPTED if interrupted else 0

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.signalled = True
        self._ends.put(signal.Signals(number).name)

    def _wait_for_the_end(self) -> None:
        reason = self._ends.get()
        # Before anything that could wait for someone else.
        last_resort = threading.Timer(self._grace_seconds, _end_hung)
        last_resort.daemon = True
        last_resort.start()
        with self._lock:
            self._ending = True
            dropped = list(self._waiting.values())
            self._waiting.clear()
            if self._running is not None:
                self._running.stop.set()
        self._queue.put(None)
        self._send("log", None, text=f"the worker ends: {reason}")
        for asked in dropped:
            self._send("cancelled", asked.id, message=f"not begun: {reason}")
        self._farewells_sent.set()

    def _next(self) -> _Asked | None:
        """The next render that nobody cancelled; None at the end."""
        while True:
            asked = self._queue.get()
            with self._lock:
                if self._ending or asked is None:
                    return None
                if self._waiting.pop(asked.id, None) is asked:
                    self._running = asked
                    return asked

    def _do(self, asked: _Asked, networks: Networks) -> bool:
        """Do what was asked for, and say how it ended. True when it was interrupted."""
        kind = "finished"
        facts: dict[str, Any] = {}
        try:
            facts = {"result": asked.work(self._observer(asked.id), asked.stop, networks)}
        except Interrupted as stopped:
            kind, facts = "cancelled", {"message": str(stopped)}
        except FlashDepthError as error:
            kind, facts = "error", _facts_of(error)
        except Exception as error:  # noqa: BLE001 - a worker outlives its renders
            self._show(error)
            kind, facts = "error", _facts_of(error)
        # Not running before it is said: a cancel that comes now is answered, not lost.
        with self._lock:
            self._running = None
        self._send(kind, asked.id, **facts)
        return kind == "cancelled"

    def _observer(self, id_: str) -> Observer:
        def observe(event: RenderEvent) -> None:
            plain = to_plain(event)
            match event:
                case Started():
                    self._send("started", id_, **plain, text=to_line(event))
                case FrameWritten() | FramePassed():
                    self._send("progress", id_, **plain, text=to_line(event))
                case Warned():
                    self._send("warning", id_, **plain)
                case Waiting() | Finished():
                    self._send("log", id_, **plain, text=to_line(event))

        return observe

    def _read(self) -> None:
        for line in read_lines(self._requests):
            try:
                self._answer(line)
            except UsageError as error:
                self._send("error", id_in(line), **_facts_of(error))
            except Exception as error:  # noqa: BLE001 - the next request is none the worse
                self._show(error)
                self._send("error", id_in(line), **_facts_of(error))
        self._ends.put("stdin ended")

    def _answer(self, line: bytes | None) -> None:
        match parse_request(line):
            case Render(id=id_, job=job):
                self._enqueue(_Asked(id_, render_work(job)))
            case Task(id=id_, plan=plan, task=task):
                self._enqueue(_Asked(id_, task_work(plan, task)))
            case Shot(id=id_, job=job, known=known):
                self._enqueue(_Asked(id_, shot_work(job, known)))
            case About(id=id_):
                self._enqueue(_Asked(id_, about_work))
            case Cancel(id=id_):
                self._cancel(id_)
            case Schema():
                self._send("schema", None, protocol=PROTOCOL, schema=job_schema())
            case Ping():
                with self._lock:
                    running = None if self._running is None else self._running.id
                    waiting = list(self._waiting)
                self._send("pong", None, running=running, waiting=waiting)

    def _enqueue(self, asked: _Asked) -> None:
        with self._lock:
            running = self._running is not None and self._running.id == asked.id
            if running or asked.id in self._waiting:
                raise UsageError(f"there is a render '{asked.id}' already")
            if self._ending:
                raise UsageError(f"render '{asked.id}' came too late: the worker ends")
            self._waiting[asked.id] = asked
        self._send("queued", asked.id)
        self._queue.put(asked)

    def _cancel(self, id_: str) -> None:
        with self._lock:
            dropped = self._waiting.pop(id_, None)
            if dropped is None:
                if self._running is None or self._running.id != id_:
                    raise UsageError(f"there is no render '{id_}' to cancel; it may have ended")
                self._running.stop.set()
                return
        self._send("cancelled", id_, message="it had not begun")

    def _show(self, error: Exception) -> None:
        if self._debug:
            # A stderr that nobody reads ends no worker.
            with contextlib.suppress(OSError):
                traceback.print_exception(error)

    def _send(self, kind: str, id_: str | None, **facts: Any) -> None:
        self._outbox.send({"type": kind, "id": id_, **facts})


def _end_hung() -> None:
    """End a process whose render, or a thread of it, hangs in a disk or a driver."""
    try:
        os.write(2, b"error: the render in hand did not end in time; its last checkpoint stands\n")
    finally:
        os._exit(_HUNG)


def _facts_of(error: Exception) -> dict[str, Any]:
    code = error.exit_code if isinstance(error, FlashDepthError) else 1
    return {"class": type(error).__name__, "message": str(error), "exit_code": code}
