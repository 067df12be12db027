"""A sheet for each clip: plates, their depth on one scale, and one column over time, which shows flicker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.sheet import GAP_PX, Picture, coloured, draw_contact_sheet, scale_of

__all__ = ["draw_sheet"]

_SHOWN = 4
_CELL_WIDTH_PX = 360
_MARK = (0.2, 0.9, 1.0)


def draw_sheet(name: str, rgb: Tensor, disparity: Tensor, path: Path) -> None:
    """Draw a clip's sheet to `path`, a PNG.

    `rgb` `(T, 3, H, W)` in [0, 1], `disparity` `(T, H, W)`, near is large. Four plates over their depth, all on the
    scale of the whole clip, near is bright; under them the middle column of plate and of depth over time: what
    flickers has stripes. Ticks mark the column. A still has no time: plate and depth alone. Raises `SettingsError`
    when the shapes do not fit, `OutputError` when the file cannot be written.
    """
    frames, channels, height, width = rgb.shape
    if channels != 3 or not frames or disparity.shape != (frames, height, width):
        raise SettingsError(
            f"sheet of {name}: plates {tuple(rgb.shape)} and depth {tuple(disparity.shape)} do not fit"
        )
    depth = disparity.detach().float().cpu().numpy()
    low, high = scale_of(depth)
    scale = f"{low:.3g} dark to {high:.3g} bright"
    shown = sorted({round(i * (frames - 1) / (_SHOWN - 1)) for i in range(_SHOWN)})
    plates = [_plate(rgb[frame]) for frame in shown]
    depths = [coloured(depth[frame], low, high) for frame in shown]
    if frames == 1:
        cells = [(name, plates[0]), (f"disparity  {scale}", depths[0])]
        draw_contact_sheet([cells], path, 2 * _CELL_WIDTH_PX)
        return
    middle = width // 2
    plate_column = _plate(rgb[..., middle].permute(1, 2, 0))
    depth_column = coloured(depth[..., middle].T, low, high)
    # As wide as the rows above, and as high as their pictures.
    full_px = len(shown) * (_CELL_WIDTH_PX + GAP_PX) - GAP_PX
    wide = round(width * full_px / _CELL_WIDTH_PX)
    over_time = f"middle column over {frames} frames, left to right"
    rows = [
        [(f"{name}  frame {f}", _marked(p, middle)) for f, p in zip(shown, plates, strict=True)],
        [(f"disparity  {scale}", _marked(d, middle)) for d in depths],
        [(f"plate: {over_time}", _stretched(plate_column, wide))],
        [(f"disparity: {over_time}", _stretched(depth_column, wide))],
    ]
    draw_contact_sheet(rows, path, (_CELL_WIDTH_PX, _CELL_WIDTH_PX, full_px, full_px))


def _plate(rgb: Tensor) -> Picture:
    """`(3, H, W)` to a picture."""
    picture: Picture = rgb.detach().float().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    return picture


def _marked(picture: Picture, column: int) -> Picture:
    """With a tick at the top and the bottom of the column that is followed over time."""
    shown = picture.copy()
    height, width = picture.shape[:2]
    long, thick = max(height // 12, 1), max(width // 180, 1)
    for rows in (slice(0, long), slice(height - long, height)):
        shown[rows, column : column + thick] = _MARK
    return shown


def _stretched(picture: Picture, width: int) -> Picture:
    """`(H, T, 3)` to `(H, width, 3)`: every frame a bar, with no blending between frames."""
    frames = picture.shape[1]
    return np.ascontiguousarray(picture[:, np.arange(width) * frames // width])
