"""UrbanSyn: made streets, 2048x1024, depth in EXR files, what is sky in a picture of classes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from flashdepth_vfx.errors import CorruptPlateError
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.datasets.contract import Matrix, SceneRef
from flashdepth_vfx.training.datasets.files import read_depth_exr, read_picture, reading
from flashdepth_vfx.training.datasets.folders import FolderDataset, Pair
from flashdepth_vfx.training.datasets.values import inverse_depth, pinhole

__all__ = ["UrbanSyn"]

_UNIT_M = 1e5
_SKY_CLASS = 10
_HEIGHT, _WIDTH = 1024, 2048
#: The paper looks at the first of its 7,539 pictures.
_PICTURES = 1000


class UrbanSyn(FolderDataset):
    """`rgb/rgb_NNNN.png`, `depth/depth_NNNN.exr`, `ss/ss_NNNN.png` and `camera_metadata.json`.

    One scene, of single pictures in truth: nothing moves from one to the next.
    """

    name = "urbansyn"

    @classmethod
    def find(cls, place: Path) -> Path | None:
        """The folder of `rgb`, `depth` and `ss`."""
        return place if all((place / part).is_dir() for part in ("rgb", "depth", "ss")) else None

    def scene_names(self) -> Iterator[str]:
        """One."""
        return iter((self.name,))

    def pair(self, scene: str) -> Pair:
        """Numbers count from 1."""
        del scene
        return Pair(self.folder / "rgb" / "rgb_#.png", self.folder / "depth" / "depth_#.exr")

    @property
    def scenes(self) -> tuple[SceneRef, ...]:
        """The first thousand pictures."""
        (scene,) = super().scenes
        return (SceneRef(scene.name, scene.frames[:_PICTURES]),)

    def depth(self, path: Path, scene: str, frame: str) -> FloatArray:
        """The file's number times 100,000 is metres; what is of class 10 is sky."""
        del scene
        depth_m = read_depth_exr(path) * np.float32(_UNIT_M)
        classes = self.folder / "ss" / f"ss_{frame}.png"
        of_class = np.rint(read_picture(classes)[..., 0] * 255.0)
        if of_class.shape != depth_m.shape:
            raise CorruptPlateError(classes, f"it is {of_class.shape}, depth {depth_m.shape}")
        return inverse_depth(depth_m, sky=of_class == _SKY_CLASS, unknown=~np.isfinite(depth_m))

    def camera(self, scene: str, frame: str) -> tuple[Matrix | None, Matrix | None]:
        """One lens for all, and no poses."""
        del scene, frame
        return self._lens, None

    @cached_property
    def _lens(self) -> Matrix | None:
        path = self.folder / "camera_metadata.json"
        if not path.is_file():
            return None
        with reading(path):
            said = json.loads(path.read_text(encoding="utf-8"))["parameters"][0]["Camera"]
            fx, fy = (
                float(said["focalLength_mm"]) * side_px / float(said[f"sensor{side}_mm"])
                for side, side_px in (("Width", _WIDTH), ("Height", _HEIGHT))
            )
            return pinhole(fx, fy, _WIDTH / 2.0, _HEIGHT / 2.0)
