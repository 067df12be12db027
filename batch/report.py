"""`flashdepth report`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from flashdepth_vfx import UsageError, review

from .debug import debug_option
from .streams import hand_over, say

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth report depth/
  flashdepth report depth/plate_depth.####.exr -o review/plate.html --preview review/plate.mp4
  flashdepth report depth/ --json | jq '.[0].findings'
"""


@click.command("report", epilog=_EXAMPLES, short_help="A page about a depth pass, to look at.")
@click.argument("depth", metavar="DIR")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the page goes.  [default: report.html in DIR]",
)
@click.option(
    "--preview",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write a movie of plate and depth side by side: review.mp4.",
)
@click.option("--fps", type=float, help="Of the movie.  [default: the plate's, else 24]")
@click.option("--depth-layer", "layer", help="Layer of the depth.  [default: depth, or a bare Z]")
@click.option("--view", help="One of several views; fills %V.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="The numbers as JSON on stdout.")
@debug_option
def command(
    depth: str,
    output: Path | None,
    preview: Path | None,
    fps: float | None,
    layer: str | None,
    view: str | None,
    as_json: bool,
) -> None:
    """Measure the depth in DIR, a folder or a frame pattern, and write one page that shows it.

    The page has pictures, range, flicker and edges over time, takes, holes, what is to be looked at, and the command
    that makes the pass again. It opens from disk and needs nothing else.
    """
    if fps is not None and preview is None:
        raise click.UsageError("--fps is of the movie that --preview writes")
    page, reports = review.write_report(depth, output, layer=layer, view=view)
    written = [str(page)]
    if preview is not None:
        if len(reports) > 1:
            names = ", ".join(report.found.sequence.pattern for report in reports)
            raise UsageError(f"{depth} has several passes, and a movie shows one; name it: {names}")
        written.append(str(review.write_preview(reports[0], preview, frames_per_second=fps)))
    for report in reports:
        for finding in report.findings:
            say(f"{report.found.name}: {finding}")
    told = json.dumps([one.to_plain() for one in reports]) if as_json else "\n".join(written)
    hand_over(told, f"the report is {page}")
