"""Game levels as they are stored: the records of a Quake 3 BSP file (`IBSP`, version 46).

The file is a header and 17 lumps, each an array of fixed records, little-endian. Everything is checked before it
is used: a lump that reaches past the end, and every index into another lump.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.errors import CorruptPlateError

__all__ = ["UNITS_PER_M", "FaceKind", "Lumps", "origin_m", "read_lumps", "to_world_m"]

UNITS_PER_M = 32.0
"""A player is 56 units tall: 1.75 m at this scale, with eyes at 1.56 m. Doors and stairs then look right too."""

_MAGIC, _VERSION = b"IBSP", 46
_HEADER_BYTES = 8 + 17 * 8
LIGHTMAP_PX = 128

_SHADER = np.dtype([("name", "S64"), ("surface", "<i4"), ("contents", "<i4")])
_PLANE = np.dtype([("normal", "<f4", 3), ("distance", "<f4")])
_MODEL = np.dtype([("box", "<f4", 6), ("faces", "<i4", 2), ("brushes", "<i4", 2)])
_BRUSH = np.dtype([("side", "<i4"), ("sides", "<i4"), ("shader", "<i4")])
_SIDE = np.dtype([("plane", "<i4"), ("shader", "<i4")])
_VERTEX = np.dtype(
    [
        ("place", "<f4", 3),
        ("picture", "<f4", 2),
        ("lightmap", "<f4", 2),
        ("normal", "<f4", 3),
        ("colour", "u1", 4),
    ]
)
_FACE = np.dtype(
    [
        ("shader", "<i4"),
        ("effect", "<i4"),
        ("kind", "<i4"),
        ("vertex", "<i4"),
        ("vertices", "<i4"),
        ("corner", "<i4"),
        ("corners", "<i4"),
        ("lightmap", "<i4"),
        ("unused", "<i4", 4),
        ("vectors", "<f4", 12),
        ("size", "<i4", 2),
    ]
)


class FaceKind:
    """What a face's `kind` says. The fourth, a flare, has no surface."""

    POLYGON, PATCH, MESH = 1, 2, 3


Records = NDArray[Any]


@dataclass(frozen=True)
class Lumps:
    """The lumps that are used, as structured arrays with the field names of this module, in game units.

    `entities` are the things that the level's author placed, by their keys. `corners` are indices into a face's
    vertices, three for each triangle. `lightmaps` `(L, 128, 128, 3)` uint8.
    """

    source: str
    entities: tuple[dict[str, str], ...]
    shaders: Records
    planes: Records
    models: Records
    brushes: Records
    sides: Records
    vertices: Records
    corners: NDArray[np.int32]
    faces: Records
    lightmaps: NDArray[np.uint8]


def to_world_m(places: NDArray[Any]) -> NDArray[np.float32]:
    """Game units (x ahead, y to the left, z up) to metres (x to the right, y up, z ahead): `(..., 3)`."""
    turned = np.stack([-places[..., 1], places[..., 2], places[..., 0]], axis=-1)
    return np.asarray(turned / UNITS_PER_M, np.float32)


def origin_m(source: str, entity: dict[str, str]) -> NDArray[np.float32] | None:
    """Where an entity stands, metres `(3,)`; None for one that says no place. Raises `CorruptPlateError`."""
    if "origin" not in entity:
        return None
    try:
        place = np.array([float(word) for word in entity["origin"].split()])
    except ValueError:
        place = np.empty(0)
    if place.shape != (3,) or not np.isfinite(place).all():
        raise CorruptPlateError(
            source, f"an entity stands at '{entity['origin']}': it is damaged; fetch it again"
        )
    return to_world_m(place)


