"""`flashdepth plan`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO

import click

from .cost import Cost
from .debug import debug_option
from .plan_options import plan_from, plan_options
from .streams import hand_over, say
from .table import aligned

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth plan plate.####.exr -o depth/ --mode chain --chunk 50 --save plan.json
  flashdepth plan /show/*/plate -o 'depth/{shot}/{shot}_depth_v001.####.exr' --save show.json
  flashdepth plan plate.####.exr -o depth/ --cuts edit.otio --mode preroll --preroll 32
  flashdepth plan /show/*/plate -o 'depth/{shot}/' --mode chain --gpus 1 --dry-run --farm 10,100,1000
  flashdepth task plan.json plate.render.1001-1050
  flashdepth run plan.json

\b
Folders are listed and no pixel is read. {shot} in OUTPUT is the name of the plates. What each mode guarantees, and
how far preroll is off: docs/farm.md.
"""


@click.command("plan", epilog=_EXAMPLES, short_help="Turn shots into the tasks of a farm.")
@plan_options
@click.option(
    "--save", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan there."
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="What it will cost, by measured times: GPU minutes, memory, disk. One header of each shot is read.",
)
@click.option(
    "--times",
    "times_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Times of --dry-run: a file of flashdepth bench -o.  [default: those of an H100, in the package]",
)
@click.option(
    "--farm",
    metavar="N,...",
    help="With --dry-run: how long it takes on so many workers, each a GPU with the plan's cores.",
)
@click.option("--json", "as_json", is_flag=True, help="The plan as JSON on stdout.")
@debug_option
def command(
    job: TextIO | None,
    inputs: tuple[str, ...],
    save: Path | None,
    dry_run: bool,
    times_file: Path | None,
    farm: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Plan the shots INPUT... as tasks: takes, views and chunks, and what each waits for."""
    workers = _workers(farm, times_file, dry_run=dry_run)
    plan = plan_from(job, inputs, given)
    for note in plan.notes:
        say(f"note: {note}")
    if save is not None:
        plan.save(save)
    if dry_run:
        cost = Cost.of(plan, times_file, workers)
        hand_over(json.dumps(cost.to_plain()) if as_json else cost.text(), "plan again")
        return
    told = plan.to_json() if as_json else aligned(_rows(plan))
    hand_over(told, "plan again with --save FILE" if save is None else f"the plan is in {save}")


def _workers(farm: str | None, times: Path | None, *, dry_run: bool) -> tuple[int, ...]:
    """The farms to be looked at."""
    if not dry_run and (farm is not None or times is not None):
        raise click.UsageError("--times and --farm are for --dry-run")
    counts = [] if farm is None else [count.strip() for count in farm.split(",")]
    if not all(count.isdecimal() and int(count) for count in counts):
        raise click.UsageError(f"--farm {farm}: give numbers of workers, as 10,100,1000")
    return tuple(map(int, counts))


def _rows(plan: Any) -> list[tuple[str, str]]:
    frames = sum(shot.frame_count for shot in plan.shots)
    rows = [
        ("plan", f"{plan.mode}: {len(plan.shots)} shots, {frames} frames, {len(plan.tasks)} tasks")
    ]
    for task in plan.tasks:
        needs = f"after {', '.join(task.needs)}" if task.needs else ""
        rows.append((task.id, f"{task.frames or ''}  {needs}".strip()))
    return rows
