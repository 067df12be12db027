"""Rasterising a level through OpenGL, without a window: plates, and exact inverse depth at pixel centres.

Needs `moderngl`, an extra of this package (`evaluation`), and EGL; Mesa's software renderer will do.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.errors import CorruptPlateError, DeviceError
from flashdepth_vfx.evaluation.levels.archive import PICTURE_PX, Archive
from flashdepth_vfx.evaluation.levels.bsp import LIGHTMAP_PX, Lumps
from flashdepth_vfx.evaluation.levels.mesh import SKY, Triangles

__all__ = ["VOID_PER_M", "Pinhole", "Stage", "open_context"]

VOID_PER_M = -1.0
"""Inverse depth where not even sky was hit: it is not known."""

_NEAR_M, _FAR_M = 0.1, 2000.0
#: Samples of a plate's pixel along each side. Depth is taken at the pixel's centre alone.
_SAMPLES = 2
#: What a surface whose picture is in no archive looks like.
_PLAIN = (112, 112, 112, 255)

_VERTEX_PROGRAM = """
#version 330
uniform mat3 turn; uniform vec3 eye; uniform vec2 focal; uniform vec2 range;
in vec3 place; in vec2 on_picture; in vec2 on_lightmap; in vec3 lit; in vec3 numbers;
out vec2 picture_at; out vec2 lightmap_at; out vec3 light; flat out vec3 which;
void main() {
    vec3 seen = (place - eye) * turn;
    picture_at = on_picture; lightmap_at = on_lightmap; light = lit; which = numbers;
    gl_Position = vec4(seen.xy * focal, seen.z * range.x + range.y, seen.z);
}
"""
_FRAGMENT_PROGRAM = """
#version 330
uniform sampler2DArray pictures; uniform sampler2DArray lightmaps;
in vec2 picture_at; in vec2 lightmap_at; in vec3 light; flat in vec3 which;
layout(location = 0) out vec4 colour; layout(location = 1) out float per_m;
void main() {
    vec4 paint = texture(pictures, vec3(picture_at, max(which.x, 0.0)));
    vec3 baked = texture(lightmaps, vec3(lightmap_at, max(which.y, 0.0))).rgb;
    if (which.x < 0.0) { colour = vec4(0.0); per_m = 0.0; return; }
    if (which.z > 0.5 && paint.a < 0.5) discard;
    colour = vec4(pow(paint.rgb, vec3(2.2)) * (which.y < 0.0 ? light : baked), 1.0);
    per_m = gl_FragCoord.w;
}
"""


@dataclass(frozen=True)
class Pinhole:
    """One frame's camera: `eye_m` `(3,)`, `eye_turn` `(3, 3)` camera axes to world, `focal_px`."""

    eye_m: NDArray[np.float64]
    eye_turn: NDArray[np.float64]
    focal_px: float


@contextmanager
def open_context() -> Iterator[Any]:
    """An OpenGL context without a window. Raises `DeviceError` where there can be none."""
    try:
        moderngl = importlib.import_module("moderngl")
    except ImportError as error:
        raise DeviceError(
            f"game levels are drawn with moderngl, which is not here ({error}): "
            "`pip install 'flashdepth_vfx[evaluation]'`, and on Debian `apt-get install libegl1 "
            "libgl1-mesa-dri`"
        ) from error
    try:
        context = moderngl.create_context(standalone=True, backend="egl", require=330)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DeviceError(
            f"no OpenGL 3.3 through EGL ({reason}): install a driver, or Mesa's software one "
            "(Debian: `apt-get install libegl1 libgl1-mesa-dri`)"
        ) from error
    try:
        yield context
    finally:
        context.release()


