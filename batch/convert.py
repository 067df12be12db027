"""`flashdepth convert`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

import flashdepth_vfx
from flashdepth_vfx import Convention, ConvertJob, SceneUnit, Space

from .debug import debug_option
from .options import DISTANCES, compression_option, flag, text, word
from .signals import stop_on_signals
from .streams import hand_over, say

__all__ = ["command"]

Command = TypeVar("Command", bound=Callable[..., Any])

_EXAMPLES = """\b
Examples:
  flashdepth convert depth/shot.####.exr -o z/shot.####.exr --convention z --scene-unit cm
  flashdepth convert depth/shot.####.exr -o white/shot.####.exr --convention normalised_near_white
  flashdepth convert depth/shot.####.exr -o metric/shot.####.exr --anchor 960,300,1001=2.4 --anchor 400,620,1001=11
  flashdepth convert depth/shot.####.exr -o metric/shot.####.exr --reference cg.####.exr --reference-layer Z
  flashdepth convert depth/shot.####.exr -o metric/shot.####.exr --near 1.8 --far 40
  flashdepth convert metric/shot.####.exr -o p/shot.####.exr --position world --normals camera \\
      --camera track.usd --lens undistorted
  flashdepth convert depth/%V/shot.####.exr -o z/%V/shot.####.exr --convention z --view left,right

\b
x and y of an anchor are full-size pixels from the bottom left, its distance is planar, in scene units.
The range of a normalised pass is that of all frames of the input, and is kept in OUTPUT.flashdepth/range.json.
Positions, normals and ray distance need calibrated depth, a camera (the depth's own headers have the plate's) and a
word on the lens: --lens undistorted, or --stmap.
"""

_DEPTH = (
    word(
        "--convention",
        words=Convention,
        default=ConvertJob.convention,
        help="What a depth pixel says.",
    ),
    word(
        "--scene-unit",
        words=SceneUnit,
        default=ConvertJob.scene_unit,
        help="What a length of 1 is; of anchors too.",
    ),
    flag("--infinite-sky", help="The sky of z is infinity, and not 10 km."),
)
_KNOWN = (
    *DISTANCES,
    text(
        "--reference", metavar="PLATES", help="Plates that have known planar distance as a layer."
    ),
    text(
        "--reference-layer",
        help=f"Its channel, or layer.  [default: {ConvertJob.reference_layer}]",
    ),
    text("--reference-view", metavar="NAME", help="Its view, of a stereo EXR."),
    text("--range-file", metavar="FILE", help="A range.json that another conversion left."),
)
_FILES = (
    text(
        "--depth-layer",
        metavar="NAME",
        help=f"Layer of the channel, of both.  [default: {ConvertJob.depth_layer}]",
    ),
    compression_option(ConvertJob.compression),
    text(
        "--view",
        metavar="NAME|NAME,NAME|all",
        help="View, also fills %V. Several get one scale, by the first, and one range, of all.",
    ),
    flag("--overwrite", help="Replace what is there, its range too."),
)
_CAMERA = (
    word(
        "--position",
        words=Space,
        default=None,
        help="Add a layer P: where each pixel is, in scene units.",
    ),
    word(
        "--normals", words=Space, default=None, help="Add a layer N: which way its surface faces."
    ),
    flag(
        "--ray-distance", help="z is the distance along the ray, and not along the camera's axis."
    ),
    text(
        "--camera",
        metavar="FILE|PATTERN",
        help="JSON, USD, or EXRs that have one in their headers.  [default: the depth's own headers]",
    ),
    text("--camera-path", metavar="PRIM", help="Which camera of a USD: /shot/cam."),
    word(
        "--camera-unit",
        words=SceneUnit,
        default=None,
        help="What a length of 1 is in the camera's file.  [default: as the file says, else --scene-unit]",
    ),
    word(
        "--lens",
        words=("undistorted",),
        default=None,
        help="The plate has straight lines: the camera needs no STMap.",
    ),
    text(
        "--stmap",
        metavar="FILE|PATTERN",
        help="EXR: for each pixel of the plate, red and green say where it is in the undistorted picture.",
    ),
)


def _job_options(command: Command) -> Command:
    for option in reversed((*_DEPTH, *_KNOWN, *_FILES, *_CAMERA)):
        command = option(command)
    return command


@click.command(
    "convert", epilog=_EXAMPLES, short_help="Depth in another convention, unit or scale."
)
@click.argument("input", metavar="INPUT")
@click.option(
    "-o", "--output", required=True, metavar="PATTERN", help="Where the converted depth goes."
)
@_job_options
@click.option("--json", "as_json", is_flag=True, help="At the end, the result as JSON on stdout.")
@debug_option
def command(as_json: bool, **given: Any) -> None:
    """The depth EXRs INPUT, rendered by this command, in another convention, unit or scale. No network runs."""
    # An option that was not given is None, or () where it may be repeated.
    job = ConvertJob(**{k: v for k, v in given.items() if v is not None and v != ()})
    with stop_on_signals() as stop:
        result = flashdepth_vfx.convert_depth(job, tell=say, stop=stop)
    if as_json:
        hand_over(json.dumps(result.to_plain()), f"the depth is in {result.output}")
    else:
        count = sum(map(len, result.views.values())) if result.views else len(result.frames)
        say(f"done: {count} written to {result.output}")
