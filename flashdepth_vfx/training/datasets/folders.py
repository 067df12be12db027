"""What all sets on disk share: which folders are scenes, and which of their files belong together."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from flashdepth_vfx.errors import CorruptPlateError, UsageError
from flashdepth_vfx.io.sequence import os_errors_name
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.datasets.contract import DepthSample, Fault, Matrix, SceneRef
from flashdepth_vfx.training.datasets.files import read_picture

__all__ = ["FolderDataset", "Pair", "folders_in"]


@dataclass(frozen=True)
class Pair:
    """Where a scene's pictures and depths are: paths with `#` for the frame number in the name."""

    picture: Path
    depth: Path

    def paths(self, frame: str) -> tuple[Path, Path]:
        """The picture and the depth of one frame."""
        return _filled(self.picture, frame), _filled(self.depth, frame)


class FolderDataset(ABC):
    """A set whose scenes are folders: `VideoDepthDataset`, for readers to say what is theirs.

    `folder` is where the set lies, as `find` gives it. `held_out` opens the scenes that training never sees in the
    place of the others. Without `cameras` their files are not looked at.
    """

    name: str
    metric = True
    sparse = False
    #: Scenes that the published training leaves for validation, and scenes that are broken.
    held_out_scenes: frozenset[str] = frozenset()
    skipped_scenes: frozenset[str] = frozenset()

    def __init__(self, folder: Path, *, held_out: bool = False, cameras: bool = True) -> None:
        self.folder = folder
        self.held_out = held_out
        self.cameras = cameras

    @classmethod
    @abstractmethod
    def find(cls, place: Path) -> Path | None:
        """`place`, or what in it is this set's own folder; None where it is another."""

    @abstractmethod
    def scene_names(self) -> Iterator[str]:
        """The names of all scenes that are there, published faults too, in any order."""

    @abstractmethod
    def pair(self, scene: str) -> Pair:
        """Where a scene's files are."""

    @abstractmethod
    def depth(self, path: Path, scene: str, frame: str) -> FloatArray:
        """`(H, W)` float32 in 1/m: 0 is sky, -1 unknown. Raises `PlateError`."""

    def camera(self, scene: str, frame: str) -> tuple[Matrix | None, Matrix | None]:
        """Intrinsics and pose of a frame, as `DepthSample` has them. Raises `PlateError`."""
        del scene, frame
        return None, None

    @property
    def scenes(self) -> tuple[SceneRef, ...]:
        """By name. Raises `UsageError` where there is none, `PlateError` for a folder that cannot be listed."""
        return self._listed[0]

    @property
    def missing(self) -> tuple[Fault, ...]:
        """Files without their other half."""
        return self._listed[1]

    def frame(self, scene: SceneRef, index: int) -> DepthSample:
        """The frame `scene.frames[index]`. Raises `PlateError` that names the file."""
        number = scene.frames[index]
        picture, depth = self.pair(scene.name).paths(number)
        rgb, disparity = read_picture(picture), self.depth(depth, scene.name, number)
        if rgb.shape[:2] != disparity.shape:
            raise CorruptPlateError(
                depth, f"it is {_size(disparity)}, its picture {_size(rgb)}; copy both again"
            )
        intrinsics, pose = self.camera(scene.name, number) if self.cameras else (None, None)
        return DepthSample(np.clip(rgb, 0.0, 1.0), disparity, intrinsics, pose)

    @cached_property
    def _listed(self) -> tuple[tuple[SceneRef, ...], tuple[Fault, ...]]:
        scenes, faults = [], []
        with os_errors_name(self.folder):
            names = sorted(set(self.scene_names()) - self.skipped_scenes)
        for name in names:
            if (name in self.held_out_scenes) != self.held_out:
                continue
            pair = self.pair(name)
            pictures, depths = _numbers(pair.picture), _numbers(pair.depth)
            whole = sorted(pictures & depths, key=lambda number: (int(number), number))
            if whole:
                scenes.append(SceneRef(name, tuple(whole)))
            faults += [Fault(str(_filled(pair.depth, n)), _ALONE) for n in pictures - depths]
            faults += [Fault(str(_filled(pair.picture, n)), _ALONE) for n in depths - pictures]
        if not scenes:
            what = "held-out scene" if self.held_out else "scene"
            raise UsageError(
                f"{self.folder}: no {what} of {self.name} is in it; see docs/datasets.md"
            )
        return tuple(scenes), tuple(sorted(faults, key=lambda fault: fault.path))


_ALONE = "is not there, and the other file of its frame is"


def folders_in(place: Path) -> list[Path]:
    """The folders of a folder, by name; none where it is no folder."""
    if not place.is_dir():
        return []
    return sorted(entry for entry in place.iterdir() if entry.is_dir() and entry.name[0] != ".")


def _filled(pattern: Path, frame: str) -> Path:
    return pattern.with_name(pattern.name.replace("#", frame))


def _numbers(pattern: Path) -> set[str]:
    """The frame numbers of the files that fit a pattern."""
    before, _, after = pattern.name.partition("#")
    named = re.compile(f"{re.escape(before)}([0-9]+){re.escape(after)}")
    if not pattern.parent.is_dir():
        return set()
    with os_errors_name(pattern.parent):
        found = (named.fullmatch(entry.name) for entry in pattern.parent.iterdir())
        return {match[1] for match in found if match}


def _size(pixels: FloatArray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
