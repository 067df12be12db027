"""A `RenderJob` as the command line that asks for it.

An option is called as the field that it sets, without the field's unit: `--exposure` for `exposure_stops`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from flashdepth_vfx.job import RenderJob, Shot
from flashdepth_vfx.settings import RenderSettings

__all__ = ["words_of"]

_UNITS = ("_frames", "_seconds", "_stops")


def words_of(job: RenderJob) -> str:
    """The command, quoted for a POSIX shell; what is as it would be without an option is left out."""
    source = job.shot.input
    # A name that looks like an option is none.
    words = [f"./{source}" if source.startswith("-") else source, *_option("--output", job.output)]
    plain = RenderJob(shot=Shot(input=source), output=job.output)
    for given, usual in ((job.shot, plain.shot), (job, plain), (job.settings, plain.settings)):
        words += _options(given, usual)
    return shlex.join(["flashdepth", "render", *words])


def _options(given: RenderJob | Shot | RenderSettings, usual: Any) -> Iterator[str]:
    for field in fields(given):
        value = getattr(given, field.name)
        if field.name in ("shot", "settings") or value == getattr(usual, field.name):
            continue
        name = field.name
        for unit in _UNITS:
            name = name.removesuffix(unit)
        option = "--" + name.replace("_", "-")
        if value is True:
            yield option
        elif field.name == "channels":
            yield from _option(option, ",".join(value))
        else:
            for one in value if isinstance(value, tuple) else (value,):
                yield from _option(option, str(one))


def _option(name: str, value: str) -> tuple[str, ...]:
    # With its name in one word, a value may begin as options do.
    return (f"{name}={value}",) if value.startswith("-") else (name, value)
