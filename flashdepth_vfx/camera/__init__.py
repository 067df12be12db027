"""Cameras: where one stands and what its lens sees, per frame, and what that makes of depth."""

from flashdepth_vfx.camera.normals import normals_of
from flashdepth_vfx.camera.pixels import (
    picture_shares,
    positions,
    ray_lengths,
    shares_of_points,
    slopes_at,
    to_world,
)
from flashdepth_vfx.camera.stmap import StMaps
from flashdepth_vfx.camera.track import CameraTrack, open_cameras
from flashdepth_vfx.camera.value import Camera, FilmBack, Frustum

__all__ = [
    "Camera",
    "CameraTrack",
    "FilmBack",
    "Frustum",
    "StMaps",
    "normals_of",
    "open_cameras",
    "picture_shares",
    "positions",
    "ray_lengths",
    "shares_of_points",
    "slopes_at",
    "to_world",
]