class Stage:
    """A level on the GPU, and frames of one size. Use one at a time, and `release` it."""

    def __init__(self, context: Any, height_px: int, width_px: int) -> None:
        self._context, self._size = context, (width_px, height_px)
        self._program = context.program(
            vertex_shader=_VERTEX_PROGRAM, fragment_shader=_FRAGMENT_PROGRAM
        )
        self._program["pictures"], self._program["lightmaps"] = 0, 1
        self._program["range"] = (
            (_FAR_M + _NEAR_M) / (_FAR_M - _NEAR_M),
            -2.0 * _FAR_M * _NEAR_M / (_FAR_M - _NEAR_M),
        )
        self._exact = self._target(1)
        self._fine = self._target(_SAMPLES)
        self._level: list[Any] = []

    def load(self, lumps: Lumps, triangles: Triangles, archive: Archive) -> None:
        """Put a level in the place of the one before. Raises `CorruptPlateError`."""
        self.release()
        context = self._context
        layers, slots = self._pictures(lumps, triangles, archive)
        lightmaps = lumps.lightmaps
        if not len(lightmaps):
            lightmaps = np.full((1, LIGHTMAP_PX, LIGHTMAP_PX, 3), 128, np.uint8)
        painted = _texture_array(context, lumps.source, layers)
        # No anisotropy: Mesa's software renderer takes minutes for one frame with it.
        painted.build_mipmaps()
        light = _texture_array(context, lumps.source, lightmaps)
        light.repeat_x = light.repeat_y = False
        holes = np.array([surface.cut_out for surface in triangles.surfaces])
        shader = triangles.surface
        numbers = np.stack(
            [
                np.where(shader == SKY, SKY, slots[shader]),
                triangles.lightmap,
                holes[shader],
            ],
            axis=1,
        ).astype(np.float32)
        corners = context.buffer(np.concatenate([triangles.corner, numbers], axis=1).tobytes())
        names = ("place", "on_picture", "on_lightmap", "lit", "numbers")
        drawn = context.vertex_array(self._program, [(corners, "3f 2f 2f 3f 3f", *names)])
        self._level = [painted, light, corners, drawn]

    def release(self) -> None:
        """Let go of the level."""
        for thing in reversed(self._level):
            thing.release()
        self._level = []

    def per_m(self, camera: Pinhole) -> NDArray[np.float32]:
        """1 / planar depth at the centre of each pixel, `(H, W)`; 0 is sky, `VOID_PER_M` nothing at all."""
        self._draw(self._exact, camera)
        width, height = self._size
        values = np.frombuffer(self._exact.read(components=1, attachment=1, dtype="f4"), np.float32)
        return np.ascontiguousarray(values.reshape(height, width)[::-1])

    def light(self, camera: Pinhole) -> NDArray[np.float32]:
        """Scene-linear light and what share of the pixel is not sky or void, `(H, W, 4)`."""
        self._draw(self._fine, camera)
        width, height = self._size
        data = self._fine.read(components=4, attachment=0, dtype="f2")
        fine = np.frombuffer(data, np.float16).astype(np.float32)
        # Where nothing was hit there is no light; cleared was to `VOID_PER_M`.
        fine = np.maximum(fine, 0.0).reshape(height, _SAMPLES, width, _SAMPLES, 4)
        fine = fine.mean(axis=(1, 3))
        return np.ascontiguousarray(fine[::-1])

    def _target(self, samples: int) -> Any:
        size = (self._size[0] * samples, self._size[1] * samples)
        colour = self._context.texture(size, 4, dtype="f2")
        depth = self._context.texture(size, 1, dtype="f4")
        return self._context.framebuffer([colour, depth], self._context.depth_renderbuffer(size))

    def _draw(self, target: Any, camera: Pinhole) -> None:
        painted, light, _, drawn = self._level
        width, height = self._size
        self._program["turn"].write(camera.eye_turn.T.astype(np.float32).tobytes())
        self._program["eye"] = tuple(float(value) for value in camera.eye_m)
        self._program["focal"] = (2 * camera.focal_px / width, 2 * camera.focal_px / height)
        target.use()
        self._context.enable_only(self._context.DEPTH_TEST)
        # Both pictures are cleared to this, so `light` has to take it out again.
        target.clear(VOID_PER_M, 0.0, 0.0, 0.0)
        painted.use(0)
        light.use(1)
        drawn.render()

    def _pictures(
        self, lumps: Lumps, triangles: Triangles, archive: Archive
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The pictures in use, `(n, 256, 256, 4)`, and each shader's number among them; 0 is plain."""
        layers = [np.tile(np.array(_PLAIN, np.uint8), (PICTURE_PX, PICTURE_PX, 1))]
        slots = np.zeros(len(triangles.surfaces), np.int64)
        for shader in np.unique(triangles.surface[triangles.surface != SKY]):
            picture = archive.picture(triangles.surfaces[shader].name)
            if picture is not None:
                slots[shader] = len(layers)
                layers.append(picture)
        return np.stack(layers), slots


def _texture_array(context: Any, source: str, layers: NDArray[np.uint8]) -> Any:
    limit = int(context.info["GL_MAX_ARRAY_TEXTURE_LAYERS"])
    if len(layers) > limit:
        raise CorruptPlateError(source, f"it has {len(layers)} pictures; this driver holds {limit}")
    count, height, width, channels = layers.shape
    return context.texture_array(
        (width, height, count), channels, np.ascontiguousarray(layers).tobytes(), alignment=1
    )
