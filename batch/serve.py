"""`flashdepth serve`."""

from __future__ import annotations

from pathlib import Path

import click

import flashdepth_vfx

from .debug import Manner, debug_option

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth serve < requests.jsonl
  flashdepth serve --listen worker.json

\b
One JSON object a line on stdin:
  {"type": "render", "id": "a", "job": {"shot": {"input": "plate.####.exr"}, "output": "depth/"}}
  {"type": "cancel", "id": "a"}
  {"type": "schema"}
  {"type": "ping"}
Replies are JSON lines on stdout, everything else is on stderr. It ends with its stdin.
"""


@click.command("serve", epilog=_EXAMPLES, short_help="Stay resident; JSON lines in and out.")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=60.0,
    metavar="SECONDS",
    show_default=True,
    help="How long the render in hand may take to save its state when stdin ends.",
)
@click.option(
    "--listen",
    "address",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Serve clients on this machine, one after another, in place of stdin; FILE tells them where."
    " flashdepth task --worker FILE is one.",
)
@click.option(
    "--idle",
    type=click.FloatRange(min=0.1),
    default=900.0,
    metavar="SECONDS",
    show_default=True,
    help="With --listen: end after so long without a client.",
)
@debug_option
@click.pass_context
def command(ctx: click.Context, grace: float, address: Path | None, idle: float) -> None:
    """Stay resident and render jobs as they come: the network stays loaded between them."""
    debug = ctx.ensure_object(Manner).debug
    if address is None:
        ctx.exit(flashdepth_vfx.run_worker(grace_seconds=grace, debug=debug))
    ctx.exit(
        flashdepth_vfx.run_listener(address, grace_seconds=grace, idle_seconds=idle, debug=debug)
    )
