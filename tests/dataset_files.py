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


def codes8(path: Path, values: ArrayLike) -> Path:
    """A PNG of one channel of 8 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return _image(path, np.asarray(values, np.uint8)[..., None])


def _image(path: Path, pixels: NDArray[Any]) -> Path:
    height, width, channels = pixels.shape
    output = OpenImageIO.ImageOutput.create(str(path))
    assert output is not None, OpenImageIO.geterror()
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


def sintel(
    root: Path,
    scene: str = "alley_1",
    frames: int = 2,
    depth: Any = None,
    step_m: float = 0.0,
    archives: tuple[str, str, str] = ("", "", ""),
) -> Path:
    """One film of Sintel below `root`: each frame, its camera moves `step_m` to the right and half of it down."""
    folder = root / "sintel"
    clean, depths, cameras = (folder / archive / "training" for archive in archives)
    values = grid(fill=2.0) if depth is None else np.asarray(depth, np.float32)
    height, width = values.shape
    head = np.float32(202021.25).tobytes()
    for number in range(1, frames + 1):
        name = f"frame_{number:04d}"
        picture(clean / "clean" / scene / f"{name}.png", height, width)
        size = np.array([width, height], "<i4").tobytes()
        written(depths / "depth" / scene / f"{name}.dpt", head + size + values.tobytes())
        lens = np.array([[100.0, 0, (width - 1) / 2], [0, 100, (height - 1) / 2], [0, 0, 1]])
        camera = np.eye(4)[:3]
        camera[:2, 3] = -step_m * (number - 1), -step_m / 2 * (number - 1)
        content = head + lens.tobytes() + camera.tobytes()
        written(cameras / "camdata_left" / scene / f"{name}.cam", content)
    return folder
