"""Which part of a frame a clip shows, and how picture and inverse depth come to its size.

A picture is resized by a cubic filter. Inverse depth is an average over the area of a pixel: of surfaces alone, with
what is unknown and the sky left out, or a border would be at a depth that nothing has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from flashdepth_vfx.plate import FloatArray

__all__ = ["Crop", "CropPlace", "cut_inverse_depth", "cut_picture", "place_crop"]

CropPlace: TypeAlias = Literal["centre", "random"]
"""In the middle; or anywhere, at one place for all frames of a clip."""

#: A pixel is known if this much of its area is, and sky if that much of the known is.
_HALF = 0.5
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Crop:
    """`height` x `width` pixels from row `top` and column `left` of a frame that is scaled first."""

    scaled_height: int
    scaled_width: int
    top: int
    left: int
    height: int
    width: int


def place_crop(
    frame: tuple[int, int], wanted: tuple[int, int], place: CropPlace, rng: np.random.Generator
) -> Crop:
    """The crop of `wanted` (height, width) in frames of this size.

    "centre" shows as much as fits: the frame is scaled until it covers the crop. "random" leaves it at its own size
    unless it is too small. Source: Chou et al., "FlashDepth" (2025), stage 1 and stage 2.
    """
    scale = max(wanted[0] / frame[0], wanted[1] / frame[1])
    if place == "random":
        scale = max(scale, 1.0)
    # rounded, yet never below what it has to cover
    height, width = (max(round(f * scale), w) for f, w in zip(frame, wanted, strict=True))
    spare = (height - wanted[0], width - wanted[1])
    if place == "centre":
        top, left = spare[0] // 2, spare[1] // 2
    else:
        top, left = (int(rng.integers(free + 1)) for free in spare)
    return Crop(height, width, top, left, *wanted)


def cut_picture(rgb: FloatArray, crop: Crop) -> FloatArray:
    """`(H, W, 3)` in [0, 1] to `(3, h, w)`: cubic and filtered, as a render resizes its plates."""
    pixels = torch.from_numpy(np.ascontiguousarray(rgb, np.float32)).permute(2, 0, 1)[None]
    size = (crop.scaled_height, crop.scaled_width)
    if pixels.shape[-2:] != size:
        pixels = F.interpolate(pixels, size=size, mode="bicubic", antialias=True)
    part = pixels[0, :, crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    cut: FloatArray = part.clamp(0.0, 1.0).contiguous().numpy()
    return cut


def cut_inverse_depth(inverse: FloatArray, crop: Crop) -> FloatArray:
    """`(H, W)` in 1/m to `(h, w)`; 0 is sky, below 0 invalid.

    A pixel is invalid (-1) if more than half of its area is, else sky (0) if half of the rest is, else the mean of
    the surfaces in it by their areas.
    """
    rows = slice(crop.top, crop.top + crop.height)
    columns = slice(crop.left, crop.left + crop.width)
    if inverse.shape == (crop.scaled_height, crop.scaled_width):
        part = inverse[rows, columns]
        return np.where(part >= 0.0, part, -1.0).astype(np.float32)
    surface = inverse > 0.0
    layers = np.stack([surface, inverse == 0.0, np.where(surface, inverse, 0.0)]).astype(np.float64)
    across = _means(layers, crop.scaled_width, columns)
    near, far, total = _means(across.swapaxes(1, 2), crop.scaled_height, rows).swapaxes(1, 2)
    known = near + far
    # a whole area may add up to a little less than 1
    valid, is_sky = known >= _HALF - _ROUNDING, far >= _HALF * known - _ROUNDING
    mean = total / np.maximum(near, _ROUNDING)
    return np.where(valid, np.where(is_sky, 0.0, mean), -1.0).astype(np.float32)


def _means(values: NDArray[np.float64], count: int, part: slice) -> NDArray[np.float64]:
    """Along the last axis, `part` of its `count` equal pieces: the mean of each, of a value as much as lies in it."""
    have = values.shape[-1]
    edges = np.arange(part.start, part.stop + 1) * have / count
    whole = np.minimum(edges.astype(np.int64), have - 1)
    until = np.cumsum(values, axis=-1)
    until_edge = until[..., whole] - values[..., whole] * (1.0 - (edges - whole))
    means: NDArray[np.float64] = np.diff(until_edge) * count / have
    return means
