"""The sets that the paper trains on, each from files as the set has them, its conversion to the digit."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_files import HEIGHT, WIDTH, codes, grid, mvs_synth, picture, written
from numpy.typing import NDArray

from flashdepth_vfx.errors import CorruptPlateError
from flashdepth_vfx.training.datasets import DepthSample, open_dataset
from flashdepth_vfx.training.datasets.pointodyssey import SCENES

Floats = NDArray[np.float32]


def first(name: str, root: Path, index: int = 0) -> DepthSample:
    """A frame of the first scene."""
    data = open_dataset(name, root)
    return data.frame(data.scenes[0], index)


def scenes(name: str, root: Path) -> list[str]:
    return [scene.name for scene in open_dataset(name, root).scenes]


def test_mvs_synth_is_in_tenths_of_metres_and_infinity_is_sky(tmp_path: Path) -> None:
    mvs_synth(tmp_path, frames=2, depth=grid(70.0, np.inf, 12345.6, fill=10.0))
    sample = first("mvs-synth", tmp_path, 1)
    expected = grid(
        1 / np.float32(7.0), 0.0, 1 / (np.float32(12345.6) / np.float32(10.0)), fill=1.0
    )
    np.testing.assert_array_equal(sample.disparity_per_m, expected)
    assert sample.rgb.dtype == sample.disparity_per_m.dtype == np.float32
    np.testing.assert_allclose(sample.rgb, 0.2, atol=1e-6)
    assert sample.intrinsics is not None
    assert sample.world_from_camera is not None
    expected_lens = [[1156.5, 0.0, 960.0], [0.0, 1157.5, 540.0], [0.0, 0.0, 1.0]]
    assert sample.intrinsics.tolist() == expected_lens
    np.testing.assert_allclose(sample.world_from_camera[:3, 3], (-1.0, -2.0, -3.1))


def test_mvs_synth_holds_out_the_scenes_that_the_paper_does(tmp_path: Path) -> None:
    for scene in ("0000", "0117", "0118", "0119"):
        mvs_synth(tmp_path, scene, frames=1)
    assert scenes("mvs-synth", tmp_path) == ["0000", "0117"]
    held_out = open_dataset("mvs-synth", tmp_path, held_out=True)
    assert [s.name for s in held_out.scenes] == ["0118", "0119"]


def test_a_mirrored_world_is_mirrored_back(tmp_path: Path) -> None:
    """Game engines have left-handed worlds; the camera's own axes stay."""
    folder = mvs_synth(tmp_path, frames=1)
    path = folder / "poses" / "0000.json"
    said = json.loads(path.read_text())
    said["extrinsic"][1][1] = -1.0
    path.write_text(json.dumps(said))
    pose = first("mvs-synth", tmp_path).world_from_camera
    assert pose is not None
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)


def spring(root: Path, disparity: Any, frames: int = 2) -> Path:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: Spring is not tested")
    folder = root / "spring" / "train" / "0001"
    for number in range(1, frames + 1):
        picture(folder / "frame_left" / f"frame_left_{number:04d}.png")
        path = folder / "disp1_left" / f"disp1_left_{number:04d}.dsp5"
        path.parent.mkdir(exist_ok=True)
        with h5py.File(path, "w") as file:
            file.create_dataset("disparity", data=disparity, compression="gzip")
    lenses = [f"{1000.0 + 500 * n} 1001.0 959.5 539.5" for n in range(frames)]
    written(folder / "cam_data" / "intrinsics.txt", "\n".join(lenses) + "\n")
    camera = np.eye(4)
    camera[0, 3] = 2.0
    line = " ".join(map(str, camera.ravel()))
    written(folder / "cam_data" / "extrinsics.txt", f"{line}\n" * frames)
    return folder


def test_spring_takes_every_other_pixel_and_the_lens_of_its_frame(tmp_path: Path) -> None:
    disparity = np.full((2 * HEIGHT, 2 * WIDTH), 99.0, np.float32)
    disparity[::2, ::2] = grid(65.0, 0.0, np.nan, np.inf, -1.5, fill=130.0)
    spring(tmp_path, disparity)
    one, two = (first("spring", tmp_path, index) for index in (0, 1))
    expected = grid(1.0, 0.0, -1.0, -1.0, -1.0, fill=2.0)
    np.testing.assert_array_equal(one.disparity_per_m, expected)
    # the second frame's own focal length, 1500
    assert two.disparity_per_m[0, 0] == np.float32(65.0 / (1500.0 * 0.065))
    assert one.sky.sum() == 1
    assert one.intrinsics is not None
    assert one.intrinsics[0].tolist() == [1000.0, 0.0, 959.5]
    assert one.world_from_camera is not None
    np.testing.assert_array_equal(one.world_from_camera[:3, 3], (-2.0, 0.0, 0.0))


