"""Dynamic Replica: people and animals in scanned rooms, 1280x720, depth as half floats in 16-bit PNG files."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.datasets.contract import Matrix
from flashdepth_vfx.training.datasets.files import read_codes, reading
from flashdepth_vfx.training.datasets.folders import FolderDataset, Pair, folders_in
from flashdepth_vfx.training.datasets.values import inverse_depth, pinhole, world_from_camera

__all__ = ["DynamicReplica"]

_ANNOTATIONS = "frame_annotations_train.jgz"


class DynamicReplica(FolderDataset):
    """`train/NAME_source_left/` with `images/` and `depths/`; cameras in `frame_annotations_train.jgz`.

    One scene is left out, since its depth is known to be wrong.
    """

    name = "dynamic-replica"
    skipped_scenes = frozenset(("009850-3_obj_source_left",))

    @classmethod
    def find(cls, place: Path) -> Path | None:
        """The folder `train`, if its scenes are left eyes with depths."""
        folder = place if place.name == "train" else place / "train"
        found = any(_is_scene(scene) for scene in folders_in(folder))
        return folder if found else None

    def scene_names(self) -> Iterator[str]:
        """All left eyes."""
        return (scene.name for scene in folders_in(self.folder) if _is_scene(scene))

    def pair(self, scene: str) -> Pair:
        """Pictures are called NAME-0000.png, depths NAME_0000.geometric.png."""
        folder = self.folder / scene
        return Pair(
            folder / "images" / f"{scene}-#.png", folder / "depths" / f"{scene}_#.geometric.png"
        )

    def depth(self, path: Path, scene: str, frame: str) -> FloatArray:
        """Metres, half floats whose bits are the PNG's codes; what is not above 0, or no number, is unknown."""
        del scene, frame
        depth_m = read_codes(path).view(np.float16).astype(np.float32)
        return inverse_depth(depth_m, unknown=~np.isfinite(depth_m))

    def camera(self, scene: str, frame: str) -> tuple[Matrix | None, Matrix | None]:
        """From the annotations of the whole set, which are read once."""
        said = self._cameras.get(f"{scene}/images/{scene}-{frame}.png")
        return (None, None) if said is None else said

    @cached_property
    def _cameras(self) -> dict[str, tuple[Matrix, Matrix]]:
        """By the picture's path below `train`."""
        for folder in (self.folder, self.folder.parent):
            path = folder / _ANNOTATIONS
            if path.is_file():
                with reading(path), gzip.open(path, "rt", encoding="utf-8") as file:
                    return {said["image"]["path"]: _camera(said) for said in json.load(file)}
        return {}


def _is_scene(folder: Path) -> bool:
    return folder.name.endswith("_left") and (folder / "depths").is_dir()


def _camera(said: dict[str, Any]) -> tuple[Matrix, Matrix]:
    """From PyTorch3D's: row vectors, x to the left, y up, lengths in halves of the picture."""
    view, (height, width) = said["viewpoint"], said["image"]["size"]
    half = np.array([width, height]) / 2.0
    unit = half if view["intrinsics_format"].lower() == "ndc_norm_image_bounds" else half.min()
    fx, fy = np.array(view["focal_length"]) * unit
    cx, cy = half - np.array(view["principal_point"]) * unit
    camera_from_world = np.column_stack([np.array(view["R"]).T, view["T"]])
    camera_from_world[:2] *= -1.0
    return pinhole(fx, fy, cx, cy), world_from_camera(camera_from_world)
