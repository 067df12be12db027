"""`flashdepth task`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from flashdepth_vfx import farm

from .debug import debug_option
from .progress import NAMES, open_progress
from .signals import stop_on_signals
from .streams import hand_over, say

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth task plan.json plate.render.1001-1050
  flashdepth task plan.json plate.convert --json
  flashdepth task plan.json --index 3 --map /mnt/show=/srv/show

\b
It goes on where an earlier try of the task stopped, and does nothing where all is done. SIGTERM finishes the frame,
saves the state and exits 143; exit code 75 asks to be tried again later.
"""


@click.command("task", epilog=_EXAMPLES, short_help="Do one task of a plan.")
@click.argument("plan", type=click.Path(path_type=Path))
@click.argument("task_id", metavar="[ID]", required=False)
@click.option(
    "--index", type=int, help="The task by its place in the plan, from 0, in place of its ID."
)
@click.option(
    "--array",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The task by its place in an array that submit wrote: FILE has one ID a line. Needs --element.",
)
@click.option("--element", type=int, help="The line of --array, from 0.")
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="/THERE=/HERE",
    help="Where this machine has a folder that the plan names. May be repeated.",
)
@click.option(
    "--path-mapping",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The same as a file of Open Job Description's path mapping rules.",
)
@click.option(
    "--worker",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Have it done by the worker of flashdepth serve --listen FILE, whose weights are loaded.",
)
@click.option("--progress", type=click.Choice(NAMES), default="auto", help="As of render.")
@click.option("--json", "as_json", is_flag=True, help="At the end, the result as JSON on stdout.")
@debug_option
def command(
    plan: Path,
    task_id: str | None,
    index: int | None,
    array: Path | None,
    element: int | None,
    maps: tuple[str, ...],
    path_mapping: Path | None,
    worker: Path | None,
    progress: str,
    as_json: bool,
) -> None:
    """Do the task ID of PLAN, which `flashdepth plan --save` left."""
    read = farm.FarmPlan.load(plan)
    task = _chosen(read, task_id, index, _in_array(array, element))
    mapping = farm.PathMapping.parse(maps)
    if path_mapping is not None:
        mapping = mapping.joined(farm.PathMapping.load(path_mapping))
    here = mapping.apply(read)
    with stop_on_signals() as stop, open_progress(progress) as observer:
        run = farm.run_task if worker is None else partial(farm.run_by_worker, worker)
        result = run(here, task, observer=observer, tell=say, stop=stop)
    if as_json:
        hand_over(json.dumps(result), f"task {task.id} is done")


def _chosen(
    plan: farm.FarmPlan, task_id: str | None, index: int | None, in_array: str | None
) -> farm.Task:
    if sum(one is not None for one in (task_id, index, in_array)) != 1:
        raise click.UsageError("name the task by its ID, by --index, or by --array and --element")
    if index is not None:
        return plan.task_at(index)
    return plan.task(task_id or in_array or "")


def _in_array(array: Path | None, element: int | None) -> str | None:
    """The ID in that line of the file."""
    if (array is None) is not (element is None):
        raise click.UsageError("--array and --element go together")
    if array is None or element is None:
        return None
    try:
        lines = array.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise click.UsageError(f"--array {array}: cannot be read ({error.strerror})") from error
    if not 0 <= element < len(lines) or not lines[element]:
        raise click.UsageError(f"--array {array}: has no task in line {element}, counted from 0")
    return lines[element]
