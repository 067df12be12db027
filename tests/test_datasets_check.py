"""What `flashdepth train check-data` says of a folder, and a studio's own renders under the contract."""

from __future__ import annotations

import gc
import json
import pickle
import weakref
from pathlib import Path

import numpy as np
import pytest
from camera_kit import exr_matrices, pose
from dataset_files import exr, grid, mvs_synth, picture, sintel
from plates import write_exr
from studio_kit import FRAME, H, W, rgb_of, write_shot, z_of

from flashdepth_batch import main as batch_main
from flashdepth_vfx.camera import Frustum
from flashdepth_vfx.errors import UsageError
from flashdepth_vfx.plate import Window
from flashdepth_vfx.training.datasets import check_data, find_datasets, open_dataset, survey


def test_scenes_are_told_by_what_their_pixels_say(tmp_path: Path) -> None:
    depth = grid(np.inf, np.inf, np.inf, np.inf, np.inf, np.inf, fill=20.0)
    mvs_synth(tmp_path, frames=5, depth=depth)
    (report,) = check_data(tmp_path)
    (scene,) = report.scenes
    assert (scene.frames, scene.looked_at) == (5, 3)
    assert (scene.width_px, scene.height_px) == (6, 4)
    # half a percent is what distances are counted in
    assert scene.near_m == pytest.approx(2.0, rel=0.005)
    assert scene.far_m == pytest.approx(2.0, rel=0.005)
    assert scene.sky_share == 0.25
    assert scene.unknown_share == 0.0
    assert scene.has_intrinsics
    assert scene.has_poses


def test_the_range_leaves_the_outermost_hundredths_out(tmp_path: Path) -> None:
    folder = mvs_synth(tmp_path, frames=1)
    depth = np.full((40, 50), 100.0)
    depth[0, :30] = 0.1
    depth[1, :30] = 1e5
    exr(folder / "depths" / "0000.exr", depth)
    picture(folder / "images" / "0000.png", 40, 50)
    scene = check_data(tmp_path)[0].scenes[0]
    # 30 of 2000 pixels are more than a hundredth, at either end
    assert scene.near_m == pytest.approx(0.01, rel=0.005)
    assert scene.far_m == pytest.approx(1e4, rel=0.005)
    depth[0, 10:30] = 100.0
    exr(folder / "depths" / "0000.exr", depth)
    assert check_data(tmp_path)[0].scenes[0].near_m == pytest.approx(10.0, rel=0.005)


def test_damaged_and_missing_files_are_counted_by_name_and_the_rest_is_told(tmp_path: Path) -> None:
    folder = mvs_synth(tmp_path, frames=4)
    (folder / "depths" / "0001.exr").write_bytes(b"torn")
    (folder / "images" / "0003.png").unlink()
    (report,) = check_data(tmp_path, frames_per_scene=None)
    assert [f.path for f in report.damaged] == [str(folder / "depths" / "0001.exr")]
    assert [f.path for f in report.missing] == [str(folder / "images" / "0003.png")]
    assert (report.scenes[0].frames, report.scenes[0].looked_at) == (3, 2)


def test_every_set_of_a_folder_is_found_and_one_can_be_named(tmp_path: Path) -> None:
    mvs_synth(tmp_path)
    sintel(tmp_path)
    write_shot(tmp_path / "studio" / "sh010", range(1001, 1003))
    assert find_datasets(tmp_path) == ["mvs-synth", "sintel", "studio"]
    assert [r.name for r in check_data(tmp_path, ("sintel",))] == ["sintel"]
    with pytest.raises(UsageError, match="none of the sets"):
        check_data(tmp_path / "studio" / "sh010")


def test_a_set_of_held_out_scenes_alone_is_a_problem_and_no_end(tmp_path: Path) -> None:
    mvs_synth(tmp_path, "0118")
    sintel(tmp_path)
    broken, whole = check_data(tmp_path)
    assert "no scene of mvs-synth" in broken.problem
    assert whole.scenes


def test_no_more_than_two_frames_are_held_however_long_the_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mvs_synth(tmp_path, frames=12)
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0
    add = survey._Tally.add

    def counted(self: survey._Tally, sample: survey.DepthSample) -> None:
        nonlocal most
        alive.append(weakref.ref(sample.rgb))
        gc.collect()
        most = max(most, sum(ref() is not None for ref in alive))
        add(self, sample)

    monkeypatch.setattr(survey._Tally, "add", counted)
    check_data(tmp_path, frames_per_scene=None)
    assert len(alive) == 12
    assert most <= 2


