"""Which frames of a pass are shown, and their pictures as a page or a movie takes them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from flashdepth_vfx.errors import PlateError
from flashdepth_vfx.review.passes import DepthPass, Seen
from flashdepth_vfx.review.plates import ShownPlates
from flashdepth_vfx.sheet import Picture, coloured, resized
from flashdepth_vfx.stills import jpeg, png

__all__ = ["Shown", "data_uri", "depth_picture", "shown", "shown_frames"]

#: Of a page.
_MOST_SHOWN = 12
_WIDTH_PX = 384


@dataclass(frozen=True)
class Shown:
    """One frame: its depth, and the plate that it was made from, None where it is not there."""

    frame: int
    depth: Picture
    plate: Picture | None


def shown_frames(
    frames: Sequence[int], starts: Sequence[int], notable: Sequence[int]
) -> tuple[int, ...]:
    """Some of `frames`: one of each take, the first of the `notable`, and the others evenly over the pass."""
    takes = [frame for frame in starts if frame in set(frames)]
    chosen = {*_evenly(takes, _MOST_SHOWN // 2), *notable[: _MOST_SHOWN // 3]}
    for frame in _evenly(frames, _MOST_SHOWN - len(chosen)):
        chosen.add(frame)
    return tuple(sorted(chosen))


def shown(
    found: DepthPass,
    frames: Sequence[int],
    span: tuple[float, float],
    plates: ShownPlates | None,
    width_px: int = _WIDTH_PX,
) -> Iterator[Shown]:
    """The pictures of `frames`, all on one scale: `span` is what is darkest and lightest."""
    for seen in found.look(frames):
        if not isinstance(seen, PlateError):
            plate = plates.picture(seen.frame, width_px) if plates else None
            yield Shown(seen.frame, depth_picture(seen, found, span, width_px), plate)


def depth_picture(
    seen: Seen, found: DepthPass, span: tuple[float, float], width_px: int
) -> Picture:
    """`(h, width_px, 3)`: near is light, whatever the convention; what the network was not shown is dull."""
    height, width = seen.values.shape
    low, high = span
    values = seen.values if found.near_is_larger else low + high - seen.values
    # Coloured at its own size: between two depths there is no third.
    step = max(width // (2 * width_px), 1)
    picture = coloured(values[::step, ::step], low, high)
    return resized(picture, width_px, max(round(width_px * height / width), 1))


def data_uri(picture: Picture, *, photograph: bool) -> str:
    """A picture inside a page: a photograph as JPEG, anything else as PNG."""
    data, kind = (jpeg(picture), "jpeg") if photograph else (png(picture), "png")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _evenly(frames: Sequence[int], count: int) -> list[int]:
    if count <= 0 or not frames:
        return []
    places = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [frames[place] for place in places]
