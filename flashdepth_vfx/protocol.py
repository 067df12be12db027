"""What may be asked of the resident worker: one JSON object a line, told apart by "type"."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from flashdepth_vfx.errors import UsageError

__all__ = [
    "PROTOCOL",
    "About",
    "Cancel",
    "Ping",
    "Render",
    "Request",
    "Schema",
    "Shot",
    "Task",
    "id_in",
    "parse_request",
]

#: Grows by one when a message changes its meaning; new fields and new types leave it.
PROTOCOL = 1


class _Message(msgspec.Struct, tag_field="type", forbid_unknown_fields=True):
    """What all requests share."""


class Render(_Message, tag="render"):
    """Render `job`, the JSON form of a `RenderJob`, under a name of the asker's choice."""

    id: str
    job: dict[str, Any]


class Task(_Message, tag="task"):
    """Do the task that is called `task` in `plan`, the JSON form of a `FarmPlan`."""

    id: str
    plan: dict[str, Any]
    task: str


class Shot(_Message, tag="shot"):
    """Render `job`, and convert what needs the whole shot; `known` is the JSON form of the `Known` distances."""

    id: str
    job: dict[str, Any]
    known: dict[str, Any] | None = None


class About(_Message, tag="about"):
    """What is installed here, and what it runs on."""

    id: str


class Cancel(_Message, tag="cancel"):
    """Drop a render that waits, or interrupt the one that runs."""

    id: str


class Schema(_Message, tag="schema"):
    """What a job may hold, as a JSON schema."""


class Ping(_Message, tag="ping"):
    """Is anyone there, and what is under way?"""


Request: TypeAlias = Render | Task | Shot | About | Cancel | Schema | Ping


def parse_request(line: bytes | None) -> Request:
    """A request. Raises `UsageError` that says what is wrong with the line."""
    if line is None:
        raise UsageError("the line is too long to be a request")
    try:
        request: Request = msgspec.json.decode(line, type=Request)
    except (msgspec.DecodeError, RecursionError) as wrong:
        raise UsageError(f"not a request: {wrong}") from wrong
    return request


def id_in(line: bytes | None) -> str | None:
    """The id that a bad request carries, if it can be read."""
    try:
        plain = msgspec.json.decode(line or b"")
    except (msgspec.DecodeError, RecursionError):
        return None
    found = plain.get("id") if isinstance(plain, dict) else None
    return found if isinstance(found, str) else None
