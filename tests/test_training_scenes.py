"""The procedural scenes: exact depth, cameras that agree with it, and one seed for one scene."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from flashdepth_vfx.training.augment import Look, develop, draw_looks, mirror
from flashdepth_vfx.training.scenes.draw import Draw
from flashdepth_vfx.training.scenes.props import person
from flashdepth_vfx.training.scenes.raytrace import Clip, render
from flashdepth_vfx.training.scenes.scene import Scene, draw_scenes
from flashdepth_vfx.training.scenes.solids import SLOTS, Kind, slot_range
from flashdepth_vfx.training.scenes.stage import Eye, Stage
from flashdepth_vfx.training.scenes.textures import cut_out

_CPU = torch.device("cpu")
_HEIGHT, _WIDTH = 48, 64


def _scene(seeds: range, frames: int = 1) -> Scene:
    return Scene.from_arrays(draw_scenes(seeds, frames), _CPU)


def _clip(seeds: range, frames: int = 1) -> Clip:
    return render(_scene(seeds, frames), _HEIGHT, _WIDTH)


def _slow_depth(scene: Scene, which: int, frame: int, row: int, column: int) -> float:
    """Planar depth of one pixel, inf for sky: textbook float64, one solid at a time."""
    focal = float(scene.focal_ratio[which]) * max(_HEIGHT, _WIDTH)
    pixel = [(column + 0.5 - _WIDTH / 2) / focal, -(row + 0.5 - _HEIGHT / 2) / focal, 1.0]
    ray = scene.eye_turn[which, frame].double().numpy() @ np.array(pixel)
    eye = scene.eye_m[which, frame].double().numpy()
    hits = [_slow_shell(scene, which, eye, ray)]
    for kind in Kind:
        where = slot_range(kind)
        for slot in range(where.start, where.stop):
            o, d = _slow_local(scene, which, slot, frame, eye, ray)
            mask = scene.mask[which, slot - where.start] if kind is Kind.CUTOUT else None
            hits.append(_slow_unit(kind, o, d, mask))
    return min(hits)


def _slow_local(
    scene: Scene, which: int, slot: int, frame: int, eye: np.ndarray, ray: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The ray in the unit solid: the world is moved back by what the solid has moved."""
    angle = float(scene.spin_rad[which, slot]) * frame
    c, s = np.cos(angle), np.sin(angle)
    back = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    pivot = scene.pivot_m[which, slot].double().numpy()
    shift = scene.velocity_m[which, slot].double().numpy() * frame
    start = pivot + back @ (eye - shift - pivot)
    to_unit = scene.to_unit[which, slot].double().numpy()
    return to_unit @ (start - scene.centre_m[which, slot].double().numpy()), to_unit @ (back @ ray)


def _slow_unit(kind: Kind, o: np.ndarray, d: np.ndarray, mask: torch.Tensor | None) -> float:
    """The first entry of a ray into a unit solid, by trying every face."""
    found = []
    if kind in (Kind.ELLIPSOID, Kind.CYLINDER):
        axes = 3 if kind is Kind.ELLIPSOID else 2
        a, b = (d[:axes] ** 2).sum(), 2 * (o * d)[:axes].sum()
        root = b * b - 4 * a * ((o[:axes] ** 2).sum() - 1)
        pair = [(-b + sign * np.sqrt(root)) / (2 * a) for sign in (-1, 1)] if root > 0 else []
        found += [t for t in pair if kind is Kind.ELLIPSOID or abs(o[2] + t * d[2]) <= 1]
    if kind is Kind.CYLINDER:
        caps = [(side - o[2]) / d[2] for side in (-1.0, 1.0)]
        found += [t for t in caps if ((o + t * d)[:2] ** 2).sum() <= 1]
    if kind is Kind.BOX:
        for axis in range(3):
            others = [other for other in range(3) if other != axis]
            sides = [(side - o[axis]) / d[axis] for side in (-1.0, 1.0)]
            found += [t for t in sides if (np.abs((o + t * d)[others]) <= 1).all()]
    if kind is Kind.CUTOUT and mask is not None:
        t = -o[2] / d[2]
        x, y = torch.tensor((o + t * d)[:2]).unbind()
        if max(abs(x), abs(y)) < 1 and bool(cut_out(mask[0], mask[1].double(), mask[2], x, y)):
            found.append(t)
    # a solid that holds the eye is not entered
    ahead = [t for t in found if t > 1e-3]
    inside = kind is not Kind.CUTOUT and len(ahead) == 1
    return min(ahead) if ahead and not inside else np.inf


