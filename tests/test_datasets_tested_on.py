"""The sets that the paper is tested on, each from files as the set has them, its conversion to the digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_files import as_json, codes8, exr, grid, picture, sintel, written

from flashdepth_vfx.errors import CorruptPlateError
from flashdepth_vfx.training.datasets import DATASETS, TESTED_ON, TRAINED_ON, open_dataset
from flashdepth_vfx.training.datasets.waymo import SEGMENTS


def test_the_catalogue_is_what_the_paper_has() -> None:
    assert set(DATASETS) >= {*TRAINED_ON, *TESTED_ON}
    assert len(TRAINED_ON) == len(TESTED_ON) == 5


def test_sintel_is_in_metres_and_sky_from_ten_kilometres_on(tmp_path: Path) -> None:
    depth = grid(4.0, 1e4, 2e4, 0.0, -1.0, 1e-6, np.nan, np.inf, fill=0.5)
    sintel(tmp_path, depth=depth)
    data = open_dataset("sintel", tmp_path)
    sample = data.frame(data.scenes[0], 0)
    expected = grid(0.25, 1 / np.float32(1e4), 0.0, -1, -1, -1, -1, -1, fill=2.0)
    np.testing.assert_array_equal(sample.disparity_per_m, expected)


def test_sintel_cameras(tmp_path: Path) -> None:
    sintel(tmp_path, step_m=0.5)
    data = open_dataset("sintel", tmp_path)
    sample = data.frame(data.scenes[0], 1)
    assert sample.intrinsics is not None
    assert sample.world_from_camera is not None
    assert sample.intrinsics[0, 0] == 100.0
    np.testing.assert_allclose(sample.world_from_camera[:3, 3], (0.5, 0.25, 0.0))


def test_sintel_archives_may_lie_beside_each_other(tmp_path: Path) -> None:
    sintel(tmp_path, archives=("images", "depth", "cam_data"))
    data = open_dataset("sintel", tmp_path)
    assert data.frame(data.scenes[0], 1).intrinsics is not None


@pytest.mark.parametrize("damage", ["tag", "size", "short"])
def test_a_damaged_sintel_depth_is_named(tmp_path: Path, damage: str) -> None:
    folder = sintel(tmp_path)
    path = folder / "training" / "depth" / "alley_1" / "frame_0001.dpt"
    content = bytearray(path.read_bytes())
    if damage == "tag":
        content[0] ^= 1
    elif damage == "size":
        content[4:8] = (7).to_bytes(4, "little")
    else:
        del content[-4:]
    path.write_bytes(content)
    data = open_dataset("sintel", tmp_path)
    with pytest.raises(CorruptPlateError, match=r"frame_0001\.dpt"):
        data.frame(data.scenes[0], 0)


def eth3d(root: Path, calibration: str = "THIN_PRISM_FISHEYE 6 4 5 5 3 2 0 0 0 0 0 0 0 0") -> Path:
    folder = root / "eth3d" / "courtyard"
    picture(folder / "images" / "dslr_images" / "DSC_0286.JPG")
    raw = grid(2.0, np.inf, fill=4.0)
    written(folder / "ground_truth_depth" / "dslr_images" / "DSC_0286.JPG", raw.tobytes())
    calibrated = folder / "dslr_calibration_jpg"
    written(calibrated / "cameras.txt", f"# Camera list\n0 {calibration}\n")
    turn = "0.7071067811865476 0 0 0.7071067811865476"
    image = f"# Image list\n0 {turn} 1 2 3 0 dslr_images/DSC_0286.JPG\n1.5 2.5 -1\n"
    written(calibrated / "images.txt", image)
    return folder


def test_eth3d_is_raw_floats_of_the_pictures_size(tmp_path: Path) -> None:
    folder = eth3d(tmp_path)
    data = open_dataset("eth3d", tmp_path)
    assert data.sparse
    sample = data.frame(data.scenes[0], 0)
    np.testing.assert_array_equal(sample.disparity_per_m, grid(0.5, -1.0, fill=0.25))
    assert sample.intrinsics is None
    assert sample.world_from_camera is not None
    # x_camera = R x + t; a quarter turn about z takes the camera's place to -R^T t
    np.testing.assert_allclose(sample.world_from_camera[:3, 3], (-2.0, 1.0, -3.0), atol=1e-12)
    path = folder / "ground_truth_depth" / "dslr_images" / "DSC_0286.JPG"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(CorruptPlateError, match="it has 23 numbers, its picture 6x4"):
        data.frame(data.scenes[0], 0)


def test_eth3d_has_intrinsics_of_a_pinhole(tmp_path: Path) -> None:
    eth3d(tmp_path, "PINHOLE 6 4 5 5.5 3 2")
    data = open_dataset("eth3d", tmp_path)
    lens = data.frame(data.scenes[0], 0).intrinsics
    assert lens is not None
    assert lens.tolist() == [[5.0, 0.0, 3.0], [0.0, 5.5, 2.0], [0.0, 0.0, 1.0]]


def waymo(root: Path, segment: str, points: list[list[float]]) -> Path:
    folder = root / "waymo" / "val" / segment / "FRONT"
    picture(folder / "rgb" / "original" / "0.jpg", 1280, 1920)
    path = folder / "depth" / "0.npy"
    path.parent.mkdir()
    np.save(path, np.array(points, np.float32))
    return path


def test_waymo_scatters_its_points(tmp_path: Path) -> None:
    points = [[3.9, 2.2, 4.0], [1919, 1279, 8.0], [1920, 0, 1.0], [-2, 5, 1.0], [7, 7, -1.0]]
    waymo(tmp_path, min(SEGMENTS), points)
    data = open_dataset("waymo", tmp_path)
    assert data.sparse
    sample = data.frame(data.scenes[0], 0)
    assert sample.disparity_per_m.shape == (1280, 1920)
    assert sample.disparity_per_m[2, 3] == 0.25
    assert sample.disparity_per_m[1279, 1919] == 0.125
    assert int(sample.valid.sum()) == 2


def test_waymo_has_the_thirty_segments_alone(tmp_path: Path) -> None:
    for segment in (min(SEGMENTS), "segment-1_2_3_4_5"):
        waymo(tmp_path, segment, [[0, 0, 1.0]])
    assert [s.name for s in open_dataset("waymo", tmp_path).scenes] == [min(SEGMENTS)]
    assert len(SEGMENTS) == 30


def test_waymo_points_of_another_shape_are_named(tmp_path: Path) -> None:
    path = waymo(tmp_path, min(SEGMENTS), [[0, 0, 1.0]])
    np.save(path, np.zeros((4, 2), np.float32))
    data = open_dataset("waymo", tmp_path)
    with pytest.raises(CorruptPlateError, match=r"0\.npy: it is \(4, 2\), not \(N, 3\)"):
        data.frame(data.scenes[0], 0)


def test_unreal_stereo_4k_takes_disparity_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "UnrealStereo4K_00003"
    picture(folder / "Image0" / "00007.png")
    (folder / "Disp0").mkdir()
    np.save(folder / "Disp0" / "00007.npy", grid(12.5, 0.0, -1.0, np.nan, np.inf, fill=200.0))
    turn = "1 0 0 0 0 1 0 0 0 0 1 -2"
    written(folder / "Extrinsics0" / "00007.txt", f"1920 0 1920 0 1920 1080 0 0 1\n{turn}\n")
    data = open_dataset("unreal4k", tmp_path)
    assert not data.metric
    sample = data.frame(data.scenes[0], 0)
    expected = grid(12.5, 0.0, -1, -1, -1, fill=200.0)
    np.testing.assert_array_equal(sample.disparity_per_m, expected)
    assert sample.intrinsics is not None
    assert sample.world_from_camera is not None
    assert sample.intrinsics[0].tolist() == [1920.0, 0.0, 1920.0]
    assert sample.world_from_camera[2, 3] == 2.0


def urbansyn(root: Path, count: int = 1) -> Path:
    folder = root / "urbansyn"
    for number in range(1, count + 1):
        picture(folder / "rgb" / f"rgb_{number:04d}.png")
        depth = grid(2e-5, 5e-5, np.nan, fill=4e-5)
        exr(folder / "depth" / f"depth_{number:04d}.exr", depth, "V")
        codes8(folder / "ss" / f"ss_{number:04d}.png", grid(0, 10, fill=7))
    lens = {"focalLength_mm": 20.0, "sensorWidth_mm": 40.0, "sensorHeight_mm": 20.0}
    as_json(folder / "camera_metadata.json", {"parameters": [{"Camera": lens}]})
    return folder


def test_urbansyn_is_in_hundreds_of_kilometres_and_class_ten_is_sky(tmp_path: Path) -> None:
    urbansyn(tmp_path)
    data = open_dataset("urbansyn", tmp_path)
    sample = data.frame(data.scenes[0], 0)

    def per_m(value: float) -> np.float32:
        return np.float32(1) / (np.float32(value) * np.float32(1e5))

    expected = grid(per_m(2e-5), 0.0, -1.0, fill=per_m(4e-5))
    np.testing.assert_array_equal(sample.disparity_per_m, expected)
    assert sample.intrinsics is not None
    assert sample.intrinsics.tolist() == [[1024, 0, 1024], [0, 1024, 512], [0, 0, 1]]


def test_urbansyn_ends_at_a_thousand_pictures(tmp_path: Path) -> None:
    folder = urbansyn(tmp_path)
    for number in range(2, 1010):
        for part, suffix in (("rgb", "png"), ("depth", "exr")):
            (folder / part / f"{part}_{number:04d}.{suffix}").touch()
    (scene,) = open_dataset("urbansyn", tmp_path).scenes
    assert len(scene.frames) == 1000
    assert scene.frames[-1] == "1000"
