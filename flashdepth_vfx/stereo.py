"""How far the depth of two views disagrees where both see the same thing.

Each view is rendered by itself, from one picture alone, so nothing makes the two agree in scale. Cameras
side by side are equally far from a thing, by planar distance: the ratio of the two depths of one thing is
1 where they agree. The same thing is found in the pictures, never in the depth.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.depthfile import code_said_by, views_in
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.outputs import output_sequence
from flashdepth_vfx.parallax import match_rows
from flashdepth_vfx.plate import FloatArray, Plate, PlateHeader, Window
from flashdepth_vfx.preprocess import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Canvas,
    plan_canvas,
    to_network,
)
from flashdepth_vfx.shotinfo import open_shot

__all__ = [
    "Mismatch",
    "light_on",
    "matching_canvas",
    "measure_mismatch",
    "sampled",
    "write_mismatches",
]

_FORMAT = "flashdepth-stereo/1"

#: Frames of a shot that are looked at, evenly over it, and the long side of what is matched.
_FRAMES, _LONG_SIDE_PX = 24, 192
#: Fewer matches than these tell nothing of a frame.
_LEAST = 100


@dataclass(frozen=True)
class Mismatch:
    """`ratio` of `other`'s inverse distance to `hero`'s: 1 where they agree, above it `other` is nearer.

    It is the median over `frames` of each frame's median over pixels; `lowest` and `highest` are those of
    single frames. Half of the pixels are within `spread`, a share, of their frame's ratio. All four are
    None where no frame had enough that both views see.
    """

    hero: str
    other: str
    frames: tuple[int, ...]
    ratio: float | None
    lowest: float | None
    highest: float | None
    spread: float | None

    def __str__(self) -> str:
        names = f"{self.other} against {self.hero}"
        if self.ratio is None or self.spread is None:
            return f"{names}: not compared, since too little is seen by both"
        nearer = f"{names}: {abs(self.ratio - 1):.1%} {'nearer' if self.ratio > 1 else 'farther'}"
        return (
            f"{nearer} where both see the same ({self.lowest:.3f} to {self.highest:.3f} over "
            f"{len(self.frames)} frames, half of the pixels within {self.spread:.1%})"
        )


def measure_mismatch(hero: RenderJob, other: RenderJob) -> Mismatch:
    """Compare two views that were rendered, on up to 24 frames that both have. Raises `PlateError`."""
    one, two = _View(hero), _View(other)
    try:
        shared = sorted(one.frames & two.frames)
        if hero.frame_range is not None:
            shared = [frame for frame in shared if frame in hero.frame_range]
        chosen = [shared[i] for i in _evenly(len(shared))]
        found = {frame: _logs(one, two, frame) for frame in chosen}
    finally:
        one.close()
        two.close()
    found = {frame: logs for frame, logs in found.items() if logs.size >= _LEAST}
    names = hero.shot.view or "", other.shot.view or ""
    if not found:
        return Mismatch(*names, (), None, None, None, None)
    middles = [float(np.median(logs)) for logs in found.values()]
    off = [np.abs(logs - np.median(logs)) for logs in found.values()]
    ratios = (np.median(middles), min(middles), max(middles), np.median(np.concatenate(off)))
    ratio, lowest, highest, spread = (math.exp(value) for value in ratios)
    return Mismatch(*names, tuple(found), ratio, lowest, highest, spread - 1.0)


def write_mismatches(manifest: Path, found: Sequence[Mismatch]) -> Path:
    """Leave them beside the hero's manifest, for the same frames. Raises `OutputError`, `DiskFullError`."""
    path = manifest.with_name(manifest.name.replace("manifest", "stereo", 1))
    plain = {"format": _FORMAT, "mismatches": msgspec.to_builtins(list(found))}
    atomic_write_bytes(path, json.dumps(plain, indent=2).encode() + b"\n")
    return path


class _View:
    """The plates of one view and its depth on disk."""

    def __init__(self, job: RenderJob) -> None:
        channel = job.settings.depth_channel
        self.plates: PlateReader = open_shot(job.shot)
        sequence = output_sequence(job.output, self.plates, job.shot.view, "_depth")
        view = job.shot.view if job.shot.view in views_in(sequence) else None
        self._depth = open_plates(sequence.pattern, channels=(channel,), view=view)
        self._writer = ExrDepthWriter(sequence, channel=channel, view=view)
        self.frames = set(self.plates.frames) & set(self._depth.frames)

    def disparity(self, frame: int, canvas: Canvas) -> FloatArray:
        """`(h, w)` in 100/m over the canvas; 0 outside of the data window."""
        plate, told = self._depth.read(frame), self._writer.attributes(frame) or {}
        full = code_said_by(told, plate.header.path).decode(plate.rgb[..., 0])
        return sampled(full, plate.header.data_window, canvas)

    def close(self) -> None:
        """Let go of both."""
        self.plates.close()
        self._depth.close()


def matching_canvas(one: PlateHeader, two: PlateHeader) -> Canvas:
    """What two plates are matched on: both data windows, small."""
    window, aspect = one.data_window.union(two.data_window), one.pixel_aspect
    side = min(_LONG_SIDE_PX, round(max(window.width * aspect, window.height)))
    return plan_canvas(window, aspect, side, multiple=1, minimum=1)


def light_on(plate: Plate, canvas: Canvas) -> FloatArray:
    """`(h, w)` in 0..1: the plate's light on the canvas, in no colour."""
    light = np.nan_to_num(plate.rgb, nan=0.0, posinf=1e4, neginf=0.0).clip(0.0)
    tensor = to_network(light / (1 + light), plate.header.data_window, canvas)[0].numpy()
    mean, deviation = (np.array(v, np.float32) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return np.asarray((tensor * deviation[:, None, None] + mean[:, None, None]).mean(0))


def sampled(full: FloatArray, window: Window, canvas: Canvas) -> FloatArray:
    """`(h, w)`: the pixel of `full`, over `window`, in the middle of each of the canvas's; 0 outside."""
    rows = _middles(canvas.window.y, canvas.window.height, canvas.height) - window.y
    columns = _middles(canvas.window.x, canvas.window.width, canvas.width) - window.x
    in_rows = (rows >= 0) & (rows < window.height)
    in_columns = (columns >= 0) & (columns < window.width)
    small = np.zeros((canvas.height, canvas.width), np.float32)
    small[np.ix_(in_rows, in_columns)] = full[np.ix_(rows[in_rows], columns[in_columns])]
    return small


def _logs(one: _View, two: _View, frame: int) -> FloatArray:
    """Logarithms of the ratio of the two views' inverse distance, at each match of a frame."""
    plates = [view.plates.read(frame) for view in (one, two)]
    canvas = matching_canvas(plates[0].header, plates[1].header)
    ours, theirs = (view.disparity(frame, canvas) for view in (one, two))
    # What is the sky, or no number, has no ratio: it is not looked for.
    known = [np.isfinite(depth) & (depth > 0) for depth in (ours, theirs)]
    found = match_rows(light_on(plates[0], canvas), light_on(plates[1], canvas), *known)
    ratio = theirs[found.rows, found.others] / ours[found.rows, found.columns]
    return np.asarray(np.log(ratio), np.float32)


def _evenly(count: int) -> Sequence[int]:
    return sorted({int(i) for i in np.linspace(0, count - 1, min(count, _FRAMES)).round()})


def _middles(start: int, length: int, count: int) -> NDArray[np.intp]:
    """The plate pixels in the middle of each of `count` small ones."""
    return np.asarray(start + np.floor((np.arange(count) + 0.5) * length / count), np.intp)
