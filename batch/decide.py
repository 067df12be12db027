"""`flashdepth decide`."""

from __future__ import annotations

import json
from typing import Any, TextIO

import click

import flashdepth_vfx

from .debug import debug_option
from .jobs import job_from, job_options
from .streams import hand_over

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth decide plate.####.exr -o depth/plate_depth.####.exr --cuts auto
  flashdepth render plate.####.exr -o depth/plate_depth.####.exr --frames 1001-1050 --decided
  flashdepth render plate.####.exr -o depth/plate_depth.####.exr --frames 1051-1100 --decided

\b
Give it the options of the render, and run it on a machine like those that will render: device and kernels are
decided too.
"""


@click.command("decide", epilog=_EXAMPLES, short_help="Decide once what all tasks of a shot share.")
@job_options
@click.option("--json", "as_json", is_flag=True, help="The files as JSON.")
@debug_option
def command(job: TextIO | None, as_json: bool, **given: Any) -> None:
    """Decide canvas, cuts, exposure and kernels of the shot INPUT, and leave them beside the output for --decided."""
    paths = [str(path) for path in flashdepth_vfx.decide_shot(job_from(job, given))]
    told = json.dumps({"decided": paths}) if as_json else "\n".join(paths)
    hand_over(told, f"what was decided is in {paths[0]}")
