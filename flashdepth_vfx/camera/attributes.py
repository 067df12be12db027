"""Cameras in EXR headers: `worldToCamera` with `worldToNDC`, as renderers write them, and `nuke/camera/*`.

The matrices are of row vectors: a translation is in the last row. OpenEXR defines the camera's axes as x right, y up
and z forward (left-handed), and NDC as 0 to 1 over the display window, from its top left corner. Some renderers write
a camera that looks along -z, or -1 to 1 with y up. Which it is the two matrices say between them: what is before the
camera has a positive weight, and what is above it a smaller or larger y. Nothing is guessed from the program's name.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flashdepth_vfx.camera.value import Camera, FilmBack, Frustum, Matrix, placed_in_metres
from flashdepth_vfx.errors import CameraError

__all__ = ["camera_of_header"]

_TO_CAMERA, _TO_NDC = "worldToCamera", "worldToNDC"
#: As scripts in Nuke write it: texts, the matrix that of the knob `world_matrix`. Not confirmed with Nuke itself.
_NUKE = "nuke/camera/"
_REMEDY = "--camera takes a file: JSON, USD, or EXRs that have one"
#: Of what a matrix of 32 bits holds, what counts as nothing.
_NOTHING = 1e-3
#: Of a camera's distance from the origin, what its two matrices may put it apart by; and what they do at the origin.
_APART, _ROUNDING = 1e-4, 1e-6
#: How near the axis is to the middle of a picture that is counted otherwise, for it to be counted so.
_IN_THE_MIDDLE = 0.02


def camera_of_header(attributes: Mapping[str, Any], path: Path, unit_m: float) -> Camera:
    """The camera that a frame's header has, its lengths in units of `unit_m` metres.

    Raises `CameraError` where there is none, where a part of it is missing, or where it is no pinhole's.
    """
    nuke = _of_nuke(attributes)
    try:
        if _TO_CAMERA in attributes and _TO_NDC in attributes:
            return _of_renderer(
                _matrix(attributes[_TO_CAMERA]), _matrix(attributes[_TO_NDC]), unit_m
            )
        if nuke:
            return _from_nuke(nuke, unit_m)
    except ValueError as wrong:
        raise CameraError(path, f"the camera in its header cannot be used: {wrong}") from wrong
    for one, other in ((_TO_CAMERA, _TO_NDC), (_TO_NDC, _TO_CAMERA)):
        if one in attributes:
            raise CameraError(path, f"its header has {one} and no {other}; {_REMEDY}")
    raise CameraError(
        path, f"its header has no camera ({_TO_CAMERA} and {_TO_NDC}, or {_NUKE}*); {_REMEDY}"
    )


def _of_renderer(to_camera: Matrix, to_ndc: Matrix, unit_m: float) -> Camera:
    """Of matrices for row vectors."""
    turn = to_camera[:3, :3]
    if not abs(np.linalg.det(turn)) > 1e-9 * np.abs(turn).max() ** 3:
        raise ValueError(f"{_TO_CAMERA} flattens the world")
    from_camera = np.linalg.inv(to_camera)
    # camera to NDC: each column is what x, y, z and 1 weigh in it
    ndc = from_camera @ to_ndc
    weight = ndc[:, 3]
    if np.abs(weight[:2]).max() > _NOTHING * abs(weight[2]) or not abs(weight[2]) > 0.0:
        raise ValueError(f"{_TO_NDC} is no perspective's of this {_TO_CAMERA}")
    forward, ndc = float(np.sign(weight[2])), ndc / abs(weight[2])
    lens = _frustum(ndc, forward)
    # where one's origin is for the other
    apart = np.abs(ndc[3, [0, 1, 3]] / (ndc[0, 0], ndc[1, 1], 1.0)).max()
    if apart > _APART * np.linalg.norm(to_camera[3, :3]) + _ROUNDING:
        raise ValueError(
            f"{_TO_NDC} is of a camera that stands elsewhere than that of {_TO_CAMERA}"
        )
    axes = np.diag([1.0, 1.0, -forward, 1.0])
    return Camera(lens, placed_in_metres((axes @ from_camera).T, unit_m))


def _frustum(ndc: Matrix, forward: float) -> Frustum:
    """What the display window's edges see. NDC is, over distance, `of x * x + of y * y + middle`."""
    (x_of_x, x_of_y), (y_of_x, y_of_y) = ndc[:2, 0], ndc[:2, 1]
    if abs(x_of_y) > _NOTHING * abs(x_of_x) or abs(y_of_x) > _NOTHING * abs(y_of_y):
        raise ValueError(f"{_TO_NDC} turns or skews the picture of this {_TO_CAMERA}")
    if not x_of_x > 0.0 or y_of_y == 0.0:
        raise ValueError(f"{_TO_NDC} mirrors the picture of this {_TO_CAMERA}")
    middle_x, middle_y = forward * ndc[2, 0], forward * ndc[2, 1]
    # y that grows downwards is OpenEXR's own, 0 to 1; y that grows upwards is -1 to 1
    first, bottom, top = (0.0, 1.0, 0.0) if y_of_y < 0.0 else (-1.0, -1.0, 1.0)
    other = 0.0 if y_of_y < 0.0 else 0.5
    if max(abs(middle_x - other), abs(middle_y - other)) < _IN_THE_MIDDLE:
        raise ValueError(
            f"{_TO_NDC} is neither 0 to 1 from the top left corner, nor -1 to 1 from the bottom left one"
        )
    return Frustum(
        left=(first - middle_x) / x_of_x,
        right=(1.0 - middle_x) / x_of_x,
        bottom=(bottom - middle_y) / y_of_y,
        top=(top - middle_y) / y_of_y,
    )


def _of_nuke(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """`nuke/camera/*`, with or without the `exr/` that Nuke puts before what it has read."""
    found = ((name.removeprefix("exr/"), value) for name, value in attributes.items())
    return {name.removeprefix(_NUKE): value for name, value in found if name.startswith(_NUKE)}


def _from_nuke(found: Mapping[str, Any], unit_m: float) -> Camera:
    missing = [f"{_NUKE}{name}" for name in ("focal", "haperture") if name not in found]
    if missing:
        raise ValueError(f"{' and '.join(missing)} is missing")
    lens = FilmBack(float(found["focal"]), float(found["haperture"]))
    if "matrix" not in found:
        return Camera(lens)
    matrix = _matrix(found["matrix"])
    # EXR's own matrices are of row vectors; a text is Nuke's knob, of column vectors
    turned = matrix.T if isinstance(found["matrix"], np.ndarray) else matrix
    return Camera(lens, placed_in_metres(turned, unit_m))


def _matrix(value: Any) -> Matrix:
    """`(4, 4)` of an EXR's matrix, of 16 numbers, or of a text of them."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            value = value.replace("{", " ").replace("}", " ").split()
    try:
        numbers = np.array(value, np.float64).ravel()
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.size != 16 or not np.isfinite(numbers).all():
        raise ValueError(f"{value!r:.60} is not a matrix of 16 numbers")
    return numbers.reshape(4, 4)