def _slow_shell(scene: Scene, which: int, eye: np.ndarray, ray: np.ndarray) -> float:
    half = scene.room_half_m[which].double().numpy()
    if half[0] > 0:
        walls = []
        for axis in range(3):
            side = half[axis] if ray[axis] > 0 else (0.0 if axis == 1 else -half[axis])
            walls.append((side - eye[axis]) / ray[axis])
        up_and_out = int(np.argmin(walls)) == 1 and ray[1] > 0 and bool(scene.open_top[which])
        return np.inf if up_and_out else min(walls)
    *normal, height = scene.ground[which].double().numpy()
    t = (height - normal @ eye) / (normal @ ray)
    return t if 0 < t < 5000 and bool(scene.ground_seen[which]) else np.inf


def _share_that_agrees(scene: Scene, frame: int, rays: int) -> float:
    fast = render(scene, _HEIGHT, _WIDTH).disparity_100_per_m[:, frame]
    rng = np.random.default_rng(0)
    agree = []
    for which in range(len(fast)):
        rows, columns = rng.integers(0, _HEIGHT, rays), rng.integers(0, _WIDTH, rays)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            slow = 100.0 / _slow_depth(scene, which, frame, row, column)
            agree.append(abs(float(fast[which, row, column]) - slow) <= 1e-3 * slow + 1e-6)
    return float(np.mean(agree))


def test_depth_equals_a_slow_float64_ray_cast() -> None:
    # the rest are rays that graze an edge, where float32 and float64 fall on either side of it
    assert _share_that_agrees(_scene(range(40, 60)), frame=0, rays=30) >= 0.995


def test_depth_of_moving_things_equals_a_slow_float64_ray_cast() -> None:
    arrays = draw_scenes(range(500, 560), 4)
    moves = (np.abs(arrays["velocity_m"]).sum(-1) > 0).sum(1)
    busiest = [500 + int(which) for which in np.argsort(moves)[-6:]]
    scene = Scene.from_arrays(draw_scenes(busiest, 4), _CPU)
    still = dataclasses.replace(scene, velocity_m=scene.velocity_m * 0, spin_rad=scene.spin_rad * 0)
    moved = render(scene, _HEIGHT, _WIDTH).disparity_100_per_m[:, 3]
    stayed = render(still, _HEIGHT, _WIDTH).disparity_100_per_m[:, 3]
    assert float((moved != stayed).float().mean()) > 0.05
    assert _share_that_agrees(scene, frame=3, rays=60) >= 0.985


def test_every_layout_and_every_solid_is_drawn() -> None:
    arrays = draw_scenes(range(200), 1)
    used = np.abs(arrays["centre_m"]).max(-1) < 1e5
    for kind in Kind:
        assert used[:, slot_range(kind)].any(1).mean() > 0.3
    indoors = arrays["room_half_m"][:, 0] > 0
    assert 0.2 < indoors.mean() < 0.7
    assert (arrays["light_m"][:, 3] > 0).sum() > 20


