"""Line charts over frames as SVG, without a library and without a script: they print, mail and open from disk.

Colours are the page's own, by class, so that a chart is read in the light and in the dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

__all__ = ["line_chart"]

_WIDTH, _HEIGHT = 960, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 78, 12, 26
#: Points of a line at most: of each stretch the lowest and the highest stay, so that no peak is lost.
_MOST_POINTS = 640
_TICKS = 4
#: Names at the ends of lines are this far apart at least.
_LINE_PX = 13

Point = tuple[int, float | None]


def line_chart(
    lines: Mapping[str, Sequence[Point]],
    *,
    title: str,
    cuts: Sequence[int] = (),
    holes: Sequence[int] = (),
) -> str:
    """One `<svg>`. `lines` are points in order by the name that is written at their end; None is a gap. `cuts` are
    drawn before their frame, `holes` are shaded. Empty where there is nothing to draw.
    """
    frames = [frame for points in lines.values() for frame, _ in points]
    values = [v for points in lines.values() for _, v in points if v is not None]
    if not values:
        return ""
    scale = _Scale(min(frames), max(frames), *_ends(values))
    inside = [
        *_shaded([hole for hole in holes if scale.first <= hole <= scale.last], scale),
        *_rules(scale),
        *(_upright(cut, scale) for cut in cuts if scale.first < cut <= scale.last),
    ]
    names = []
    for index, (name, points) in enumerate(lines.items()):
        drawn = _path(_thinned(points), scale, frozenset(cuts))
        inside.append(f'<path class="line s{index}" d="{drawn}"/>')
        last = next((v for _, v in reversed(points) if v is not None), None)
        if last is not None:
            names.append((scale.y(last), index, name))
    inside += _named(names)
    box = f'viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return f'<svg {box} role="img" aria-label="{escape(title)}">{"".join(inside)}</svg>'


class _Scale:
    def __init__(self, first: int, last: int, low: float, high: float) -> None:
        self.first, self.last, self.low, self.high = first, last, low, high

    def x(self, frame: float) -> float:
        across = (frame - self.first) / max(self.last - self.first, 1)
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        up = (value - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Zero is among them: half as high is half as much."""
    low, high = min(*values, 0.0), max(*values, 0.0)
    step = _step(low, high)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    return low, high if high > low else low + step


def _step(low: float, high: float) -> float:
    """A round number, of which a few make up the scale."""
    rough = (high - low) / _TICKS or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= rough * 0.999)


def _rules(scale: _Scale) -> Iterator[str]:
    step = _step(scale.low, scale.high)
    for index in range(round((scale.high - scale.low) / step) + 1):
        value = scale.low + index * step
        y = scale.y(value)
        yield f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>'
    for frame in dict.fromkeys((scale.first, (scale.first + scale.last) // 2, scale.last)):
        x = scale.x(frame)
        yield f'<text x="{x:.1f}" y="{_HEIGHT - 7}" text-anchor="middle">{frame}</text>'


def _short(value: float) -> str:
    return f"{value:.4g}"


def _upright(cut: int, scale: _Scale) -> str:
    x = scale.x(cut - 0.5)
    ends = f'y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"'
    return f'<line class="cut" x1="{x:.1f}" x2="{x:.1f}" {ends}><title>cut at {cut}</title></line>'


def _shaded(holes: Sequence[int], scale: _Scale) -> Iterator[str]:
    start = previous = None
    for frame in [*holes, None]:
        if start is not None and previous is not None and frame != previous + 1:
            left, right = scale.x(start - 0.5), scale.x(previous + 0.5)
            height = _HEIGHT - _TOP - _BOTTOM
            yield (
                f'<rect class="hole" x="{left:.1f}" y="{_TOP}" width="{right - left:.1f}" height="{height}">'
                f"<title>no frame {start} to {previous}</title></rect>"
            )
            start = None
        start, previous = (frame if start is None else start), frame


def _thinned(points: Sequence[Point]) -> list[Point]:
    if len(points) <= _MOST_POINTS:
        return list(points)
    size = -(-2 * len(points) // _MOST_POINTS)
    kept: list[Point] = []
    for index in range(0, len(points), size):
        part = [(frame, v) for frame, v in points[index : index + size] if v is not None]
        if part:
            kept += sorted({min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])})
        else:
            kept.append((points[index][0], None))
    return kept


def _path(points: Sequence[Point], scale: _Scale, cuts: frozenset[int]) -> str:
    words: list[str] = []
    before: int | None = None
    for frame, value in points:
        if value is None:
            before = None
            continue
        # Takes have nothing to do with each other: no line leads from one to the next.
        is_new = before is None or any(before < cut <= frame for cut in cuts)
        place = f"{scale.x(frame):.1f} {scale.y(value):.1f}"
        # A lone point is seen as a dot: a line of no length with round ends.
        words.append(f"M{place}h0" if is_new else f"L{place}")
        before = frame
    return " ".join(words)


def _named(names: Sequence[tuple[float, int, str]]) -> Iterator[str]:
    least = -math.inf
    for y, index, name in sorted(names):
        y = max(y, least)
        least = y + _LINE_PX
        yield f'<text class="name s{index}" x="{_WIDTH - _RIGHT + 8}" y="{y + 4:.1f}">{escape(name)}</text>'
