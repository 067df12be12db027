"""A studio's own renders as one of the data sets: plate, depth and, where the headers have it, the camera."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from flashdepth_vfx.camera.attributes import camera_of_header
from flashdepth_vfx.errors import CameraError, UsageError
from flashdepth_vfx.plate import PlateHeader
from flashdepth_vfx.preprocess import Canvas
from flashdepth_vfx.training.datasets.contract import INVALID, DepthSample, Fault, Matrix, SceneRef
from flashdepth_vfx.training.datasets.folders import folders_in
from flashdepth_vfx.training.datasets.values import pinhole
from flashdepth_vfx.training.studio.check import ShotReport, open_shots
from flashdepth_vfx.training.studio.reading import SHOT_FILE, StudioReading
from flashdepth_vfx.training.studio.shot import StudioShot

__all__ = ["StudioRenders"]

#: From a camera that looks along -z with y up to one that looks along z with y down.
_TURNED = np.diag([1.0, -1.0, -1.0, 1.0])


class StudioRenders:
    """`VideoDepthDataset` of a folder as `flashdepth train fine-tune --data` takes it, its shots the scenes.

    A frame is the shot's whole window, at full size: what the plate does not cover is black, and unknown. Read in
    another process, the folder is looked through once more.
    """

    name = "studio"
    metric = True
    sparse = False

    def __init__(
        self,
        folder: Path,
        *,
        held_out: bool = False,
        cameras: bool = True,
        reading: StudioReading | None = None,
    ) -> None:
        self.folder, self.held_out, self.cameras = folder, held_out, cameras
        self.reading = reading or StudioReading()

    @classmethod
    def find(cls, place: Path) -> Path | None:
        """A folder called `studio`, or one with a `shot.json` in it or in a folder of it.

        EXR files alone do not tell: other sets have them too.
        """
        has = any((folder / SHOT_FILE).is_file() for folder in (place, *folders_in(place)))
        return place if has or (place.name == cls.name and place.is_dir()) else None

    @property
    def scenes(self) -> tuple[SceneRef, ...]:
        """The usable shots, by name. Raises `UsageError` where there is none."""
        if self.held_out:
            raise UsageError("studio has no held-out scene of its own: fine-tune holds shots out")
        frames = ((shot, tuple(map(str, shot.frames))) for shot in self._shots.values())
        return tuple(SceneRef(shot.name, numbers) for shot, numbers in frames)

    @property
    def missing(self) -> tuple[Fault, ...]:
        """Frames that are not whole in plate and depth, and shots that cannot be used at all."""
        reports, _ = self._opened
        unusable = [
            Fault(str(self.folder / report.name), report.problems[0])
            for report in reports
            if not report.usable
        ]
        return (*unusable, *(fault for shot in self._shots.values() for fault in _lone(shot)))

    def frame(self, scene: SceneRef, index: int) -> DepthSample:
        """The frame `scene.frames[index]`. Raises `PlateError`."""
        shot, number = self._shots[scene.name], int(scene.frames[index])
        window = shot.window
        # each pixel as it is
        canvas = Canvas(window, shot.pixel_aspect, window.height, window.width)
        rgb, disparity = shot.clip(number, 1, canvas)
        per_m = disparity[0].numpy() / np.float32(100.0)
        return DepthSample(
            np.ascontiguousarray(rgb[0].permute(1, 2, 0).numpy()),
            np.where(per_m < 0.0, np.float32(INVALID), per_m),
            *(self._camera(shot, number) if self.cameras else (None, None)),
        )

    def _camera(self, shot: StudioShot, number: int) -> tuple[Matrix | None, Matrix | None]:
        """Of the depth's header, else of the plate's."""
        for header in (shot.depths.header(number), shot.plates.header(number)):
            try:
                camera = camera_of_header(header.attributes, header.path, shot.reading.scene_unit_m)
            except CameraError:
                # a shot without a camera is as good to train on
                continue
            seen = camera.frustum(header.display_window, header.pixel_aspect)
            place = camera.world_from_camera
            lens = _lens(header, (seen.left, seen.right, seen.bottom, seen.top), shot)
            return lens, None if place is None else place @ _TURNED
        return None, None

    @cached_property
    def _opened(self) -> tuple[list[ShotReport], list[StudioShot]]:
        return open_shots(self.folder, self.reading, clip_frames=1)

    @cached_property
    def _shots(self) -> dict[str, StudioShot]:
        return {shot.name: shot for shot in self._opened[1]}

    def __getstate__(self) -> dict[str, Any]:
        # readers and colour transforms hold handles
        return {k: v for k, v in self.__dict__.items() if k not in ("_opened", "_shots")}


def _lone(shot: StudioShot) -> list[Fault]:
    plates, depths = set(shot.plates.frames), set(shot.depths.frames)
    faults = []
    for frame in sorted((plates | depths) - set(shot.frames)):
        if frame in plates and frame in depths:
            faults.append(Fault(str(shot.depths.path(frame)), "it or its plate is not whole"))
        else:
            lacking = shot.depths if frame in plates else shot.plates
            reason = "is not there, and the other file of its frame is"
            faults.append(Fault(str(lacking.path(frame)), reason))
    return faults


def _lens(header: PlateHeader, seen: tuple[float, float, float, float], shot: StudioShot) -> Matrix:
    """Intrinsics over the shot's window of what the display window's edges see."""
    left, right, bottom, top = seen
    display = header.display_window
    fx, fy = display.width / (right - left), display.height / (top - bottom)
    return pinhole(
        fx, fy, display.x - shot.window.x - left * fx, display.y - shot.window.y + top * fy
    )