@pytest.mark.parametrize("first_seed", [300, 340])
def test_depth_and_pose_reproject_a_frame_onto_the_next(first_seed: int) -> None:
    moving = _scene(range(first_seed, first_seed + 12), frames=2)
    still = dataclasses.replace(
        moving,
        velocity_m=torch.zeros_like(moving.velocity_m),
        spin_rad=torch.zeros_like(moving.spin_rad),
    )
    clip = render(still, _HEIGHT, _WIDTH)
    row, column = torch.meshgrid(torch.arange(_HEIGHT), torch.arange(_WIDTH), indexing="ij")
    agree, seen = 0, 0
    for which in range(12):
        focal = clip.focal_px[which]
        here, there = clip.disparity_100_per_m[which]
        depth = 100.0 / here.clamp_min(1e-9)
        x, y = (column + 0.5 - _WIDTH / 2) / focal, -(row + 0.5 - _HEIGHT / 2) / focal
        local = torch.stack([x, y, torch.ones_like(x)], -1) * depth[..., None]
        world = local @ clip.eye_turn[which, 0].T + clip.eye_m[which, 0]
        after = (world - clip.eye_m[which, 1]) @ clip.eye_turn[which, 1]
        z = after[..., 2]
        to_column = (after[..., 0] / z * focal + _WIDTH / 2 - 0.5).round().long()
        to_row = (-after[..., 1] / z * focal + _HEIGHT / 2 - 0.5).round().long()
        inside = (to_column >= 0) & (to_column < _WIDTH) & (to_row >= 0) & (to_row < _HEIGHT)
        inside &= (here > 0) & (z > 1e-3)
        found = there[to_row.clamp(0, _HEIGHT - 1), to_column.clamp(0, _WIDTH - 1)][inside]
        agree += int(((found * z[inside] / 100.0 - 1.0).abs() < 0.05).sum())
        seen += int(inside.sum())
    assert seen > 5000
    # what is left over is hidden in one of the frames, or falls beside an edge by rounding
    assert agree / seen > 0.93


