"""The triangles of a level: flat faces and models as they are stored, curved patches cut into small ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.errors import CorruptPlateError
from flashdepth_vfx.evaluation.levels.bsp import FaceKind, Lumps, origin_m, to_world_m

__all__ = ["SKY", "Surface", "Triangles", "entity_shifts", "triangles_of"]

SKY = -1
"""In place of a picture's number: nothing is there, infinitely far."""

# surface flags and contents of a shader, as the level's compiler wrote them
_SKY_SURFACE = 0x4
_NOT_DRAWN = 0x80 | 0x100 | 0x200  # no draw, hint, skip
_SOLID, _FOG, _TRANSLUCENT = 0x1, 0x40, 0x20000000
#: Parts of a curved patch's 3x3 control points along each side.
_PATCH_STEPS = 6


@dataclass(frozen=True)
class Surface:
    """What a shader is for the renderer: the picture's name, and whether its alpha cuts holes."""

    name: str
    cut_out: bool


@dataclass(frozen=True)
class Triangles:
    """3N corners in order. `corner` `(3N, 10)` float32: place in metres, picture and lightmap coordinates, light
    (0..1); `surface` and `lightmap` `(3N,)`: number of the surface (`SKY`) and of the lightmap (-1: take the light).
    """

    corner: NDArray[np.float32]
    surface: NDArray[np.int32]
    lightmap: NDArray[np.int32]
    surfaces: tuple[Surface, ...]


def triangles_of(lumps: Lumps) -> Triangles:
    """All that is drawn. Fog, hints and undrawn faces are left out. Raises `CorruptPlateError`."""
    surface, contents = lumps.shaders["surface"], lumps.shaders["contents"]
    drawn = ((surface & _NOT_DRAWN) == 0) & ((contents & _FOG) == 0)
    sky = (surface & _SKY_SURFACE) != 0
    packed = _packed(lumps)
    shift = _face_shifts(lumps)
    corners, surfaces, lightmaps = [], [], []
    for number, face in enumerate(lumps.faces):
        shader = int(face["shader"])
        if not (drawn[shader] or sky[shader]):
            continue
        for part in _parts(lumps.source, lumps.corners, face, packed):
            if number in shift:
                part = part.copy()
                part[:, :3] += shift[number]
            corners.append(part)
            surfaces.append(np.full(len(part), SKY if sky[shader] else shader, np.int32))
            lightmaps.append(np.full(len(part), max(int(face["lightmap"]), -1), np.int32))
    if not corners:
        raise CorruptPlateError(lumps.source, "nothing in it is drawn; fetch it again")
    return Triangles(
        np.concatenate(corners),
        np.concatenate(surfaces),
        np.concatenate(lightmaps),
        tuple(_surface(shader) for shader in lumps.shaders),
    )


def _surface(shader: Any) -> Surface:
    # Shader scripts, which say what is see-through, are not in the packages: what is not solid may have holes.
    contents = int(shader["contents"])
    see_through = not contents & _SOLID or bool(contents & _TRANSLUCENT)
    return Surface(bytes(shader["name"]).decode("latin-1").lower(), see_through)


def entity_shifts(lumps: Lumps) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Models that are placed by an entity's origin (rotating and swinging things): number, metres."""
    for entity in lumps.entities:
        name = entity.get("model", "")
        # Other models are files of their own, and not drawn.
        if name.startswith("*") and name[1:].isdecimal():
            number, place = int(name[1:]), origin_m(lumps.source, entity)
            if place is not None and 0 < number < len(lumps.models):
                yield number, place


def _face_shifts(lumps: Lumps) -> dict[int, NDArray[np.float32]]:
    return {
        face: shift
        for model, shift in entity_shifts(lumps)
        for face in range(
            int(lumps.models["faces"][model, 0]), int(lumps.models["faces"][model].sum())
        )
    }


def _packed(lumps: Lumps) -> NDArray[np.float32]:
    """The vertices as the columns of `Triangles.corner`."""
    v = lumps.vertices
    light = v["colour"][:, :3].astype(np.float32) / np.float32(255)
    return np.concatenate([to_world_m(v["place"]), v["picture"], v["lightmap"], light], axis=1)


def _parts(
    source: str, corners: NDArray[np.int32], face: Any, packed: NDArray[np.float32]
) -> Iterator[NDArray[np.float32]]:
    """The corners of a face's triangles, `(3n, 10)`."""
    first, count = int(face["vertex"]), int(face["vertices"])
    if face["kind"] in (FaceKind.POLYGON, FaceKind.MESH):
        chosen = corners[int(face["corner"]) : int(face["corner"]) + int(face["corners"])]
        if len(chosen) % 3 or (len(chosen) and not 0 <= chosen.min() <= chosen.max() < count):
            raise CorruptPlateError(source, "a face has corners that it has not; fetch it again")
        if len(chosen):
            yield packed[first + chosen]
    elif face["kind"] == FaceKind.PATCH:
        width, height = (int(side) for side in face["size"])
        if width < 3 or height < 3 or not width % 2 or not height % 2 or width * height > count:
            raise CorruptPlateError(
                source, f"a curved patch has {width}x{height} control points; fetch it again"
            )
        yield _patch(packed[first : first + width * height].reshape(height, width, -1))


def _patch(control: NDArray[np.float32]) -> NDArray[np.float32]:
    """A mesh of biquadratic Bezier patches, `(height, width, 10)` control points, as triangles `(3n, 10)`."""
    s = np.linspace(0.0, 1.0, _PATCH_STEPS + 1, dtype=np.float32)
    basis = np.stack([(1 - s) ** 2, 2 * s * (1 - s), s * s], axis=1)
    height, width = control.shape[:2]
    parts = []
    for row in range(0, height - 2, 2):
        for column in range(0, width - 2, 2):
            nine = control[row : row + 3, column : column + 3]
            grid = np.einsum("ai,bj,ijk->abk", basis, basis, nine)
            a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]
            parts.append(np.stack([a, c, b, b, c, d], axis=2).reshape(-1, control.shape[2]))
    return np.concatenate(parts).astype(np.float32)