def test_a_spring_file_without_disparity_or_line_is_named(tmp_path: Path) -> None:
    folder = spring(tmp_path, np.ones((2 * HEIGHT, 2 * WIDTH), np.float32))
    written(folder / "cam_data" / "intrinsics.txt", "1000 1000 960 540\n")
    with pytest.raises(CorruptPlateError, match=r"intrinsics\.txt: it has 1 lines, and no line 2"):
        first("spring", tmp_path, 1)
    written(folder / "disp1_left" / "disp1_left_0001.dsp5", b"\x89HDF\r\n\x1a\n" + bytes(40))
    with pytest.raises(CorruptPlateError, match=r"disp1_left_0001\.dsp5"):
        first("spring", tmp_path)


def tartanair(root: Path, flight: str, depth: Any) -> None:
    folder = root / "tartanair" / flight
    picture(folder / "image_left" / "000000_left.png")
    (folder / "depth_left").mkdir(parents=True)
    np.save(folder / "depth_left" / "000000_left_depth.npy", depth)
    written(folder / "pose_left.txt", "1 2 3 0 0 0 1\n")


def test_tartanair_is_in_metres_and_sky_from_a_kilometre_on(tmp_path: Path) -> None:
    depth = grid(4.0, 0.0, -3.0, np.nan, np.inf, 1000.0, 1001.0, 1e4, fill=0.5)
    tartanair(tmp_path, "hospital/Easy/P001", depth)
    sample = first("tartanair", tmp_path)
    expected = grid(0.25, -1, -1, -1, -1, np.float32(1 / np.float32(1000)), 0, 0, fill=2.0)
    np.testing.assert_array_equal(sample.disparity_per_m, expected)
    assert sample.intrinsics is not None
    assert sample.intrinsics.tolist() == [[320, 0, 320], [0, 320, 240], [0, 0, 1]]


def test_tartanair_cameras_look_along_their_own_x(tmp_path: Path) -> None:
    tartanair(tmp_path, "hospital/P001", grid(fill=1.0))
    pose = first("tartanair", tmp_path).world_from_camera
    assert pose is not None
    # our z, forward, is the world's x; our y, down, is its z
    np.testing.assert_array_equal(pose @ (0, 0, 1, 0), (1, 0, 0, 0))
    np.testing.assert_array_equal(pose @ (0, 1, 0, 0), (0, 0, 1, 0))
    np.testing.assert_array_equal(pose[:3, 3], (1, 2, 3))


def test_tartanair_leaves_amusement_out_and_takes_both_layouts(tmp_path: Path) -> None:
    for flight in ("amusement/Easy/P000", "hospital/Hard/P002", "oldtown/P000"):
        tartanair(tmp_path, flight, grid(fill=1.0))
    assert scenes("tartanair", tmp_path) == ["hospital/Hard/P002", "oldtown/P000"]


def pointodyssey(root: Path, scene: str, depth: Any) -> None:
    folder = root / "pointodyssey" / "train" / scene
    picture(folder / "rgbs" / "rgb_00000.jpg")
    codes(folder / "depths" / "depth_00000.png", depth)
    lens = np.array([[[500.0, 0, 480], [0, 501, 270], [0, 0, 1]]])
    camera = np.eye(4)[None]
    camera[0, 2, 3] = -5.0
    tracks = np.zeros((1, 2, 2))
    np.savez(folder / "anno.npz", intrinsics=lens, extrinsics=camera, trajs_2d=tracks)


def test_pointodyssey_counts_to_a_kilometre_and_no_nearer_than_a_centimetre(tmp_path: Path) -> None:
    pointodyssey(tmp_path, "kg", grid(0, 65535, 1, 6553, fill=655))
    sample = first("pointodyssey", tmp_path)

    def per_m(code: int) -> np.float32:
        return np.float32(1) / (np.float32(code) / np.float32(65535) * np.float32(1000))

    # code 1 is 1.5 cm; nothing in 16 bits is nearer than a centimetre but 0
    expected = grid(-1.0, np.float32(0.001), per_m(1), per_m(6553), fill=per_m(655))
    np.testing.assert_array_equal(sample.disparity_per_m, expected)
    assert not sample.sky.any()
    assert sample.intrinsics is not None
    assert sample.intrinsics[1].tolist() == [0.0, 501.0, 270.0]
    assert sample.world_from_camera is not None
    np.testing.assert_array_equal(sample.world_from_camera[:3, 3], (0, 0, 5))


