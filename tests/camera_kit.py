"""Cameras for tests, made from angles and slopes, and written as the programs of the field write them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import torch
from numpy.typing import NDArray
from render_kit import Probe, RenderKit, run_with

from flashdepth_vfx import ConvertJob, ConvertResult, convert_depth
from flashdepth_vfx.camera import Frustum
from flashdepth_vfx.plate import FloatArray, Window

DATA, DISPLAY = Window(-8, -6, 160, 96), Window(0, 0, 144, 84)
#: 45 degrees to each side, over square pixels.
SEEN = Frustum(-1.0, 1.0, -7 / 12, 7 / 12)
ANCHORS = ("20,50,1=2", "100,50,1=8")
Doubles = NDArray[np.float64]


def pose(
    turn_deg: float = 30.0, tilt_deg: float = -10.0, place: tuple[float, float, float] = (1, 2, 3)
) -> Doubles:
    """World from camera: turned about y, then tilted about its own x, standing at `place`."""
    a, b = math.radians(turn_deg), math.radians(tilt_deg)
    turn = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    tilt = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn @ tilt, place
    return matrix


def exr_matrices(world: Doubles, seen: Frustum, layout: str) -> dict[str, NDArray[np.float32]]:
    """`worldToCamera` and `worldToNDC` for row vectors. `layout` is "openexr" (z forward, 0 to 1, y down) or "gl"."""
    to_camera = np.linalg.inv(world)
    width, height = seen.right - seen.left, seen.top - seen.bottom
    project = np.zeros((4, 4))
    # of a point before a camera that looks along -z; w is how far it is
    if layout == "openexr":
        project[0] = (1 / width, 0, seen.left / width, 0)
        project[1] = (0, -1 / height, -seen.top / height, 0)
        flip = np.diag([1.0, 1.0, -1.0, 1.0])
    else:
        project[0] = (2 / width, 0, (seen.right + seen.left) / width, 0)
        project[1] = (0, 2 / height, (seen.top + seen.bottom) / height, 0)
        flip = np.eye(4)
    project[2] = (0, 0, -1, -0.2)
    project[3] = (0, 0, -1, 0)
    # the OpenEXR module reads a turned array as if it were not
    return {
        "worldToCamera": np.ascontiguousarray((flip @ to_camera).T, np.float32),
        "worldToNDC": np.ascontiguousarray((project @ to_camera).T, np.float32),
    }


def write_json(path: Path, **told: Any) -> str:
    """A `flashdepth-camera/1`; arrays become lists."""
    plain = {"format": "flashdepth-camera/1", **told}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plain, default=lambda array: array.tolist()))
    return str(path)


def rays() -> tuple[Doubles, Doubles]:
    """Slopes of the data window's pixels, from its numbers alone."""
    columns, rows = np.arange(-8, 152) + 0.5, np.arange(-6, 90) + 0.5
    x, y = columns / 72 - 1, 7 / 12 - rows / 72
    return np.broadcast_to(x, (96, 160)), np.broadcast_to(y[:, None], (96, 160))


def distance() -> Doubles:
    far = np.full((96, 160), 8.0)
    far[:, :80] = 2.0
    far[:10] = 0.0
    return far


def make_shot(kit: RenderKit) -> RenderKit:
    """Two frames with overscan: 2 m away on the left and 8 m on the right once calibrated, sky at the top.

    Their plates have a camera in their headers.
    """
    answer = torch.full((96, 160), 10.0)
    answer[:, :80] = 40.0
    answer[:10] = 0.0
    matrices = exr_matrices(pose(), SEEN, "openexr")
    plates = kit.shot((1, 2), data=DATA, display=DISPLAY, **matrices)
    run_with(Probe(answer), kit.job(plates))
    return kit


def convert(kit: RenderKit, out: str = "out/shot.####.exr", **changes: Any) -> ConvertResult:
    asked = {"anchors": ANCHORS, "lens": "undistorted"} | changes
    source = str(kit.folder / asked.pop("source", "depth/shot.####.exr"))
    return convert_depth(ConvertJob(input=source, output=str(kit.folder / out), **asked))


def layers(kit: RenderKit, frame: int = 1, out: str = "out/shot.####.exr") -> dict[str, FloatArray]:
    """Parts by name, their channels stacked in the order of the file."""
    parts = OpenEXR.File(str(kit.path(frame, out)), separate_channels=True).parts
    found = {}
    for part in parts:
        found[part.name()] = np.stack([c.pixels for c in part.channels.values()], axis=-1)
        assert all(name.startswith(f"{part.name()}.") for name in part.channels)
    return found
