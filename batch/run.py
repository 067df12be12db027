"""`flashdepth run`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

import flashdepth_vfx
from flashdepth_vfx import RenderEvent, farm

from .debug import debug_option
from .signals import stop_on_signals
from .streams import hand_over, say

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth run plan.json
  flashdepth run plan.json --devices cuda:0,cuda:1
  flashdepth run plan.json --devices cpu,cpu --json

\b
Each device has a worker whose weights stay loaded; shots, takes and chunks are dealt out to them. SIGTERM or Ctrl-C
saves the states and exits 143; the same command goes on. Exit code 1 when a task failed: the others are done.
"""


@click.command("run", epilog=_EXAMPLES, short_help="Do a plan on this machine.")
@click.argument("plan", type=click.Path(path_type=Path))
@click.option(
    "--devices",
    metavar="NAME,...",
    help="cpu, or cuda:0,cuda:1: a worker for each.  [default: all GPUs, else cpu]",
)
@click.option("--frames/--no-frames", "tells_frames", default=True, help="A line for each frame.")
@click.option("--json", "as_json", is_flag=True, help="At the end, the result as JSON on stdout.")
@debug_option
@click.pass_context
def command(
    ctx: click.Context, plan: Path, devices: str | None, tells_frames: bool, as_json: bool
) -> None:
    """Do all tasks of PLAN here, which `flashdepth plan --save` left."""

    def observe(task: str, event: RenderEvent) -> None:
        told = isinstance(event, flashdepth_vfx.FrameWritten) and tells_frames
        if told or isinstance(event, flashdepth_vfx.Warned):
            say(f"{task}: {flashdepth_vfx.to_line(event)}")

    read = farm.FarmPlan.load(plan)
    names = None if devices is None else [name.strip() for name in devices.split(",")]
    with stop_on_signals() as stop:
        result = read.run_local(devices=names, observer=observe, tell=say, stop=stop)
    if as_json:
        hand_over(json.dumps(dataclasses.asdict(result)), f"{len(result.done)} tasks are done")
    failed = len(result.failed) + len(result.skipped)
    say(f"done: {len(result.done)} of {len(read.tasks)} tasks in {result.seconds:.1f} s")
    ctx.exit(1 if failed else 0)
