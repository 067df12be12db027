"""What a camera makes of calibrated depth: positions, normals, and distance along the ray."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flashdepth_vfx.camera import (
    Camera,
    CameraTrack,
    Frustum,
    StMaps,
    normals_of,
    open_cameras,
    picture_shares,
    positions,
    ray_lengths,
    slopes_at,
    to_world,
)
from flashdepth_vfx.camera.pixels import Doubles
from flashdepth_vfx.depth import DepthCode
from flashdepth_vfx.depthsource import DepthSource
from flashdepth_vfx.errors import CalibrationError, CameraError
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.io.exr_header import pixel_aspect
from flashdepth_vfx.job import ConvertJob
from flashdepth_vfx.plate import FloatArray, PlateHeader, Window
from flashdepth_vfx.settings import Convention, SceneUnit, Space

__all__ = ["GEOMETRY_FACTS", "Geometry", "View", "open_geometry"]

#: What a header says of it, without `flashdepth/`.
GEOMETRY_FACTS = ("camera", "lens", "position", "normals", "distance", "view")
#: Rows that are worked on at once: double precision of all of a 4K frame is gigabytes.
_ROWS = 128
#: Of a pixel's shape, what a camera's and a picture's may differ by: windows are of whole pixels.
_OTHER_SHAPE = 0.02
#: Rows beside them that normals look at.
_MARGIN = 2


@dataclass(frozen=True)
class View:
    """How one frame is seen: `slopes` of its pixels' rays, and `digest`, one text for all that decides them."""

    camera: Camera
    slopes: tuple[Doubles, Doubles]
    digest: str

    def along_rays(self, disparity: FloatArray) -> FloatArray:
        """Disparity whose distance is along the ray; of pixels that the map has no place for, 0: the sky's."""
        lengths = ray_lengths(self.slopes)
        return np.asarray(np.where(np.isfinite(lengths), disparity / lengths, 0.0), np.float32)


@dataclass(frozen=True)
class Geometry:
    """What a conversion writes by a camera, of frames that all have one."""

    job: ConvertJob
    track: CameraTrack
    maps: StMaps | None

    def view(self, header: PlateHeader) -> View:
        """Of a frame with this header. Raises `CameraError` for a map that is none."""
        data, display, aspect = header.data_window, header.display_window, header.pixel_aspect
        camera = self.track.cameras[header.frame]
        mapped = self.maps is not None and self.maps.shares(header.frame, data, display)
        shares = mapped or picture_shares(data, display)
        # rotations are found by a library that may differ in its last bits elsewhere
        told = ",".join(f"{number:.9g}" for number in camera.numbers(display, aspect))
        digest = hashlib.sha256(told.encode())
        if self.maps is not None:
            for plane in shares:
                digest.update(np.ascontiguousarray(plane).tobytes())
        slopes = slopes_at(camera.frustum(display, aspect), *shares)
        return View(camera, slopes, digest.hexdigest()[:16])

    def vectors(self, view: View, disparity_100_per_m: FloatArray) -> dict[str, FloatArray]:
        """The layers that were asked for, `(H, W, 3)` float32 each: 0 for the sky, and where nothing is known."""
        wanted = {"P": self.job.position, "N": self.job.normals}
        shape = disparity_100_per_m.shape
        layers = {n: np.zeros((*shape, 3), np.float32) for n, space in wanted.items() if space}
        for rows, looked_at in _strips(shape[0]) if layers else ():
            within = slice(rows.start - looked_at.start, rows.stop - looked_at.start)
            part = self._strip(view, disparity_100_per_m, looked_at)
            for name, layer in layers.items():
                layer[rows] = part[name][within]
        return layers

    def facts(self) -> dict[str, Any]:
        """What every frame says of it."""
        job = self.job
        told = {
            "camera": self.track.name,
            "lens": f"stmap {self.maps.name}" if self.maps else "undistorted",
        }
        if job.position is not None:
            told["position"] = f"{job.position} space, {job.scene_unit}"
        if job.normals is not None:
            told["normals"] = f"{job.normals} space"
        if job.ray_distance:
            told["distance"] = "along the ray"
        return told

    def close(self) -> None:
        """Give back what is held open."""
        if self.maps is not None:
            self.maps.close()

    def _strip(self, view: View, disparity: FloatArray, rows: slice) -> dict[str, Doubles]:
        across, up = view.slopes
        # of a map both are planes; of a plain lens one is a row and one a column
        across = across[rows] if across.shape[0] > 1 else across
        part, up = disparity[rows], up[rows]
        known = (part > 0) & np.isfinite(across) & np.isfinite(up)
        unit: SceneUnit = self.job.scene_unit
        distance = DepthCode(Convention.Z, unit).encode(part).astype(np.float64)
        points = np.where(known[..., None], positions((across, up), distance), 0.0)
        found = {"P": points}
        if self.job.normals is not None:
            found["N"] = normals_of(points, np.where(known, part, 0.0).astype(np.float32))
        for name, space in (("P", self.job.position), ("N", self.job.normals)):
            if space is Space.WORLD:
                turned = to_world(view.camera, found[name], unit_m=unit.metres, points=name == "P")
                found[name] = np.where(known[..., None], turned, 0.0)
        return found


