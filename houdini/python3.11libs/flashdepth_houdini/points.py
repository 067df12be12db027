"""The cook of the Python SOP inside of ours: depth, or a P pass, as coloured points."""

from __future__ import annotations

from typing import Any

import hou
import numpy as np

from .depth_points import Lens, distance_of, unprojected, used
from .layers import pixels_of, window_of
from .nodes import OUTPUTS

__all__ = ["cook"]


def cook(node: Any) -> None:
    """Make the points. Raises `hou.NodeError`, which the node shows."""
    asset = node.parent()
    try:
        positions, colors, edge = _points(asset)
    except ValueError as error:
        raise hou.NodeError(str(error)) from error
    geometry = node.geometry()
    geometry.clear()
    geometry.addAttrib(hou.attribType.Point, "Cd", (1.0, 1.0, 1.0))
    geometry.addAttrib(hou.attribType.Point, "edge", 0.0)
    geometry.createPoints(positions.tolist())
    for name, values in (("Cd", colors), ("edge", edge)):
        geometry.setPointFloatAttribValuesFromString(
            name, np.ascontiguousarray(values, np.float32).tobytes(), hou.numericData.Float32
        )


def _points(asset: Any) -> tuple[Any, Any, Any]:
    """`(N, 3)` positions, `(N, 3)` colours and `(N,)` edges."""
    cop = hou.node(str(asset.parm("coppath").evalAsString()))
    if cop is None:
        raise ValueError("COP: name the FlashDepth COP whose depth this is")
    from_p = asset.parm("source").evalAsString() == "position"
    layer = _layer(cop, "position" if from_p else "depth")
    if from_p:
        points = pixels_of(layer, 3).astype(np.float64)
        # The sky, and what a map has no place for, is 0, 0, 0 in a P pass.
        distance = np.where(np.any(points != 0.0, axis=-1), np.abs(points[..., 2]), np.inf)
        distance = np.where(distance == 0.0, np.inf, distance)
    else:
        distance = distance_of(
            pixels_of(layer, 1)[..., 0], _word(cop, "convention"), _word(cop, "scene_unit")
        )
        points = unprojected(
            np.where(np.isfinite(distance), distance, 0.0),
            _lens(asset),
            window_of(layer.dataWindow()),
            window_of(layer.displayWindow()),
            float(layer.pixelAspectRatio()),
        )
    edge = _plane(asset, cop, "edge", "use_edge", distance.shape, 1)
    color = _plane(asset, cop, "color", "use_color", distance.shape, 3)
    keep = used(
        distance,
        int(asset.evalParm("step")),
        float(asset.evalParm("clip")),
        None if edge is None else edge[..., 0],
        float(asset.evalParm("edge_threshold")),
    )
    count = int(keep.sum())
    return (
        _placed(asset, points[keep], from_p=from_p),
        np.ones((count, 3)) if color is None else color[keep],
        np.zeros(count) if edge is None else edge[keep][:, 0],
    )


def _placed(asset: Any, points: Any, *, from_p: bool) -> Any:
    """Where the camera is, if one is named. A P pass in world space is there already."""
    camera = _camera(asset)
    if camera is None or (from_p and asset.parm("space").evalAsString() == "world"):
        return points
    # Houdini's matrices are of row vectors.
    matrix = np.array(camera.worldTransform().asTuple(), np.float64).reshape(4, 4)
    return points @ matrix[:3, :3] + matrix[3, :3]


def _lens(asset: Any) -> Lens:
    camera = _camera(asset)
    of = asset if camera is None else camera
    return Lens(float(of.evalParm("focal")), float(of.evalParm("aperture")))


def _camera(asset: Any) -> Any:
    named = str(asset.parm("camera").evalAsString())
    if not named:
        return None
    camera = hou.node(named)
    if camera is None:
        raise ValueError(f"camera {named}: is not there")
    return camera


def _word(cop: Any, name: str) -> str:
    return str(cop.parm(name).evalAsString())


def _plane(
    asset: Any, cop: Any, name: str, toggle: str, shape: tuple[int, int], channels: int
) -> Any:
    """`(H, W, channels)` of a layer of the depth's size; None where it is not asked for."""
    if not asset.evalParm(toggle):
        return None
    pixels = pixels_of(_layer(cop, name), channels)
    if pixels.shape[:2] != shape:
        raise ValueError(
            f"{name}: is {pixels.shape[1]} x {pixels.shape[0]}, and the depth {shape[1]} x {shape[0]}"
        )
    return pixels


def _layer(cop: Any, name: str) -> Any:
    layer = cop.layer(OUTPUTS.index(name))
    if layer is None:
        raise ValueError(
            f"{cop.path()}: has no {name}; {'; '.join(cop.errors()) or 'is it a FlashDepth COP?'}"
        )
    return layer
