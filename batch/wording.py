"""A `RenderJob` as the command line that asks for it: `job_from` backwards."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import click

from flashdepth_vfx import RenderJob

from .render import command as render

__all__ = ["words_of"]

_NOT_GIVEN = object()


def words_of(job: RenderJob) -> str:
    """The command, quoted for a POSIX shell; what is as it would be without an option is left out."""
    return shlex.join(["flashdepth", "render", *_words(job)])


def _words(job: RenderJob) -> Iterator[str]:
    source = job.shot.input
    # A name that looks like an option is none.
    yield f"./{source}" if source.startswith("-") else source
    plain = RenderJob(shot=type(job.shot)(input=source), output=job.output)
    for option in render.params:
        if isinstance(option, click.Option):
            value = _value(job, option.name or "")
            if option.name == "output" or value != _value(plain, option.name or ""):
                yield from _said(option, value)


def _value(job: RenderJob, name: str) -> Any:
    for part in (job, job.shot, job.settings):
        if hasattr(part, name):
            return getattr(part, name)
    return _NOT_GIVEN


def _said(option: click.Option, value: Any) -> Iterator[str]:
    name = option.opts[-1]
    if option.is_flag:
        yield name
    elif option.multiple:
        for one in value:
            yield from (name, str(one))
    elif isinstance(value, tuple):
        yield from (name, ",".join(value))
    else:
        text = str(value)
        # With its name in one word, a value may begin as options do.
        yield from ((f"{name}={text}",) if text.startswith("-") else (name, text))
