"""The `RenderJob` that a command line asks for, or several: a job file with the options laid over it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click

import flashdepth_vfx
from flashdepth_vfx import Facility, RenderJob, RenderSettings

from .job_options import CHECKPOINTS, JOB, OF_SHOTS, OUTPUT, SETTINGS, SHOT, STATE

__all__ = ["job_from", "job_options", "jobs_from", "planned_options", "shot_options"]

_SETTINGS_VARIABLE = "FLASHDEPTH_SETTINGS"
Command = TypeVar("Command", bound=Callable[..., Any])


def shot_options(command: Command) -> Command:
    """Add INPUT and what chooses the picture in it."""
    for option in reversed(SHOT):
        command = option(command)
    return click.argument("input", required=False)(command)


def job_options(command: Command) -> Command:
    """Add every option of a `RenderJob`, and `--job`."""
    for option in reversed((OUTPUT, SETTINGS, JOB, *OF_SHOTS, *STATE)):
        command = option(command)
    return shot_options(command)


def planned_options(command: Command) -> Command:
    """Add INPUT..., `--job`, and the options of a `RenderJob` that all tasks of its shot share."""
    for option in reversed((OUTPUT, SETTINGS, JOB, *SHOT, *OF_SHOTS, *CHECKPOINTS)):
        command = option(command)
    return click.argument("inputs", metavar="INPUT...", nargs=-1)(command)


def jobs_from(
    file: TextIO | None, inputs: tuple[str, ...], given: Mapping[str, Any]
) -> list[RenderJob]:
    """The job of each of `inputs`, as `job_from` makes it; that in `file` alone where there are none."""
    facility, given = _facility(given)
    plain = _read_job(file)
    shot = _part("shot", plain)
    each = inputs or ((shot["input"],) if "input" in shot else ())
    if not each:
        raise click.UsageError("name an INPUT: a frame pattern, a folder or a movie; or several")
    return [_job_in(facility, plain, {**given, "input": one}) for one in each]


def job_from(file: TextIO | None, given: Mapping[str, Any]) -> RenderJob:
    """The job in `file`, with the options that were `given` laid over it. Raises `UsageError`."""
    facility, given = _facility(given)
    return _job_in(facility, _read_job(file), given)


def _facility(given: Mapping[str, Any]) -> tuple[Facility, dict[str, Any]]:
    """What the facility has settled, and the options of the job itself."""
    rest = dict(given)
    named = rest.pop("settings_files", ())
    if not named:
        listed = os.environ.get(_SETTINGS_VARIABLE, "").split(os.pathsep)
        named = tuple(Path(one) for one in listed if one)
    return (Facility.load(named) if named else Facility()), rest


def _job_in(facility: Facility, job: Mapping[str, Any], given: Mapping[str, Any]) -> RenderJob:
    plain = facility.job_form(job)
    for name, value in given.items():
        # An option that was not given is None, or () where it may be repeated.
        if value is not None and value != ():
            _room_of(name, plain)[name] = value
    if "input" not in _part("shot", plain):
        raise click.UsageError("name an INPUT: a frame pattern, a folder or a movie")
    if "output" not in plain:
        raise click.UsageError(
            "name an output with -o: a frame pattern such as depth/shot.####.exr"
        )
    return facility.require(RenderJob.from_dict(plain))


def _read_job(file: TextIO | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        plain = json.load(file)
    except (ValueError, RecursionError) as wrong:
        raise click.UsageError(f"--job {file.name}: not JSON: {wrong}") from wrong
    if not isinstance(plain, dict):
        raise click.UsageError(f"--job {file.name}: not a render job, which is a JSON object")
    return plain


def _room_of(name: str, plain: dict[str, Any]) -> dict[str, Any]:
    """The part of a job's JSON form that has the field `name`."""
    rooms = {"shot": flashdepth_vfx.Shot, "settings": RenderSettings}
    for room, kind in rooms.items():
        if name in {field.name for field in dataclasses.fields(kind)}:
            return _part(room, plain)
    return plain


def _part(room: str, plain: dict[str, Any]) -> dict[str, Any]:
    """The object under `room`, made if it is not there."""
    inner = plain.setdefault(room, {})
    if not isinstance(inner, dict):
        raise click.UsageError(f"--job: '{room}' is not a JSON object")
    return inner
