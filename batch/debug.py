"""`--debug`, an option of every command that is obeyed where errors are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

__all__ = ["Manner", "debug_option"]

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Manner:
    """How the command behaves, whichever it is."""

    debug: bool = False


def debug_option(command: Command) -> Command:
    """Add `--debug`: the traceback of an error, before its line."""
    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_remember,
        help="Show the traceback of an error.",
    )(command)


def _remember(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        ctx.ensure_object(Manner).debug = True