def test_pointodyssey_has_the_named_scenes_alone(tmp_path: Path) -> None:
    for scene in ("kg", "dancing", "ani", "r1_new_f"):
        pointodyssey(tmp_path, scene, grid(fill=100))
    assert scenes("pointodyssey", tmp_path) == ["dancing", "kg"]
    assert len(SCENES) == 33


def dynamic_replica(root: Path, scene: str, depth: Floats, unit: str = "ndc_isotropic") -> None:
    folder = root / "dynamic_replica" / "train" / scene
    picture(folder / "images" / f"{scene}-0000.png")
    codes(folder / "depths" / f"{scene}_0000.geometric.png", depth.astype("<f2").view("<u2"))
    # turned a quarter about z: row vectors, as PyTorch3D has them
    view = {
        "R": [[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
        "T": [1.0, 2.0, 3.0],
        "focal_length": [2.0, 2.0],
        "principal_point": [0.0, 0.5],
        "intrinsics_format": unit,
    }
    path = f"{scene}/images/{scene}-0000.png"
    said = [{"image": {"path": path, "size": [HEIGHT, WIDTH]}, "viewpoint": view}]
    with gzip.open(folder.parent / "frame_annotations_train.jgz", "wt") as file:
        json.dump(said, file)


def test_dynamic_replica_has_half_floats_in_its_codes(tmp_path: Path) -> None:
    depth = grid(2.0, 0.0, -1.0, np.nan, np.inf, 0.1, fill=4.0)
    dynamic_replica(tmp_path, "a_source_left", depth)
    sample = first("dynamic-replica", tmp_path)
    tenth = np.float32(1) / np.float16(0.1).astype(np.float32)
    expected = grid(0.5, -1, -1, -1, -1, tenth, fill=0.25)
    np.testing.assert_array_equal(sample.disparity_per_m, expected)


@pytest.mark.parametrize(
    ("unit", "lens"),
    [("ndc_isotropic", (4.0, 4.0, 3.0, 1.0)), ("ndc_norm_image_bounds", (6.0, 4.0, 3.0, 1.0))],
)
def test_dynamic_replica_cameras_are_turned_into_ours(
    tmp_path: Path, unit: str, lens: tuple[float, ...]
) -> None:
    dynamic_replica(tmp_path, "a_source_left", grid(fill=1.0), unit)
    sample = first("dynamic-replica", tmp_path)
    k, pose = sample.intrinsics, sample.world_from_camera
    assert k is not None
    assert pose is not None
    assert (k[0, 0], k[1, 1], k[0, 2], k[1, 2]) == lens
    # a point at the camera: X R + T = 0, so X = -T R^T
    np.testing.assert_allclose(pose[:3, 3], (-2.0, 1.0, -3.0))
    # a point one metre ahead of it is one metre along its own z, and to the right is -x of PyTorch3D
    right = np.array([-1.0, 0.0, 0.0]) @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]).T
    np.testing.assert_allclose(pose[:3, 0], right)
    np.testing.assert_allclose(pose[:3, 2], (0, 0, 1))


def test_dynamic_replica_leaves_the_broken_scene_and_right_eyes_out(tmp_path: Path) -> None:
    for scene in ("009850-3_obj_source_left", "a_source_left", "a_source_right"):
        dynamic_replica(tmp_path, scene, grid(fill=1.0))
    assert scenes("dynamic-replica", tmp_path) == ["a_source_left"]


def test_without_cameras_their_files_are_not_read(tmp_path: Path) -> None:
    dynamic_replica(tmp_path, "a_source_left", grid(fill=1.0))
    (tmp_path / "dynamic_replica" / "train" / "frame_annotations_train.jgz").write_bytes(b"no")
    data = open_dataset("dynamic-replica", tmp_path, cameras=False)
    assert data.frame(data.scenes[0], 0).intrinsics is None
    with pytest.raises(CorruptPlateError, match="frame_annotations_train"):
        first("dynamic-replica", tmp_path)
