"""A shot as a job of a farm's engine: the renderer's own command, asked by a host."""

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

__all__ = ["submit_shot"]

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
    job = dict(request["job"])
    # A plan's tasks go on by themselves, and look for stalls by the farm's own limits.
    for name in ("resume", "overwrite", "stall_timeout_seconds"):
        job.pop(name, None)
    command = [*find_command(plugin), "submit", "--job", "-", "--json"]
    command += ["--to", str(values["engine"]), "--job-dir", folder, "--mode", str(values["mode"])]
    if values["mode"] != "whole":
        command += ["--chunk", str(values["chunk"])]
    command += _known(request.get("known") or {})
    if plates_step:
        command += ["--plates-command", shlex.join(plates_step), "--plates-licence", plates_licence]
    written = _run(command, json.dumps(job))
    return [str(path) for path in written[str(values["engine"])]]


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
        raise RenderFailed(
            "Timeout", f"{command[0]} submit took more than {_SECONDS:.0f} s", 1
        ) from None
    except OSError as error:
        raise WorkerMissing(f"{command[0]} cannot be started: {error}") from error
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode != 0:
        raise RenderFailed("Submit", said or f"exit code {done.returncode}", done.returncode)
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise RenderFailed("Submit", f"{command[0]} said what is no JSON: {error}", 1) from error
