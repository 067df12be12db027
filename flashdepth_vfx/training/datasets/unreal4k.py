"""UnrealStereo4K: game scenes, 3840x2160, disparity in numpy files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.datasets.contract import INVALID, Matrix
from flashdepth_vfx.training.datasets.files import line_of, read_array, reading
from flashdepth_vfx.training.datasets.folders import FolderDataset, Pair, folders_in
from flashdepth_vfx.training.datasets.values import world_from_camera

__all__ = ["UnrealStereo4K"]


class UnrealStereo4K(FolderDataset):
    """`NNNNN/`, or `UnrealStereo4K_NNNNN/`, with `Image0/`, `Disp0/` and `Extrinsics0/`.

    Its disparities are in pixels, and taken as they are, since the scale is aligned away: not metric.
    """

    name = "unreal4k"
    metric = False

    @classmethod
    def find(cls, place: Path) -> Path | None:
        """The folder of scenes."""
        return place if any((scene / "Disp0").is_dir() for scene in folders_in(place)) else None

    def scene_names(self) -> Iterator[str]:
        """All that have disparities."""
        return (scene.name for scene in folders_in(self.folder) if (scene / "Disp0").is_dir())

    def pair(self, scene: str) -> Pair:
        """The first eye's, called by the frame alone."""
        folder = self.folder / scene
        return Pair(folder / "Image0" / "#.png", folder / "Disp0" / "#.npy")

    def depth(self, path: Path, scene: str, frame: str) -> FloatArray:
        """Below 0, or no number, is unknown; 0 is sky."""
        del scene, frame
        disparity = read_array(path).astype(np.float32)
        known = np.isfinite(disparity) & (disparity >= 0.0)
        return np.where(known, disparity, np.float32(INVALID))

    def camera(self, scene: str, frame: str) -> tuple[Matrix | None, Matrix | None]:
        """Two lines: the lens in 9 numbers, camera from world in 12."""
        path = self.folder / scene / "Extrinsics0" / f"{frame}.txt"
        if not path.is_file():
            return None, None
        intrinsics = np.array(line_of(path, 0, 9)).reshape(3, 3)
        matrix = np.array(line_of(path, 1, 12)).reshape(3, 4)
        with reading(path):
            return intrinsics, world_from_camera(matrix)
