"""`flashdepth evaluate` on the paper's test sets: its options, and what it prints."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

import flashdepth_vfx

from .status import open_status

__all__ = [
    "evaluate_sets",
    "published_options",
    "require_of_the_paper",
    "require_our_own",
    "sets_of_the_paper",
    "take_published",
]

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--set",
        "data_sets",
        multiple=True,
        type=click.Choice(flashdepth_vfx.training.DATASETS),
        help="A published set in --data, by the paper's protocol. May be repeated.",
    ),
    click.option(
        "--scale",
        type=click.Choice(["base", "2k"]),
        help="How large the paper shows it to a model.  [default: 2k with a teacher, else base]",
    ),
    click.option("--scenes", type=int, help="Of a published set, the first so many.  [all]"),
    click.option("--frames-per-scene", type=int, help="Of each, the first so many.  [all]"),
)
#: What only our own sets have.
_OURS = (
    *("only", "seeds", "hybrid", "clips", "frames", "clips_per_level", "height_px", "width_px"),
    *("long_sides_px", "drift_frames"),
)
_PAPERS = ("data_sets", "scale", "scenes", "frames_per_scene")


def published_options(command: Command) -> Command:
    """The options of published sets."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def take_published(given: dict[str, Any]) -> dict[str, Any]:
    """The options of published sets, taken out of all."""
    return {name: given.pop(name) for name in _PAPERS}


def sets_of_the_paper(
    published: dict[str, Any], data: Path | None, only: str | None
) -> tuple[str, ...]:
    """Those that are named, else those that lie in the folder, unless our own are asked for."""
    named: tuple[str, ...] = published["data_sets"]
    if named and data is None:
        raise click.UsageError("--set is of a folder: name it with --data")
    if named or data is None or only is not None:
        return named
    found: tuple[str, ...] = flashdepth_vfx.evaluation.published_sets(data)
    return found


def require_of_the_paper(ctx: click.Context) -> None:
    """Raises `UsageError` for an option that published sets do not have."""
    _refuse(ctx, _OURS, "is of our own sets, and --data is of published ones")


def require_our_own(ctx: click.Context) -> None:
    """Raises `UsageError` for an option that our own sets do not have, and without a folder for the report."""
    _refuse(
        ctx, _PAPERS, "is of published sets: name one with --set, or a folder of them with --data"
    )
    if ctx.params["output"] is None:
        raise click.UsageError("name a folder for the report: --output FOLDER")


def evaluate_sets(
    sets: tuple[str, ...], published: dict[str, Any], given: dict[str, Any], as_json: bool
) -> None:
    """Measure, and print the tables."""
    evaluation = flashdepth_vfx.evaluation
    job = evaluation.PublishedJob(
        models=given["models"],
        data=given["data"],
        sets=sets,
        output=given["output"],
        scale=published["scale"],
        scenes=published["scenes"],
        frames=published["frames_per_scene"],
        device=given["device"],
        accept_license=given["accept_license"],
    )
    with open_status() as status:
        report = evaluation.evaluate_published(job, status.tell, status.show)
    plain = evaluation.published_to_plain
    click.echo(
        json.dumps(plain(report), indent=2) if as_json else evaluation.published_text(report)
    )


def _refuse(ctx: click.Context, names: tuple[str, ...], reason: str) -> None:
    for parameter in ctx.command.params:
        if parameter.name in names and ctx.get_parameter_source(parameter.name) is (
            click.core.ParameterSource.COMMANDLINE
        ):
            raise click.UsageError(f"{parameter.opts[0]} {reason}")
