"""A studio's shots on disk: pixels that tell where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from plates import write_exr

from flashdepth_vfx.plate import Window
from flashdepth_vfx.preprocess import Canvas
from flashdepth_vfx.training.studio import (
    ClipSettings,
    StudioClips,
    StudioReading,
    StudioShot,
    open_shots,
)

__all__ = [
    "FRAME",
    "SECRET",
    "H",
    "W",
    "clips_of",
    "full",
    "opened",
    "rgb_of",
    "write_shot",
    "write_show",
    "z_of",
]

#: A show that nobody outside may hear of.
SECRET = "sekrit"
H, W = 48, 64
FRAME = Window(0, 0, W, H)


def rgb_of(frame: int, window: Window) -> np.ndarray:
    """Colours that tell a full-size pixel's place: red by column, green by row; blue by frame."""
    rows, columns = np.mgrid[
        window.y : window.y + window.height, window.x : window.x + window.width
    ]
    planes = (columns % 64 / 64, rows % 64 / 64, np.full(rows.shape, frame % 8 / 8))
    return np.stack(planes, axis=-1).astype(np.float16)


def z_of(window: Window) -> np.ndarray:
    """Planar depth that tells a full-size pixel's place: 10 + column + 100 rows."""
    rows, columns = np.mgrid[
        window.y : window.y + window.height, window.x : window.x + window.width
    ]
    return (10.0 + columns + 100.0 * rows).astype(np.float32)


def write_shot(
    folder: Path,
    frames: range = range(1001, 1009),
    *,
    plate_window: Window = FRAME,
    z_window: Window = FRAME,
    z: np.ndarray | None = None,
    plate: str = "plate",
    depth: str = "z",
    **attributes: Any,
) -> Path:
    """A shot of two sequences; `z` is the same on all frames."""
    display = FRAME
    values = z_of(z_window) if z is None else z
    for frame in frames:
        plane = rgb_of(frame, plate_window)
        write_exr(
            folder / f"{plate}.{frame}.exr",
            {"RGB": plane},
            data=plate_window,
            display=display,
            **attributes,
        )
        write_exr(folder / f"{depth}.{frame}.exr", {"Z": values}, data=z_window, display=display)
    return folder


def write_show(folder: Path, shots: int = 3, frames: int = 3) -> Path:
    """Shots whose brightness is their disparity: something that a few steps can learn."""
    rows = np.linspace(0.0, 1.0, 96, dtype=np.float32)[:, None]
    for index in range(shots):
        columns = np.linspace(0.2, 1.0 + 0.1 * index, 96, dtype=np.float32)
        disparity = 20.0 + 30.0 * rows * columns
        place = folder / f"{SECRET}_sh{index + 1:03d}"
        for frame in range(1001, 1001 + frames):
            grey = np.repeat((disparity / 60.0)[..., None], 3, axis=-1)
            write_exr(place / f"plate.{frame}.exr", {"RGB": grey.astype(np.float16)})
            write_exr(place / f"z.{frame}.exr", {"Z": (100.0 / disparity).astype(np.float32)})
    return folder


def opened(folder: Path, reading: StudioReading | None = None, clip_frames: int = 4) -> StudioShot:
    """The only shot of a folder."""
    _, (shot,) = open_shots(folder, reading or StudioReading(), clip_frames)
    return shot


def full(shot: StudioShot) -> Canvas:
    """Every pixel as it is."""
    return Canvas(shot.window, 1.0, *shot.window.shape)


def clips_of(folder: Path, **changes: Any) -> StudioClips:
    write_shot(folder / "a")
    write_shot(folder / "b", plate_window=Window(-8, -4, W + 16, H + 8))
    _, shots = open_shots(folder, StudioReading(), 3)
    settings = {"seed": 5, "frames": 3, "height_px": 24, "width_px": 32, **changes}
    return StudioClips(shots, ClipSettings(**settings))
