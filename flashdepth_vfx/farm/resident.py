"""A task done by a worker that stays resident on this machine: weights are loaded once for many tasks."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flashdepth_vfx.errors import FlashDepthError, Interrupted, WorkerError
from flashdepth_vfx.events import Observer, Warned, from_plain
from flashdepth_vfx.farm.tasks import FarmPlan, Task

__all__ = ["run_by_worker"]

_CONNECT_SECONDS = 10.0
#: How often it is looked whether to stop, while the worker says nothing.
_LOOK_SECONDS = 0.2


def run_by_worker(
    address: Path,
    plan: FarmPlan,
    task: Task,
    *,
    observer: Observer | None = None,
    tell: Callable[[str], None] = lambda text: None,
    stop: threading.Event | None = None,
) -> dict[str, Any]:
    """As `run_task`, in the worker that `flashdepth serve --listen` told of in the file `address`.

    Raises `WorkerError` when it is not there, or goes away before the task is done, and otherwise what the task
    raises there, with its exit code.
    """
    name = task.id
    with _connected(address) as connection:
        plain = plan.of_shot(task.shot).to_dict()
        _send(connection, {"type": "task", "id": name, "plan": plain, "task": name})
        for message in _messages(address, connection, name, stop or threading.Event()):
            match message["type"]:
                case "finished":
                    result: dict[str, Any] = message["result"]
                    return result
                case "cancelled":
                    raise Interrupted(message["message"])
                case "error":
                    raise _as_there(message)
            _pass_on(message, observer, tell)
    raise WorkerError(
        address, "went away before the task was done; its frames and checkpoints stand, try again"
    )


def _pass_on(
    message: dict[str, Any], observer: Observer | None, tell: Callable[[str], None]
) -> None:
    if "event" not in message:
        return
    event = from_plain(message)
    # Work that renders nothing only has words for people.
    if isinstance(event, Warned) and observer is None:
        tell(event.text)
    elif observer is not None:
        observer(event)


def _connected(address: Path) -> socket.socket:
    try:
        facts = json.loads(address.read_bytes())
        connection = socket.create_connection(("127.0.0.1", facts["port"]), _CONNECT_SECONDS)
        connection.sendall(facts["token"].encode() + b"\n")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkerError(
            address, f"no worker answers there ({error}); start flashdepth serve --listen {address}"
        ) from error
    connection.settimeout(_LOOK_SECONDS)
    return connection


def _send(connection: socket.socket, message: dict[str, Any]) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def _messages(
    address: Path, connection: socket.socket, name: str, stop: threading.Event
) -> Iterator[dict[str, Any]]:
    """What the worker says of the task, until it goes away. It is told once to cancel when `stop` is set."""
    told = False
    for line in _lines(connection):
        if stop.is_set() and not told:
            told = True
            _send(connection, {"type": "cancel", "id": name})
        if line is None:
            continue
        try:
            message = json.loads(line)
        except ValueError as error:
            raise WorkerError(address, f"says what is no message ({error})") from error
        if message.get("id") == name:
            yield message


def _lines(connection: socket.socket) -> Iterator[bytes | None]:
    """Whole lines, and None now and then while there are none."""
    held = b""
    while True:
        try:
            chunk = connection.recv(1 << 16)
        except TimeoutError:
            yield None
            continue
        except OSError:
            return
        if not chunk:
            return
        *lines, held = (held + chunk).split(b"\n")
        yield from lines


class _ThereError(FlashDepthError):
    """What a task raised in the worker, by its message and exit code."""


def _as_there(message: dict[str, Any]) -> FlashDepthError:
    error = _ThereError(message["message"])
    error.exit_code = int(message["exit_code"])
    return error
