"""Levels and archives as they are stored: read as they were written, and one clear error for every damage."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from level_files import PILLARS, ROOM, SKY, Level, refusal, room, smooth_picture, write_archive

from flashdepth_vfx.errors import CorruptPlateError, DeviceError
from flashdepth_vfx.evaluation.levels.archive import Archive
from flashdepth_vfx.evaluation.levels.bsp import Lumps, read_lumps
from flashdepth_vfx.evaluation.levels.clips import is_worth_seeing, painted_share
from flashdepth_vfx.evaluation.levels.mesh import SKY as NO_PICTURE
from flashdepth_vfx.evaluation.levels.mesh import Triangles, triangles_of
from flashdepth_vfx.evaluation.levels.raster import open_context
from flashdepth_vfx.evaluation.levels.walk import CLEAR_M, Space, draw_path, starts_of

WHOLE = room().data()


def everything_of(data: bytes) -> tuple[Lumps, Triangles, Space]:
    """All that is read of a level before it is drawn."""
    lumps = read_lumps("made.bsp", data)
    starts_of(lumps)
    return lumps, triangles_of(lumps), Space(lumps)


def test_a_level_is_read_as_it_was_written() -> None:
    lumps, triangles, _ = everything_of(WHOLE)
    assert starts_of(lumps).tolist() == [[0.0, 0.75, 0.0]]
    places = triangles.corner[:, :3]
    assert len(places) == (1 + len(PILLARS)) * 6 * 2 * 3
    assert np.array_equal([places.min(axis=0), places.max(axis=0)], np.array(ROOM))
    sky = places[triangles.surface == NO_PICTURE]
    assert len(sky) == 6
    assert (sky[:, 1] == ROOM[1][1]).all()


def test_a_curved_patch_goes_through_its_ends_and_half_way_to_its_middle() -> None:
    level = Level()
    shader = level.shader("a")
    # An arch along z: up from the floor, over, and down again.
    for z in (0.0, 1.0, 2.0):
        for x, y in ((-2.0, 0.0), (0.0, 3.0), (2.0, 0.0)):
            level.vertex((x, y, z))
    level.face(shader, 2, (0, 9), size=(3, 3))
    places = everything_of(level.data())[1].corner[:, :3]
    assert np.allclose(places[:, 1], 1.5 * (1 - (places[:, 0] / 2) ** 2), atol=1e-5)
    assert np.allclose([places.min(axis=0), places.max(axis=0)], [(-2, 0, 0), (2, 1.5, 2)])
    sides = np.diff(places.reshape(-1, 3, 3), axis=1)
    area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1).sum() / 2
    arc = np.hypot(
        np.diff(np.linspace(-2, 2, 2001)), np.diff(1.5 - np.linspace(-2, 2, 2001) ** 2 * 0.375)
    )
    assert area == pytest.approx(2 * arc.sum(), rel=0.01)


def test_what_an_entity_moves_is_moved_and_solid_there() -> None:
    level = room()
    shader = level.shader("door")
    level.models.append((len(level.faces), len(level.brushes)))
    door = ((-0.5, -0.5, -0.5), (0.5, 0.5, 0.5))
    level.box(shader, door)
    level.brush(shader, door)
    level.entities.append({"classname": "func_rotating", "model": "*1", "origin": "64 -32 64"})
    _, triangles, space = everything_of(level.data())
    places = triangles.corner[triangles.surface == shader, :3]
    assert np.allclose([places.min(axis=0), places.max(axis=0)], [(0.5, 1.5, 1.5), (1.5, 2.5, 2.5)])
    assert space.is_clear(np.array([(1.0, 2.0, 2.0), (0.0, 0.4, 0.0)])).tolist() == [False, True]


def test_a_place_is_clear_that_is_away_from_every_wall() -> None:
    space = everything_of(WHOLE)[2]
    low, high = np.array(ROOM)
    places = np.random.default_rng(3).uniform(low, high, (4000, 3))
    away = np.minimum(places - low, high - places).min(axis=1)
    for box_low, box_high in PILLARS:
        away = np.minimum(away, np.maximum(box_low - places, places - box_high).max(axis=1))
    for radius_m in (0.0, CLEAR_M):
        assert np.array_equal(space.is_clear(places, radius_m), away > radius_m)
    assert space.floor_m(np.array([0.0, 0.75, 0.0])) == pytest.approx(0.0, abs=0.05)
    assert everything_of(no_brushes().data())[2].is_clear(places).all()


def no_brushes() -> Level:
    """The room, which nothing keeps a camera in."""
    level = room()
    level.brushes.clear()
    return level


def test_a_walk_begins_near_a_start_with_eyes_over_the_floor_and_moves_smoothly() -> None:
    lumps, _, space = everything_of(WHOLE)
    rng = np.random.default_rng(3)
    for _ in range(50):
        path = draw_path(rng, space, starts_of(lumps), 24, 64)
        begin = path.eye_m[0]
        assert (np.abs(begin[[0, 2]]) < 1.55).all()
        assert 0.9 < begin[1] < 2.0
        assert np.linalg.norm(np.diff(path.eye_m, axis=0), axis=1).max() < 0.1
        assert np.abs(np.diff(path.eye_turn, axis=0)).max() < 0.08
        assert 32 / np.tan(np.radians(42.5)) <= path.focal_px <= 32 / np.tan(np.radians(25.0))


def test_a_view_is_worth_seeing_for_what_is_in_it() -> None:
    rows, columns = np.mgrid[0:32, 0:32].astype(np.float32)
    corner = 0.1 + 0.01 * np.abs(columns - 16) + 0.01 * np.maximum(rows - 16, 0)
    assert is_worth_seeing(corner)
    assert not is_worth_seeing(np.full((32, 32), 0.2, np.float32))
    assert not is_worth_seeing(0.05 + 0.01 * rows + 0.002 * columns), "one plane"
    for rows_of, value in ((1, -1.0), (24, 0.0), (12, 1.1), (2, 4.0)):
        spoiled = corner.copy()
        spoiled[:rows_of] = value
        assert not is_worth_seeing(spoiled), (rows_of, value)


@settings(max_examples=60)
@given(kept=st.integers(0, len(WHOLE) - 1))
def test_a_level_cut_off_anywhere_is_refused(kept: int) -> None:
    with pytest.raises(CorruptPlateError, match=r"^made\.bsp: .*(cut off|no Quake 3 level)"):
        everything_of(WHOLE[:kept])


@settings(max_examples=200)
@given(where=st.integers(0, len(WHOLE) - 4), value=st.integers(-(2**31), 2**31 - 1))
def test_a_level_overwritten_anywhere_is_read_or_refused(where: int, value: int) -> None:
    data = bytearray(WHOLE)
    data[where : where + 4] = struct.pack("<i", value)
    error = refusal(lambda: everything_of(bytes(data)))
    assert error is None or error.path == "made.bsp"


@pytest.mark.parametrize(
    ("version", "magic", "said"),
    [(47, b"IBSP", "version 47; version 46 is read"), (46, b"VBSP", "no Quake 3 level")],
)
def test_another_kind_of_level_is_named(version: int, magic: bytes, said: str) -> None:
    with pytest.raises(CorruptPlateError, match=said):
        read_lumps("made.bsp", magic + struct.pack("<i", version) + WHOLE[8:])


@pytest.mark.parametrize("origin", ["", "1 2", "1 2 three", "1 nan 3", "1 2 inf", "1 2 3 4"])
def test_a_start_that_stands_nowhere_is_refused(origin: str) -> None:
    level = room()
    level.entities[0]["origin"] = origin
    with pytest.raises(CorruptPlateError, match=f"an entity stands at '{origin}'"):
        everything_of(level.data())


def test_every_number_that_points_outside_is_named() -> None:
    def refuses(level: Level, said: str) -> None:
        with pytest.raises(CorruptPlateError, match=said):
            everything_of(level.data())

    for record, said in (
        ((9, 1, (0, 4)), "face shader"),
        ((0, 1, (0, 4000)), "face vertex"),
        ((0, 1, (0, 4), (0, 4000)), "face corner"),
        ((0, 1, (0, 4), (0, 6), 0), "face lightmap"),
        ((0, 1, (0, 3), (0, 6)), "corners that it has not"),
        ((0, 1, (0, 4), (0, 5)), "corners that it has not"),
        ((0, 2, (0, 9), (0, 0), -1, (3, 4)), "a curved patch has 3x4 control points"),
        ((0, 2, (0, 9), (0, 0), -1, (5, 3)), "a curved patch has 5x3 control points"),
    ):
        level = room()
        level.face(*record)
        refuses(level, said)
    level = room()
    level.brushes.append((0, 6000, 0))
    refuses(level, "brush side")
    level = room()
    level.sides.append((len(level.planes), 0))
    refuses(level, "side plane")
    level = room()
    level.vertex((float("nan"), 0.0, 0.0))
    refuses(level, "a vertex lies nowhere")
    refuses(Level(), "it has no faces")
    level = Level()
    level.quad(level.shader("a", SKY | 0x80, 0x40), [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)])
    assert len(everything_of(level.data())[1].corner) == 6
    level.shaders[0] = ("a", 0x80, 0)
    refuses(level, "nothing in it is drawn")


def test_the_share_that_is_painted_is_of_the_area_without_the_sky(tmp_path: Path) -> None:
    level = Level()
    for name, surface, high in (("has", 0, 3.0), ("has-not", 0, 1.0), ("sky", SKY, 9.0)):
        shader = level.shader(f"textures/{name}", surface)
        level.quad(shader, [(0, 0, 0), (1, 0, 0), (1, high, 0), (0, high, 0)])
    write_archive(tmp_path / "a.pk3", {}, {"textures/has.png": smooth_picture()})
    with Archive(tmp_path) as archive:
        assert painted_share(everything_of(level.data())[1], archive) == pytest.approx(0.75)


def test_without_moderngl_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moderngl", None)
    with pytest.raises(DeviceError, match=r"flashdepth_vfx\[evaluation\].*libegl1"), open_context():
        pass
