"""`flashdepth train fine-tune`: weights that know a studio's own show, from its plates and depth."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

import flashdepth_vfx

from .debug import debug_option
from .signals import stop_on_signals
from .streams import say
from .table import aligned

__all__ = ["command"]

Command = TypeVar("Command", bound=Callable[..., Any])

_EXAMPLES = """\b
Examples:
  flashdepth train fine-tune --data show/ --check
  flashdepth train fine-tune --data show/ -o show.safetensors
  flashdepth train fine-tune --data show/ -o show.safetensors --scene-unit-m 0.01 --colorspace ACEScg
  flashdepth train fine-tune --data show/ -o show.safetensors --plate 'plate/*.####.exr' --depth 'z/*.####.exr'
  flashdepth render plate.####.exr -o depth/ --weights show.safetensors

\b
The folder of --data holds a folder for each shot, however deep: a plate sequence and one whose name ends in z or
depth, or one sequence with a depth channel. A shot.json beside the frames states for its shot what the options state
for all: {"scene_unit_m": 0.01, "depth_is": "z"}. Depth is planar and unfiltered: inf is sky, NaN and 0 are unknown.
Every fifth shot is held out, to tell the error before and after; nothing in the weights names a shot.
Ctrl-C ends the training with its checkpoint written; the same command goes on from there, or where it was cut off.
"""

_READING = (
    click.option(
        "--plate", metavar="PATTERN", help="Plates in a shot's folder; * for what differs."
    ),
    click.option(
        "--depth", metavar="PATTERN", help="Depth in a shot's folder; * for what differs."
    ),
    click.option(
        "--depth-layer",
        metavar="NAME",
        help="Channel or layer that is depth.  [default: Z, depth.Z]",
    ),
    click.option(
        "--depth-is",
        type=click.Choice(["z", "inverse_z", "disparity"]),
        help="Planar depth in scene units, 1 over it, or 100 over it.  [default: z]",
    ),
    click.option(
        "--scene-unit-m", type=float, metavar="METRES", help="Length of a scene unit.  [default: 1]"
    ),
    click.option("--colorspace", help="Colour space of the plates.  [default: as the file says]"),
    click.option(
        "--ocio", metavar="CONFIG", help="OCIO config.  [default: $OCIO, else the built-in one]"
    ),
)
_TRAINING = (
    click.option("--weights", metavar="NAME|FILE", help="What to begin from.  [default: nano]"),
    click.option(
        "--accept-license",
        multiple=True,
        metavar="NAME",
        help="Accept the licence of these weights.",
    ),
    click.option(
        "--hold-out",
        multiple=True,
        metavar="SHOT",
        help="Never train on this shot. May be repeated.",
    ),
    click.option(
        "--steps", type=click.IntRange(1), help="End after so many steps.  [default: 1000]"
    ),
    click.option(
        "--minutes", type=click.FloatRange(0, min_open=True), help="End after so many minutes."
    ),
    click.option("--clips", type=click.IntRange(1), help="Clips in a step.  [default: 4]"),
    click.option("--frames", type=click.IntRange(1), help="Frames in a clip.  [default: 6]"),
    click.option(
        "--width-px", type=click.IntRange(1), help="Width of a clip.  [default: the weights' own]"
    ),
    click.option(
        "--height-px", type=click.IntRange(1), help="Height of a clip.  [default: the shots' shape]"
    ),
    click.option(
        "--made-share",
        type=float,
        help="Share of made scenes, against forgetting.  [default: 0.25]",
    ),
    click.option(
        "--encoder-rate",
        type=click.FloatRange(0),
        help="Train the encoder too, so fast.  [default: 0]",
    ),
    click.option(
        "--decoder-rate", type=click.FloatRange(0), help="How fast it learns.  [default: 1e-4]"
    ),
    click.option(
        "--temporal-rate", type=click.FloatRange(0), help="How fast it learns.  [default: 1e-4]"
    ),
    click.option(
        "--augment/--no-augment", default=None, help="Mild gamma and gain.  [default: on]"
    ),
    click.option(
        "--judged-made-clips",
        type=click.IntRange(0),
        metavar="N",
        help="Made scenes to tell the error on.  [default: 16]",
    ),
    click.option("--seed", type=int, help="Which clips are drawn.  [default: 0]"),
    click.option(
        "--workers", type=click.IntRange(1), help="Threads that read ahead.  [default: 4]"
    ),
    click.option("--device", help="auto, cuda, cuda:N or cpu.  [default: auto]"),
)


def _options(command: Command) -> Command:
    for option in reversed((*_READING, *_TRAINING)):
        command = option(command)
    return command


@click.command(
    "fine-tune", epilog=_EXAMPLES, short_help="Fine-tune weights on your own plates and depth."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where the shots are.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The weights to write: .safetensors.",
)
@click.option("--check", is_flag=True, help="Show what is in the folder, and train nothing.")
@_options
@click.option(
    "--json", "as_json", is_flag=True, help="The result, or the check, as JSON on stdout."
)
@debug_option
def command(data: Path, output: Path | None, check: bool, as_json: bool, **given: Any) -> None:
    """Fine-tune weights on the plate and depth sequences of FOLDER, and tell the error before and after."""
    training = flashdepth_vfx.training
    given = {name: value for name, value in given.items() if value not in (None, ())}
    named = {field.name for field in dataclasses.fields(training.StudioReading)}
    reading = training.StudioReading(**{n: v for n, v in given.items() if n in named})
    rest = {n: v for n, v in given.items() if n not in named}
    settings = training.FineTuneSettings(folder=data, reading=reading, **_ended(rest))
    if check:
        reports = training.check_shots(data, reading, settings.frames)
        plain = [dataclasses.asdict(report) for report in reports]
        click.echo(json.dumps(plain, indent=2) if as_json else aligned(_shots(reports)))
        return
    if output is None:
        raise click.UsageError("name the weights to write: -o FILE.safetensors")
    with stop_on_signals() as stop:
        result = training.fine_tune(settings, output, _tell_line, _tell_shots, stop)
    click.echo(json.dumps(_plain(result)) if as_json else aligned(_errors(result.rows)))


def _ended(given: dict[str, Any]) -> dict[str, Any]:
    """With --minutes alone, the clock ends it."""
    return {"steps": None, **given} if "minutes" in given else given


def _tell_line(line: dict[str, Any]) -> None:
    say(json.dumps(line))


def _tell_shots(reports: Sequence[flashdepth_vfx.training.ShotReport]) -> None:
    for row in aligned(_shots(reports)).splitlines():
        say(row)


def _shots(reports: Sequence[flashdepth_vfx.training.ShotReport]) -> Iterator[tuple[str, ...]]:
    yield "shot", "frames", "holes", "size", "near m", "far m", "unknown", "sky", "notes"
    for r in reports:
        yield (
            r.name,
            str(r.frames),
            r.holes,
            f"{r.width_px}x{r.height_px}",
            _number(r.near_m, ".3g"),
            _number(r.far_m, ".3g"),
            _number(r.unknown_share, ".1%"),
            _number(r.sky_share, ".1%"),
            "; ".join((*(f"NOT USED: {problem}" for problem in r.problems), *r.warnings)),
        )


def _errors(rows: Sequence[flashdepth_vfx.training.ErrorRow]) -> Iterator[tuple[str, ...]]:
    yield "held out", "clips", "", "delta1", "abs-rel", "rank"
    for r in rows:
        figures = (f"{figure:.3f}" for figure in (r.delta1, r.abs_rel, r.rank))
        yield r.held_out, str(r.clips), r.predictor, *figures


def _number(value: float | None, spec: str) -> str:
    return "" if value is None else format(value, spec)


def _plain(result: flashdepth_vfx.training.FineTuneResult) -> dict[str, Any]:
    return {
        "weights": str(result.weights),
        "checkpoint": str(result.checkpoint),
        "shots": result.shots,
        "frames": result.frames,
        "license": result.metadata["license"],
        "commercial_use": result.metadata["commercial_use"],
        "rows": [dataclasses.asdict(row) for row in result.rows],
    }
