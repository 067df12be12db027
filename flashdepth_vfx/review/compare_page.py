"""What two passes differ in, as a page: a chart over the frames, and a heat map of those that differ most."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import numpy as np

from flashdepth_vfx.errors import PlateError
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.review.chart import line_chart
from flashdepth_vfx.review.compare import Comparison, FrameDifference, difference_of
from flashdepth_vfx.review.page import tiles
from flashdepth_vfx.review.pictures import data_uri
from flashdepth_vfx.review.style import document, fold, section, table
from flashdepth_vfx.sheet import Picture, coloured, resized
from flashdepth_vfx.version import VERSION

__all__ = ["write_comparison"]

_WIDTH_PX = 320
#: Those that differ most, and others evenly over the pass.
_WORST, _EVENLY = 5, 4
_MOST_ROWS = 3000


def write_comparison(compared: Comparison, page: Path) -> Path:
    """Write the page, whole or not at all. Raises `OutputError`."""
    names = (compared.a.sequence.pattern, compared.b.sequence.pattern)
    body = [
        f"<h1>{escape(compared.a.name)} against {escape(compared.b.name)}</h1>",
        f'<p class="soft path">A: {escape(names[0])}<br>B: {escape(names[1])}<br>flashdepth {VERSION}</p>',
        tiles(list(_figures(compared))),
        _remarks(compared),
        section("Difference: per cent of the nearer of the two", _chart(compared)),
        section("Where", "".join(_rows(compared))),
        fold("Numbers of every frame", _numbers(compared)),
    ]
    atomic_write_bytes(page, document(f"{names[0]} against {names[1]}", body).encode())
    return page


def _figures(compared: Comparison) -> Iterator[tuple[str, str]]:
    frames = compared.frames
    yield f"{len(frames)}", "frames in both"
    if compared.identical:
        yield "identical", "bit for bit"
    elif frames:
        same = sum(one.identical for one in frames)
        yield f"{same}", "identical frames"
        yield f"{np.mean([one.mean_percent for one in frames]):.3g} %", "mean difference"
        worst = max(frames, key=lambda one: one.most_percent)
        yield f"{worst.most_percent:.3g} %", f"at most, in frame {worst.frame}"
    for name, only in (("A", compared.only_a), ("B", compared.only_b)):
        if only:
            yield f"{len(only)}", f"frames only in {name}: {only}"


def _remarks(compared: Comparison) -> str:
    items = "".join(f"<li>{escape(one)}</li>" for one in compared.remarks)
    return f'<div class="findings"><ul>{items}</ul></div>' if items else ""


def _chart(compared: Comparison) -> str:
    lines: dict[str, list[tuple[int, float | None]]] = {
        "99 %": [(one.frame, one.high_percent) for one in compared.frames],
        "mean": [(one.frame, one.mean_percent) for one in compared.frames],
    }
    gaps = [*compared.only_a, *compared.only_b]
    return line_chart(lines, title="difference of each frame", holes=sorted(gaps))


def _rows(compared: Comparison) -> Iterator[str]:
    """A, B and the heat map of some frames."""
    frames = _chosen(compared.frames)
    if not frames:
        return
    top = max(one.high_percent for one in compared.frames) / 100 or 1.0
    low, high = min(o.low for o in compared.frames), max(o.high for o in compared.frames)
    high = max(high, low + 1e-6 * max(abs(low), 1.0))
    yield f'<p class="soft">A, B and their difference, light at {100 * top:.3g} % and more; dull: in one only.</p>'
    yield '<div class="frames" style="grid-template-columns: repeat(3, 1fr)">'
    a, b = compared.a, compared.b
    for one, two in zip(a.look(frames), b.look(frames), strict=True):
        if isinstance(one, PlateError) or isinstance(two, PlateError):
            continue
        try:
            apart, first, second = difference_of(a, one, b, two)
        except ValueError:
            continue
        pictures = (
            ("A", first, low, high),
            ("B", second, low, high),
            ("difference", apart, 0.0, top),
        )
        for name, values, darkest, lightest in pictures:
            small = _small(coloured(values, darkest, lightest))
            uri = data_uri(small, photograph=False)
            caption = f"{one.frame} {name}"
            yield f'<figure><img alt="{caption}" src="{uri}"><figcaption>{caption}</figcaption></figure>'
    yield "</div>"


def _chosen(frames: tuple[FrameDifference, ...]) -> list[int]:
    worst = sorted(frames, key=lambda one: -one.mean_percent)[:_WORST]
    places = np.linspace(0, len(frames) - 1, min(_EVENLY, len(frames))).round().astype(int)
    return sorted({one.frame for one in worst} | {frames[place].frame for place in places})


def _small(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    return resized(picture, _WIDTH_PX, max(round(_WIDTH_PX * height / width), 1))


def _numbers(compared: Comparison) -> str:
    head = ("frame", "mean %", "99 % of pixels below %", "most %", "in one only %", "")
    rows = (
        (
            str(one.frame),
            *(f"{v:.4g}" for v in (one.mean_percent, one.high_percent, one.most_percent)),
            f"{one.unlike_percent:.4g}",
            "identical" if one.identical else "",
        )
        for one in compared.frames[:_MOST_ROWS]
    )
    return table(head, rows)
