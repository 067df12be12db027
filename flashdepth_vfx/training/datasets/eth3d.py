"""ETH3D, high-resolution training scenes: photographs with depth measured by a laser, in raw floats."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import OpenImageIO

from flashdepth_vfx.errors import CorruptPlateError
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.datasets.contract import Matrix
from flashdepth_vfx.training.datasets.files import reading
from flashdepth_vfx.training.datasets.folders import FolderDataset, Pair, folders_in
from flashdepth_vfx.training.datasets.values import (
    inverse_depth,
    pinhole,
    pose_of_quaternion,
    world_from_camera,
)

__all__ = ["Eth3d"]

_PICTURES, _DEPTHS = "images/dslr_images", "ground_truth_depth/dslr_images"


class Eth3d(FolderDataset):
    """`SCENE/images/dslr_images/`, `SCENE/ground_truth_depth/dslr_images/` and `SCENE/dslr_calibration_jpg/`.

    Pictures are the distorted originals, since depth is of them. The depth files are called .JPG too, and are raw
    floats of the picture's size. Infinity is unknown: the laser does not see the sky. The lens is not a pinhole, and
    so there are no intrinsics, unless the calibration is of one.
    """

    name = "eth3d"
    sparse = True

    @classmethod
    def find(cls, place: Path) -> Path | None:
        """The folder of scenes."""
        return place if any((scene / _DEPTHS).is_dir() for scene in folders_in(place)) else None

    def scene_names(self) -> Iterator[str]:
        """`courtyard` and on."""
        return (scene.name for scene in folders_in(self.folder) if (scene / _DEPTHS).is_dir())

    def pair(self, scene: str) -> Pair:
        """Both are called alike."""
        folder = self.folder / scene
        return Pair(folder / _PICTURES / "DSC_#.JPG", folder / _DEPTHS / "DSC_#.JPG")

    def depth(self, path: Path, scene: str, frame: str) -> FloatArray:
        """Metres."""
        height, width = _picture_shape(self.pair(scene).paths(frame)[0])
        with reading(path):
            depth_m = np.fromfile(path, "<f4")
        if depth_m.size != height * width:
            raise CorruptPlateError(
                path, f"it has {depth_m.size} numbers, its picture {width}x{height}; copy it again"
            )
        depth_m = depth_m.reshape(height, width)
        return inverse_depth(depth_m, unknown=~np.isfinite(depth_m))

    def camera(self, scene: str, frame: str) -> tuple[Matrix | None, Matrix | None]:
        """From COLMAP's `cameras.txt` and `images.txt`."""
        return _calibration(self.folder / scene / "dslr_calibration_jpg").get(
            f"DSC_{frame}.JPG", (None, None)
        )


def _picture_shape(path: Path) -> tuple[int, int]:
    with reading(path):
        file = OpenImageIO.ImageInput.open(str(path))
        if file is None:
            raise ValueError(OpenImageIO.geterror())
        spec = file.spec()
        file.close()
        return spec.height, spec.width


@lru_cache(maxsize=64)
def _calibration(folder: Path) -> dict[str, tuple[Matrix | None, Matrix | None]]:
    """By a picture's name; empty where there is none. A scene has a few dozen pictures."""
    lenses, images = folder / "cameras.txt", folder / "images.txt"
    if not (lenses.is_file() and images.is_file()):
        return {}
    with reading(lenses):
        lens = {words[0]: _lens(words) for words in _lines(lenses) if words}
    with reading(images):
        # every other line is of the picture's points, and may be empty
        return {
            Path(words[9]).name: (lens[words[8]], _pose(words)) for words in _lines(images)[::2]
        }


def _lines(path: Path) -> list[list[str]]:
    text = path.read_text(encoding="utf-8")
    return [line.split() for line in text.splitlines() if not line.startswith("#")]


def _lens(words: list[str]) -> Matrix | None:
    """`ID MODEL WIDTH HEIGHT fx fy cx cy`; None of any other model."""
    return pinhole(*map(float, words[4:8])) if words[1] == "PINHOLE" else None


def _pose(words: list[str]) -> Matrix:
    """`ID qw qx qy qz tx ty tz CAMERA NAME`, camera from world."""
    qw, qx, qy, qz, tx, ty, tz = map(float, words[1:8])
    return world_from_camera(pose_of_quaternion(tx, ty, tz, qx, qy, qz, qw))
