"""MVS-Synth: 120 sequences of a game, 1920x1080, depth in EXR files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.datasets.contract import Matrix
from flashdepth_vfx.training.datasets.files import read_depth_exr, reading
from flashdepth_vfx.training.datasets.folders import FolderDataset, Pair, folders_in
from flashdepth_vfx.training.datasets.values import inverse_depth, pinhole, world_from_camera

__all__ = ["MvsSynth"]

#: The set does not state its unit; a tenth of a metre gives people the height of people.
_UNIT_M = 0.1


class MvsSynth(FolderDataset):
    """`GTAV_1080/NNNN/` with `images/*.png`, `depths/*.exr` and `poses/*.json`. Sky is infinity."""

    name = "mvs-synth"
    held_out_scenes = frozenset(("0118", "0119"))

    @classmethod
    def find(cls, place: Path) -> Path | None:
        """The folder `GTAV_1080`."""
        folder = place if place.name == "GTAV_1080" else place / "GTAV_1080"
        return folder if folder.is_dir() else None

    def scene_names(self) -> Iterator[str]:
        """`0000` and on."""
        return (folder.name for folder in folders_in(self.folder) if folder.name.isdigit())

    def pair(self, scene: str) -> Pair:
        """Both are called by the frame's number alone."""
        folder = self.folder / scene
        return Pair(folder / "images" / "#.png", folder / "depths" / "#.exr")

    def depth(self, path: Path, scene: str, frame: str) -> FloatArray:
        """A tenth of what the file says; nothing is unknown."""
        del scene, frame
        # 1 / infinity is the sky's 0
        return inverse_depth(read_depth_exr(path) / 10.0)

    def camera(self, scene: str, frame: str) -> tuple[Matrix | None, Matrix | None]:
        """From `poses/NNNN.json`; its `extrinsic` is camera from world."""
        path = self.folder / scene / "poses" / f"{frame}.json"
        if not path.is_file():
            return None, None
        with reading(path):
            said = json.loads(path.read_text(encoding="utf-8"))
            intrinsics = pinhole(*(float(said[name]) for name in ("f_x", "f_y", "c_x", "c_y")))
            return intrinsics, world_from_camera(np.array(said["extrinsic"], float), _UNIT_M)
