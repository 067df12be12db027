"""What is said of passes, as one page of HTML that opens from disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np

from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.review.chart import line_chart
from flashdepth_vfx.review.pictures import Shown, data_uri
from flashdepth_vfx.review.report import PassReport, report_on
from flashdepth_vfx.review.style import document, fold, section, table
from flashdepth_vfx.sheet import coloured
from flashdepth_vfx.version import VERSION

__all__ = ["render_page", "tiles", "write_report"]

#: A table of more frames is no help to who reads; `--json` has them all.
_MOST_ROWS = 3000
_MOST_COMMANDS = 24
#: What the header of a frame says, by what a reader calls it.
_FACTS = {
    "weights": "weights",
    "licence": "weightsLicense",
    "commercial use": "weightsCommercialUse",
    "convention": "convention",
    "unit": "unit",
    "calibration": "calibration",
    "colour": "color",
    "the network saw": "networkSize",
    "upsampling": "upsampling",
    "cuts": "cuts",
    "matte": "matte",
    "stabiliser": "stabilised",
    "device": "device",
    "kernels": "kernels",
    "flashdepth": "version",
}


def write_report(
    source: str | Sequence[str],
    page: Path | None = None,
    *,
    layer: str | None = None,
    view: str | None = None,
) -> tuple[Path, tuple[PassReport, ...]]:
    """Write one page on the passes of `source`, a folder, a frame pattern, or several of them; gives its path and
    what it says.

    Without `page` it is `report.html` in the first one's folder. Raises `PlateError` where there is no depth of ours,
    `UsageError`, `OutputError`.
    """
    sources = (source,) if isinstance(source, str) else tuple(source)
    reports = report_on(sources, layer=layer, view=view)
    folder = Path(sources[0]).expanduser()
    if page is None:
        page = (folder if folder.is_dir() else folder.parent) / "report.html"
    atomic_write_bytes(page, render_page(reports).encode())
    return page, reports


def render_page(reports: Sequence[PassReport]) -> str:
    """The whole page."""
    names = ", ".join(report.found.name for report in reports)
    body = [
        f"<h1>Depth of {escape(names)}</h1>",
        f'<p class="soft">flashdepth {VERSION}</p>',
        *(part for report in reports for part in _pass(report)),
    ]
    return document(f"Depth of {names}", body)


def _pass(report: PassReport) -> Iterator[str]:
    found = report.found
    yield f"<h2>{escape(found.name)}</h2>"
    yield f'<p class="soft path">{escape(found.sequence.pattern)}, channel {escape(found.channel)}</p>'
    yield tiles(_figures(report))
    yield _findings(report.findings)
    yield section(
        "Pictures", _legend(report.span, found.unit, found.near_is_larger), _frames(report)
    )
    yield section(f"How near: {found.unit}", _range_chart(report))
    yield section("Flicker: per cent of the frame's median", _flicker_chart(report))
    yield section("Soft edges: per cent of edge pixels on neither side", _edge_chart(report))
    yield section("Takes", _takes(report))
    yield section("What made it", _facts(report))
    yield section("Time", _times(report))
    yield section("Run it again", _commands(report.commands))
    yield fold("Numbers of every frame", _numbers(report))


def tiles(figures: Sequence[tuple[str, str]]) -> str:
    """Large figures, each over what it is."""
    each = (
        f'<div class="tile"><b>{escape(figure)}</b><span>{escape(what)}</span></div>'
        for figure, what in figures
    )
    return f'<div class="tiles">{"".join(each)}</div>'


def _legend(span: tuple[float, float], unit: str, near_is_larger: bool) -> str:
    """What the colours of the pictures mean."""
    ramp = coloured(np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(8, 0), 0.0, 1.0)
    far, near = span if near_is_larger else span[::-1]
    bar = f'<img alt="" src="{data_uri(ramp, photograph=False)}">'
    return (
        f'<div class="legend">far {far:.4g}{bar}{near:.4g} near <span>({escape(unit)}; one scale for all '
        "frames; dull green was not shown to the network)</span></div>"
    )


def _figure(shown: Shown, caption: str) -> str:
    """A frame: its plate above its depth."""
    plate = "" if shown.plate is None else _image(shown.plate, f"plate {shown.frame}", True)
    depth = _image(shown.depth, f"depth {shown.frame}", False)
    return f"<figure>{plate}{depth}<figcaption>{escape(caption)}</figcaption></figure>"


def _image(picture: object, name: str, photograph: bool) -> str:
    uri = data_uri(picture, photograph=photograph)  # type: ignore[arg-type]
    return f'<img alt="{escape(name)}" src="{uri}">'


def _figures(report: PassReport) -> list[tuple[str, str]]:
    found, records = report.found, report.records
    flicker = [m.flicker_percent for m in report.measured if m.flicker_percent is not None]
    between = [m.between_percent for m in report.measured if m.between_percent is not None]
    seconds = sum(record.seconds for record in records)
    written = sum(record.written for record in records)
    missing = len(found.holes) + len(found.torn)
    told = [
        (f"{len(found.frames)}", f"frames, {found.frames[0]} to {found.frames[-1]}"),
        (f"{missing}", "missing or torn"),
        (f"{len(report.starts)}", "takes" if len(report.starts) > 1 else "take"),
    ]
    if flicker:
        told.append((f"{np.median(flicker):.2g} %", f"flicker, {max(flicker):.2g} % at most"))
    if between:
        told.append((f"{np.mean(between):.0f} %", "of edge pixels are soft"))
    if seconds and written:
        told.append((f"{written / seconds:.2g}/s", f"frames, {_clock(seconds)} in all"))
    return told


def _findings(found: Sequence[str]) -> str:
    if not found:
        return '<p class="soft">Nothing to remark.</p>'
    items = "".join(f"<li>{escape(one)}</li>" for one in found)
    return f'<div class="findings"><ul>{items}</ul></div>'


def _frames(report: PassReport) -> str:
    starts = report.starts
    figures = []
    for shown in report.pictures:
        take = sum(start <= shown.frame for start in starts)
        caption = f"{shown.frame}, take {take}" if len(starts) > 1 else f"{shown.frame}"
        figures.append(_figure(shown, caption))
    return f'<div class="frames">{"".join(figures)}</div>' if figures else ""


def _range_chart(report: PassReport) -> str:
    names = {"high": "near", "median": "median", "low": "far"}
    if not report.found.near_is_larger:
        names = {"high": "far", "median": "median", "low": "near"}
    lines = {
        shown: [(m.frame, getattr(m, name)) for m in report.measured]
        for name, shown in names.items()
    }
    return _chart(report, lines, "near, median and far of each frame")


def _flicker_chart(report: PassReport) -> str:
    points = [(m.frame, m.flicker_percent) for m in report.measured]
    return _chart(report, {"flicker": points}, "flicker of each frame")


def _edge_chart(report: PassReport) -> str:
    points = [(m.frame, m.between_percent) for m in report.measured]
    return _chart(report, {"soft": points}, "soft edges of each frame")


def _chart(report: PassReport, lines: dict[str, list[tuple[int, float | None]]], title: str) -> str:
    gaps = sorted({*report.found.holes, *report.found.torn})
    with_gaps = {
        name: sorted([*points, *((gap, None) for gap in gaps)], key=lambda point: point[0])
        for name, points in lines.items()
    }
    return line_chart(with_gaps, title=title, cuts=report.starts[1:], holes=gaps)


def _takes(report: PassReport) -> str:
    by_frame = {m.frame: m for m in report.measured}
    rows = []
    for number, take in enumerate(report.takes, 1):
        middles = [m.median for f in take if (m := by_frame.get(f)) and m.median is not None]
        middle = f"{np.median(middles):.4g}" if middles else ""
        rows.append((str(number), str(take), str(len(take)), middle))
    resets = FrameRange.of(r.frame for r in report.found.records if r.reset)
    told = f'<p class="soft">The state began anew at {resets}.</p>' if resets else ""
    return table(("take", "frames", "count", "median"), rows) + told


def _facts(report: PassReport) -> str:
    rows = [(name, report.found.told(key).removeprefix("colour: ")) for name, key in _FACTS.items()]
    body = "".join(
        f'<tr><td class="key">{escape(name)}</td><td>{escape(value)}</td></tr>'
        for name, value in rows
        if value
    )
    return f"<table>{body}</table>"


def _times(report: PassReport) -> str:
    rows = []
    for record in report.records:
        stages = ", ".join(f"{k} {v:.1f} s" for k, v in record.stage_seconds.items())
        count = f"{record.written} written" + (f", {record.kept} kept" if record.kept else "")
        rows.append(
            (record.frames, count, _clock(record.seconds), record.host, record.written_at, stages)
        )
    return table(("frames", "", "time", "host", "ended (UTC)", "stages, summed over threads"), rows)


def _commands(commands: Sequence[str]) -> str:
    told = [escape(command) for command in commands[:_MOST_COMMANDS]]
    if len(commands) > _MOST_COMMANDS:
        told.append(f"# and {len(commands) - _MOST_COMMANDS} more")
    lines = "\n".join(told)
    return f"<pre>{lines}</pre>" if told else ""


def _numbers(report: PassReport) -> str:
    head = ("frame", "1 %", "median", "99 %", "flicker %", "at edges %", "soft %", "not shown %")
    rows = (
        (
            str(m.frame),
            *map(_number, (m.low, m.median, m.high, m.flicker_percent)),
            *map(_number, (m.edge_percent, m.between_percent, m.unseen_percent)),
        )
        for m in report.measured[:_MOST_ROWS]
    )
    return table(head, rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d} min"
