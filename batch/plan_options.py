"""What `plan` and `submit` take beside the options of a render, and the plan that comes of it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import Any, TextIO, TypeVar

import click

from flashdepth_vfx import farm

from .job_options import HOOK
from .jobs import jobs_from, planned_options
from .options import DISTANCES, text, word

__all__ = ["plan_from", "plan_options"]

Command = TypeVar("Command", bound=Callable[..., Any])

_PLAN = (
    word(
        "--mode",
        words=farm.Mode,
        default="whole",
        help="whole: one task a take. chain: chunks one after another, each from the state of the one before:"
        " the same pixels, no faster. preroll: chunks at once, each seeing a few frames before its own: approximate.",
    ),
    click.option(
        "--chunk",
        "chunk_frames",
        type=int,
        metavar="FRAMES",
        help="Frames of a chunk.  [default: 100]",
    ),
    click.option(
        "--preroll",
        "preroll_frames",
        type=int,
        metavar="FRAMES",
        help="Frames that a chunk of a preroll sees before its own.  [default: 16]",
    ),
    click.option(
        "--report/--no-report",
        default=None,
        help="The last task of a shot writes a page about it, beside its states.  [default: report]",
    ),
    HOOK,
    click.option("--attempts", type=int, help="Times that a task is tried, at most.  [default: 3]"),
)
_PLATES = (
    text(
        "--plates-command",
        metavar="COMMAND",
        help="What makes the plates first, as a task of its own: a program and its arguments, as one text. Needs"
        " --frames, and an INPUT that is a frame pattern.",
    ),
    text(
        "--plates-licence",
        metavar="WORD",
        help="The farm's word for the licence that --plates-command holds.",
    ),
)
_MACHINE = (
    click.option("--gpus", type=int, help="GPUs of a task.  [default: 0]"),
    click.option("--cpu-cores", type=int, help="Cores of a task.  [default: 2]"),
    click.option("--memory-mib", type=int, help="Memory of a task.  [default: 2048]"),
    click.option("--gpu-memory-mib", type=int, help="Memory of its GPU.  [default: 0]"),
    text(
        "--device-class", metavar="WORD", help="The farm's word for the machines that may take it."
    ),
)


def plan_options(command: Command) -> Command:
    """Add INPUT... and everything that a plan is made of."""
    for option in reversed((*_PLAN, *DISTANCES, *_PLATES, *_MACHINE)):
        command = option(command)
    return planned_options(command)


def plan_from(job: TextIO | None, inputs: tuple[str, ...], given: dict[str, Any]) -> farm.FarmPlan:
    """The plan that was asked for. Raises `UsageError`, and what plates that cannot be found deserve."""
    names = ("mode", "chunk_frames", "preroll_frames", "attempts", "report", "hook")
    how = {name: value for name in names if (value := given.pop(name)) is not None}
    machine = {
        name: value
        for name in ("gpus", "cpu_cores", "memory_mib", "gpu_memory_mib")
        if (value := given.pop(name)) is not None
    }
    if (word := given.pop("device_class")) is not None:
        machine["device"] = word
    how |= {"known": _known(given), "plates": _plates(given)}
    jobs = jobs_from(job, inputs, given)
    return farm.plan(jobs, requirements=farm.Requirements(**machine), **how)


def _known(given: dict[str, Any]) -> farm.Known | None:
    """The distances that were given, which are taken out of it."""
    anchors, near, far = (given.pop(name) for name in ("anchors", "near", "far"))
    if not anchors and near is None and far is None:
        return None
    return farm.Known(anchors, near, far)


def _plates(given: dict[str, Any]) -> farm.PlatesStep | None:
    """What makes the plates, which is taken out of what was given. Raises `UsageError`."""
    command, licence = given.pop("plates_command"), given.pop("plates_licence")
    if command is None:
        if licence is not None:
            raise click.UsageError("--plates-licence is that of a --plates-command: give both")
        return None
    try:
        # A backslash is part of a path on Windows.
        words = shlex.split(command, posix=os.name == "posix")
    except ValueError as wrong:
        raise click.UsageError(f"--plates-command {command}: {wrong}") from wrong
    return farm.PlatesStep(tuple(words), licence or "")
