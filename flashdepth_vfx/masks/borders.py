"""Letterboxes, and the black edges that undistorting a plate leaves: found once for the whole shot, or not at all.

What is found must be sure, so that a dark scene loses nothing. So a border is of exactly one stored value, in every
frame looked at, and on opposite sides; a bar ends in a straight line with the picture behind it; and a plate has
black edges only if exact black is nowhere else in it, unlike a night whose blacks are crushed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from flashdepth_vfx.errors import NoSuchChannelError, PlateError
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.plate import FloatArray, MaskArray, Plate, Window

__all__ = ["Borders", "find_borders", "lit"]

_BLACK: FloatArray = np.zeros(3, np.float32)

#: Frames that are looked at, evenly spread over the sequence on disk, away from a slate at its head.
_LOOKED_AT = 8
#: Of a movie, which is decoded to get there, only this many frames from its head.
_OF_A_MOVIE = 96
#: Black of a log curve lies at 0.06 to 0.13 of its codes. What is brighter is a picture, whatever its shape.
_DARKEST_PICTURE = 0.14
#: Codecs that lose bits give black a noise.
_LOSSY = {"jpeg": 4 / 255, "movie": 4 / 255}
#: Of the first line of the picture behind a bar, what has to be picture in one of the frames at least...
_STRAIGHT = 0.75
#: ...and how far behind the first pixel that line may lie, where a codec mixes the lines of a block.
_BLOCK_PX = 8
#: In pixels: less is no bar, but the edge of a filter.
_THINNEST_BAR = 2
#: Of a picture, what black edges may take...
_LEAST_EDGES, _MOST_EDGES = 0.0002, 0.25
#: ...how many times as much on one side as on the opposite one...
_BALANCE = 4.0
#: ...how far one frame's may be from those of all, since they breathe with the lens...
_BREATHING, _SLACK = 1.5, 0.002
#: ...and what may be as black inside.
_BLACK_INSIDE = 0.001
#: Filters of an undistortion mix this many pixels of black into the picture.
_RIM_PX = 2


@dataclass(frozen=True)
class Borders:
    """What of every frame of a shot is empty.

    That is what lies outside `picture`, in plate pixels; and with `black_edges` all exact black that reaches in from
    the edges of the data window.
    """

    picture: Window | None = None
    black_edges: bool = False

    def __str__(self) -> str:
        if self.picture is not None:
            return f"bars around {self.picture}"
        return "black edges" if self.black_edges else "none"

    @classmethod
    def parse(cls, text: str) -> Borders:
        """From what `str` makes of one. Raises `ValueError`."""
        if text in ("none", "black edges"):
            return cls(black_edges=text != "none")
        return cls(picture=Window.parse(text.removeprefix("bars around ")))

    def empty_of(self, plate: Plate) -> MaskArray | None:
        """The pixels `(H, W)` of a plate that are border; None where it has none."""
        if self.black_edges:
            edges = _from_edges(~lit(plate.rgb))
            return _grown(edges, _RIM_PX) if bool(edges.any()) else None
        return self.outside(plate.header.data_window)

    def outside(self, window: Window) -> MaskArray | None:
        """Of a data window the pixels `(H, W)` behind bars; None where there are none."""
        if self.picture is None or self.picture.contains(window):
            return None
        empty = np.ones(window.shape, bool)
        rows = np.arange(window.y, window.y + window.height)
        columns = np.arange(window.x, window.x + window.width)
        in_rows = (rows >= self.picture.y) & (rows < self.picture.y + self.picture.height)
        in_columns = (columns >= self.picture.x) & (columns < self.picture.x + self.picture.width)
        empty[np.ix_(in_rows, in_columns)] = False
        return empty


def find_borders(reader: PlateReader) -> Borders:
    """The borders of a shot, from a few frames of all that are on disk, whatever part of it is rendered.

    A frame that cannot be read has no say, nor has a black one. The same files give the same answer.
    """
    looks = list(_looks(reader))
    looks = [look for look in looks if bool(look.lit.any())]
    if not looks:
        return Borders()
    whole = looks[0].window
    for look in looks[1:]:
        whole = whole.union(look.window)
    each = [look.laid_in(whole) for look in looks]
    ever = np.logical_or.reduce(each)
    exact = all(look.is_exact for look in looks)
    picture = _inside_bars(ever, whole, 0 if exact else _BLOCK_PX)
    if picture is not None:
        return Borders(picture=picture)
    black = exact and not any(bool(look.value.any()) for look in looks)
    return Borders(black_edges=black and _has_black_edges(ever, each))


@dataclass(frozen=True)
class _Look:
    """Of one frame: where it is anything but the border's `value`, over its data window."""

    window: Window
    value: FloatArray
    lit: MaskArray
    is_exact: bool

    def laid_in(self, whole: Window) -> MaskArray:
        laid = np.zeros(whole.shape, bool)
        laid[self.window.slices_in(whole)] = self.lit
        return laid


