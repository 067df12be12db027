"""Files of data sets, a few pixels each, as the sets have them on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO
from numpy.typing import ArrayLike, NDArray

HEIGHT, WIDTH = 4, 6


def picture(path: Path, height: int = HEIGHT, width: int = WIDTH, shade: int = 51) -> Path:
    """A picture of one shade of 8 bits, of the kind that its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return _image(path, np.full((height, width, 3), shade, np.uint8))


def codes(path: Path, values: ArrayLike) -> Path:
    """A PNG of one channel of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return _image(path, np.asarray(values, np.uint16)[..., None])


def _image(path: Path, pixels: NDArray[Any]) -> Path:
    height, width, channels = pixels.shape
    # JPEG by what it holds: one set calls raw numbers .JPG, and no library guesses by name here
    output = OpenImageIO.ImageOutput.create(path.suffix.lower().lstrip("."))
    spec = OpenImageIO.ImageSpec(width, height, channels, str(pixels.dtype))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels)), output.geterror()
    output.close()
    return path


def exr(path: Path, values: ArrayLike, channel: str = "Y") -> Path:
    """An EXR of one float channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = {channel: np.ascontiguousarray(values, np.float32)}
    with OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, pixels) as file:
        file.write(str(path))
    return path


def written(path: Path, content: str | bytes) -> Path:
    """Any other file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def as_json(path: Path, value: Any) -> Path:
    """A file of JSON."""
    return written(path, json.dumps(value))


def grid(*values: float, fill: float) -> NDArray[np.float32]:
    """`(HEIGHT, WIDTH)`: these values first, row by row, then `fill`."""
    pixels = np.full(HEIGHT * WIDTH, fill, np.float32)
    pixels[: len(values)] = values
    return pixels.reshape(HEIGHT, WIDTH)


def mvs_synth(root: Path, scene: str = "0000", frames: int = 3, depth: Any = None) -> Path:
    """One sequence of MVS-Synth below `root`."""
    folder = root / "GTAV_1080" / scene
    for number in range(frames):
        name = f"{number:04d}"
        picture(folder / "images" / f"{name}.png")
        exr(folder / "depths" / f"{name}.exr", grid(fill=70.0) if depth is None else depth)
        camera = np.eye(4)
        camera[:3, 3] = (10.0, 20.0, 30.0 + number)
        said = {"f_x": 1156.5, "f_y": 1157.5, "c_x": 960.0, "c_y": 540.0}
        as_json(folder / "poses" / f"{name}.json", {**said, "extrinsic": camera.tolist()})
    return folder
