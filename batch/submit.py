"""`flashdepth submit`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO

import click

from flashdepth_vfx import farm

from .debug import debug_option
from .plan_options import plan_from, plan_options
from .streams import hand_over, say

__all__ = ["command"]

_ENGINES = ("openjd", "slurm", "opencue", "deadline", "deadline-cloud", "tractor")

_EXAMPLES = """\b
Examples:
  flashdepth submit plate.####.exr -o depth/ --to openjd --job-dir job --mode chain --chunk 100 --gpus 1
  openjd run job/template.yaml
  flashdepth submit plate.####.exr -o depth/ --to slurm --job-dir job --gpus 1 && job/submit.sh --partition=gpu
  flashdepth submit /show/*/plate -o 'depth/{shot}/{shot}_depth_v001.####.exr' --to openjd --job-dir jobs

\b
It writes what the engine is given, and starts nothing. openjd: of one shot DIR/template.yaml and DIR/plan.json, of
several the same in a folder for each (docs/farm.md). slurm: DIR/submit.sh for all shots (docs/farm-slurm.md).
The others: docs/farm-opencue.md, docs/farm-deadline.md, docs/farm-tractor.md.
"""


@click.command("submit", epilog=_EXAMPLES, short_help="Write shots as jobs of a farm's engine.")
@plan_options
@click.option(
    "--to", "engine", type=click.Choice(_ENGINES), required=True, help="The farm's engine."
)
@click.option(
    "--job-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    required=True,
    help="Where its files go.",
)
@click.option("--json", "as_json", is_flag=True, help="The files as JSON on stdout.")
@debug_option
def command(
    job: TextIO | None,
    inputs: tuple[str, ...],
    engine: str,
    job_dir: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Plan the shots INPUT... and write the plan as jobs of ENGINE into DIR."""
    plan = plan_from(job, inputs, given)
    for note in plan.notes:
        say(f"note: {note}")
    # Looked up when it is wanted: help loads none of them.
    write = getattr(farm, f"write_{engine.replace('-', '_')}")
    written = [str(path) for path in write(plan, job_dir)]
    told = json.dumps({engine: written}) if as_json else "\n".join(written)
    hand_over(told, f"the jobs are in {job_dir}")
