"""What a render tells while it runs: a few frozen values, sent to one observer.

Terminals, farms and hosts each make their own words of them; `to_plain` is their JSON form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

__all__ = [
    "Finished",
    "FramePassed",
    "FrameWritten",
    "Observer",
    "RenderEvent",
    "Started",
    "Waiting",
    "Warned",
    "from_plain",
    "to_line",
    "to_plain",
]


@dataclass(frozen=True)
class Started:
    """All is decided and nothing is rendered yet. `facts` are the log's header, in order."""

    facts: dict[str, str]
    steps_total: int
    frames_to_write: int


@dataclass(frozen=True)
class FrameWritten:
    """A frame's depth is whole on disk. `held_from` is the frame that it repeats, for a hole; `cut` says why
    the state was reset: a take begins here.
    """

    frame: int
    path: str
    steps_done: int
    steps_total: int
    frames_per_second: float
    seconds_left: float
    reset: bool
    held_from: int | None
    nan_count: int
    inf_count: int
    cut: bool = False


@dataclass(frozen=True)
class FramePassed:
    """The state went through a frame that is not written, or over a hole (`hole`)."""

    frame: int
    steps_done: int
    steps_total: int
    hole: bool


@dataclass(frozen=True)
class Waiting:
    """Plates are on their way, and nothing is decided yet: how many are there and whole, of how many as far as is
    known, and what the first of the others lacks.
    """

    files_whole: int
    files_needed: int
    lacking: str


@dataclass(frozen=True)
class Warned:
    """Something that a person should know, and that stops nothing."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The end. `outcome` is "done", "interrupted" or "failed"; `error` says why it failed."""

    outcome: str
    frames_written: int
    frames_kept: int
    seconds: float
    manifest: str
    error: str = ""


RenderEvent: TypeAlias = Waiting | Started | FrameWritten | FramePassed | Warned | Finished
Observer: TypeAlias = Callable[[RenderEvent], None]

_NAMES: dict[type, str] = {
    Waiting: "waiting",
    Started: "started",
    FrameWritten: "frame",
    FramePassed: "passed",
    Warned: "warning",
    Finished: "finished",
}


def to_plain(event: RenderEvent) -> dict[str, Any]:
    """As plain JSON values, the kind of event under "event"."""
    return {"event": _NAMES[type(event)], **msgspec.to_builtins(event)}


def from_plain(plain: Mapping[str, Any]) -> RenderEvent:
    """The event that `to_plain` made this of, whatever else is in there. Raises `ValueError` for any other."""
    kinds = {name: kind for kind, name in _NAMES.items()}
    if plain.get("event") not in kinds:
        raise ValueError(f"no event: {plain!r}")
    event: RenderEvent = msgspec.convert(plain, kinds[plain["event"]])
    return event


def to_line(event: RenderEvent) -> str:
    """As one line of a log, or several for the header."""
    match event:
        case Started():
            facts = "\n".join(f"{name}: {value}" for name, value in event.facts.items())
            return f"{facts}\nto write: {event.frames_to_write} frames"
        case FrameWritten():
            notes = [f"frame {event.frame}", event.path]
            notes.append(f"{event.steps_done}/{event.steps_total}")
            notes.append(f"{event.frames_per_second:.2f} fps, {event.seconds_left:.0f} s left")
            if event.reset:
                notes.append("cut: state reset" if event.cut else "state reset")
            if event.held_from is not None:
                notes.append(f"missing: holds frame {event.held_from}")
            return "  ".join(notes)
        case FramePassed():
            what = "missing: state carried over" if event.hole else "seen, not written"
            return f"frame {event.frame}  {what}  {event.steps_done}/{event.steps_total}"
        case Waiting():
            return f"waiting: {event.files_whole}/{event.files_needed} files are whole; {event.lacking}"
        case Warned():
            return f"warning: {event.text}"
        case Finished():
            counts = f"{event.frames_written} written, {event.frames_kept} kept"
            end = f"{event.outcome}: {counts} in {event.seconds:.1f} s"
            return f"{end}\n{event.error}" if event.error else end
