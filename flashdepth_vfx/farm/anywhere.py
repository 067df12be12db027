"""The paths of a job, from the working folder of the person who plans to one that is the same for every task."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from flashdepth_vfx.job import RenderJob

__all__ = ["FILES", "absolute_hook", "absolute_paths"]

#: The settings that may name a file. A word such as `auto`, or the name of weights, is none.
FILES = ("weights", "ocio", "cuts", "matte_input")
_WORDS = ("auto", "none")


def absolute_paths(job: RenderJob) -> RenderJob:
    """The same job, wherever it is run."""
    settings = job.settings
    files: dict[str, Any] = {
        name: _absolute(value)
        for name in FILES
        if (value := getattr(settings, name)) is not None and _is_file(name, value)
    }
    return replace(
        job,
        shot=replace(job.shot, input=_absolute(job.shot.input)),
        output=_absolute(job.output),
        settings=replace(settings, **files),
    )


def absolute_hook(hook: str | None) -> str | None:
    """An executable by its path; one that is looked for on the machine's own path stays a name."""
    if hook is None or Path(hook).name == hook:
        return hook
    return _absolute(hook)


def _is_file(name: str, value: str) -> bool:
    if value in _WORDS or value.startswith("ocio://"):
        return False
    return name != "weights" or value.endswith(".safetensors") or "/" in value or "\\" in value


def _absolute(path: str) -> str:
    # A folder is told by the slash at its end.
    return str(Path(path).expanduser().absolute()) + ("/" if path.endswith("/") else "")
