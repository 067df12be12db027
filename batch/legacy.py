"""`flashdepth legacy`."""

from __future__ import annotations

from pathlib import Path

import click

from flashdepth_vfx import RenderSettings, live

from .debug import debug_option
from .signals import stop_on_signals
from .status import open_status

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth legacy --config-path configs/flashdepth inference=true eval.random_input=take.mp4 eval.outfolder=output
  flashdepth legacy --config-path configs/flashdepth-l inference=true eval.random_input=movies load=iter_10001.pth

\b
What stands behind the published train.py stands here, and goes over config.yaml. Depth is written to
CONFIG/OUTFOLDER/MOVIE/depth_npy_files/frame_N.npy, and picture beside depth to CONFIG_STEP_INDEX.mp4 there. A movie
that cannot be used is told of and does not stop the others; the exit code is 1 then.
"""


@click.command(
    "legacy",
    epilog=_EXAMPLES,
    short_help="Movies in, movies out, as the published train.py has it.",
)
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
@click.option(
    "--config-path",
    required=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder with a config.yaml of the published code: configs/flashdepth, -l or -s.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cuda, cuda:N or cpu.")
@click.option("--accept-license", metavar="NAME", multiple=True, help="As for render.")
@debug_option
@click.pass_context
def command(
    ctx: click.Context,
    overrides: tuple[str, ...],
    config_path: Path,
    device: str,
    accept_license: tuple[str, ...],
) -> None:
    """Depth of movies by a configuration folder of the published code, whose keys and file names it keeps."""
    config = live.PublishedConfig.read(config_path, overrides)
    settings = RenderSettings(device=device, accept_license=accept_license)
    with stop_on_signals() as stop, open_status() as status:
        done = live.legacy_job(
            config,
            settings,
            stop=stop,
            tell=status.tell,
            on_frame=lambda now: status.show(now.to_line()),
        )
    ctx.exit(1 if done.failed else 0)
