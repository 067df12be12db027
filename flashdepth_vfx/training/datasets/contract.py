"""What every set of videos with known depth is: the one contract that training, checks and tables know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.errors import PlateError
from flashdepth_vfx.plate import FloatArray, MaskArray

__all__ = [
    "INVALID",
    "DepthSample",
    "Fault",
    "Matrix",
    "SceneRef",
    "VideoDepthDataset",
    "read_clip",
]

Matrix = NDArray[np.float64]

INVALID = -1.0
"""The disparity of a pixel that nobody knows."""


@dataclass(frozen=True)
class SceneRef:
    """One continuous take. `frames` are its frame numbers as the files write them, in order, whole pairs alone."""

    name: str
    frames: tuple[str, ...]


@dataclass(frozen=True)
class DepthSample:
    """One frame as its set has it: no crop, no resize, nothing normalised.

    `rgb` `(H, W, 3)` float32, display-referred in [0, 1]. `disparity_per_m` `(H, W)` float32, 1 / planar depth in
    metres: 0 is sky, -1 unknown, nothing else is below 0. `intrinsics` `(3, 3)` in pixels, as the set states them
    (which seldom says whether a pixel's centre is whole or a half); `world_from_camera` `(4, 4)` in metres, camera
    axes x right, y down, z forward. Either is None where the set has none.

    Whoever resizes: -1 is no disparity. Resize `where(valid, disparity_per_m, 0)` and `valid` alike, divide, and keep
    what is wholly valid; or take nearest pixels. A mean over -1 puts made-up disparities along every unknown edge.
    """

    rgb: FloatArray
    disparity_per_m: FloatArray
    intrinsics: Matrix | None = None
    world_from_camera: Matrix | None = None

    @property
    def valid(self) -> MaskArray:
        """`(H, W)` bool: the truth is known here; the sky is."""
        return np.greater_equal(self.disparity_per_m, 0.0)

    @property
    def sky(self) -> MaskArray:
        """`(H, W)` bool: known to be farther than the set can say."""
        return np.equal(self.disparity_per_m, 0.0)


@dataclass(frozen=True)
class Fault:
    """A file that is not there or cannot be read, and why."""

    path: str
    reason: str

    @classmethod
    def of(cls, error: PlateError) -> Fault:
        """What an error says."""
        return cls(error.path, error.reason)


class VideoDepthDataset(Protocol):
    """Videos with known depth, by scene and frame.

    Opening one lists no folder and reads no file; `scenes` lists, once; `frame` reads one frame's files and keeps
    nothing of their pixels. A value of this kind pickles, also after use, and may be read from several threads.

    `metric` False: disparities are true up to a scale alone. `sparse`: few pixels are known, so that no edge is.
    `missing` are the frames that are half there: a picture without depth, or depth without a picture. They are in no
    scene.
    """

    @property
    def name(self) -> str:
        """As `open_dataset` takes it."""

    @property
    def metric(self) -> bool:
        """Whether disparities are in 1/m."""

    @property
    def sparse(self) -> bool:
        """Whether depth is known at scattered points."""

    @property
    def scenes(self) -> Sequence[SceneRef]:
        """By name. Raises `UsageError` where the folder holds none."""

    @property
    def missing(self) -> Sequence[Fault]:
        """What `scenes` left out, by path."""

    def frame(self, scene: SceneRef, index: int) -> DepthSample:
        """The frame `scene.frames[index]`. Raises `PlateError` (missing, corrupt) that names the file."""


def read_clip(
    dataset: VideoDepthDataset, scene: SceneRef, indices: Sequence[int]
) -> tuple[DepthSample, ...] | Fault:
    """Some frames of a scene, or the first that cannot be read: a value, so that a worker process can hand it over.

    Whoever trains takes another clip for a `Fault`, and counts it by its `path`.
    """
    try:
        return tuple(dataset.frame(scene, index) for index in indices)
    except PlateError as error:
        return Fault.of(error)
