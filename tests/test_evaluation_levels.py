"""Clips through a game level: exact depth, the same pictures by the same seed, what is seen and what is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from level_files import (
    NOT_DRAWN,
    PILLARS,
    ROOM,
    WATER,
    Box,
    Level,
    room,
    smooth_picture,
    write_archive,
    write_game,
)
from numpy.typing import NDArray

from flashdepth_vfx.errors import CorruptPlateError, DeviceError, PlateError, SettingsError
from flashdepth_vfx.evaluation.levels import level_clips
from flashdepth_vfx.evaluation.levels.archive import Archive
from flashdepth_vfx.evaluation.levels.bsp import read_lumps
from flashdepth_vfx.evaluation.levels.mesh import triangles_of
from flashdepth_vfx.evaluation.levels.raster import VOID_PER_M, Pinhole, Stage, open_context
from flashdepth_vfx.measures.clip import TruthClip

HEIGHT, WIDTH, FRAMES = 48, 64, 3
WALL = "textures/made/wall"
Floats = NDArray[np.float64]


@pytest.fixture(scope="module", autouse=True)
def _needs_egl() -> None:
    try:
        with open_context():
            return
    except DeviceError as error:
        pytest.skip(f"GAME LEVELS ARE NOT TESTED HERE: {error}")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[TruthClip]:
    folder = write_game(tmp_path_factory.mktemp("game"), made=room().data())
    return list(level_clips(folder, 3, FRAMES, 5, HEIGHT, WIDTH))


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_context() as context:
        stage = Stage(context, HEIGHT, WIDTH)
        yield stage
        stage.release()


def load(stage: Stage, folder: Path, level: Level, pictures: dict[str, Any]) -> None:
    write_archive(folder / "a.pk3", {"made": level.data()}, pictures)
    with Archive(folder) as archive:
        lumps = read_lumps(*archive.level("made"))
        stage.load(lumps, triangles_of(lumps), archive)


AHEAD = Pinhole(np.zeros(3), np.eye(3), 40.0)


def wall_at(z_m: float, half_m: float = 50.0) -> list[tuple[float, ...]]:
    """Four corners of a square that faces the camera, the lower left first."""
    return [(s * half_m, t * half_m, z_m) for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))]


def pixels(camera_focal_px: float) -> tuple[Floats, Floats]:
    """Of each pixel's centre, right and up of the axis at one metre."""
    x = (np.arange(WIDTH) + 0.5 - WIDTH / 2) / camera_focal_px
    y = (HEIGHT / 2 - np.arange(HEIGHT) - 0.5) / camera_focal_px
    return np.broadcast_to(x, (HEIGHT, WIDTH)), np.broadcast_to(y[:, None], (HEIGHT, WIDTH))


def crossed(eye: Floats, ray: Floats, box: Box) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Where rays enter and leave a box, and the axis they leave by: of its slabs, no triangle in it."""
    with np.errstate(divide="ignore"):
        ends = (np.array(box)[:, None, None] - eye) / ray
    leave = ends.max(axis=0)
    return ends.min(axis=0).max(axis=-1), leave.min(axis=-1), leave.argmin(axis=-1)


def cast(clip: TruthClip, frame: int) -> Floats:
    """100 / planar depth of the room in float64; 0 is the sky over it."""
    assert clip.cameras is not None
    eye = clip.cameras.eye_m[frame].double().numpy()
    x, y = pixels(float(clip.cameras.focal_px))
    ray = np.stack([x, y, np.ones_like(x)], axis=-1)
    ray = ray @ clip.cameras.eye_turn[frame].double().numpy().T
    _, depth, axis = crossed(eye, ray, ROOM)
    per_m = np.where((axis == 1) & (ray[..., 1] > 0), 0.0, 100 / depth)
    for pillar in PILLARS:
        enter, leave, _ = crossed(eye, ray, pillar)
        per_m = np.where((enter < leave) & (leave > 0), np.maximum(per_m, 100 / enter), per_m)
    return per_m


def test_depth_is_that_of_a_ray_cast_in_float64(clips: list[TruthClip]) -> None:
    for clip in clips:
        for frame in range(FRAMES):
            got, want = clip.truth_100_per_m[frame].double().numpy(), cast(clip, frame)
            close = np.isclose(got, want, rtol=2e-6, atol=0)
            # A ray along an edge may fall on either side of it.
            assert close.mean() > 0.998, (clip.name, frame, (~close).sum())


def test_a_frame_moved_by_depth_and_pose_is_the_next_frame(clips: list[TruthClip]) -> None:
    moved, unmoved = [], []
    for clip in clips:
        at, depth, inside = reprojected(clip)
        there = torch.nn.functional.grid_sample(
            torch.cat([clip.rgb[1], clip.truth_100_per_m[1][None]])[None].double(),
            torch.from_numpy(at)[None],
            align_corners=False,
        )[0].numpy()
        seen = inside & np.isclose(there[3], 100 / depth, rtol=0.01)
        assert seen.sum() > 0.85 * inside.sum(), clip.name
        before = clip.rgb[0].numpy()
        moved.append(np.abs(there[:3] - before).mean(axis=0)[seen])
        unmoved.append(np.abs(clip.rgb[1].numpy() - before).mean(axis=0)[seen])
    assert np.concatenate(moved).mean() < 0.02
    assert np.concatenate(moved).mean() < 0.6 * np.concatenate(unmoved).mean()


def reprojected(clip: TruthClip) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Frame 0 in frame 1: where (-1 to 1), how deep, and which pixels are solid and stay inside the frame."""
    assert clip.cameras is not None
    focal_px = float(clip.cameras.focal_px)
    eye, turn = clip.cameras.eye_m.double().numpy(), clip.cameras.eye_turn.double().numpy()
    per_m = clip.truth_100_per_m[0].double().numpy()
    depth = 100 / np.where(per_m > 0, per_m, 1.0)
    x, y = pixels(focal_px)
    world = np.stack([x * depth, y * depth, depth], axis=-1) @ turn[0].T + eye[0]
    seen = (world - eye[1]) @ turn[1]
    at = seen[..., :2] / seen[..., 2:] * [2 * focal_px / WIDTH, -2 * focal_px / HEIGHT]
    inside = (per_m > 0) & (np.abs(at) < 1 - 2 / HEIGHT).all(axis=-1)
    return at, seen[..., 2], inside


