"""PointOdyssey: people and animals in made rooms, 960x540, depth in 16-bit PNG files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.datasets.contract import Matrix
from flashdepth_vfx.training.datasets.files import read_codes, reading
from flashdepth_vfx.training.datasets.folders import FolderDataset, Pair, folders_in
from flashdepth_vfx.training.datasets.values import inverse_depth, world_from_camera

__all__ = ["SCENES", "PointOdyssey"]

_FULL_SCALE_M = 1000.0
#: Nearer than this is drawn as near as this.
_NEAREST_M = 0.01

SCENES = frozenset(
    [
        "cnb_dlab_0215_3rd",
        "cnb_dlab_0215_ego1",
        "cnb_dlab_0225_3rd",
        "cnb_dlab_0225_ego1",
        "dancing",
        "dancingroom0_3rd",
        "footlab_3rd",
        "footlab_ego1",
        "footlab_ego2",
        "girl",
        "girl_egocentric",
        "human_egocentric",
        "human_in_scene",
        "human_in_scene1",
        "kg",
        "kg_ego1",
        "kg_ego2",
        "kitchen_gfloor",
        "kitchen_gfloor_ego1",
        "kitchen_gfloor_ego2",
        "scene_carb_h_tables",
        "scene_carb_h_tables_ego1",
        "scene_carb_h_tables_ego2",
        "scene_j716_3rd",
        "scene_j716_ego1",
        "scene_j716_ego2",
        "scene_recording_20210910_S05_S06_0_3rd",
        "scene_recording_20210910_S05_S06_0_ego2",
        "scene1_0129",
        "scene1_0129_ego",
        "seminar_h52_3rd",
        "seminar_h52_ego1",
        "seminar_h52_ego2",
    ]
)
"""The 33 of its training scenes that the paper uses, as CUT3R chose them."""


class PointOdyssey(FolderDataset):
    """`train/SCENE/` with `rgbs/`, `depths/` and `anno.npz`. Code 0 is unknown; there is no sky."""

    name = "pointodyssey"

    @classmethod
    def find(cls, place: Path) -> Path | None:
        """The folder `train`, if its scenes have `rgbs`."""
        folder = place if place.name == "train" else place / "train"
        return folder if any((s / "rgbs").is_dir() for s in folders_in(folder)) else None

    def scene_names(self) -> Iterator[str]:
        """Of `SCENES`, those that are there."""
        return (scene.name for scene in folders_in(self.folder) if scene.name in SCENES)

    def pair(self, scene: str) -> Pair:
        """Frames count from 0."""
        folder = self.folder / scene
        return Pair(folder / "rgbs" / "rgb_#.jpg", folder / "depths" / "depth_#.png")

    def depth(self, path: Path, scene: str, frame: str) -> FloatArray:
        """The largest code is 1 km."""
        del scene, frame
        codes = read_codes(path)
        depth_m = codes.astype(np.float32) / np.float32(65535.0) * np.float32(_FULL_SCALE_M)
        return inverse_depth(depth_m.clip(_NEAREST_M), unknown=codes == 0)

    def camera(self, scene: str, frame: str) -> tuple[Matrix | None, Matrix | None]:
        """Of `anno.npz` the arrays `intrinsics` and `extrinsics`, camera from world; none of its tracks is read."""
        path = self.folder / scene / "anno.npz"
        if not path.is_file():
            return None, None
        with reading(path), np.load(path, allow_pickle=False) as arrays:
            intrinsics = np.array(arrays["intrinsics"][int(frame)], np.float64)
            pose = world_from_camera(np.array(arrays["extrinsics"][int(frame)], np.float64))
        return intrinsics, pose
