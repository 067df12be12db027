"""`flashdepth train check-data`: which data sets lie in a folder, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

import flashdepth_vfx

from .debug import debug_option
from .status import open_status
from .table import aligned

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth train check-data data/
  flashdepth train check-data data/ --set sintel --every-frame --sheet sintel.png
  flashdepth train check-data data/ --json > data.json

\b
ROOT is the folder of a set, or one that holds several. How each lies on disk: docs/datasets.md.
Near and far are the nearest and farthest hundredth of the known pixels. Files that are missing or cannot be read are
named below the table; training leaves them out too.
"""


@click.command("check-data", epilog=_EXAMPLES, short_help="What data sets lie in a folder.")
@click.argument("root", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--set",
    "names",
    multiple=True,
    type=click.Choice(flashdepth_vfx.training.DATASETS),
    help="Look at this set alone. May be repeated.  [default: all that are there]",
)
@click.option(
    "--frames",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Read so many of each scene, spread over it.",
)
@click.option("--every-frame", is_flag=True, help="Read all frames: finds every damaged file.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Also draw a contact sheet, PNG.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@debug_option
def command(
    root: Path,
    names: tuple[str, ...],
    frames: int,
    every_frame: bool,
    sheet: Path | None,
    as_json: bool,
) -> None:
    """List the data sets in ROOT: scenes, frames, sizes, range of depth, sky; what is unknown, missing or broken."""
    with open_status() as status:
        reports = flashdepth_vfx.training.check_data(
            root,
            names,
            frames_per_scene=None if every_frame else frames,
            sheet=sheet,
            show=status.show,
        )
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(report) for report in reports], indent=2))
        return
    click.echo(aligned(_rows(reports)))
    for line in _wrong(reports):
        click.echo(line)


def _rows(reports: Sequence[flashdepth_vfx.training.DatasetReport]) -> Iterator[tuple[str, ...]]:
    yield "set", "scene", "frames", "read", "size", "near m", "far m", "sky", "unknown", "camera"
    for report in reports:
        for s in report.scenes:
            yield (
                report.name,
                s.name,
                str(s.frames),
                str(s.looked_at),
                f"{s.width_px}x{s.height_px}",
                # without a scale there are no metres
                *(
                    _number(value if report.metric else None, ".3g")
                    for value in (s.near_m, s.far_m)
                ),
                *(_number(share, ".1%") for share in (s.sky_share, s.unknown_share)),
                " and ".join(
                    word for word, has in (("lens", s.has_intrinsics), ("pose", s.has_poses)) if has
                ),
            )


def _wrong(reports: Sequence[flashdepth_vfx.training.DatasetReport]) -> Iterator[str]:
    for report in reports:
        scenes, frames = len(report.scenes), sum(scene.frames for scene in report.scenes)
        yield (
            f"\n{report.name}: {scenes} scenes, {frames} frames, {len(report.missing)} half there, "
            f"{len(report.damaged)} damaged"
        )
        if report.problem:
            yield f"  not usable: {report.problem}"
        for word, faults in (("half there", report.missing), ("damaged", report.damaged)):
            yield from (f"  {word}: {fault.path}: {fault.reason}" for fault in faults)


def _number(value: float | None, spec: str) -> str:
    return "-" if value is None else format(value, spec)