def test_a_clip_says_what_the_contract_says(clips: list[TruthClip]) -> None:
    assert [clip.name for clip in clips] == ["made-0", "made-1", "made-2"]
    for clip in clips:
        assert clip.rgb.shape == (FRAMES, 3, HEIGHT, WIDTH)
        assert clip.rgb.dtype == torch.float32
        assert 0 <= float(clip.rgb.min()) < float(clip.rgb.max()) <= 1
        assert clip.truth_100_per_m.shape == (FRAMES, HEIGHT, WIDTH)
        assert clip.still is not None
        assert bool(clip.still.all())
        assert clip.cameras is not None
        turn = clip.cameras.eye_turn
        assert torch.allclose(turn @ turn.mT, torch.eye(3).expand_as(turn), atol=1e-5)
        assert torch.allclose(torch.linalg.det(turn), torch.ones(FRAMES), atol=1e-5)


def test_a_seed_gives_the_same_clips_and_more_of_them_change_none(
    tmp_path: Path, clips: list[TruthClip]
) -> None:
    folder = write_game(tmp_path, another=room().data(), made=room().data())
    again = list(level_clips(folder, 2, FRAMES, 5, HEIGHT, WIDTH))
    assert [clip.name for clip in again] == ["another-0", "another-1", "made-0", "made-1"]
    for before, after in zip(clips[:2], again[2:], strict=True):
        assert torch.equal(before.rgb, after.rgb)
        assert torch.equal(before.truth_100_per_m, after.truth_100_per_m)
    # The same level by another name, and another seed, are other walks.
    (other,) = (c for c in level_clips(folder, 1, FRAMES, 6, HEIGHT, WIDTH) if c.name == "made-0")
    for walk in (again[0], other):
        assert not torch.equal(walk.truth_100_per_m, clips[0].truth_100_per_m)


def test_right_is_right_and_up_is_up(stage: Stage, tmp_path: Path) -> None:
    level = Level()
    black, white = (level.shader(f"textures/{name}") for name in ("black", "white"))
    level.quad(black, wall_at(5.0))
    level.quad(white, [(x + 2.0, y + 2.0, z) for x, y, z in wall_at(4.0, 1.0)])
    dark = np.zeros((64, 64, 3), np.uint8)
    load(stage, tmp_path, level, {"textures/black.png": dark, "textures/white.png": dark + 255})
    near, bright = stage.per_m(AHEAD) > 0.24, stage.light(AHEAD)[..., 0] > 0.9
    x, y = (axis * 4.0 for axis in pixels(AHEAD.focal_px))
    inside = (x > 1) & (x < 3) & (y > 1) & (y < 3)
    assert np.array_equal(near, inside)
    # The plate has soft edges: half a pixel, which is 0.05 m there.
    well_inside = (x > 1.1) & (x < 2.9) & (y > 1.1) & (y < 2.9)
    assert bright[well_inside].all()
    assert not bright[~inside].any()


def test_where_nothing_is_depth_is_unknown_and_there_is_no_light(
    stage: Stage, tmp_path: Path
) -> None:
    level = Level()
    level.quad(level.shader(WALL), wall_at(4.0, 1.0))
    load(stage, tmp_path, level, {f"{WALL}.png": smooth_picture()})
    per_m, light = stage.per_m(AHEAD), stage.light(AHEAD)
    nothing = per_m == VOID_PER_M
    assert nothing.any()
    assert np.allclose(per_m[~nothing], 0.25, rtol=1e-6)
    assert (light >= 0).all()
    assert (light[nothing].mean(axis=0) < 0.05).all()


