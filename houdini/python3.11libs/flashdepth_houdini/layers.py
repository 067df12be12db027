"""Pixels of image layers as arrays, and back with their windows."""

from __future__ import annotations

from typing import Any

import hou
import numpy as np

from .depth_points import normalised

__all__ = ["normalised_layer", "pixels_of", "window_of"]


def pixels_of(layer: Any, channels: int) -> Any:
    """`(H, W, channels)` float32, row 0 at the bottom."""
    width, height = layer.bufferResolution()
    raw = layer.allBufferElements(hou.imageLayerStorageType.Float32, channels)
    return np.frombuffer(raw, np.float32).reshape(height, width, channels)


def window_of(rect: Any) -> tuple[float, float, float, float]:
    """x, y, width and height of a window, in pixels, y counted up."""
    low, size = rect.min(), rect.size()
    return float(low[0]), float(low[1]), float(size[0]), float(size[1])


def normalised_layer(kwargs: dict[str, Any]) -> dict[str, Any]:
    """What the Python snippet of the COP returns: 0 to 1 over near to far, with the windows of the depth."""
    source = kwargs["depth"]
    pixels = normalised(
        pixels_of(source, 1)[..., 0],
        str(kwargs["convention"]),
        float(kwargs["near"]),
        float(kwargs["far"]),
        str(kwargs["unit"]),
    )
    made = hou.ImageLayer()
    # A layer's buffer is made when its window is set, of what is said of it before.
    made.setChannelCount(1)
    made.setStorageType(hou.imageLayerStorageType.Float32)
    made.setDataWindow(*(int(number) for number in window_of(source.dataWindow())))
    made.setDisplayWindow(*window_of(source.displayWindow()))
    made.setPixelAspectRatio(source.pixelAspectRatio())
    made.setAllBufferElements(pixels.tobytes())
    return {"normalised": made}
