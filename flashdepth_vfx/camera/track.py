"""The cameras of a shot, from whichever file has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flashdepth_vfx.camera.attributes import camera_of_header
from flashdepth_vfx.camera.json_file import JsonCameras, read_json_cameras
from flashdepth_vfx.camera.usd_file import UsdCameras
from flashdepth_vfx.camera.value import Camera
from flashdepth_vfx.errors import CameraError
from flashdepth_vfx.frames import FrameRange, FrameSequence
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.pipeline import each_header
from flashdepth_vfx.settings import SceneUnit

__all__ = ["CameraTrack", "open_cameras"]

_USD = frozenset((".usd", ".usda", ".usdc", ".usdz"))


@dataclass(frozen=True)
class CameraTrack:
    """A camera for each frame of a shot. `name` says where from; `notices` are worth a word to a person."""

    name: str
    cameras: Mapping[int, Camera]
    notices: tuple[str, ...] = ()


def open_cameras(
    given: str | None,
    own: Mapping[int, tuple[Path, Mapping[str, Any]]],
    *,
    prim_path: str | None,
    unit: SceneUnit | None,
    scene_unit: SceneUnit,
) -> CameraTrack:
    """The camera of every frame of `own`, which are the headers of the depth with their files.

    `given` is a file or a pattern; None takes what `own` have. Lengths are in `unit`, else in what the file says,
    else in `scene_unit`. Raises `CameraError` for what is no camera, and one that names the frames that are missing;
    `CorruptPlateError` for a broken EXR.
    """
    frames, unit_m = tuple(own), (unit or scene_unit).metres
    if given is None:
        path = next(iter(own.values()))[0]
        found = {f: camera_of_header(header, at, unit_m) for f, (at, header) in own.items()}
        return CameraTrack(f"headers of {path.name}", found)
    path = Path(given).expanduser()
    match path.suffix.lower():
        case ".json":
            return _of_json(path, read_json_cameras(path, unit, scene_unit), frames)
        case kind if kind in _USD:
            return _of_usd(path, UsdCameras(path, prim_path, unit, scene_unit), frames)
        case ".exr":
            return _of_exrs(path, frames, unit_m)
        case ".abc":
            raise CameraError(
                path,
                "Alembic is not read: no package for it is kept on PyPI; export the camera as USD",
            )
    raise CameraError(path, "is no camera file: give JSON, USD, or EXRs")


def _of_json(path: Path, told: JsonCameras, frames: tuple[int, ...]) -> CameraTrack:
    if told.always is not None:
        return CameraTrack(path.name, dict.fromkeys(frames, told.always))
    by_frame = told.by_frame or {}
    _require(path, [frame for frame in frames if frame not in by_frame])
    return CameraTrack(path.name, {frame: by_frame[frame] for frame in frames})


def _of_usd(path: Path, stage: UsdCameras, frames: tuple[int, ...]) -> CameraTrack:
    _require(path, stage.missing(frames))
    up = f"{path.name}: z is up on its stage, and in world space with it"
    cameras = {frame: stage.of(frame) for frame in frames}
    return CameraTrack(path.name, cameras, (up,) if stage.z_up else ())


def _of_exrs(path: Path, frames: tuple[int, ...], unit_m: float) -> CameraTrack:
    """Whatever picture they have: one file for all frames, or one for each."""

    def camera_in(file: Path) -> Camera:
        try:
            parts = read_headers(file)
        except OSError as error:
            raise CameraError(file, f"cannot be read ({error.strerror})") from error
        # of several parts the first one that says it
        return camera_of_header(
            {k: v for part in reversed(parts) for k, v in part.items()}, file, unit_m
        )

    sequence = FrameSequence.parse(str(path))
    if path.is_file() or not sequence.padding:
        return CameraTrack(path.name, dict.fromkeys(frames, camera_in(path)))
    _require(path, sorted(set(frames) - set(sequence.frames_on_disk())))
    found = each_header(frames, lambda frame: camera_in(sequence.path(frame)))
    return CameraTrack(path.name, dict(found))


def _require(path: Path, missing: list[int] | tuple[int, ...]) -> None:
    if missing:
        raise CameraError(
            path,
            f"has no camera for frames {FrameRange.of(missing)} of the depth; export all of them",
        )
