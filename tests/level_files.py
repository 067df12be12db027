"""A small game level, written record by record: what the tests of the second generator walk through."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plates import write_image

from flashdepth_vfx.errors import CorruptPlateError

SKY, NOT_DRAWN = 0x4, 0x80
SOLID, WATER, TRANSLUCENT = 0x1, 0x20, 0x20000000
UNITS_PER_M = 32.0

Box = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Two corners in metres: x to the right, y up, z ahead; the smaller first."""

ROOM: Box = ((-6.0, 0.0, -7.0), (6.0, 4.0, 7.0))
PILLARS: tuple[Box, ...] = (
    ((1.5, 0.0, 2.0), (2.5, 3.0, 3.0)),
    ((-3.5, 0.0, -3.0), (-2.5, 2.0, -2.0)),
    ((-2.0, 0.0, 3.0), (-1.0, 1.5, 4.5)),
    ((2.5, 0.0, -4.0), (3.5, 4.0, -2.5)),
)
#: Axis, and whether it is the larger side of a box: one for each face.
SIDES = tuple((axis, large) for axis in range(3) for large in (False, True))


def units(place_m: tuple[float, ...]) -> tuple[float, float, float]:
    """Metres (right, up, ahead) in the game's units (ahead, left, up)."""
    x, y, z = place_m
    return z * UNITS_PER_M, -x * UNITS_PER_M, y * UNITS_PER_M


@dataclass
class Level:
    """What a level holds; `data()` is its file."""

    entities: list[dict[str, str]] = field(default_factory=list)
    shaders: list[tuple[str, int, int]] = field(default_factory=list)
    planes: list[bytes] = field(default_factory=list)
    brushes: list[tuple[int, int, int]] = field(default_factory=list)
    sides: list[tuple[int, int]] = field(default_factory=list)
    vertices: list[bytes] = field(default_factory=list)
    corners: list[int] = field(default_factory=list)
    faces: list[bytes] = field(default_factory=list)
    lightmaps: list[bytes] = field(default_factory=list)
    #: first face and first brush of each model after the world
    models: list[tuple[int, int]] = field(default_factory=list)

    def shader(self, name: str, surface: int = 0, contents: int = SOLID) -> int:
        """Its number."""
        self.shaders.append((name, surface, contents))
        return len(self.shaders) - 1

    def start(self, place_m: tuple[float, float, float]) -> None:
        """A place where players enter."""
        self.entities.append(
            {
                "classname": "info_player_deathmatch",
                "origin": " ".join(str(v) for v in units(place_m)),
            }
        )

    def vertex(
        self, place_m: tuple[float, ...], at: tuple[float, float] = (0.0, 0.0), grey: int = 255
    ) -> None:
        """A corner: its place, where on the picture and the lightmap, its light."""
        numbers = (*units(place_m), *at, *at, 0.0, 0.0, 1.0)
        self.vertices.append(struct.pack("<10f4B", *numbers, grey, grey, grey, 255))

    def quad(
        self,
        shader: int,
        places_m: Sequence[tuple[float, ...]],
        lightmap: int = -1,
        grey: int = 255,
    ) -> None:
        """A flat face of four corners in a ring; its picture is repeated every metre."""
        first, corner = len(self.vertices), len(self.corners)
        wide = np.linalg.norm(np.subtract(places_m[1], places_m[0]))
        high = np.linalg.norm(np.subtract(places_m[2], places_m[1]))
        ends = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
        scale = (wide, high) if lightmap < 0 else (1.0, 1.0)
        for place, (s, t) in zip(places_m, ends, strict=True):
            self.vertex(place, (float(s * scale[0]), float(t * scale[1])), grey)
        self.corners += [0, 1, 2, 0, 2, 3]
        self.face(shader, 1, (first, 4), (corner, 6), lightmap)

    def face(
        self,
        shader: int,
        kind: int,
        vertices: tuple[int, int],
        corners: tuple[int, int] = (0, 0),
        lightmap: int = -1,
        size: tuple[int, int] = (0, 0),
    ) -> None:
        """A record as it is."""
        first = struct.pack("<8i", shader, -1, kind, *vertices, *corners, lightmap)
        self.faces.append(first + bytes(4 * 16) + struct.pack("<2i", *size))

    def box(self, shader: int, box: Box, grey: int = 255) -> None:
        """Its six faces, and no brush."""
        for axis, large in SIDES:
            ring = [(0, 0), (1, 0), (1, 1), (0, 1)]
            others = [a for a in range(3) if a != axis]
            places = []
            for pair in ring:
                which = {axis: int(large), **dict(zip(others, pair, strict=True))}
                places.append(tuple(box[which[a]][a] for a in range(3)))
            self.quad(shader, places, grey=grey)

    def brush(self, shader: int, box: Box) -> None:
        """A convex solid."""
        self.brushes.append((len(self.sides), 6, shader))
        for axis, large in SIDES:
            normal = [0.0, 0.0, 0.0]
            normal[axis] = 1.0 if large else -1.0
            distance = box[1][axis] if large else -box[0][axis]
            ahead, left, up = units(tuple(normal))
            values = (v / UNITS_PER_M for v in (ahead, left, up))
            self.sides.append((len(self.planes), shader))
            self.planes.append(struct.pack("<4f", *values, distance * UNITS_PER_M))

    def data(self) -> bytes:
        """The file."""
        text = "".join(
            "{\n" + "".join(f'"{k}" "{v}"\n' for k, v in e.items()) + "}\n" for e in self.entities
        )
        lumps = [b""] * 17
        lumps[0] = text.encode("latin-1") + b"\0"
        lumps[1] = b"".join(struct.pack("<64s2i", n.encode(), s, c) for n, s, c in self.shaders)
        lumps[2] = b"".join(self.planes)
        lumps[7] = b"".join(self._model(number) for number in range(len(self.models) + 1))
        lumps[8] = b"".join(struct.pack("<3i", *brush) for brush in self.brushes)
        lumps[9] = b"".join(struct.pack("<2i", *side) for side in self.sides)
        lumps[10] = b"".join(self.vertices)
        lumps[11] = np.array(self.corners, "<i4").tobytes()
        lumps[13] = b"".join(self.faces)
        lumps[14] = b"".join(self.lightmaps)
        header, body = b"IBSP" + struct.pack("<i", 46), b""
        for lump in lumps:
            header += struct.pack("<2i", 8 + 17 * 8 + len(body), len(lump))
            body += lump
        return header + body

    def _model(self, number: int) -> bytes:
        begins = [(0, 0), *self.models, (len(self.faces), len(self.brushes))]
        (face, brush), (after_face, after_brush) = begins[number : number + 2]
        return struct.pack(
            "<6f4i", *([0.0] * 6), face, after_face - face, brush, after_brush - brush
        )


