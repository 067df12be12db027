"""Image layers of Copernicus, read from real files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import OpenEXR
import OpenImageIO

from . import errors

if TYPE_CHECKING:
    from .nodes import CopNode


class BoundingRect:
    """Two corners."""

    def __init__(self, x: float, y: float, w: float, h: float) -> None:
        self._low, self._size = (x, y), (w, h)

    def min(self) -> tuple[float, float]:
        return self._low

    def size(self) -> tuple[float, float]:
        return self._size


class ImageLayer:
    """Rows from the bottom. The buffer is made when the data window is set, and not again."""

    storage: Any = None

    def __init__(self) -> None:
        self._channels, self._type = 4, None
        self._data: tuple[int, int, int, int] = (0, 0, 1, 1)
        self._display: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
        self._aspect, self._bytes = 1.0, 16
        self.pixels = np.zeros((1, 1, 4), np.float32)

    def setChannelCount(self, chan: int) -> None:
        self._channels = chan

    def setStorageType(self, storagetype: Any) -> None:
        if storagetype is not self.storage.Float32:
            raise TypeError(f"{storagetype} is no storage type")
        self._type = storagetype

    def setDataWindow(self, x: int, y: int, w: int, h: int) -> None:
        if not all(isinstance(one, int) for one in (x, y, w, h)):
            raise TypeError("a data window is of whole numbers")
        self._data = (x, y, w, h)
        self._bytes = w * h * self._channels * (4 if self._type is not None else 2)

    def setDisplayWindow(self, x: float, y: float, w: float, h: float) -> None:
        self._display = (x, y, w, h)

    def setPixelAspectRatio(self, aspect: float) -> None:
        self._aspect = aspect

    def setAllBufferElements(self, values: bytes) -> None:
        if not isinstance(values, bytes) or len(values) != self._bytes:
            raise errors.OperationFailed("Provided buffer incorrect size")
        width, height = self.bufferResolution()
        self.pixels = np.frombuffer(values, np.float32).reshape(height, width, self._channels)

    def bufferResolution(self) -> tuple[int, int]:
        return self._data[2], self._data[3]

    def dataWindow(self) -> BoundingRect:
        return BoundingRect(*self._data)

    def displayWindow(self) -> BoundingRect:
        return BoundingRect(*self._display)

    def pixelAspectRatio(self) -> float:
        return self._aspect

    def allBufferElements(self, storagetype: Any, channels: int) -> bytes:
        if storagetype is not self.storage.Float32:
            raise TypeError(f"{storagetype} is no storage type")
        found = self.pixels[..., :channels]
        if found.shape[-1] < channels:
            found = np.pad(found, ((0, 0), (0, 0), (0, channels - found.shape[-1])))
        return np.ascontiguousarray(found, np.float32).tobytes()


def file_layer(node: CopNode) -> ImageLayer:
    """What a file node reads: channels of one layer, with the file's windows, and y counted up."""
    path, name = Path(node.evalParm("filename")), node.evalParm("aov1")
    if not path.is_file() or not name or node.evalParm("aovs") != 1:
        raise errors.OperationFailed(f"{node.path()}: cannot read {name} of {path}")
    planes, header = _read(path, name)
    if not planes:
        raise errors.OperationFailed(f"{node.path()}: {path} has no {name}")
    (left, top), (right, bottom) = header["dataWindow"]
    (x, y), (x1, y1) = header["displayWindow"]
    layer = node.session.module.ImageLayer()
    layer.setChannelCount(len(planes))
    layer.setStorageType(layer.storage.Float32)
    # Files count rows down from the top of the display window.
    layer.setDataWindow(
        int(left - x), int(y1 - bottom), int(right - left + 1), int(bottom - top + 1)
    )
    layer.setDisplayWindow(0.0, 0.0, float(x1 - x + 1), float(y1 - y + 1))
    layer.setPixelAspectRatio(float(header.get("pixelAspectRatio", 1.0)))
    pixels = np.stack(planes, axis=-1)[::-1]
    layer.setAllBufferElements(np.ascontiguousarray(pixels, np.float32).tobytes())
    return layer


def _read(path: Path, name: str) -> tuple[list[np.ndarray], dict[str, Any]]:
    if path.suffix != ".exr":
        return _read_colour(path)
    wanted = ["R", "G", "B"] if name == "C" else [f"{name}.{axis}" for axis in "XYZ"]
    with OpenEXR.File(str(path), separate_channels=True) as file:
        for part in file.parts:
            for names in ([name], wanted):
                if all(one in part.channels for one in names):
                    return [np.array(part.channels[one].pixels) for one in names], dict(part.header)
    return [], {}


def _read_colour(path: Path) -> tuple[list[np.ndarray], dict[str, Any]]:
    pixels = OpenImageIO.ImageBuf(str(path)).get_pixels("float")
    corners = np.array([[0, 0], [pixels.shape[1] - 1, pixels.shape[0] - 1]])
    return list(np.moveaxis(pixels[..., :3], -1, 0)), {
        "dataWindow": corners,
        "displayWindow": corners,
    }


def snippet_layer(node: CopNode) -> ImageLayer:
    """What a Python snippet makes: it has its inputs and bindings, and knows no node."""
    inputs = {node.evalParm("input1_name"): node.input_node(0).layer()}
    kwargs: dict[str, Any] = dict(inputs)
    for number in range(1, node.evalParm("bindings") + 1):
        kind = node.evalParm(f"bindings{number}_type")
        value = node.evalParm(f"bindings{number}_{'fval' if kind == 'float' else 'sval'}")
        kwargs[node.evalParm(f"bindings{number}_name")] = value
    code = "def snippet(kwargs):\n" + "".join(
        f"    {line}\n" for line in node.evalParm("python").splitlines()
    )
    scope: dict[str, Any] = {}
    exec(code, scope)
    made = scope["snippet"](kwargs)
    if not isinstance(made, dict):
        raise errors.OperationFailed("Python code did not return a dictionary")
    layer: ImageLayer = made[node.evalParm("output1_name")]
    return layer
