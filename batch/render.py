"""`flashdepth render`."""

from __future__ import annotations

import json
from typing import Any, TextIO

import click

import flashdepth_vfx

from .debug import debug_option
from .job_options import HOOK
from .jobs import job_from, job_options
from .progress import NAMES, open_progress
from .signals import stop_on_signals
from .streams import hand_over, say

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth render plate.####.exr -o depth/plate_depth.####.exr
  flashdepth render plate.mov -o depth/ --start-frame 1001
  flashdepth render plate.####.exr -o depth/ --frames 1001-1100 --resume
  flashdepth render plate.####.exr -o depth/ --colorspace ACEScct --exposure 1
  flashdepth render plate.####.exr -o depth/ --matte-input rig.####.exr
  flashdepth render plate.####.exr -o with_depth/plate.####.exr --append-part
  flashdepth render stereo.####.exr -o depth/%V/stereo.####.exr --view all
  flashdepth render plate.####.exr -o depth/ --weights l --accept-license l
  flashdepth render plate.####.exr -o depth/ --frames 1001-1100 --wait-for-frames 600
  flashdepth render --job job.json --device cuda:1 --progress json

\b
The state passes through a shot in order: with --frames 1051-1100 the network still
sees 1001-1050, unless a checkpoint or --state-in stands in for them.
SIGTERM or Ctrl-C finishes the frame, saves the state and exits 143; run the same
command with --resume to go on. A second Ctrl-C ends at once. Frames that another render
is at are refused with exit code 75, as are plates that did not come.
Progress is on stderr (json: on stdout); --json prints its document alone, last, on stdout.
"""


@click.command("render", epilog=_EXAMPLES, short_help="Render the depth of a shot.")
@job_options
@HOOK
@click.option(
    "--progress",
    type=click.Choice(NAMES),
    default="auto",
    help="auto is a bar on a terminal, else one plain line a frame.",
)
@click.option("--json", "as_json", is_flag=True, help="At the end, the result as JSON on stdout.")
@debug_option
def command(
    job: TextIO | None, hook: str | None, progress: str, as_json: bool, **given: Any
) -> None:
    """Render the depth of the shot INPUT: a frame pattern, a folder, a still or a movie."""
    wanted = job_from(job, given)
    with stop_on_signals() as stop, open_progress(progress) as observer:
        result = flashdepth_vfx.render(wanted, observer=observer, stop=stop)
    if isinstance(result, flashdepth_vfx.StereoResult):
        for mismatch in result.mismatches:
            say(f"stereo: {mismatch}")
    if hook is not None:
        views = getattr(result, "views", {}).values()
        flashdepth_vfx.run_hook(hook, [one.manifest for one in (*views,) or (result,)])
    if as_json:
        told = json.dumps(flashdepth_vfx.result_to_plain(result))
        hand_over(told, f"the result is in {result.manifest}")