def room(picture: str = "textures/made/wall") -> Level:
    """A room under an open sky with four pillars, and a start in its middle."""
    level = Level()
    wall = level.shader(picture)
    sky = level.shader("textures/made/sky", SKY)
    low, high = ROOM
    level.box(wall, ROOM, grey=150)
    # The ceiling is the sky: the face on top, the fourth of the six.
    level.faces[3] = struct.pack("<i", sky) + level.faces[3][4:]
    for pillar in PILLARS:
        level.box(wall, pillar, grey=230)
        level.brush(wall, pillar)
    for axis, large in SIDES:
        corners = [list(low), list(high)]
        corners[0 if large else 1][axis] = (high if large else low)[axis]
        corners[1 if large else 0][axis] += 1.0 if large else -1.0
        level.brush(wall, (tuple(corners[0]), tuple(corners[1])))  # type: ignore[arg-type]
    level.start((0.0, 0.75, 0.0))
    return level


def smooth_picture(channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """Waves without sharp edges, `(64, 64, channels)`, that repeat without a seam; alpha is 255."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:64, 0:64] * (2 * np.pi / 64)
    waves = [
        np.sin(a * rows + p) + np.cos(b * columns + q)
        for a, b, p, q in zip(*rng.integers(1, 3, (2, 3)), *rng.uniform(0, 6, (2, 3)), strict=True)
    ]
    picture = np.full((64, 64, channels), 255.0)
    picture[..., :3] = 128 + 45 * np.stack(waves, axis=-1)
    levels: NDArray[np.uint8] = np.clip(picture, 0, 255).astype(np.uint8)
    return levels


def write_archive(
    path: Path, levels: dict[str, bytes], pictures: dict[str, NDArray[np.uint8]]
) -> Path:
    """A `.pk3`. `pictures` by name with suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in levels.items():
            file.writestr(f"maps/{name}.bsp", data)
        for name, pixels in pictures.items():
            scratch = path.with_name(f"scratch{Path(name).suffix}")
            # Alpha is a plain fourth number, as the game has it.
            write_image(scratch, pixels, oiio__UnassociatedAlpha=1)
            file.write(scratch, name)
            scratch.unlink()
    return path


def write_game(folder: Path, **levels: bytes) -> Path:
    """The folder of an evaluation: these levels and one picture for their walls."""
    picture = {"textures/made/wall.png": smooth_picture()}
    write_archive(folder / "levels" / "made.pk3", levels, picture)
    return folder


def refusal(reads: Callable[[], object]) -> CorruptPlateError | None:
    """What a reader says; any other error goes on."""
    try:
        reads()
    except CorruptPlateError as error:
        return error
    return None