def test_the_command_prints_a_table_and_json_and_draws_a_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, sheet = tmp_path / "data", tmp_path / "sheet.png"
    folder = mvs_synth(root, depth=grid(fill=20.0))
    (folder / "depths" / "0002.exr").write_bytes(b"torn")
    given = ["train", "check-data", str(root)]
    assert batch_main.main([*given, "--every-frame", "--sheet", str(sheet)]) == 0
    head, row, *rest = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "set"
    assert row.split()[:7] == ["mvs-synth", "0000", "3", "2", "6x4", "2", "2"]
    text = "\n".join(rest)
    assert "mvs-synth: 1 scenes, 3 frames, 0 half there, 1 damaged" in text
    assert f"damaged: {folder / 'depths' / '0002.exr'}" in text
    assert sheet.read_bytes()[1:4] == b"PNG"
    assert batch_main.main([*given, "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert report["scenes"][0]["frames"] == 3


def test_a_studio_shot_is_a_scene_of_its_own_pixels(tmp_path: Path) -> None:
    z = z_of(FRAME)
    z[0, :3] = np.inf, np.nan, 0.0
    write_shot(tmp_path / "studio" / "sh010", range(1001, 1004), z=z)
    data = open_dataset("studio", tmp_path)
    (scene,) = data.scenes
    assert (scene.name, scene.frames) == ("sh010", ("1001", "1002", "1003"))
    sample = data.frame(scene, 1)
    assert sample.rgb.shape == (H, W, 3)
    assert sample.disparity_per_m[0, :3].tolist() == [0.0, -1.0, -1.0]
    np.testing.assert_allclose(sample.disparity_per_m[1:], 1.0 / z[1:], rtol=1e-6)
    # further right is redder, and lower greener: nothing is moved
    assert (np.diff(sample.rgb[5, :, 0]) > 0).all()
    assert (np.diff(sample.rgb[:, 5, 1]) > 0).all()
    assert sample.intrinsics is None


def test_what_a_plate_does_not_cover_is_unknown(tmp_path: Path) -> None:
    write_shot(tmp_path / "studio" / "a", range(1, 2), plate_window=Window(4, 0, W - 4, H))
    data = open_dataset("studio", tmp_path)
    sample = data.frame(data.scenes[0], 0)
    assert not sample.valid[:, :4].any()
    assert sample.valid[:, 4:].all()


def test_lone_and_unusable_shots_are_named(tmp_path: Path) -> None:
    shot = write_shot(tmp_path / "studio" / "a", range(1, 4))
    (shot / "z.2.exr").unlink()
    write_exr(tmp_path / "studio" / "b" / "z.1.exr", {"Z": z_of(FRAME)})
    data = open_dataset("studio", tmp_path)
    assert data.scenes[0].frames == ("1", "3")
    assert [Path(fault.path).name for fault in data.missing] == ["b", "z.2.exr"]


def test_a_studio_set_pickles_and_reads_on(tmp_path: Path) -> None:
    write_shot(tmp_path / "studio" / "a", range(1, 3))
    data = open_dataset("studio", tmp_path)
    before = data.frame(data.scenes[0], 1)
    copy = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(copy.frame(copy.scenes[0], 1).rgb, before.rgb)


@pytest.mark.parametrize("layout", ["openexr", "gl"])
def test_cameras_of_headers_are_in_our_axes(tmp_path: Path, layout: str) -> None:
    seen, world = Frustum(-1.0, 0.5, -0.25, 0.75), pose()
    overscan = Window(-4, -2, W + 8, H + 4)
    folder = tmp_path / "studio" / "a"
    matrices = exr_matrices(world, seen, layout)
    plane = {"RGB": rgb_of(1, overscan)}
    write_exr(folder / "plate.1.exr", plane, data=overscan, display=FRAME, **matrices)
    write_exr(folder / "z.1.exr", {"Z": z_of(FRAME)}, data=FRAME, display=FRAME)
    data = open_dataset("studio", tmp_path)
    sample = data.frame(data.scenes[0], 0)
    k, placed = sample.intrinsics, sample.world_from_camera
    assert k is not None
    assert placed is not None
    # a point 5 m ahead, three quarters of the way across the picture and a quarter of the way down
    x, y, z = -1.0 + 0.75 * 1.5, 0.75 - 0.25 * 1.0, 5.0
    point = world @ (x * z, y * z, -z, 1.0)
    column, row, depth = k @ (np.linalg.inv(placed) @ point)[:3]
    assert depth == pytest.approx(5.0, rel=1e-5)
    assert (column / depth, row / depth) == pytest.approx((0.75 * W + 4, 0.25 * H + 2), rel=1e-5)
