"""Films without known depth, to be judged by eye, and by how steady depth is on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flashdepth_vfx.errors import CorruptPlateError, PlateError
from flashdepth_vfx.io import open_plates

__all__ = ["FILMS", "Film", "load_film"]


@dataclass(frozen=True)
class Film:
    """One continuous take. `rgb` `(T, 3, H, W)` float32, display-referred in [0, 1]."""

    name: str
    rgb: Tensor


@dataclass(frozen=True)
class _Take:
    """The frames of a film's file that are shown, from 0. There is no cut among them."""

    file: str
    first: int
    count: int


_TAKES = {
    # The cuts of this film are at frames 30, 76, 137, 187 and 242. In this take: a fence before a street.
    "bikes": _Take("bikes.mp4", 137, 50),
    # A talking head before a car window. Its pixels are 1.094 times as wide as high, and stay so.
    "carphone_pristine": _Take("carphone_pristine.mp4", 0, 96),
    # People who walk over a yard, from a camera that stands still.
    "vtest": _Take("vtest.avi", 0, 64),
}

FILMS = tuple(_TAKES)
"""The names of all films."""


def load_film(folder: Path, name: str) -> Film:
    """The take of one of `FILMS`, from `folder/films`.

    Raises `PlateError` where its file is not there, `CorruptPlateError` where it is damaged or too short.
    """
    take = _TAKES[name]
    path = folder / "films" / take.file
    if not path.is_file():
        raise PlateError(path, "not there; `flashdepth evaluate --fetch FOLDER` brings it")
    reader = open_plates(str(path), start_frame=0)
    try:
        if len(reader.frames) < take.first + take.count:
            raise CorruptPlateError(
                path,
                f"it has {len(reader.frames)} frames, and {take.first + take.count} are wanted; fetch "
                "it again",
            )
        frames = [reader.read(take.first + index).rgb for index in range(take.count)]
    finally:
        reader.close()
    rgb = np.ascontiguousarray(np.stack(frames).transpose(0, 3, 1, 2))
    return Film(name, torch.from_numpy(rgb))
