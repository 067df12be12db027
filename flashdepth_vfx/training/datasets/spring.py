"""Spring: an animated film, 1920x1080, disparity in HDF5 files of twice that size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flashdepth_vfx.errors import CorruptPlateError, UsageError
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.datasets.contract import INVALID, Matrix
from flashdepth_vfx.training.datasets.files import line_of, reading
from flashdepth_vfx.training.datasets.folders import FolderDataset, Pair, folders_in
from flashdepth_vfx.training.datasets.values import pinhole, world_from_camera

__all__ = ["Spring"]

_BASELINE_M = 0.065


class Spring(FolderDataset):
    """`train/NNNN/` with `frame_left/`, `disp1_left/` (`.dsp5`) and `cam_data/`; frames count from 1.

    The test half has no depth, and is not looked at. Sky has a disparity of 0.
    """

    name = "spring"

    @classmethod
    def find(cls, place: Path) -> Path | None:
        """The folder `train`, if its scenes have disparities."""
        folder = place if place.name == "train" else place / "train"
        has = any((scene / "disp1_left").is_dir() for scene in folders_in(folder))
        return folder if has else None

    def scene_names(self) -> Iterator[str]:
        """`0001` and on."""
        return (scene.name for scene in folders_in(self.folder) if (scene / "frame_left").is_dir())

    def pair(self, scene: str) -> Pair:
        """The left eye's."""
        folder = self.folder / scene
        return Pair(
            folder / "frame_left" / "frame_left_#.png", folder / "disp1_left" / "disp1_left_#.dsp5"
        )

    def depth(self, path: Path, scene: str, frame: str) -> FloatArray:
        """Every other row and column of the disparity, over focal length times baseline."""
        whole = _disparity_px(path)
        focal_px = self._line(scene, "intrinsics.txt", frame, 4)[0]
        per_m = whole[::2, ::2].astype(np.float64) / (focal_px * _BASELINE_M)
        known = np.isfinite(per_m) & (per_m >= 0.0)
        return np.where(known, per_m, INVALID).astype(np.float32)

    def camera(self, scene: str, frame: str) -> tuple[Matrix | None, Matrix | None]:
        """A line for each frame: `fx fy cx cy`, and camera from world in 16 numbers."""
        intrinsics = pinhole(*self._line(scene, "intrinsics.txt", frame, 4))
        path = self.folder / scene / "cam_data" / "extrinsics.txt"
        if not path.is_file():
            return intrinsics, None
        matrix = np.array(self._line(scene, path.name, frame, 16)).reshape(4, 4)
        with reading(path):
            return intrinsics, world_from_camera(matrix)

    def _line(self, scene: str, name: str, frame: str, count: int) -> list[float]:
        return line_of(self.folder / scene / "cam_data" / name, int(frame) - 1, count)


def _disparity_px(path: Path) -> FloatArray:
    """`(2H, 2W)` in pixels of the picture."""
    h5py = _h5py()
    with reading(path), h5py.File(path, "r") as file:
        found = np.asarray(file["disparity"], np.float32)
    if found.ndim != 2 or found.shape[0] % 2 or found.shape[1] % 2:
        raise CorruptPlateError(path, f"its disparity is {found.shape}, not twice a picture's size")
    return found


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise UsageError(
            "Spring's disparities are HDF5 files: pip install 'flashdepth_vfx[datasets]'"
        ) from None
    return h5py
