"""Two photographs with measured depth, from the Middlebury stereo sets: the truth of both is a disparity."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from flashdepth_vfx.errors import CorruptPlateError, PlateError
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.measures.clip import TruthClip
from flashdepth_vfx.training.datasets.files import UNREADABLE

__all__ = ["PHOTOS", "load_photo"]

PHOTOS = ("motorcycle", "aloe")
"""The names of both."""

Floats = NDArray[np.float32]

# Motorcycle (Middlebury 2014, at a quarter of its size): the figures that scikit-image states with the pictures.
_MOTORCYCLE_FOCAL_PX, _MOTORCYCLE_BASELINE_M, _MOTORCYCLE_OFFSET_PX = 994.978, 0.193001, 31.086

# Aloe (Middlebury 2006, full size, 1282x1110; its disparities are whole pixels of that size: the right picture,
# moved by them, falls on the left one). Focal length and baseline are those of the whole set, and the offset is
# this scene's `dmin`: both views were cropped, and it is what the crop took from every disparity. The data set's
# authors publish all three; no package carries them. Check: with them the plant and its cloth lie 1.2 to 1.9 m
# away and the picture shows half a metre at that distance, the size of a potted plant; with no offset the cloth
# would be at 14 m. The focal length and the baseline are a scale alone; the offset decides how deep the scene is.
_ALOE_FOCAL_PX, _ALOE_BASELINE_M, _ALOE_OFFSET_PX = 3740.0, 0.160, 270.0


def load_photo(folder: Path, name: str) -> TruthClip:
    """One of `PHOTOS` from `folder/photos`, at full size; pixels without a measurement are below 0.

    The principal points are where the sets' authors have them, not in the middle of the frame: no `cameras`.
    Raises `PlateError` where a file is not there, `CorruptPlateError` where it cannot be read.
    """
    photos = folder / "photos"
    if name == "motorcycle":
        disparity_px = _disparities(photos / "motorcycle_disp.npz")
        # Outside the measured the file holds infinity.
        known = np.isfinite(disparity_px)
        rig = (_MOTORCYCLE_FOCAL_PX, _MOTORCYCLE_BASELINE_M, _MOTORCYCLE_OFFSET_PX)
        return _clip(name, photos / "motorcycle_left.png", disparity_px, known, rig)
    disparity_px = np.rint(_pixels(photos / "aloeGT.png")[..., 0] * 255)
    rig = (_ALOE_FOCAL_PX, _ALOE_BASELINE_M, _ALOE_OFFSET_PX)
    return _clip(name, photos / "aloeL.jpg", disparity_px, disparity_px > 0, rig)


def _clip(
    name: str,
    path: Path,
    disparity_px: Floats,
    known: NDArray[np.bool_],
    rig: tuple[float, float, float],
) -> TruthClip:
    """`rig`: focal length in pixels, baseline in metres, and what is added to the stored disparity."""
    focal_px, baseline_m, offset_px = rig
    rgb = _pixels(path)
    if rgb.shape[:2] != disparity_px.shape:
        raise CorruptPlateError(
            path, f"it is {rgb.shape[:2]}, its disparity {disparity_px.shape}; fetch both again"
        )
    if not known.any():
        raise CorruptPlateError(path, "no pixel of its disparity is measured; fetch both again")
    per_m = (np.where(known, disparity_px, 0.0) + offset_px) / (focal_px * baseline_m)
    truth = np.where(known, 100.0 * per_m, -1.0).astype(np.float32)
    pixels = np.ascontiguousarray(rgb.transpose(2, 0, 1))
    return TruthClip(name, torch.from_numpy(pixels)[None], torch.from_numpy(truth)[None])


def _disparities(path: Path) -> Floats:
    """The only array of a numpy archive, `(H, W)`."""
    _require(path)
    try:
        # Opened as a zip first: of any other file, numpy makes something else than an archive.
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as arrays:
            found = [np.asarray(arrays[name]) for name in arrays.files]
    except UNREADABLE as error:
        raise CorruptPlateError(path, f"{error}; fetch it again") from error
    if len(found) != 1 or found[0].ndim != 2 or found[0].dtype.kind not in "fiu":
        held = ", ".join(f"{array.dtype} {array.shape}" for array in found) or "nothing"
        raise CorruptPlateError(path, f"it holds {held}, not one picture; fetch it again")
    return found[0].astype(np.float32)


def _pixels(path: Path) -> Floats:
    """`(H, W, 3)` in [0, 1]."""
    _require(path)
    reader = open_plates(str(path))
    try:
        (frame,) = reader.frames
        return reader.read(frame).rgb
    finally:
        reader.close()


def _require(path: Path) -> None:
    if not path.is_file():
        raise PlateError(path, "not there; `flashdepth evaluate --fetch FOLDER` brings it")
