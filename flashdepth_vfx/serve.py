"""The resident worker: jobs come as JSON lines, what becomes of them goes back the same way.

The network stays loaded between renders. On stdin and stdout it serves one host and ends with it, so that a host
that dies takes it along; listening on this machine it serves one client after another, for the tasks of a farm. The
render in hand saves its state first. docs/serve.md lists every message.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from flashdepth_vfx.errors import DeviceError
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.worker import Worker

if TYPE_CHECKING:
    from flashdepth_vfx.networks import Networks

__all__ = ["run_listener", "run_worker"]

#: A client that connects says who it is in this time, or is let go.
_GREETING_SECONDS = 5.0


def run_worker(*, grace_seconds: float = 60.0, debug: bool = False) -> int:
    """Serve this process's stdin until it ends, and return the exit code.

    0 when it ended idle, 143 when a render was interrupted, with its state saved, and 1, by ending the
    process, when that took longer than `grace_seconds`. SIGTERM and Ctrl-C count as the end of stdin.
    `debug` prints the traceback of a defect on stderr.
    """
    requests, replies = _claim_streams()
    return Worker(requests, replies, grace_seconds, debug=debug).run()


def _claim_streams() -> tuple[int, int]:
    """Stdin and stdout for the protocol alone; a library that prints, prints on stderr."""
    sys.stdout.flush()
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def run_listener(
    address: Path, *, grace_seconds: float = 60.0, idle_seconds: float = 900.0, debug: bool = False
) -> int:
    """Serve clients on this machine, one after another, until SIGTERM or so long without one; return the exit code.

    `address` is where they are told the port and the word that lets them in: a file for this user alone, taken away
    at the end. The exit codes are those of `run_worker`. Raises `OutputError` when it cannot be written, and
    `DeviceError` on Windows, where a connection is no file.
    """
    if sys.platform == "win32":
        raise DeviceError("--listen needs connections that are files, which Windows has not")
    with socket.create_server(("127.0.0.1", 0)) as server:
        word = secrets.token_hex(16)
        try:
            # Before anybody can know whom to send one to.
            _raise_on_signals()
            _publish(address, {"port": server.getsockname()[1], "token": word, "pid": os.getpid()})
            return _listen(server, word, _Clients(grace_seconds, idle_seconds, debug=debug))
        except _Told:
            return 0
        finally:
            address.unlink(missing_ok=True)


class _Told(Exception):
    """A signal asked for the end while nobody was connected."""


@dataclass
class _Clients:
    """How clients are served, and the networks that stay loaded between them."""

    grace_seconds: float
    idle_seconds: float
    debug: bool
    networks: Networks | None = None

    def serve(self, connection: socket.socket) -> tuple[int, bool]:
        """One client, to its end: the exit code, and whether a signal has ended it."""
        connection.settimeout(None)
        worker = Worker(
            connection.fileno(),
            connection.fileno(),
            self.grace_seconds,
            debug=self.debug,
            networks=self.networks,
        )
        code = worker.run()
        self.networks = worker.networks
        return code, worker.signalled


def _listen(server: socket.socket, word: str, clients: _Clients) -> int:
    code, told = 0, False
    while not told:
        try:
            _raise_on_signals()
            server.settimeout(clients.idle_seconds)
            connection, _ = server.accept()
        except TimeoutError:
            return 0
        with connection:
            if _is_let_in(connection, word):
                code, told = clients.serve(connection)
    return code


def _raise_on_signals() -> None:
    def told(_number: int, _frame: FrameType | None) -> None:
        raise _Told

    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), told)


def _is_let_in(connection: socket.socket, word: str) -> bool:
    """Whether the first line of a client is the word."""
    connection.settimeout(_GREETING_SECONDS)
    said = b""
    try:
        # Not a byte further: what follows is the worker's to read.
        while not said.endswith(b"\n") and len(said) <= len(word):
            byte = connection.recv(1)
            if not byte:
                return False
            said += byte
    except OSError:
        return False
    return secrets.compare_digest(said.strip(), word.encode())


def _publish(address: Path, facts: dict[str, Any]) -> None:
    before = os.umask(0o077)
    try:
        atomic_write_bytes(address, json.dumps(facts).encode() + b"\n")
    finally:
        os.umask(before)
