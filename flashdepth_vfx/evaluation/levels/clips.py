"""Clips through game levels: which levels, which views, and what they look like."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path as FilePath

import numpy as np
import torch
from numpy.typing import NDArray

from flashdepth_vfx.errors import CorruptPlateError, PlateError, SettingsError
from flashdepth_vfx.evaluation.levels.archive import Archive
from flashdepth_vfx.evaluation.levels.bsp import Lumps, read_lumps
from flashdepth_vfx.evaluation.levels.mesh import SKY, Triangles, triangles_of
from flashdepth_vfx.evaluation.levels.raster import Pinhole, Stage, open_context
from flashdepth_vfx.evaluation.levels.walk import CLEAR_M, Path, Space, draw_path, starts_of
from flashdepth_vfx.measures.clip import Cameras, TruthClip

__all__ = ["is_worth_seeing", "level_clips", "painted_share"]

_TRIES = 300
#: Of a level's area, what must have its picture in the archives.
_PAINTED = 0.8
# A view is drawn again where nothing is known of more than this share, or where sky fills more than that.
_MOST_VOID, _MOST_SKY = 0.02, 0.7
#: How near anything comes, and what share may be nearer than arm's length.
_NEAREST_M, _ARM_M, _MOST_NEAR = 0.3, 1.0, 0.3
#: The 95th percentile of inverse depth over the 5th, at least.
_LEAST_RATIO = 2.2
#: Of the variance of inverse depth, what one plane may explain at most: a plane's is affine in the picture.
_MOST_PLANE = 0.92
#: Linear light below which a pixel is black on any display, and the share that may be: caves without lamps.
_BLACK, _MOST_BLACK = 0.004, 0.15
_MIN_SIDE_PX = 16
"""Frames smaller than this show nothing."""

Floats = NDArray[np.float32]


def level_clips(
    folder: FilePath, clips_per_map: int, frames: int, seed: int, height_px: int, width_px: int
) -> Iterator[TruthClip]:
    """Clips of every usable level in `folder/levels`, in order, each a short walk from a player start.

    A level is usable when at least four fifths of its area have their picture in the archives. Each clip has its
    own seed, of `seed`, the level's name and its number, so that more clips leave the first ones as they are.
    Nothing moves by itself: `still` is all True. Raises `SettingsError`, `DeviceError` without moderngl or EGL,
    `PlateError` where no level is usable, `CorruptPlateError` for a damaged one.
    """
    if clips_per_map < 1 or frames < 1 or min(height_px, width_px) < _MIN_SIDE_PX:
        raise SettingsError(
            f"level clips: {clips_per_map} a map, {frames} frames, {width_px}x{height_px}: at least "
            f"1, 1 and {_MIN_SIDE_PX}x{_MIN_SIDE_PX}"
        )
    return _clips(folder / "levels", clips_per_map, frames, seed, (height_px, width_px))


def _clips(
    folder: FilePath, clips_per_map: int, frames: int, seed: int, size: tuple[int, int]
) -> Iterator[TruthClip]:
    with Archive(folder) as archive, open_context() as context:
        stage = Stage(context, *size)
        usable = 0
        for name in archive.levels():
            lumps = read_lumps(*archive.level(name))
            triangles = triangles_of(lumps)
            if painted_share(triangles, archive) < _PAINTED or not len(starts_of(lumps)):
                continue
            usable += 1
            stage.load(lumps, triangles, archive)
            for number in range(clips_per_map):
                rng = np.random.default_rng((seed, zlib.crc32(name.encode()), number))
                yield _clip(f"{name}-{number}", rng, lumps, stage, frames, size[1])
        stage.release()
        if not usable:
            raise PlateError(
                folder,
                f"none of its {len(archive.levels())} levels has its pictures and a place to start "
                "from; `flashdepth evaluate --fetch FOLDER` brings both archives",
            )


def painted_share(triangles: Triangles, archive: Archive) -> float:
    """Of the area that is drawn, how much has its picture in the archives."""
    places = triangles.corner[:, :3].reshape(-1, 3, 3)
    sides = places[:, 1:] - places[:, :1]
    area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
    has = np.array([archive.has_picture(surface.name) for surface in triangles.surfaces])
    shader = triangles.surface[::3]
    drawn = shader != SKY
    return float(area[drawn & has[shader]].sum() / max(float(area[drawn].sum()), 1e-9))


def is_worth_seeing(per_m: Floats) -> bool:
    """Whether a frame's inverse depth, `(H, W)`, shows more than one wall, and from a fair distance.

    Of the truth alone: which views there are cannot depend on how well anything predicts them.
    """
    solid = per_m[per_m > 0]
    if (per_m < 0).mean() > _MOST_VOID or (per_m == 0).mean() > _MOST_SKY:
        return False
    far, near, nearest = np.percentile(solid, (5, 95, 99.5))
    if nearest > 1 / _NEAREST_M or near < _LEAST_RATIO * far:
        return False
    if (per_m > 1 / _ARM_M).mean() > _MOST_NEAR:
        return False
    rows, columns = np.nonzero(per_m > 0)
    plane = np.stack([rows, columns, np.ones(len(rows))], axis=1)
    fit = plane @ np.linalg.lstsq(plane, solid.astype(np.float64), rcond=None)[0]
    return bool(((solid - fit) ** 2).mean() > (1 - _MOST_PLANE) * solid.var())


def _clip(
    name: str, rng: np.random.Generator, lumps: Lumps, stage: Stage, frames: int, width_px: int
) -> TruthClip:
    """Draw walks until one has nothing in its way and something to see on every frame."""
    space, starts = Space(lumps), starts_of(lumps)
    for _ in range(_TRIES):
        path = draw_path(rng, space, starts, frames, width_px)
        if not space.is_clear(path.eye_m, CLEAR_M).all():
            continue
        per_m = _truth(stage, path)
        if len(per_m) < frames:
            continue
        light = np.stack([stage.light(camera) for camera in _cameras(path)])
        gain = _exposure(light)
        if _is_lit(light, gain):
            return _truth_clip(name, _developed(rng, light, gain, path), per_m, path)
    raise CorruptPlateError(lumps.source, f"{_TRIES} walks from its player starts see nothing")


def _truth(stage: Stage, path: Path) -> Floats:
    """Inverse depth `(T, H, W)`, fewer than T frames where one was not worth seeing: that one is not in it."""
    drawn: list[Floats] = []
    for camera in _cameras(path):
        per_m = stage.per_m(camera)
        if not is_worth_seeing(per_m):
            break
        drawn.append(per_m)
    return np.array(drawn, np.float32)


def _cameras(path: Path) -> Iterator[Pinhole]:
    for eye, turn in zip(path.eye_m, path.eye_turn, strict=True):
        yield Pinhole(eye, turn, path.focal_px)


def _truth_clip(name: str, rgb: Floats, per_m: Floats, path: Path) -> TruthClip:
    truth = np.where(per_m < 0, -1.0, per_m * 100.0).astype(np.float32)
    return TruthClip(
        name=name,
        rgb=torch.from_numpy(np.ascontiguousarray(rgb.transpose(0, 3, 1, 2))),
        truth_100_per_m=torch.from_numpy(truth),
        cameras=Cameras(
            torch.from_numpy(path.eye_m.astype(np.float32)),
            torch.from_numpy(path.eye_turn.astype(np.float32)),
            torch.tensor(path.focal_px, dtype=torch.float32),
        ),
        still=torch.ones(truth.shape, dtype=torch.bool),
    )


def _exposure(light: Floats) -> float:
    """What brings the first frame's average, by its logarithm, to middle grey: one exposure for the clip."""
    solid = light[0][light[0, ..., 3] > 0.5][:, :3].mean(axis=1)
    return float(min(0.18 / np.exp(np.log(solid + 1e-3).mean()), 30.0)) if len(solid) else 1.0


