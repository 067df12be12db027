"""`flashdepth weights`: list, fetch, path, verify."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import click

import flashdepth_vfx

from .debug import debug_option
from .table import aligned

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth weights list
  flashdepth weights fetch s
  flashdepth weights path nano
  flashdepth weights verify ~/weights/mine.safetensors

\b
Weights are looked for in $FLASHDEPTH_WEIGHTS, else in the user's cache folder.
$FLASHDEPTH_WEIGHTS_URL names a mirror inside the studio.
"""
_json_option = click.option("--json", "as_json", is_flag=True, help="As JSON.")
#: A line of a log each so many seconds says that a fetch is alive, and does not fill the log.
_SECONDS_BETWEEN_LINES = 5.0


@click.group("weights", epilog=_EXAMPLES, short_help="List, fetch, find and check weights.")
def command() -> None:
    """Sets of weights: which there are, under which licence, and where they are."""


@command.command("list", epilog="\b\nExamples:\n  flashdepth weights list --json")
@_json_option
@debug_option
def list_(as_json: bool) -> None:
    """List every set of weights with its licence, and whether it is here."""
    rows = flashdepth_vfx.weights.inventory()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
        return
    table = [("name", "here", "paid work", "licence", "made from")]
    for row in rows:
        here = "yes" if row.present else "no"
        table.append((row.name, here, row.commercial_use, row.license, row.base))
    click.echo(aligned(table))


@command.command("fetch", epilog="\b\nExamples:\n  flashdepth weights fetch s")
@click.argument("name")
@_json_option
@debug_option
def fetch(name: str, as_json: bool) -> None:
    """Fetch the weights NAME. A fetch that was cut off goes on where it stopped."""
    result = flashdepth_vfx.weights.fetch(name, progress=_progress_lines(name))
    _tell(result, as_json, f"{name}: {result.path}\nsha256: {result.sha256}")


@command.command("path", epilog="\b\nExamples:\n  flashdepth weights path nano")
@click.argument("name")
@debug_option
def path(name: str) -> None:
    """Print where the file of the weights NAME is."""
    click.echo(flashdepth_vfx.weights.path_of(name))


@command.command("verify", epilog="\b\nExamples:\n  flashdepth weights verify nano")
@click.argument("name")
@_json_option
@debug_option
def verify(name: str, as_json: bool) -> None:
    """Read the weights NAME (or a file) whole and hold them against what they should be."""
    result = flashdepth_vfx.weights.verify(name)
    text = f"{name}: whole, and fits {result.architecture}\nsha256: {result.sha256} ({result.expected})"
    _tell(result, as_json, text)


def _tell(result: Any, as_json: bool, text: str) -> None:
    click.echo(json.dumps(dataclasses.asdict(result), indent=2) if as_json else text)


def _progress_lines(name: str) -> Callable[[int, int | None], None]:
    """Bytes done as one line on stderr: drawn again on a terminal, now and then in a log."""
    last = -_SECONDS_BETWEEN_LINES
    drawn = sys.stderr.isatty()

    def progress(done: int, total: int | None) -> None:
        nonlocal last
        complete = done == total
        now = time.monotonic()
        if not complete and now - last < (0.1 if drawn else _SECONDS_BETWEEN_LINES):
            return
        last = now
        share = f"{100 * done / total:.0f} % of {total / 1e6:.1f} MB" if total else ""
        text = f"{name}: {done / 1e6:.1f} MB  {share}".rstrip()
        end = "\n" if complete or not drawn else ""
        click.echo(f"\r{text}{end}" if drawn else text, err=True, nl=not drawn)

    return progress
