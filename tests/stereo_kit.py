"""Stereo plates of every kind, small: one scene from two eyes, as views in parts, in one part, or in files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from plates import box, write_exr, write_exr_parts
from render_kit import WINDOW, RenderKit, at, picture, run, write_plate
from torch import Tensor, nn

from flashdepth_vfx import StereoResult
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.model import TemporalState
from flashdepth_vfx.plate import FloatArray, Window

__all__ = [
    "BY_VIEW",
    "KINDS",
    "ONE",
    "PARALLAX_PX",
    "VIEWS",
    "Eyes",
    "depth_of",
    "depths_of",
    "eye",
    "places",
    "stereo",
    "stereo_shot",
]

VIEWS = ("left", "right")
BY_VIEW, ONE = "depth/%V/shot.####.exr", "depth/shot.####.exr"
KINDS = ("parts", "one part", "files")
#: How far everything lies further left in the right eye.
PARALLAX_PX = 6


def eye(view: str, frame: int, window: Window = WINDOW) -> FloatArray:
    """What one eye sees over `window`: the scene with a texture of its own on every pixel."""
    shift = PARALLAX_PX if view == "right" else 0
    there = Window(window.x + shift, window.y, window.width, window.height)
    rough = np.random.default_rng(7).random((600, 600), np.float32)
    rows, columns = there.slices_in(Window(-100, -100, 600, 600))
    return np.asarray(0.7 * picture(frame, there) + 0.3 * rough[rows, columns, None], np.float32)


def stereo_shot(
    kit: RenderKit,
    frames: Iterable[int],
    kind: str = "parts",
    *,
    hero: str = "left",
    right_window: Window = WINDOW,
) -> str:
    """Plates of two views; gives their pattern. Only in parts may the windows differ."""
    other = "right" if hero == "left" else "left"
    pattern = str(
        kit.folder / ("plates/%V.####.exr" if kind == "files" else "plates/shot.####.exr")
    )
    windows = {"left": WINDOW, "right": right_window}
    for frame in frames:
        seen = {v: eye(v, frame, windows[v] if kind == "parts" else WINDOW) for v in (hero, other)}
        if kind == "files":
            for view, rgb in seen.items():
                write_plate(at(pattern.replace("%V", view), frame), frame, rgb=rgb)
        elif kind == "one part":
            channels = {"RGB": seen[hero]}
            planes = {f"{other}.{c}": seen[other][..., i] for i, c in enumerate("RGB")}
            write_exr(at(pattern, frame), channels | planes, multiView=[hero, other])
        else:
            (kit.folder / "plates").mkdir(exist_ok=True)
            parts = [
                (
                    {
                        "name": f"rgba.{v}",
                        "view": v,
                        "dataWindow": box(windows[v]),
                        "displayWindow": box(WINDOW),
                    },
                    {"RGB": rgb},
                )
                for v, rgb in seen.items()
            ]
            write_exr_parts(at(pattern, frame), parts)
    return pattern


def stereo(
    kit: RenderKit, plates: str, out: str, view: str = "left,right", **more: Any
) -> StereoResult:
    result = run(kit.job(plates, out, view=view, **more))
    assert isinstance(result, StereoResult)
    return result


def depth_of(path: Path, view: str | None) -> FloatArray:
    """The depth of a view in a file."""
    reader = open_plates(str(path), channels=("depth.Z",), view=view)
    return np.ascontiguousarray(reader.read(reader.frames[0]).rgb[..., 0])


def depths_of(kit: RenderKit, out: str, view: str, frames: range) -> dict[int, FloatArray]:
    inner = None if "%V" in out else view
    return {f: depth_of(kit.path(f, out.replace("%V", view)), inner) for f in frames}


def places(kind: str) -> list[str]:
    """Where the depth of plates of this kind may go."""
    return [BY_VIEW] if kind == "files" else [BY_VIEW, ONE]


class Eyes(nn.Module):
    """A network that sees a slope, nearer by `factor` in each view after the first."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor, self.views = factor, 0

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        return ((1,),)

    def forward(self, pixels: Tensor, state: TemporalState | None) -> tuple[Tensor, TemporalState]:
        self.views += state is None
        rows = torch.linspace(10.0, 40.0, pixels.shape[-2])[:, None]
        slope = rows.expand(pixels.shape[-2:]) * self.factor ** (self.views - 1)
        return slope[None], TemporalState((torch.zeros(1),))
