"""`flashdepth convert`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

import flashdepth_vfx
from flashdepth_vfx import Convention, SceneUnit

from .debug import debug_option
from .signals import stop_on_signals
from .streams import say

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth convert depth/shot.####.exr -o z/shot.####.exr --convention z --scene-unit cm
  flashdepth convert depth/shot.####.exr -o white/shot.####.exr --convention normalised_near_white
  flashdepth convert depth/shot.####.exr -o metric/shot.####.exr --anchor 960,300,1001=2.4 --anchor 400,620,1001=11
  flashdepth convert depth/shot.####.exr -o metric/shot.####.exr --reference cg.####.exr --reference-layer Z

\b
x and y of an anchor are full-size pixels from the bottom left, its distance is planar, in scene units.
The range of a normalised pass is that of all frames of the input, and is kept in OUTPUT.flashdepth/range.json.
"""


@click.command(
    "convert", epilog=_EXAMPLES, short_help="Depth in another convention, unit or scale."
)
@click.argument("input", metavar="INPUT")
@click.option(
    "-o", "--output", required=True, metavar="PATTERN", help="Where the converted depth goes."
)
@click.option(
    "--convention",
    type=click.Choice([str(one) for one in Convention]),
    default=str(Convention.INVERSE_Z),
    show_default=True,
    help="What a depth pixel says.",
)
@click.option(
    "--scene-unit",
    type=click.Choice([str(one) for one in SceneUnit]),
    default=str(SceneUnit.M),
    show_default=True,
    help="What a length of 1 is; of anchors too.",
)
@click.option("--infinite-sky", is_flag=True, help="The sky of z is infinity, and not 10 km.")
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    metavar="X,Y,FRAME=DISTANCE",
    help="A measured distance. Two or more.",
)
@click.option(
    "--reference", metavar="PLATES", help="Plates that have known planar distance as a layer."
)
@click.option("--reference-layer", default="Z", show_default=True, help="Its channel, or layer.")
@click.option("--reference-view", metavar="NAME", help="Its view, of a stereo EXR.")
@click.option("--near", type=float, help="The normalised range's near end, in scene units.")
@click.option("--far", type=float, help="Its far end.")
@click.option("--range-file", metavar="FILE", help="A range.json that another conversion left.")
@click.option(
    "--depth-layer", default="depth", show_default=True, help="Layer of the channel, of both."
)
@click.option("--compression", default="zips", show_default=True, help="As for render.")
@click.option("--overwrite", is_flag=True, help="Replace what is there, its range too.")
@click.option("--json", "as_json", is_flag=True, help="At the end, the result as JSON on stdout.")
@debug_option
def command(as_json: bool, **given: Any) -> None:
    """The depth EXRs INPUT, rendered by this command, in another convention, unit or scale. No network runs."""
    job = flashdepth_vfx.ConvertJob(**given)
    with stop_on_signals() as stop:
        result = flashdepth_vfx.convert_depth(job, tell=say, stop=stop)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(result)))
    else:
        say(f"done: {len(result.frames)} written to {Path(job.output).parent}")