def _looks(reader: PlateReader) -> Iterator[_Look]:
    frames = reader.frames[:_OF_A_MOVIE] if reader.sequential else reader.frames
    count = min(_LOOKED_AT, len(frames))
    value = None
    for index in range(count):
        frame = frames[(2 * index + 1) * len(frames) // (2 * count)]
        # It may still be on its way to the disk; if it is needed, the render says so.
        with contextlib.suppress(PlateError, NoSuchChannelError):
            plate = reader.read(frame)
            noise = _LOSSY.get(plate.header.kind, 0.0)
            value = _border_value(plate.rgb) if value is None else value
            picture = lit(plate.rgb, value, noise)
            yield _Look(plate.header.data_window, value, picture, not noise)


def _border_value(rgb: FloatArray) -> FloatArray:
    """What all four corners are, where they are one dark value; else black."""
    corners = rgb[[0, 0, -1, -1], [0, -1, 0, -1]]
    same = bool((corners == corners[0]).all()) and bool((abs(corners) < _DARKEST_PICTURE).all())
    return corners[0] if same else _BLACK


def lit(rgb: FloatArray, value: FloatArray = _BLACK, noise: float = 0.0) -> MaskArray:
    """Where a picture `(H, W, 3)` is not `value`, by more than `noise`; what is no number is picture."""
    found = np.zeros(rgb.shape[:2], bool)
    for channel in range(3):
        plane = rgb[..., channel]
        with np.errstate(invalid="ignore"):
            found |= ~(abs(plane - value[channel]) <= noise) if noise else plane != value[channel]
    return found


def _inside_bars(ever: MaskArray, whole: Window, reach: int) -> Window | None:
    """What bars on opposite sides leave; None where there are none. `reach` is of the codec's blocks."""
    top, height = _between(ever, reach)
    left, width = _between(ever[top : top + height].T, reach)
    if (height, width) == whole.shape or 2 * height * width < ever.size:
        return None
    return Window(whole.x + left, whole.y + top, width, height)


def _between(ever: MaskArray, reach: int) -> tuple[int, int]:
    """First row and count of rows between a bar above and one below; all rows where there are not both."""
    rows, columns = np.flatnonzero(ever.any(axis=1)), np.flatnonzero(ever.any(axis=0))
    share = ever[:, columns[0] : columns[-1] + 1].mean(axis=1)
    full = np.flatnonzero(share >= _STRAIGHT)
    if not full.size:
        return 0, len(ever)
    first, last = int(full[0]), int(full[-1])
    frayed = max(first - int(rows[0]), int(rows[-1]) - last) > reach
    thin = min(first, len(ever) - 1 - last) < _THINNEST_BAR
    return (0, len(ever)) if frayed or thin else (first, last + 1 - first)


def _has_black_edges(ever: MaskArray, each: Sequence[MaskArray]) -> bool:
    edges = _from_edges(~ever)
    share = float(edges.mean())
    height, width = edges.shape
    halves = (
        (edges[: height // 2].sum(), edges[-(height // 2) :].sum()),
        (edges[:, : width // 2].sum(), edges[:, -(width // 2) :].sum()),
    )
    if not _LEAST_EDGES <= share <= _MOST_EDGES:
        return False
    if any(max(pair) > _BALANCE * min(pair) for pair in halves):
        return False
    for one in each:
        own = _from_edges(~one)
        if own.mean() > _BREATHING * share + _SLACK or (~one & ~own).mean() > _BLACK_INSIDE:
            return False
    return True


def _from_edges(black: MaskArray) -> MaskArray:
    """The black that reaches in from the edges, along rows and columns."""
    picture = ~black
    return _beside(picture) | _beside(np.ascontiguousarray(picture.T)).T


def _beside(picture: MaskArray) -> MaskArray:
    """Of each row what lies before its first pixel of picture and after its last."""
    width = picture.shape[1]
    there = picture.any(axis=1)
    first = np.where(there, picture.argmax(axis=1), width)[:, None]
    last = np.where(there, width - 1 - picture[:, ::-1].argmax(axis=1), -1)[:, None]
    places = np.arange(width)
    return np.asarray((places < first) | (places > last), bool)


def _grown(mask: MaskArray, px: int) -> MaskArray:
    """With `px` more pixels on every side."""
    for _ in range(px):
        before, mask = mask, mask.copy()
        mask[1:] |= before[:-1]
        mask[:-1] |= before[1:]
        mask[:, 1:] |= before[:, :-1]
        mask[:, :-1] |= before[:, 1:]
    return mask
