"""A shot as tasks, and as a job of a farm's engine: the renderer's own command, asked by a host."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import RenderFailed, WorkerMissing
from .fields import Value
from .finding import clean_environment, find_command

__all__ = ["plan_shot", "submit_shot"]

#: Planning lists folders and opens no plate.
_SECONDS = 120.0


def submit_shot(
    plugin: Path,
    request: Mapping[str, Any],
    values: Mapping[str, Value],
    folder: str,
    plates_step: Sequence[str] = (),
    plates_licence: str = "",
) -> list[str]:
    """Write the shot of `request` as jobs of `values['engine']` into `folder`; the files that were written.

    `plates_step` is a command that makes the plates, in a task of its own that takes `plates_licence`. Raises
    `RenderFailed` with the command's own words, and `WorkerMissing`.
    """
    command = _command(plugin, "submit", request, values)
    command += ["--to", str(values["engine"]), "--job-dir", folder]
    if plates_step:
        command += ["--plates-command", shlex.join(plates_step), "--plates-licence", plates_licence]
    written = _run(command, _job_text(request))
    return [str(path) for path in written[str(values["engine"])]]


def plan_shot(
    plugin: Path, request: Mapping[str, Any], values: Mapping[str, Value]
) -> dict[str, Any]:
    """The shot of `request` as a plan, in the renderer's own JSON: its tasks, and what each waits for.

    Raises `RenderFailed` with the command's own words, and `WorkerMissing`.
    """
    command = [*_command(plugin, "plan", request, values), "--no-report"]
    plan: dict[str, Any] = _run(command, _job_text(request))
    return plan


def _command(
    plugin: Path, name: str, request: Mapping[str, Any], values: Mapping[str, Value]
) -> list[str]:
    """What `plan` and `submit` are asked alike."""
    command = [*find_command(plugin), name, "--job", "-", "--json", "--mode", str(values["mode"])]
    if values["mode"] != "whole":
        command += ["--chunk", str(values["chunk"])]
    return command + _known(request.get("known") or {})


def _job_text(request: Mapping[str, Any]) -> str:
    job = dict(request["job"])
    # A plan's tasks go on by themselves, and look for stalls by the farm's own limits.
    for name in ("resume", "overwrite", "stall_timeout_seconds"):
        job.pop(name, None)
    return json.dumps(job)


def _known(known: Mapping[str, Any]) -> list[str]:
    options = [word for anchor in known.get("anchors", ()) for word in ("--anchor", anchor)]
    for name in ("near", "far"):
        if known.get(name) is not None:
            options += [f"--{name}", f"{known[name]:g}"]
    return options


def _run(command: Sequence[str], stdin: str) -> Any:
    try:
        done = subprocess.run(
            command,
            input=stdin.encode(),
            capture_output=True,
            timeout=_SECONDS,
            env=clean_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RenderFailed("Timeout", f"{command[0]} took more than {_SECONDS:.0f} s", 1) from None
    except OSError as error:
        raise WorkerMissing(f"{command[0]} cannot be started: {error}") from error
    # The last line is what went wrong; before it are notes.
    said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    said = said[len("error: ") :] if said.startswith("error: ") else said
    if done.returncode != 0:
        raise RenderFailed("Submit", said or f"exit code {done.returncode}", done.returncode)
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise RenderFailed("Submit", f"{command[0]} said what is no JSON: {error}", 1) from error
