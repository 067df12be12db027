"""JSON lines over pipes: bounded when read, whole when written."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

__all__ = ["MAX_LINE_BYTES", "MAX_UNREAD_BYTES", "Outbox", "read_lines"]

#: A job is a few hundred bytes; a line that never ends must not fill the memory.
MAX_LINE_BYTES = 1 << 20
#: Replies that wait for a reader: those of some hundred thousand frames.
MAX_UNREAD_BYTES = 1 << 26
_CHUNK_BYTES = 1 << 16


def read_lines(descriptor: int) -> Iterator[bytes | None]:
    """Lines that are not blank, without their ends; None in the place of one over `MAX_LINE_BYTES`.

    Reads the descriptor itself: a thread that waits in a buffered file cannot be left behind at exit.
    """
    held = bytearray()
    too_long = False
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            held += piece
            too_long |= len(held) > MAX_LINE_BYTES
            if too_long or held.strip():
                yield None if too_long else bytes(held)
            held.clear()
            too_long = False
        held += rest
        if len(held) > MAX_LINE_BYTES:
            held.clear()
            too_long = True
    if too_long or held.strip():
        yield None if too_long else bytes(held)


class Outbox:
    """Messages on a descriptor, one a line, from any thread. A reader that is slow, or stops, holds nobody up.

    `on_loss` is called once: when the reader is gone, or lets `MAX_UNREAD_BYTES` pile up.
    """

    def __init__(self, descriptor: int, on_loss: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._on_loss = on_loss
        self._unread: deque[bytes] = deque()
        self._unread_bytes = 0
        self._changed = threading.Condition()
        self._lost = False
        threading.Thread(target=self._write, daemon=True).start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Leave one message to be written. Never waits."""
        line = msgspec.json.encode(message) + b"\n"
        with self._changed:
            full = self._unread_bytes + len(line) > MAX_UNREAD_BYTES
            if not full and not self._lost:
                self._unread.append(line)
                self._unread_bytes += len(line)
                self._changed.notify_all()
        if full:
            self._lose()

    def drain(self, seconds: float) -> bool:
        """Wait until all is written or lost, so long at most. Whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._unread, seconds)

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._unread)
                line = self._unread[0]
            try:
                _write_whole(self._descriptor, line)
            except OSError:
                # The reader is gone: what is under way goes on to its end without it.
                self._lose()
            with self._changed:
                if self._lost:
                    return
                self._unread_bytes -= len(self._unread.popleft())
                self._changed.notify_all()

    def _lose(self) -> None:
        with self._changed:
            if self._lost:
                return
            self._lost = True
            self._unread.clear()
            self._changed.notify_all()
        self._on_loss()


def _write_whole(descriptor: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
