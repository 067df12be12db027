"""`flashdepth info`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import click

import flashdepth_vfx

from .debug import debug_option
from .jobs import shot_options
from .table import aligned

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth info plate.####.exr
  flashdepth info plate.mov --json
  flashdepth info plate.mov --cuts auto
  flashdepth info plate.####.exr --layer beauty --colorspace ACEScg
"""


@click.command("info", epilog=_EXAMPLES, short_help="Say what a shot on disk is.")
@shot_options
@click.option("--colorspace", help="Colour space of the plates.  [default: as the file says]")
@click.option(
    "--ocio", metavar="CONFIG", help="OCIO config.  [default: $OCIO, else the built-in one]"
)
@click.option(
    "--cuts",
    metavar="none|auto|FILE",
    help="List where takes begin: as the pictures say, or a list of frames or an .otio edit.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@debug_option
def command(
    colorspace: str | None, ocio: str | None, cuts: str | None, as_json: bool, **given: Any
) -> None:
    """Say what the shot INPUT is, from its headers: frames, holes, windows, channels, colour.

    With --cuts auto it reads the pictures too.
    """
    if given["input"] is None:
        raise click.UsageError("name an INPUT: a frame pattern, a folder or a movie")
    shot = flashdepth_vfx.Shot(**{name: v for name, v in given.items() if v is not None})
    info = flashdepth_vfx.inspect_shot(shot, colorspace=colorspace, ocio=ocio)
    facts = {**dataclasses.asdict(info), "data_windows": dict(info.data_windows)}
    if cuts is not None:
        found = flashdepth_vfx.find_cuts(shot, cuts, colorspace=colorspace, ocio=ocio)
        facts["cuts"] = list(found)
    click.echo(json.dumps(facts, indent=2) if as_json else aligned(_rows(facts)))


def _rows(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a person reads; what is empty is left out."""
    for name, value in facts.items():
        label = name.replace("_", " ")
        match value:
            case dict():
                for key, inner in value.items():
                    yield label, _one_line(f"{key}  {inner}")
                    label = ""
            case tuple():
                if value:
                    yield label, " ".join(value)
            case list():
                yield label, " ".join(map(str, value)) or "none"
            case None | "":
                continue
            case _:
                yield label, _one_line(str(value).removeprefix("colour: "))


def _one_line(text: str) -> str:
    """Without line breaks, and without what would move a terminal's cursor."""
    text = " ".join(line.strip() for line in text.splitlines())
    return "".join(sign if sign.isprintable() else " " for sign in text)
