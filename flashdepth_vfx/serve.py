"""The resident worker: jobs come as JSON lines on stdin, what becomes of them goes out on stdout.

    stdin ─▶ reader thread ─▶ queue ─▶ this thread: render, one at a time ─▶ stdout

The network stays loaded between renders. The worker ends with its stdin, so that a host that dies takes
it along: the render in hand saves its state first. docs/serve.md lists every message.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import traceback
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any

import msgspec

from flashdepth_vfx.errors import FlashDepthError, Interrupted, UsageError
from flashdepth_vfx.events import (
    Finished,
    FramePassed,
    FrameWritten,
    Observer,
    RenderEvent,
    Started,
    Warned,
    to_line,
    to_plain,
)
from flashdepth_vfx.job import RenderJob, job_schema
from flashdepth_vfx.lines import Outbox, read_lines
from flashdepth_vfx.protocol import (
    PROTOCOL,
    Cancel,
    Ping,
    Render,
    Schema,
    id_in,
    parse_request,
)
from flashdepth_vfx.version import VERSION

if TYPE_CHECKING:
    from flashdepth_vfx.networks import Networks
    from flashdepth_vfx.renderer import RenderResult

__all__ = ["result_to_plain", "run_worker"]

#: Exit code when stdin ended under a render: it saved its state.
_INTERRUPTED = Interrupted.exit_code
#: Exit code when the render in hand did not end in its time.
_HUNG = 1
#: How long a host may take to read the last replies.
_FAREWELL_SECONDS = 5.0


@dataclass(frozen=True)
class _Task:
    """A render that was asked for. Setting `stop` interrupts it once it runs."""

    id: str
    job: RenderJob
    stop: threading.Event = field(default_factory=threading.Event)


def run_worker(*, grace_seconds: float = 60.0, debug: bool = False) -> int:
    """Serve this process's stdin until it ends, and return the exit code.

    0 when it ended idle, 143 when a render was interrupted, with its state saved, and 1, by ending the
    process, when that took longer than `grace_seconds`. SIGTERM and Ctrl-C count as the end of stdin.
    `debug` prints the traceback of a defect on stderr.
    """
    requests, replies = _claim_streams()
    return _Worker(requests, replies, grace_seconds, debug=debug).run()


def result_to_plain(result: RenderResult) -> dict[str, Any]:
    """A `RenderResult` as plain JSON values; of the state, what it waits for."""
    from flashdepth_vfx.views import StereoResult

    state = result.state
    several: dict[str, Any] = {}
    if isinstance(result, StereoResult):
        several["views"] = {name: result_to_plain(one) for name, one in result.views.items()}
        several["mismatches"] = [
            {**msgspec.to_builtins(one), "frames": list(one.frames)} for one in result.mismatches
        ]
    return {
        "frames_written": list(result.frames_written),
        "frames_kept": list(result.frames_kept),
        "manifest": str(result.manifest),
        "seconds": result.seconds,
        "state": None
        if state is None
        else {"next_frame": state.next_frame, "frames_seen": state.frames_seen},
        **several,
    }


def _claim_streams() -> tuple[int, int]:
    """Stdin and stdout for the protocol alone; a library that prints, prints on stderr."""
    sys.stdout.flush()
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


class _Worker:
    """Three threads: this one renders, one reads requests, one waits for the end."""

    def __init__(self, requests: int, replies: int, grace_seconds: float, *, debug: bool) -> None:
        self._requests = requests
        self._grace_seconds = grace_seconds
        self._debug = debug
        # Simple queues alone may be used by a signal's handler.
        self._ends: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._outbox = Outbox(replies, on_loss=lambda: self._ends.put("nobody reads stdout"))
        self._lock = threading.Lock()
        self._waiting: dict[str, _Task] = {}
        self._running: _Task | None = None
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

        networks = Networks()
        interrupted = False
        while (task := self._next()) is not None:
            # A render that its host cancelled earlier is no reason to end with an error.
            interrupted = self._render(task, networks) and self._ending
        self._farewells_sent.wait()
        # No longer: a host that hangs must not make us hang.
        self._outbox.drain(_FAREWELL_SECONDS)
        return _INTERRUPTED if interrupted else 0

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
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
        for task in dropped:
            self._send("cancelled", task.id, message=f"not begun: {reason}")
        self._farewells_sent.set()

    def _next(self) -> _Task | None:
        """The next render that nobody cancelled; None at the end."""
        while True:
            task = self._queue.get()
            with self._lock:
                if self._ending or task is None:
                    return None
                if self._waiting.pop(task.id, None) is task:
                    self._running = task
                    return task

    def _render(self, task: _Task, networks: Networks) -> bool:
        """Render, and say how it ended. True when it was interrupted."""
        from flashdepth_vfx.views import render

        kind = "finished"
        facts: dict[str, Any] = {}
        try:
            result = render(
                task.job, observer=self._observer(task.id), stop=task.stop, networks=networks
            )
            facts = {"result": result_to_plain(result)}
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
        self._send(kind, task.id, **facts)
        return kind == "cancelled"

    def _observer(self, id_: str) -> Observer:
        def observe(event: RenderEvent) -> None:
            plain = to_plain(event)
            match event:
                case Started():
                    del plain["event"]
                    self._send("started", id_, **plain, text=to_line(event))
                case FrameWritten() | FramePassed():
                    self._send("progress", id_, **plain, text=to_line(event))
                case Warned():
                    self._send("warning", id_, text=event.text)
                case Finished():
                    self._send("log", id_, text=to_line(event))

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
                self._enqueue(_Task(id_, RenderJob.from_dict(job)))
            case Cancel(id=id_):
                self._cancel(id_)
            case Schema():
                self._send("schema", None, protocol=PROTOCOL, schema=job_schema())
            case Ping():
                with self._lock:
                    running = None if self._running is None else self._running.id
                    waiting = list(self._waiting)
                self._send("pong", None, running=running, waiting=waiting)

    def _enqueue(self, task: _Task) -> None:
        with self._lock:
            running = self._running is not None and self._running.id == task.id
            if running or task.id in self._waiting:
                raise UsageError(f"there is a render '{task.id}' already")
            if self._ending:
                raise UsageError(f"render '{task.id}' came too late: the worker ends")
            self._waiting[task.id] = task
        self._send("queued", task.id)
        self._queue.put(task)

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
