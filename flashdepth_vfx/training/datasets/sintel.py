"""Sintel: an animated film, 1024x436, depth in files of its own format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.datasets.contract import Matrix
from flashdepth_vfx.training.datasets.files import reading
from flashdepth_vfx.training.datasets.folders import FolderDataset, Pair, folders_in
from flashdepth_vfx.training.datasets.values import inverse_depth, world_from_camera

__all__ = ["Sintel"]

_TAG = np.float32(202021.25)
_SKY_M, _NEAREST_M = 1e4, 1e-5
_CLEAN, _DEPTH = "training/clean", "training/depth"


class Sintel(FolderDataset):
    """`training/clean/SCENE/`, `training/depth/SCENE/*.dpt` and `training/camdata_left/SCENE/*.cam`.

    The archives unpacked into one folder, or each into its own, whatever those are called. Farther than 10 km is
    sky. Pictures are those of the clean pass.
    """

    name = "sintel"

    @classmethod
    def find(cls, place: Path) -> Path | None:
        """The folder of the archives."""
        return place if _part(place, _CLEAN) and _part(place, _DEPTH) else None

    def scene_names(self) -> Iterator[str]:
        """`alley_1` and on."""
        return (scene.name for scene in folders_in(self._folder(_CLEAN)))

    def pair(self, scene: str) -> Pair:
        """Both are called by the frame, from 1."""
        picture = self._folder(_CLEAN) / scene / "frame_#.png"
        return Pair(picture, self._folder(_DEPTH) / scene / "frame_#.dpt")

    def depth(self, path: Path, scene: str, frame: str) -> FloatArray:
        """Metres; below a hundredth of a millimetre, or no number, is unknown."""
        del scene, frame
        depth_m = _dpt(path)
        unknown = ~np.isfinite(depth_m) | (depth_m < _NEAREST_M)
        return inverse_depth(depth_m, sky=~unknown & (depth_m > _SKY_M), unknown=unknown)

    def camera(self, scene: str, frame: str) -> tuple[Matrix | None, Matrix | None]:
        """From the `.cam` file: the tag, 9 doubles of the lens, 12 of camera from world."""
        folder = _part(self.folder, "training/camdata_left")
        path = None if folder is None else folder / scene / f"frame_{frame}.cam"
        if path is None or not path.is_file():
            return None, None
        with reading(path):
            content = path.read_bytes()
            _require_tag(content)
            said = np.frombuffer(content, "<f8", 21, offset=4)
            return said[:9].reshape(3, 3).copy(), world_from_camera(said[9:].reshape(3, 4))

    def _folder(self, part: str) -> Path:
        return _part(self.folder, part) or self.folder / part


def _part(place: Path, part: str) -> Path | None:
    """`training/clean` below a folder, or below one in it."""
    candidates = (folder / part for folder in (place, *folders_in(place)))
    return next((folder for folder in candidates if folder.is_dir()), None)


def _dpt(path: Path) -> FloatArray:
    """`(H, W)`: the tag, width and height in 32 bits, and floats."""
    with reading(path):
        content = path.read_bytes()
        _require_tag(content)
        width, height = (int(side) for side in np.frombuffer(content, "<i4", 2, offset=4))
        if width < 1 or height < 1 or len(content) != 12 + 4 * width * height:
            raise ValueError(f"it says {width}x{height}, and has {len(content)} bytes")
        return np.frombuffer(content, "<f4", offset=12).reshape(height, width).copy()


def _require_tag(content: bytes) -> None:
    if len(content) < 4 or np.frombuffer(content, "<f4", 1)[0] != _TAG:
        raise ValueError(f"it does not begin with {_TAG}")
