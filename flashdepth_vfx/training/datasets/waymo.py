"""Waymo Open Dataset, taken out of its records: a car's front camera, depth at the points of its laser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from flashdepth_vfx.errors import CorruptPlateError
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.datasets.contract import INVALID
from flashdepth_vfx.training.datasets.files import read_array
from flashdepth_vfx.training.datasets.folders import FolderDataset, Pair, folders_in

__all__ = ["SEGMENTS", "Waymo"]

_HEIGHT, _WIDTH = 1280, 1920

SEGMENTS = frozenset(
    f"segment-{name}"
    for name in [
        "12831741023324393102_2673_230_2693_230",
        "10837554759555844344_6525_000_6545_000",
        "11450298750351730790_1431_750_1451_750",
        "11434627589960744626_4829_660_4849_660",
        "14127943473592757944_2068_000_2088_000",
        "12940710315541930162_2660_000_2680_000",
        "12306251798468767010_560_000_580_000",
        "11616035176233595745_3548_820_3568_820",
        "14165166478774180053_1786_000_1806_000",
        "1071392229495085036_1844_790_1864_790",
        "12374656037744638388_1412_711_1432_711",
        "13469905891836363794_4429_660_4449_660",
        "1405149198253600237_160_000_180_000",
        "10289507859301986274_4200_000_4220_000",
        "12102100359426069856_3931_470_3951_470",
        "14081240615915270380_4399_000_4419_000",
        "11048712972908676520_545_000_565_000",
        "13573359675885893802_1985_970_2005_970",
        "10689101165701914459_2072_300_2092_300",
        "12496433400137459534_120_000_140_000",
        "11356601648124485814_409_000_429_000",
        "11406166561185637285_1753_750_1773_750",
        "10868756386479184868_3000_000_3020_000",
        "1024360143612057520_3580_000_3600_000",
        "13299463771883949918_4240_000_4260_000",
        "12820461091157089924_5202_916_5222_916",
        "10203656353524179475_7625_000_7645_000",
        "13178092897340078601_5118_604_5138_604",
        "12134738431513647889_3118_000_3138_000",
        "13356997604177841771_3360_000_3380_000",
    ]
)
"""The 30 segments of the validation half that the paper is tested on."""


class Waymo(FolderDataset):
    """`val/SEGMENT/FRONT/` with `rgb/original/N.jpg` and `depth/N.npy`, as the published code has it.

    A depth file is `(N, 3)`: column, row, metres. What no point falls on is unknown; there is no sky.
    """

    name = "waymo"
    sparse = True

    @classmethod
    def find(cls, place: Path) -> Path | None:
        """The folder `val`, if its segments have a front camera."""
        folder = place if place.name == "val" else place / "val"
        has = any((segment / "FRONT" / "depth").is_dir() for segment in folders_in(folder))
        return folder if has else None

    def scene_names(self) -> Iterator[str]:
        """Of `SEGMENTS`, those that are there."""
        return (s.name for s in folders_in(self.folder) if s.name in SEGMENTS)

    def pair(self, scene: str) -> Pair:
        """Both are called by the frame alone."""
        folder = self.folder / scene / "FRONT"
        return Pair(folder / "rgb" / "original" / "#.jpg", folder / "depth" / "#.npy")

    def depth(self, path: Path, scene: str, frame: str) -> FloatArray:
        """Points outside the picture, and without a distance above 0, are left out; of two on a pixel the last is."""
        del scene, frame
        points = read_array(path)
        if points.ndim != 2 or points.shape[1] != 3:
            raise CorruptPlateError(path, f"it is {points.shape}, not (N, 3); convert it again")
        points = points[np.isfinite(points).all(1) & (points[:, 2] > 0.0)]
        # towards zero, as published
        x, y = points[:, 0].astype(np.int64), points[:, 1].astype(np.int64)
        inside = (x >= 0) & (x < _WIDTH) & (y >= 0) & (y < _HEIGHT)
        disparity = np.full((_HEIGHT, _WIDTH), INVALID, np.float32)
        disparity[y[inside], x[inside]] = 1.0 / points[inside, 2].astype(np.float32)
        return disparity
