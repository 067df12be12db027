"""What lies in a folder, before anything trains on it: every set, every scene, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.errors import FlashDepthError, PlateError, UsageError
from flashdepth_vfx.sheet import Picture, coloured, draw_contact_sheet, scale_of
from flashdepth_vfx.training.datasets.catalogue import find_datasets, open_dataset
from flashdepth_vfx.training.datasets.contract import (
    DepthSample,
    Fault,
    SceneRef,
    VideoDepthDataset,
)

__all__ = ["DatasetReport", "SceneReport", "check_data"]

# Distances are counted in steps of half a percent, so that any number of frames takes the memory of one.
_DECADES = (-4.0, 7.0)
_BINS = 5000
_NEAR_AND_FAR = (0.01, 0.99)
_COLUMNS = 4


@dataclass(frozen=True)
class SceneReport:
    """One scene: all of its frames are listed, `looked_at` of them were read.

    The range of distance is from the nearest to the farthest hundredth of the known pixels, sky apart, in metres
    (of a set that is not metric, in units of its own); None where no frame has any. Shares are of all pixels.
    """

    name: str
    frames: int
    looked_at: int = 0
    width_px: int = 0
    height_px: int = 0
    near_m: float | None = None
    far_m: float | None = None
    sky_share: float | None = None
    unknown_share: float | None = None
    has_intrinsics: bool = False
    has_poses: bool = False


@dataclass(frozen=True)
class DatasetReport:
    """One set. `missing` are half frames, `damaged` those that were read and could not be; `problem` is empty, or
    says why nothing of it can be used.
    """

    name: str
    metric: bool
    sparse: bool
    scenes: tuple[SceneReport, ...] = ()
    missing: tuple[Fault, ...] = ()
    damaged: tuple[Fault, ...] = ()
    problem: str = ""


def check_data(
    root: Path,
    names: Sequence[str] = (),
    *,
    frames_per_scene: int | None = 3,
    sheet: Path | None = None,
    show: Callable[[str], None] = lambda what: None,
) -> tuple[DatasetReport, ...]:
    """Every set in `root`, or those named, by a few frames of each scene, spread over it; None reads all of them.

    `sheet` is a PNG: the first frame of the first scenes of each set, above its depth. `show` hears which scene is
    looked at. Raises `UsageError` where there is no set, `OutputError` for the sheet.
    """
    found = names or find_datasets(root)
    if not found:
        raise UsageError(
            f"{root}: none of the sets is in it; see docs/datasets.md for how they lie"
        )
    rows: list[list[tuple[str, Picture]]] = []
    reports = [
        _report(open_dataset(name, root), frames_per_scene, rows if sheet else None, show)
        for name in found
    ]
    if sheet is not None and rows:
        draw_contact_sheet(rows, sheet)
    return tuple(reports)


def _report(
    data: VideoDepthDataset,
    frames_per_scene: int | None,
    rows: list[list[tuple[str, Picture]]] | None,
    show: Callable[[str], None],
) -> DatasetReport:
    try:
        scenes = data.scenes
    except FlashDepthError as problem:
        return DatasetReport(data.name, data.metric, data.sparse, problem=str(problem))
    damaged: list[Fault] = []
    reports: list[SceneReport] = []
    shown: list[tuple[tuple[str, Picture], tuple[str, Picture]]] = []
    for scene in scenes:
        show(f"{data.name} {scene.name}")
        tally = _Tally()
        for sample in _samples(data, scene, frames_per_scene, damaged):
            if rows is not None and not tally.looked_at and len(shown) < _COLUMNS:
                shown.append(_cells(f"{data.name} {scene.name}", sample))
            tally.add(sample)
        reports.append(tally.report(scene))
    if rows is not None and shown:
        rows += [[above for above, _ in shown], [below for _, below in shown]]
    return DatasetReport(
        data.name, data.metric, data.sparse, tuple(reports), tuple(data.missing), tuple(damaged)
    )


def _samples(
    data: VideoDepthDataset, scene: SceneRef, count: int | None, damaged: list[Fault]
) -> Iterator[DepthSample]:
    """One at a time, those that can be read."""
    last = len(scene.frames) - 1
    places = range(last + 1)
    if count is not None and count <= last:
        places = range(0, last + 1, max(last // max(count - 1, 1), 1))[:count]
    for index in places:
        try:
            yield data.frame(scene, index)
        except PlateError as error:
            damaged.append(Fault.of(error))


@dataclass
class _Tally:
    """What the frames of a scene add up to."""

    looked_at: int = 0
    pixels: int = 0
    sky: int = 0
    unknown: int = 0
    first: DepthSample | None = None
    distances: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BINS, np.int64))

    def add(self, sample: DepthSample) -> None:
        """A frame's pixels, as counts."""
        self.looked_at += 1
        disparity = sample.disparity_per_m
        self.pixels += disparity.size
        self.sky += int(sample.sky.sum())
        self.unknown += int((~sample.valid).sum())
        self.first = self.first or sample
        exponents = -np.log10(disparity[disparity > 0.0])
        self.distances += np.histogram(exponents.clip(*_DECADES), _BINS, _DECADES)[0]

    def report(self, scene: SceneRef) -> SceneReport:
        """What they say."""
        if self.first is None:
            return SceneReport(scene.name, len(scene.frames))
        height, width = self.first.disparity_per_m.shape
        near, far = (self._quantile(share) for share in _NEAR_AND_FAR)
        return SceneReport(
            name=scene.name,
            frames=len(scene.frames),
            looked_at=self.looked_at,
            width_px=width,
            height_px=height,
            near_m=near,
            far_m=far,
            sky_share=self.sky / self.pixels,
            unknown_share=self.unknown / self.pixels,
            has_intrinsics=self.first.intrinsics is not None,
            has_poses=self.first.world_from_camera is not None,
        )

    def _quantile(self, share: float) -> float | None:
        """The distance that this share of the pixels is nearer than."""
        counted = self.distances.cumsum()
        if not counted[-1]:
            return None
        place = int(np.searchsorted(counted, share * counted[-1]))
        low, high = _DECADES
        return float(10.0 ** (low + (place + 0.5) * (high - low) / _BINS))


def _cells(label: str, sample: DepthSample) -> tuple[tuple[str, Picture], tuple[str, Picture]]:
    """The picture, and its disparity: what is unknown in its own colour."""
    shown = np.where(sample.valid, sample.disparity_per_m, np.float32("nan"))
    low, high = scale_of(shown)
    return (label, sample.rgb), (f"{low:.3g} to {high:.3g} per m", coloured(shown, low, high))