def read_lumps(source: str, data: bytes) -> Lumps:
    """The lumps of one level. `source` names the file. Raises `CorruptPlateError`."""
    if len(data) < _HEADER_BYTES or data[:4] != _MAGIC:
        raise CorruptPlateError(source, "it is no Quake 3 level (IBSP), or cut off in its header")
    version = struct.unpack_from("<i", data, 4)[0]
    if version != _VERSION:
        raise CorruptPlateError(
            source, f"it is a level of version {version}; version {_VERSION} is read"
        )
    lumps = Lumps(
        source=source,
        entities=_entities(_lump(source, data, 0)),
        shaders=_records(source, data, 1, _SHADER),
        planes=_records(source, data, 2, _PLANE),
        models=_records(source, data, 7, _MODEL),
        brushes=_records(source, data, 8, _BRUSH),
        sides=_records(source, data, 9, _SIDE),
        vertices=_records(source, data, 10, _VERTEX),
        corners=_records(source, data, 11, np.dtype("<i4")),
        faces=_records(source, data, 13, _FACE),
        lightmaps=_records(source, data, 14, np.dtype(("u1", (LIGHTMAP_PX, LIGHTMAP_PX, 3)))),
    )
    _check(lumps)
    return lumps


def _lump(source: str, data: bytes, index: int) -> bytes:
    start, size = struct.unpack_from("<ii", data, 8 + 8 * index)
    if start < 0 or size < 0 or start + size > len(data):
        raise CorruptPlateError(
            source,
            f"lump {index} lies at bytes {start} to {start + size} of {len(data)}: the file is cut "
            "off; fetch it again",
        )
    return data[start : start + size]


def _records(source: str, data: bytes, index: int, kind: np.dtype[Any]) -> NDArray[Any]:
    lump = _lump(source, data, index)
    if len(lump) % kind.itemsize:
        raise CorruptPlateError(
            source,
            f"lump {index} holds {len(lump)} bytes, no multiple of {kind.itemsize}: it is damaged; "
            "fetch it again",
        )
    return np.frombuffer(lump, dtype=kind)


def _entities(lump: bytes) -> tuple[dict[str, str], ...]:
    text = lump.rstrip(b"\0").decode("latin-1")
    blocks = re.findall(r"\{([^{}]*)\}", text)
    return tuple(dict(re.findall(r'"([^"]*)"\s+"([^"]*)"', block)) for block in blocks)


def _check(lumps: Lumps) -> None:
    """Every index into another lump."""
    source, faces, brushes = lumps.source, lumps.faces, lumps.brushes
    if not (len(faces) and len(lumps.models)):
        raise CorruptPlateError(source, "it has no faces; fetch it again")
    counts = {
        "shader": len(lumps.shaders),
        "vertex": len(lumps.vertices),
        "corner": len(lumps.corners),
        "side": len(lumps.sides),
    }
    _ranges(source, "face vertex", faces["vertex"], faces["vertices"], counts["vertex"])
    _ranges(source, "face corner", faces["corner"], faces["corners"], counts["corner"])
    _ranges(source, "face shader", faces["shader"], 1, counts["shader"])
    lit = faces["lightmap"][faces["lightmap"] >= 0]
    _ranges(source, "face lightmap", lit, 1, len(lumps.lightmaps))
    _ranges(source, "brush side", brushes["side"], brushes["sides"], counts["side"])
    _ranges(source, "brush shader", brushes["shader"], 1, counts["shader"])
    _ranges(source, "side plane", lumps.sides["plane"], 1, len(lumps.planes))
    _ranges(
        source, "model face", lumps.models["faces"][:, 0], lumps.models["faces"][:, 1], len(faces)
    )
    _ranges(
        source,
        "model brush",
        lumps.models["brushes"][:, 0],
        lumps.models["brushes"][:, 1],
        len(brushes),
    )
    if not np.isfinite(lumps.vertices["place"]).all():
        raise CorruptPlateError(source, "a vertex lies nowhere: it is damaged; fetch it again")


def _ranges(source: str, what: str, first: NDArray[Any], count: Any, size: int) -> None:
    """`first` to `first` + `count`, each within `size` records."""
    last = first.astype(np.int64) + count
    if ((first < 0) | (np.asarray(count) < 0) | (last > size)).any():
        raise CorruptPlateError(
            source, f"a {what} points outside its {size} records: it is damaged; fetch it again"
        )