def test_same_seed_gives_the_same_scene_in_any_batch() -> None:
    together, alone = draw_scenes(range(5, 9), 2), draw_scenes(range(7, 8), 2)
    for name, array in alone.items():
        assert np.array_equal(together[name][2:3], array), name
    assert not np.array_equal(together["eye_m"][1], together["eye_m"][2])
    both, one = _clip(range(5, 9)), _clip(range(7, 8))
    assert torch.equal(both.disparity_100_per_m[2:3], one.disparity_100_per_m)
    assert torch.allclose(both.rgb_linear[2:3], one.rgb_linear, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_seed_gives_the_same_picture_on_the_gpu() -> None:
    arrays, looks = draw_scenes(range(16), 2), draw_looks(range(16), 2, 0.5)
    pictures = []
    for device in (_CPU, torch.device("cuda")):
        clip = render(Scene.from_arrays(arrays, device), _HEIGHT, _WIDTH)
        rgb = develop(clip.rgb_linear, Look.from_arrays(looks, device))
        pictures.append((rgb.cpu(), clip.disparity_100_per_m.cpu()))
    (cpu_rgb, cpu_depth), (gpu_rgb, gpu_depth) = pictures
    close = torch.isclose(gpu_depth, cpu_depth, rtol=1e-3, atol=1e-4)
    # rays that graze an edge fall on either side of it
    assert float(close.float().mean()) > 0.998
    assert float(((gpu_rgb - cpu_rgb).abs() < 0.02).float().mean()) > 0.99


def test_frames_of_a_clip_do_not_depend_on_its_length() -> None:
    short, long = draw_scenes(range(20, 24), 2), draw_scenes(range(20, 24), 4)
    assert np.array_equal(short["eye_m"], long["eye_m"][:, :2])


def test_no_camera_is_inside_a_solid() -> None:
    arrays = draw_scenes(range(100), 5)
    frame = np.arange(5).reshape(1, 5, 1, 1)
    offset = arrays["centre_m"][:, None] + arrays["velocity_m"][:, None] * frame
    local = np.einsum("bnij,btnj->btni", arrays["to_unit"], arrays["eye_m"][:, :, None] - offset)
    solid = slice(0, slot_range(Kind.CUTOUT).start)
    # what spins is judged where it stood, which is the same for the solids that are round
    still = arrays["spin_rad"][:, None, solid] == 0
    inside = (np.abs(local[:, :, solid]) < 1.0).all(-1) & still
    assert not inside.any()


def test_a_prop_goes_on_stage_whole_or_not_at_all() -> None:
    eye = Eye(np.zeros(3), 0.0, 0.0, 0.0, 0.5)
    stage, draw = Stage(eye), Draw(np.random.default_rng(0))
    sizes = set()
    for _ in range(40):
        before = len(stage.placed)
        stage.add(person(draw))
        sizes.add(len(stage.placed) - before)
    assert sizes == {0, len(person(draw))}
    for kind in Kind:
        assert sum(one.part.kind is kind for one in stage.placed) <= SLOTS[kind]


def test_pictures_are_finite_and_sky_has_no_disparity() -> None:
    clip = _clip(range(60))
    assert bool(clip.rgb_linear.isfinite().all())
    assert bool(clip.disparity_100_per_m.isfinite().all())
    sky = clip.disparity_100_per_m == 0
    assert 0.02 < float(sky.float().mean()) < 0.5


def _looks(flicker: float, frames: int = 4) -> Look:
    return Look.from_arrays(draw_looks(range(32), frames, flicker), _CPU)


def test_without_flicker_the_camera_is_the_same_on_every_frame() -> None:
    steady, drifting = _looks(0.0), _looks(1.0)
    assert torch.equal(steady.exposure_stops, steady.exposure_stops[:, :1].expand(-1, 4))
    assert torch.equal(steady.white, steady.white[:, :1].expand(-1, 4, -1))
    assert bool((drifting.exposure_stops.std(1) > 0).all())


def test_exposure_flicker_changes_frames_and_never_the_exposure_of_the_clip() -> None:
    grey = torch.full((32, 4, 3, 16, 16), 0.2)
    look = dataclasses.replace(_looks(1.0), grain=torch.zeros(32))
    levels = develop(grey, look).mean((2, 3, 4))
    brighter = look.exposure_stops[:, 1:] > look.exposure_stops[:, :-1] + 0.5
    assert bool(brighter.any())
    assert bool((levels[:, 1:] >= levels[:, :-1])[brighter].all())


def test_a_frame_that_is_brighter_than_the_others_stays_so() -> None:
    light = torch.full((8, 3, 3, 16, 16), 0.2)
    light[:, 1] *= 1.5
    look = Look.from_arrays(draw_looks(range(8), 3, 0.0), _CPU)
    levels = develop(light, dataclasses.replace(look, grain=torch.zeros(8))).mean((2, 3, 4))
    assert bool((levels[:, 1] > levels[:, 0] + 0.01).all())
    assert torch.allclose(levels[:, 0], levels[:, 2])


def test_developed_pictures_stay_in_range_and_keep_their_shape() -> None:
    clip = _clip(range(4), frames=2)
    look = Look.from_arrays(draw_looks(range(4), 2, 0.5), _CPU)
    rgb = develop(clip.rgb_linear, look)
    assert rgb.shape == clip.rgb_linear.shape
    assert 0.0 <= float(rgb.min()) <= float(rgb.max()) <= 1.0
    assert torch.equal(rgb, develop(clip.rgb_linear, look))


def test_mirroring_turns_picture_and_disparity_alike() -> None:
    clip = _clip(range(8))
    look = Look.from_arrays(draw_looks(range(8), 1, 0.0), _CPU)
    turned = mirror(clip.disparity_100_per_m, look)
    for which in range(8):
        original = clip.disparity_100_per_m[which]
        expected = original.flip(-1) if look.flip[which] > 0 else original
        assert torch.equal(turned[which], expected)
    assert 0 < float(look.flip.sum()) < 8
