"""`flashdepth diff`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from flashdepth_vfx import UsageError, review

from .debug import debug_option
from .streams import hand_over, say
from .table import aligned

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth diff v001/ v002/
  flashdepth diff v001/shot.####.exr v002/shot.####.exr --html diff.html
  flashdepth diff v001/ v002/ --tolerance 0
"""
_HEAD = ("frame", "mean %", "99% %", "most %", "")


@click.command("diff", epilog=_EXAMPLES, short_help="How two versions of a pass differ.")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="PERCENT",
    help="Exit with 1 where any pixel differs by more, or a frame is in one of them only; 0: bit for bit.",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write a page with heat maps.",
)
@click.option("--depth-layer", "layer", help="Layer of the depth.  [default: depth, or a bare Z]")
@click.option("--view", help="The view to compare, of several; fills %V.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@debug_option
def command(
    a: str,
    b: str,
    tolerance: float | None,
    html: Path | None,
    layer: str | None,
    view: str | None,
    as_json: bool,
) -> int:
    """Compare the depth in A and B, folders or frame patterns, frame by frame.

    Nearness is compared, whatever the conventions are: a pixel's difference is a share of the nearer of the two.
    """
    compared = review.compare_passes(_one(a, layer, view), _one(b, layer, view))
    if html is not None:
        review.write_comparison(compared, html)
    for remark in compared.remarks:
        say(f"note: {remark}")
    told = json.dumps(compared.to_plain()) if as_json else _text(compared)
    hand_over(told, "the passes were compared")
    if tolerance is None:
        return 0
    within = compared.identical if tolerance == 0 else compared.most_percent <= tolerance
    if not within:
        say(f"error: {a} and {b} differ by more than {tolerance:g} %")
    return 0 if within else 1


def _one(source: str, layer: str | None, view: str | None) -> review.DepthPass:
    passes = review.find_passes(source, layer=layer, view=view)
    if len(passes) > 1:
        names = ", ".join(f"{p.sequence.pattern} {p.view or ''}".strip() for p in passes)
        raise UsageError(f"{source} has several passes; name one, and its --view: {names}")
    return passes[0]


def _text(compared: review.Comparison) -> str:
    rows = [
        (
            str(one.frame),
            f"{one.mean_percent:.4g}",
            f"{one.high_percent:.4g}",
            f"{one.most_percent:.4g}",
            "identical" if one.identical else "",
        )
        for one in compared.frames
    ]
    only = [
        f"only in {name}: {frames}"
        for name, frames in (("A", compared.only_a), ("B", compared.only_b))
        if frames
    ]
    same = ["identical"] if compared.identical else []
    return "\n".join((aligned([_HEAD, *rows]), *only, *same))
