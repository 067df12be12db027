"""Every option of a render, called as the field of the job that it sets.

What a job takes and what the command takes are one list. Defaults are the dataclasses' own: an option that was not
given sets nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flashdepth_vfx import (
    Convention,
    Empty,
    MissingPolicy,
    RenderSettings,
    SceneUnit,
    Upsampling,
)

from .options import compression_option
from .options import flag as _flag
from .options import seconds as _seconds
from .options import text as _text
from .options import word as _word

__all__ = ["CHECKPOINTS", "HOOK", "JOB", "LIVE", "OF_SHOTS", "OUTPUT", "SETTINGS", "SHOT", "STATE"]

_DEFAULTS = RenderSettings()


class _NumberOr(click.ParamType[float | str]):
    """A number of a kind, or one word."""

    def __init__(self, kind: type[int] | type[float], what: str, word: str) -> None:
        self._kind, self._what, self._word = kind, what, word
        self.name = f"{what}|{word}"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        if value == self._word:
            return self._word
        try:
            return self._kind(value)
        except ValueError:
            self.fail(f"'{value}' is neither {self._what} nor '{self._word}'", param, ctx)


class _Names(click.ParamType[tuple[str, ...]]):
    """Names separated by commas."""

    name = "name,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


SHOT = (
    _text("--layer", help="Layer of the EXR to take as the picture."),
    click.option("--channels", type=_Names(), help="One or three channels to take as the picture."),
    _text(
        "--view",
        metavar="NAME|NAME,NAME|all",
        help="View of a stereo EXR, also fills %V in names. Of several, each has its own state, and the first"
        " decides the cuts: --view left,right.",
    ),
    click.option("--start-frame", type=int, help="Number of a movie's first frame.  [default: 1]"),
)
_PART = (
    _text(
        "--frames", metavar="RANGE", help="Frames to write: 1001-1100,1200-1210x2. [default: all]"
    ),
    _flag("--sparse", help="The network sees the frames of --frames only, as if cut together."),
    click.option(
        "--missing",
        type=click.Choice([str(policy) for policy in MissingPolicy]),
        help=f"What becomes of a frame that is not on disk.  [default: {_DEFAULTS.missing}]",
    ),
    _text(
        "--cuts",
        metavar="none|auto|FILE",
        help="Where takes begin, and the state anew: nowhere, where the pictures say, or where a list of"
        " frames or an .otio edit does.  [default: auto for a movie, none for a sequence]",
    ),
)
_NETWORK = (
    _text(
        "--weights",
        metavar="NAME|FILE",
        help=f"Set of weights (flashdepth weights list).  [default: {_DEFAULTS.weights}]",
    ),
    click.option(
        "--accept-license",
        multiple=True,
        metavar="NAME",
        help="Accept the licence of these weights. May be repeated.",
    ),
    click.option(
        "--resolution",
        type=_NumberOr(int, "pixels", "native"),
        help="Long side of what the network sees.  [default: the weights' own]",
    ),
    _text("--device", help=f"auto, cuda, cuda:N or cpu.  [default: {_DEFAULTS.device}]"),
    _word(
        "--scan",
        words=("auto", "torch", "mamba_ssm"),
        default=_DEFAULTS.scan,
        help="Kernels of the temporal module.",
    ),
    _word(
        "--precision",
        words=("auto", "fp32", "fp16", "bf16"),
        default=_DEFAULTS.precision,
        help="Of the network's wide layers; what fp16 cannot hold is computed in fp32.",
    ),
)
_DEPTH = (
    _word(
        "--convention",
        words=Convention,
        default=_DEFAULTS.convention,
        help="What a depth pixel says.",
    ),
    _word(
        "--scene-unit",
        words=SceneUnit,
        default=_DEFAULTS.scene_unit,
        help="What a length of 1 is in the scene.",
    ),
    _flag("--infinite-sky", help="The sky of z is infinity, and not 10 km."),
    _word(
        "--upsampling",
        words=Upsampling,
        default=_DEFAULTS.upsampling,
        help="How depth reaches plate size.",
    ),
    _text(
        "--depth-layer",
        metavar="NAME",
        help=f"Layer of the depth channel; '' for a bare Z.  [default: {_DEFAULTS.depth_layer}]",
    ),
    compression_option(_DEFAULTS.compression),
    _flag(
        "--edge-matte", help="Also write depth.edge: 1 where depth is not to be trusted, at edges."
    ),
    _flag(
        "--edge-layers",
        help="Also write depth.fg, depth.bg and depth.coverage: two depths and the near one's share of the"
        " pixel, for hair and motion blur. Needs --upsampling guided.",
    ),
    _flag(
        "--stabilise",
        help="Take out flicker of the depth's scale and offset, frame by frame.",
    ),
)
_BESIDE = (
    _flag(
        "--append-part",
        help="Write copies of the EXR plates, with the depth as one more part; the plate's own parts stay"
        " as they are, byte for byte.",
    ),
)
_COLOR = (
    _text("--colorspace", help="Colour space of the plates.  [default: as the file says]"),
    _text("--ocio", metavar="CONFIG", help="OCIO config.  [default: $OCIO, else the built-in one]"),
    _text(
        "--display-view", metavar="[DISPLAY/]VIEW", help="OCIO view that the network sees through."
    ),
    click.option(
        "--exposure",
        "exposure_stops",
        type=_NumberOr(float, "stops", "auto"),
        help="Brighten or darken what the network sees; auto measures the whole shot once.  [default: 0]",
    ),
)
_MASKS = (
    _text(
        "--matte",
        metavar="LAYER",
        help="Layer or channel of the plates, or of --matte-input, that says which pixels to ignore: rigs,"
        " burn-ins.",
    ),
    _text(
        "--matte-input",
        metavar="PATTERN",
        help="Mattes as a sequence of their own, with the plates' frame numbers, or one still for all.",
    ),
    _flag("--matte-invert", help="The matte says which pixels to keep."),
    click.option(
        "--matte-threshold",
        type=float,
        metavar="VALUE",
        help=f"Ignore what is above it, 0 to 1.  [default: {_DEFAULTS.matte_threshold}]",
    ),
    _word(
        "--empty",
        words=Empty,
        default=_DEFAULTS.empty,
        help="What becomes of letterboxes, black edges of undistorted plates, and alpha 0.",
    ),
)
CHECKPOINTS = (
    click.option(
        "--checkpoint-interval",
        "checkpoint_interval_frames",
        type=int,
        metavar="FRAMES",
        help="Frames between two checkpoints of the state."
        f"  [default: {_DEFAULTS.checkpoint_interval_frames}]",
    ),
    _flag("--allow-device-change", help="Accept a seam where another kind of device goes on."),
    _seconds(
        "--stall-timeout",
        "stall_timeout_seconds",
        help="Give up, with what is finished saved and exit code 75, when no frame moves for so long.",
    ),
)
STATE = (
    _text("--state-in", metavar="FILE", help="Go on from the state that another render left."),
    _text("--state-out", metavar="FILE", help="Leave the state after the last frame."),
    click.option(
        "--preroll",
        "preroll_frames",
        type=int,
        metavar="FRAMES",
        help="The state sees so many frames before those of --frames, and not the whole shot: an approximation, for"
        " parts that are rendered at once.",
    ),
    _flag("--decided", help="Take what flashdepth decide left beside the output."),
    _flag("--resume", help="Keep whole frames and go on from the last checkpoint."),
    _flag("--overwrite", help="Replace frames that were made with other settings."),
    _seconds(
        "--wait-for-frames",
        "wait_for_frames_seconds",
        help="Wait for plates that are on their way, until none has come for so long. Needs --frames.",
    ),
    *CHECKPOINTS,
)
#: What is the same for all tasks of a shot.
OF_SHOTS = (*_PART, *_NETWORK, *_DEPTH, *_BESIDE, *_COLOR, *_MASKS)
#: What pictures that are not on disk have too.
LIVE = (*_NETWORK, *_DEPTH, *_COLOR)


OUTPUT = _text("-o", "--output", metavar="PATTERN", help="Where the depth EXRs go.")
SETTINGS = click.option(
    "--settings",
    "settings_files",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Defaults and allowed weights of a site, a show or a shot, as TOML; later ones go over earlier ones."
    "  [default: those of $FLASHDEPTH_SETTINGS]",
)
HOOK = click.option(
    "--hook",
    metavar="EXECUTABLE",
    envvar="FLASHDEPTH_HOOK",
    help="Run when all is there, with the manifests as its arguments.  [default: $FLASHDEPTH_HOOK]",
)
JOB = click.option(
    "--job",
    type=click.File("r", encoding="utf-8"),
    help="A job as JSON ('-' is stdin); other options replace what it says.",
)
