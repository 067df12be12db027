"""`flashdepth bench`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

import flashdepth_vfx

from .debug import debug_option
from .status import open_status
from .streams import say, silence

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth bench
  flashdepth bench --size 1920x1080 --size 2044x1148 --device cuda
  flashdepth bench --weights nano --size 1920x1080 --resolution 384 --frames 50
  flashdepth bench --weights random:full --weights random:l --no-stages -o speed.json
  flashdepth bench --long 5000
  flashdepth bench --like-reference --weights random:full

\b
A MODEL is a name of `flashdepth weights list`, a file, or random:NAME: that network with weights drawn from a
fixed seed, for where its own are not. Measure on a machine that does nothing else.
"""


@click.command(
    "bench", epilog=_EXAMPLES, short_help="Measure how fast depth is, and where time goes."
)
@click.option(
    "--weights",
    metavar="MODEL",
    multiple=True,
    help="What is measured; may be repeated.  [nano on a CPU, random:full on a GPU]",
)
@click.option(
    "--size",
    "sizes",
    metavar="WxH",
    multiple=True,
    help="Of the plates; may be repeated.  [640x360 on a CPU, 2044x1148 on a GPU]",
)
@click.option(
    "--resolution",
    metavar="N|native|own",
    default="native",
    show_default=True,
    help="Long side of what the network sees; the plate's, or the weights' own.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--frames", type=int, default=20, show_default=True, help="Counted, after a few.")
@click.option("--stages/--no-stages", default=True, help="Stage by stage, too.  [--stages]")
@click.option(
    "--long",
    "long_frames",
    metavar="N",
    type=int,
    default=0,
    help="Also a shot of N frames: cost and memory at 10, 100, 1000 and so on.",
)
@click.option(
    "--like-reference",
    is_flag=True,
    help="Only the published code's timing job, in its two lines: 100 frames after 5, three times.",
)
@click.option("--accept-license", metavar="NAME", multiple=True, help="As for render.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON on stdout.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the report there, as JSON.",
)
@debug_option
def command(as_json: bool, output: Path | None, like_reference: bool, **given: Any) -> None:
    """Measure a network on plates that are made for it: stage by stage, frames a second, first frame and memory.

    Beside each figure stands the least that its operations and bytes could take on this machine.
    """
    bench = flashdepth_vfx.bench
    job = _job(given)
    if like_reference:
        _like_reference(job, as_json or output is not None)
        return
    if output is not None:
        # Now, not after minutes of frames, is the time to hear that it cannot be written.
        bench.make_folder(output.parent)
    with open_status() as status:
        report = bench.run_bench(job, status.tell, status.show)
    if output is not None:
        bench.write_report(output, report)
    plain = json.dumps(bench.report_to_plain(report), indent=2) if as_json else None
    _print(plain or bench.report_text(report))


def _like_reference(job: Any, has_report: bool) -> None:
    """The published lines, as each pass ends."""
    if has_report:
        raise click.UsageError(
            "--like-reference prints its lines, and no report: leave --json and -o out"
        )
    for one in flashdepth_vfx.bench.time_like_reference(job, say):
        _print("\n".join(one.lines()))


def _job(given: dict[str, Any]) -> Any:
    """The options as the job of a measurement."""
    bench, asked = flashdepth_vfx.bench, given.pop("resolution")
    settings = flashdepth_vfx.RenderSettings(
        resolution=None if asked == "own" else int(asked) if asked.isdecimal() else asked,
        device=given.pop("device"),
        accept_license=given.pop("accept_license"),
    )
    sizes = tuple(bench.parse_size(text) for text in given.pop("sizes"))
    return bench.BenchJob(settings=settings, sizes=sizes, **given)


def _print(report: str) -> None:
    """What nobody reads changes no exit code."""
    try:
        click.echo(report)
    except OSError as lost:
        silence(sys.stdout)
        say(f"warning: nobody reads stdout ({lost.strerror})")
