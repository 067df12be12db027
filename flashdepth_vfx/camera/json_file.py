"""Cameras in a JSON of our own, `flashdepth-camera/1`: for whatever has a camera and a way to print numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from flashdepth_vfx.camera.value import Camera, FilmBack, Frustum, placed_in_metres
from flashdepth_vfx.errors import CameraError, SettingsError
from flashdepth_vfx.settings import SceneUnit, chosen

__all__ = ["JsonCameras", "read_json_cameras"]

_T = TypeVar("_T")
_FORMAT = "flashdepth-camera/1"


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    """What may be said for all frames, and of one."""

    focal_mm: float | None = None
    film_width_mm: float | None = None
    film_offset_mm: tuple[float, float] | None = None
    frustum: tuple[float, float, float, float] | None = None
    world_from_camera: list[list[float]] | None = None


class _Frame(_Part, forbid_unknown_fields=True, kw_only=True):
    frame: int


class _File(_Part, forbid_unknown_fields=True, kw_only=True):
    format: str
    unit: str | None = None
    frames: list[_Frame] | None = None


@dataclass(frozen=True)
class JsonCameras:
    """`by_frame` is None where one camera, `always`, serves every frame."""

    by_frame: Mapping[int, Camera] | None
    always: Camera | None


def read_json_cameras(path: Path, unit: SceneUnit | None, scene_unit: SceneUnit) -> JsonCameras:
    """From disk. `unit` is that of its lengths where somebody said so, else the file does, else it is the scene's.

    Raises `CameraError` for what cannot be read, and what is no camera.
    """
    try:
        told = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise CameraError(path, f"cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise CameraError(path, f"is no {_FORMAT}: {wrong}") from wrong
    if told.format != _FORMAT:
        raise CameraError(path, f"its format is '{told.format}', and not {_FORMAT}")
    unit_m = _unit(path, told.unit, unit, scene_unit).metres
    if told.frames is None:
        return JsonCameras(None, _camera(path, told, told, unit_m))
    by_frame: dict[int, Camera] = {}
    for one in told.frames:
        if one.frame in by_frame:
            raise CameraError(path, f"has frame {one.frame} twice")
        by_frame[one.frame] = _camera(path, told, one, unit_m)
    return JsonCameras(by_frame, None)


def _unit(
    path: Path, told: str | None, asked: SceneUnit | None, scene_unit: SceneUnit
) -> SceneUnit:
    if told is None:
        return asked or scene_unit
    try:
        found = SceneUnit(chosen("unit", SceneUnit, told))
    except SettingsError as wrong:
        raise CameraError(path, str(wrong)) from wrong
    if asked is not None and asked is not found:
        raise CameraError(path, f"says that its unit is {found}, and --camera-unit is {asked}")
    return found


def _camera(path: Path, whole: _Part, one: _Part, unit_m: float) -> Camera:
    """Of one frame: what it does not say itself is said for all."""
    where = f"frame {one.frame}: " if isinstance(one, _Frame) else ""
    try:
        matrix = _said(one.world_from_camera, whole.world_from_camera)
        place = None if matrix is None else placed_in_metres(_square(matrix), unit_m)
        # a lens is one thing: half of it in millimetres and half as slopes is a slip
        frustum = _said(one.frustum, whole.frustum)
        if frustum is not None:
            if any(part.focal_mm or part.film_width_mm for part in (one, whole)):
                raise ValueError("has a frustum and a lens in millimetres; give one of them")
            return Camera(Frustum(*frustum), place)
        return Camera(_film_back(whole, one), place)
    except ValueError as wrong:
        raise CameraError(path, f"{where}{wrong}") from wrong


def _film_back(whole: _Part, one: _Part) -> FilmBack:
    focal = _said(one.focal_mm, whole.focal_mm)
    width = _said(one.film_width_mm, whole.film_width_mm)
    if focal is None or width is None:
        raise ValueError("has no lens: give focal_mm and film_width_mm, or frustum")
    offset = _said(one.film_offset_mm, whole.film_offset_mm) or (0.0, 0.0)
    return FilmBack(focal, width, *offset)


def _said(one: _T | None, whole: _T | None) -> _T | None:
    return whole if one is None else one


def _square(matrix: list[list[float]]) -> list[list[float]]:
    if [len(row) for row in matrix] != [4, 4, 4, 4]:
        raise ValueError("its world_from_camera is not 4 rows of 4 numbers")
    return matrix