def _is_lit(light: Floats, gain: float) -> bool:
    """Whether there is light on what is seen, on the last frame too."""
    ends = light[[0, -1]]
    black = (ends[..., :3].max(axis=-1) * gain < _BLACK) & (ends[..., 3] > 0.5)
    return bool(black.mean() <= _MOST_BLACK)


def _developed(rng: np.random.Generator, light: Floats, gain: float, path: Path) -> Floats:
    """Light and cover `(T, H, W, 4)` as a camera's display picture, `(T, H, W, 3)`."""
    sky = (1.0 - light[..., 3:]) * _sky(rng, light.shape[1:3], path)
    # The shoulder of a film: bright lamps do not clip to flat white.
    shown: Floats = ((1.0 - np.exp(-light[..., :3] * gain - sky)) ** (1 / 2.2)).astype(np.float32)
    return shown


def _sky(rng: np.random.Generator, size: tuple[int, int], path: Path) -> Floats:
    """A plain sky, exposed `(T, H, W, 3)`: paler at the horizon. The level's own is not in the packages."""
    height, width = size
    zenith = rng.uniform(0.15, 0.6, 3) * [0.7, 0.85, 1.2]
    horizon = zenith + rng.uniform(0.2, 0.9)
    x = (np.arange(width) + 0.5 - width / 2) / path.focal_px
    y = (height / 2 - np.arange(height) - 0.5) / path.focal_px
    ray = np.stack(np.broadcast_arrays(x, y[:, None], 1.0), axis=-1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    up = np.einsum("hwi,ti->thw", ray, path.eye_turn[:, 1])[..., None]
    share = np.clip(up, 0.0, 1.0) ** 0.5
    return np.asarray(horizon * (1 - share) + zenith * share, np.float32)