def open_geometry(job: ConvertJob, source: DepthSource, *, calibrated: bool) -> Geometry | None:
    """What the job asks of a camera; None for nothing. `calibrated` says that this very call makes the depth so.

    Raises `CalibrationError` while depth is nominal, `CameraError`, and what EXRs of cameras and maps deserve.
    """
    if not job.needs_camera:
        return None
    if source.uncalibrated and not calibrated:
        raise CalibrationError(
            f"{source.reader.name}: frames {FrameRange.of(source.uncalibrated)} are not calibrated, and a point of "
            "nominal depth is nowhere: give --anchor, --reference, or --near and --far"
        )
    track = open_cameras(
        job.camera,
        source.headers,
        prim_path=job.camera_path,
        unit=job.camera_unit,
        scene_unit=job.scene_unit,
    )
    if Space.WORLD in (job.position, job.normals):
        placeless = [f for f, camera in track.cameras.items() if camera.world_from_camera is None]
        if placeless:
            raise CameraError(
                track.name,
                f"says of frames {FrameRange.of(placeless)} what the lens is, and not where the camera stands; "
                "ask for camera space",
            )
    maps = _maps(job, source)
    if maps is None:
        _require_the_picture_that_was_seen(track, source)
    geometry = Geometry(job, track, maps)
    try:
        # before anything is written: a wrong map is wrong on its first frame
        geometry.view(source.reader.header(source.frames[0]))
    except BaseException:
        geometry.close()
        raise
    return geometry


def _require_the_picture_that_was_seen(track: CameraTrack, source: DepthSource) -> None:
    """Slopes at a picture's edges are of that picture alone, and not of what it was cropped or fitted into since."""
    for frame, (path, told) in source.headers.items():
        lens = track.cameras[frame].lens
        if isinstance(lens, Frustum):
            display, aspect = Window.from_exr(told["displayWindow"]), pixel_aspect(told)
            wide = lens.pixel_aspect(display)
            if abs(wide / aspect - 1.0) > _OTHER_SHAPE:
                raise CameraError(
                    path,
                    f"its camera ({track.name}) sees pixels {wide:.3g} times as wide as high over {display}, and its "
                    f"pixel aspect is {aspect:.3g}: the picture was cropped or fitted since; give a camera in "
                    "millimetres",
                )


def _maps(job: ConvertJob, source: DepthSource) -> StMaps | None:
    if job.stmap is None:
        return None
    maps = StMaps(job.stmap)
    missing = maps.missing(source.frames)
    if missing:
        maps.close()
        raise CameraError(
            Path(maps.name), f"has no map for frames {FrameRange.of(missing)} of the depth"
        )
    return maps


def _strips(height: int) -> Iterator[tuple[slice, slice]]:
    """Rows, and the rows around them that have a say in them."""
    for top in range(0, height, _ROWS):
        bottom = min(top + _ROWS, height)
        yield slice(top, bottom), slice(max(top - _MARGIN, 0), min(bottom + _MARGIN, height))
