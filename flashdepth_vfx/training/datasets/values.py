"""From what the files of data sets say to disparity in 1/m, and from their matrices to ours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.plate import FloatArray, MaskArray
from flashdepth_vfx.training.datasets.contract import INVALID, Matrix

__all__ = ["inverse_depth", "pinhole", "pose_of_quaternion", "world_from_camera"]


def inverse_depth(
    depth_m: NDArray[np.floating], *, sky: MaskArray | None = None, unknown: MaskArray | None = None
) -> FloatArray:
    """Planar depth in metres, any shape, to 1/m in float32: 0 where `sky`, -1 where `unknown`.

    What is not above 0 or no number is unknown, whatever the masks say: no disparity is made of it.
    """
    bad = ~(depth_m > 0.0)
    none = np.zeros(depth_m.shape, bool)
    sky, bad = (none if sky is None else sky), (bad if unknown is None else bad | unknown)
    bad &= ~sky
    safe = np.where(bad | sky, 1.0, depth_m).astype(np.float32)
    return np.where(bad, INVALID, np.where(sky, 0.0, 1.0 / safe)).astype(np.float32)


def pinhole(fx: float, fy: float, cx: float, cy: float) -> Matrix:
    """`(3, 3)`, in pixels."""
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def world_from_camera(camera_from_world: Matrix, unit_m: float = 1.0) -> Matrix:
    """`(3, 4)` or `(4, 4)` in units of `unit_m` metres, to `(4, 4)` in metres the other way round.

    The world of a game engine may be mirrored; mirrored again it is right-handed, and what the camera sees is the
    same. Raises `ValueError` for what cannot be turned round.
    """
    whole = np.eye(4)
    whole[: len(camera_from_world)] = camera_from_world
    pose = np.linalg.inv(whole).astype(np.float64)
    if not np.isfinite(pose).all():
        raise ValueError("the camera's matrix is not finite")
    if np.linalg.det(pose[:3, :3]) < 0.0:
        pose[1] *= -1.0
    pose[:3, 3] *= unit_m
    return pose


def pose_of_quaternion(
    tx: float, ty: float, tz: float, qx: float, qy: float, qz: float, qw: float
) -> Matrix:
    """`(4, 4)` of a place and a turn, whatever the quaternion's length. Raises `ValueError` for one without any."""
    length = float(np.linalg.norm((qx, qy, qz, qw)))
    if not length > 0.0:
        raise ValueError("a quaternion of no length is no turn")
    x, y, z, w = (part / length for part in (qx, qy, qz, qw))
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = (tx, ty, tz)
    return pose
