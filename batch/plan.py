"""`flashdepth plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TextIO

import click

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
@click.option("--json", "as_json", is_flag=True, help="The plan as JSON on stdout.")
@debug_option
def command(
    job: TextIO | None, inputs: tuple[str, ...], save: Path | None, as_json: bool, **given: Any
) -> None:
    """Plan the shots INPUT... as tasks: takes, views and chunks, and what each waits for."""
    plan = plan_from(job, inputs, given)
    for note in plan.notes:
        say(f"note: {note}")
    if save is not None:
        plan.save(save)
    told = plan.to_json() if as_json else aligned(_rows(plan))
    hand_over(told, "plan again with --save FILE" if save is None else f"the plan is in {save}")


def _rows(plan: Any) -> list[tuple[str, str]]:
    frames = sum(shot.frame_count for shot in plan.shots)
    rows = [
        ("plan", f"{plan.mode}: {len(plan.shots)} shots, {frames} frames, {len(plan.tasks)} tasks")
    ]
    for task in plan.tasks:
        needs = f"after {', '.join(task.needs)}" if task.needs else ""
        rows.append((task.id, f"{task.frames or ''}  {needs}".strip()))
    return rows
