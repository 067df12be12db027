"""TartanAir: flights through game scenes, 640x480, depth in numpy files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.datasets.contract import Matrix
from flashdepth_vfx.training.datasets.files import line_of, read_array
from flashdepth_vfx.training.datasets.folders import FolderDataset, Pair, folders_in
from flashdepth_vfx.training.datasets.values import inverse_depth, pinhole, pose_of_quaternion

__all__ = ["TartanAir"]

#: A field of view of 90 degrees over 640 pixels, in every environment.
_LENS = (320.0, 320.0, 320.0, 240.0)
_SKY_M = 1000.0
#: Its cameras look along x, with y to the right and z down; ours along z.
_OURS_TO_NED = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


class TartanAir(FolderDataset):
    """`ENVIRONMENT/Easy|Hard/P000/`, or `ENVIRONMENT/P000/`, with `image_left/`, `depth_left/` and `pose_left.txt`.

    Farther than 1 km is sky. Environments with `amusement` in their names are left out, as they are published.
    """

    name = "tartanair"

    @classmethod
    def find(cls, place: Path) -> Path | None:
        """The folder of environments."""
        has = any(_trajectories(environment) for environment in folders_in(place))
        return place if has else None

    def scene_names(self) -> Iterator[str]:
        """`abandonedfactory/Easy/P000` and on."""
        for environment in folders_in(self.folder):
            if "amusement" not in environment.name:
                for folder in _trajectories(environment):
                    yield folder.relative_to(self.folder).as_posix()

    def pair(self, scene: str) -> Pair:
        """The left eye's."""
        folder = self.folder / scene
        return Pair(
            folder / "image_left" / "#_left.png", folder / "depth_left" / "#_left_depth.npy"
        )

    def depth(self, path: Path, scene: str, frame: str) -> FloatArray:
        """Metres; what is not above 0, or no number, is unknown."""
        del scene, frame
        depth_m = read_array(path).astype(np.float32)
        disparity = inverse_depth(depth_m, unknown=~np.isfinite(depth_m))
        disparity[(disparity > 0.0) & (disparity < np.float32(1.0 / _SKY_M))] = 0.0
        return disparity

    def camera(self, scene: str, frame: str) -> tuple[Matrix | None, Matrix | None]:
        """A line for each frame, from 0: `tx ty tz qx qy qz qw`, world from camera."""
        path = self.folder / scene / "pose_left.txt"
        if not path.is_file():
            return pinhole(*_LENS), None
        pose = pose_of_quaternion(*line_of(path, int(frame), 7))
        pose[:3, :3] = pose[:3, :3] @ _OURS_TO_NED
        return pinhole(*_LENS), pose


def _trajectories(environment: Path) -> list[Path]:
    """`P000` and on, below an environment's folder or below its `Easy` and `Hard`."""
    folders = [environment, *(environment / level for level in ("Easy", "Hard"))]
    return [
        flight
        for folder in folders
        for flight in folders_in(folder)
        if flight.name.startswith("P") and (flight / "depth_left").is_dir()
    ]
