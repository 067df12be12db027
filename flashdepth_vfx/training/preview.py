"""Made scenes to look at: what training sees, above the depth that it is told."""

from __future__ import annotations

from pathlib import Path

import torch

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.sheet import Picture, coloured, draw_contact_sheet, scale_of
from flashdepth_vfx.training.looks import Look, develop, draw_looks
from flashdepth_vfx.training.scenes import Scene, draw_scenes, render

__all__ = ["draw_preview"]

_HEIGHT_PX, _WIDTH_PX = 144, 256
_COLUMNS = 4


def draw_preview(path: Path, first: int, count: int, flicker: float) -> None:
    """A contact sheet of the scenes `first` to `first` + `count`, PNG, whole or not there.

    Raises SettingsError for fewer than one scene, OutputError when the file cannot be written.
    """
    if count < 1 or first < 0:
        raise SettingsError(f"a preview of {count} scenes from {first}: there is nothing to show")
    cells = [_cells(seed, flicker) for seed in range(first, first + count)]
    rows: list[list[tuple[str, Picture]]] = []
    for start in range(0, count, _COLUMNS):
        part = cells[start : start + _COLUMNS]
        rows += [[above for above, _ in part], [below for _, below in part]]
    draw_contact_sheet(rows, path, _WIDTH_PX)


def _cells(seed: int, flicker: float) -> tuple[tuple[str, Picture], tuple[str, Picture]]:
    """One at a time: any number of scenes in the memory of one."""
    cpu = torch.device("cpu")
    look = Look.from_arrays(draw_looks([seed], 1, flicker), cpu)
    scene = Scene.from_arrays(draw_scenes([seed], 1), cpu)
    clip = render(scene, _HEIGHT_PX, _WIDTH_PX, shutter=look.shutter, light_stops=look.light_stops)
    rgb = develop(clip.rgb_linear, clip.disparity_100_per_m, look)[0, 0]
    disparity = clip.disparity_100_per_m[0, 0].numpy()
    low, high = scale_of(disparity)
    picture = rgb.permute(1, 2, 0).numpy()
    near_m = 100.0 / high
    return (f"scene {seed}", picture), (f"to {near_m:.2g} m", coloured(disparity, low, high))
