"""Makers of plates for tests: real files of every kind, small, from the same few lines of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO
import pytest
from hypothesis import strategies as st
from movie_plates import write_movie
from raw_plates import RawChannel, exr_attribute, write_cineon, write_dpx, write_raw_exr

from flashdepth_vfx.io import open_plates
from flashdepth_vfx.plate import Plate, Window

__all__ = [
    "SHARED_PLATES",
    "H",
    "RawChannel",
    "W",
    "box",
    "exr_attribute",
    "flat",
    "flat_color",
    "picture",
    "planes",
    "random_codes",
    "read_one",
    "shared_plates",
    "whole_range",
    "windows",
    "write_cineon",
    "write_dpx",
    "write_exr",
    "write_exr_parts",
    "write_image",
    "write_movie",
    "write_raw_exr",
]


#: Height and width of `flat` planes.
H, W = 12, 16

_corner, _side = st.integers(-60, 60), st.integers(1, 40)
#: Any small window, for property tests.
windows = st.builds(Window, _corner, _corner, _side, _side)


SHARED_PLATES = Path(__file__).resolve().parents[2] / "shared" / "plates"


def shared_plates(folder: str) -> Path:
    """A folder of real plates beside the repository; skips the test where it is not."""
    path = SHARED_PLATES / folder
    if not path.is_dir():
        pytest.skip(f"real plates are not there: {path}")
    return path


def picture(height: int = 20, width: int = 30, frame: int = 0) -> np.ndarray:
    """`(H, W, 3)` float32 in 0..1, of numbers that 8 bits hold exactly; moves with `frame`."""
    rows, columns = np.mgrid[0:height, 0:width]
    codes = np.stack(
        ((columns * 7 + frame * 3) % 256, (rows * 5) % 256, (rows + columns + 40) % 256), axis=-1
    )
    return (codes / 255).astype(np.float32)


def box(window: Window) -> tuple[Any, Any]:
    """A window as the `OpenEXR` module takes it."""
    first, last = window.to_exr()
    return np.array(first, np.int32), np.array(last, np.int32)


def write_exr(
    path: Path,
    channels: Mapping[str, np.ndarray],
    *,
    data: Window | None = None,
    display: Window | None = None,
    **attributes: Any,
) -> Path:
    """A one-part scanline EXR. Channels "RGB" and "RGBA" are `(H, W, C)`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **attributes}
    if data is not None:
        header["dataWindow"] = box(data)
    if display is not None:
        header["displayWindow"] = box(display)
    copies = {name: np.array(pixels, order="C") for name, pixels in channels.items()}
    OpenEXR.File(header, copies).write(str(path))
    return path


def write_exr_parts(
    path: Path, parts: Sequence[tuple[Mapping[str, Any], Mapping[str, np.ndarray]]]
) -> Path:
    """A multipart EXR: a header and channels for each part."""
    OpenEXR.File(
        [
            OpenEXR.Part(
                {"type": OpenEXR.scanlineimage, **header},
                {name: np.array(pixels, order="C") for name, pixels in channels.items()},
            )
            for header, channels in parts
        ]
    ).write(str(path))
    return path


def write_image(path: Path, pixels: np.ndarray, **attributes: Any) -> Path:
    """PNG, TIFF, JPEG, DPX or tiled EXR, in the dtype of `pixels`; attributes by OpenImageIO's names.

    In keyword arguments `__` stands for `:`; `tile` makes tiles of that side.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    names = {"uint8": "uint8", "uint16": "uint16", "float16": "half", "float32": "float"}
    pixels = np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1))
    spec = OpenImageIO.ImageSpec(
        pixels.shape[1], pixels.shape[0], pixels.shape[2], names[pixels.dtype.name]
    )
    tile = attributes.pop("tile", 0)
    if tile:
        spec.tile_width = spec.tile_height = tile
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    out = OpenImageIO.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    assert (
        out.write_tiles(0, spec.width, 0, spec.height, 0, 1, pixels)
        if tile
        else out.write_image(pixels)
    )
    assert out.close(), out.geterror()
    return path


def flat(value: float) -> np.ndarray:
    """A plane of one value."""
    return np.full((H, W), value, np.float32)


def planes(prefix: str, *values: float, names: str = "RGBA") -> dict[str, np.ndarray]:
    """Flat channels `prefix` + R, G, B, A of the values given."""
    return {prefix + name: flat(v) for name, v in zip(names, values, strict=False)}


def random_codes(bits: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    """Whole numbers of `bits`, the largest among them."""
    drawn = np.random.default_rng(bits).integers(0, 1 << bits, (height, width, channels))
    drawn[0, 0] = (1 << bits) - 1
    return drawn


def whole_range(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Codes as their share of the full range."""
    return pixels.astype(np.float32) / np.float32((1 << bits) - 1)


def read_one(path: Path, **asked: object) -> Plate:
    """The plate of a single file, or the first frame of what `path` names."""
    reader = open_plates(str(path), **asked)  # type: ignore[arg-type]
    return reader.read(reader.frames[0])


def flat_color(plate: Plate) -> list[float]:
    """The one colour of a plate, which must be flat."""
    assert np.ptp(plate.rgb, axis=(0, 1)).max() == 0
    return [round(float(v), 4) for v in plate.rgb[0, 0]]
