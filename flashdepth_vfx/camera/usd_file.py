"""Cameras in USD, through `usd-core`, which is imported when one is read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flashdepth_vfx.camera.value import Camera, FilmBack, placed_in_metres
from flashdepth_vfx.errors import CameraError
from flashdepth_vfx.settings import SceneUnit

__all__ = ["UsdCameras"]


class UsdCameras:
    """One camera of a stage. World space is the stage's own, whichever of its axes is up.

    `prim_path` names the camera where there are several. Lengths are in `unit` where somebody said so, else in what
    the stage says, else in the scene's unit. Raises `CameraError`.
    """

    def __init__(
        self, path: Path, prim_path: str | None, unit: SceneUnit | None, scene_unit: SceneUnit
    ) -> None:
        try:
            from pxr import Tf, Usd, UsdGeom
        except ImportError as absent:
            raise CameraError(
                path, "USD is read by usd-core: pip install 'flashdepth_vfx[usd]'"
            ) from absent
        if not path.is_file():
            raise CameraError(path, "cannot be read (No such file)")
        try:
            stage = Usd.Stage.Open(str(path))
        except Tf.ErrorException as wrong:
            raise CameraError(
                path, f"is no stage of USD ({' '.join(str(wrong).split())})"
            ) from wrong
        self._path, self._usd, self._stage = path, Usd, stage
        self._camera = UsdGeom.Camera(self._prim(prim_path, UsdGeom))
        self._xform = UsdGeom.Xformable(self._camera)
        told = UsdGeom.StageHasAuthoredMetersPerUnit(stage)
        given = unit or (None if told else scene_unit)
        self._unit_m = given.metres if given else float(UsdGeom.GetStageMetersPerUnit(stage))
        times = sorted(self._times())
        self._span = (times[0], times[-1]) if len(times) > 1 else None
        self.z_up = UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.z

    def missing(self, frames: Iterable[int]) -> tuple[int, ...]:
        """Those of `frames` that lie outside of what is animated: there USD would hold the last value."""
        if self._span is None:
            return ()
        first, last = self._span
        return tuple(f for f in frames if not first <= self._time(f) <= last)

    def of(self, frame: int) -> Camera:
        """The camera of a frame. Raises `CameraError`."""
        time = self._usd.TimeCode(self._time(frame))
        camera = self._camera
        try:
            if camera.GetProjectionAttr().Get(time) == "orthographic":
                raise ValueError("is orthographic, and depth is of a perspective")
            lens = FilmBack(
                float(camera.GetFocalLengthAttr().Get(time)),
                float(camera.GetHorizontalApertureAttr().Get(time)),
                float(camera.GetHorizontalApertureOffsetAttr().Get(time)),
                float(camera.GetVerticalApertureOffsetAttr().Get(time)),
            )
            # USD's matrices are of row vectors
            rows = [list(row) for row in self._xform.ComputeLocalToWorldTransform(time)]
            turned = [list(column) for column in zip(*rows, strict=True)]
            return Camera(lens, placed_in_metres(turned, self._unit_m))
        except ValueError as wrong:
            name = self._camera.GetPath()
            raise CameraError(self._path, f"its camera {name}, frame {frame}: {wrong}") from wrong

    def _prim(self, asked: str | None, geom: Any) -> Any:
        found = [prim for prim in self._stage.Traverse() if prim.IsA(geom.Camera)]
        names = ", ".join(str(prim.GetPath()) for prim in found) or "none"
        chosen = [prim for prim in found if asked is None or str(prim.GetPath()) == asked]
        if len(chosen) != 1:
            missing = f"has no camera {asked}" if asked else f"has {len(found)} cameras"
            raise CameraError(self._path, f"{missing}; --camera-path names one of: {names}")
        return chosen[0]

    def _time(self, frame: int) -> float:
        per_second = self._stage.GetFramesPerSecond()
        return frame * float(self._stage.GetTimeCodesPerSecond()) / float(per_second)

    def _times(self) -> set[float]:
        """Where anything that moves the camera, or its lens, is keyed."""
        keyed: set[float] = set()
        for name in ("focalLength", "horizontalAperture", "horizontalApertureOffset"):
            keyed.update(self._camera.GetPrim().GetAttribute(name).GetTimeSamples())
        prim = self._camera.GetPrim()
        while prim and not prim.IsPseudoRoot():
            for attribute in prim.GetAttributes():
                if attribute.GetName().startswith("xformOp:"):
                    keyed.update(attribute.GetTimeSamples())
            prim = prim.GetParent()
        return keyed