@pytest.mark.parametrize(("contents", "depth_m"), [(0, 6.0), (1, 4.0), (1 | 0x20000000, 6.0)])
def test_alpha_cuts_holes_in_what_is_not_solid(
    stage: Stage, tmp_path: Path, contents: int, depth_m: float
) -> None:
    level = Level()
    level.quad(level.shader(WALL), wall_at(6.0))
    level.quad(level.shader("textures/grate", 0, contents), wall_at(4.0))
    open_ = smooth_picture(4)
    open_[..., 3] = 0
    load(stage, tmp_path, level, {f"{WALL}.png": smooth_picture(), "textures/grate.tga": open_})
    assert np.allclose(stage.per_m(AHEAD), 1 / depth_m, rtol=1e-6)


def test_what_is_not_drawn_is_not_there_and_water_is(stage: Stage, tmp_path: Path) -> None:
    level = Level()
    level.quad(level.shader(WALL, NOT_DRAWN), wall_at(2.0))
    level.quad(level.shader(WALL, 0, WATER), wall_at(3.0))
    level.quad(level.shader(WALL), wall_at(6.0))
    load(stage, tmp_path, level, {f"{WALL}.png": smooth_picture()})
    assert np.allclose(stage.per_m(AHEAD), 1 / 3.0, rtol=1e-6)


def test_light_is_the_lightmap_where_there_is_one_and_the_corners_where_not(
    stage: Stage, tmp_path: Path
) -> None:
    level = Level()
    shader = level.shader("textures/white")
    level.lightmaps += [bytes([51]) * (128 * 128 * 3), bytes([204]) * (128 * 128 * 3)]
    grounds = ((0, 255, -4.0), (1, 255, 0.0), (-1, 102, 4.0))
    for number, grey, x_m in grounds:
        places = [(x + x_m, y, z) for x, y, z in wall_at(6.0, 2.0)]
        level.quad(shader, places, lightmap=number, grey=grey)
    white = np.full((64, 64, 3), 255, np.uint8)
    load(stage, tmp_path, level, {"textures/white.png": white})
    row = stage.light(AHEAD)[HEIGHT // 2, :, 0]
    got = [row[round(WIDTH / 2 + 40.0 * x_m / 6.0)] for _, _, x_m in grounds]
    assert got == pytest.approx([0.2, 0.8, 0.4], abs=2e-3)


def test_levels_without_their_pictures_or_without_starts_are_left_out(tmp_path: Path) -> None:
    bare, lost = room("textures/made/elsewhere"), room()
    lost.entities.clear()
    folder = write_game(tmp_path, bare=bare.data(), lost=lost.data(), made=room().data())
    names = [clip.name for clip in level_clips(folder, 1, 1, 5, HEIGHT, WIDTH)]
    assert names == ["made-0"]
    none = write_game(tmp_path / "none", bare=bare.data(), lost=lost.data())
    with pytest.raises(PlateError, match="none of its 2 levels has its pictures and a place"):
        list(level_clips(none, 1, 1, 5, HEIGHT, WIDTH))


def test_a_level_in_which_nothing_is_seen_says_so(tmp_path: Path) -> None:
    walled_in = room()
    walled_in.brush(0, ROOM)
    folder = write_game(tmp_path, made=walled_in.data())
    with pytest.raises(CorruptPlateError, match=r"made\.bsp: 300 walks .* see nothing"):
        list(level_clips(folder, 1, 1, 5, HEIGHT, WIDTH))


@pytest.mark.parametrize("wrong", [(0, 1, 48, 64), (1, 0, 48, 64), (1, 1, 8, 64), (1, 1, 48, 8)])
def test_sizes_that_cannot_be_are_refused_at_once(
    tmp_path: Path, wrong: tuple[int, int, int, int]
) -> None:
    per_map, frames, height, width = wrong
    with pytest.raises(SettingsError, match="level clips"):
        level_clips(tmp_path, per_map, frames, 0, height, width)


def test_without_opengl_it_says_what_to_install() -> None:
    program = (
        "from flashdepth_vfx.evaluation.levels.raster import open_context\n"
        "with open_context():\n"
        "    raise SystemExit('there is OpenGL 3.3')\n"
    )
    old = {**os.environ, "MESA_GL_VERSION_OVERRIDE": "2.1", "LIBGL_ALWAYS_SOFTWARE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=old, capture_output=True, text=True, check=False
    )
    if "there is OpenGL 3.3" in done.stderr:
        pytest.skip("this driver is not Mesa's: it cannot be made an old one")
    assert "DeviceError: no OpenGL 3.3 through EGL" in done.stderr
    assert "libegl1" in done.stderr
