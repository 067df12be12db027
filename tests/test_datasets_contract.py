"""Laws of every set of videos with known depth, held on the one whose files are simplest."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dataset_files import exr, grid, mvs_synth, picture

from flashdepth_vfx.errors import CorruptPlateError, PlateError, UsageError
from flashdepth_vfx.training.datasets import (
    DepthSample,
    Fault,
    find_datasets,
    open_dataset,
    read_clip,
)

SET = "mvs-synth"


def test_a_set_is_found_in_its_folder_and_one_above(tmp_path: Path) -> None:
    mvs_synth(tmp_path / "films")
    (tmp_path / "notes").mkdir()
    for root in (tmp_path, tmp_path / "films", tmp_path / "films" / "GTAV_1080"):
        assert [scene.name for scene in open_dataset(SET, root).scenes] == ["0000"]
        assert find_datasets(root) == [SET]
    assert find_datasets(tmp_path / "notes") == []


def test_what_is_no_set_or_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no data set 'kitti'; known are .*mvs-synth"):
        open_dataset("kitti", tmp_path)
    with pytest.raises(UsageError, match=f"{tmp_path.name}: mvs-synth is not in it"):
        open_dataset(SET, tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        find_datasets(tmp_path / "none")


def test_opening_reads_nothing_and_a_frame_is_read_when_asked(tmp_path: Path) -> None:
    folder = mvs_synth(tmp_path)
    data = open_dataset(SET, tmp_path)
    mvs_synth(tmp_path, "0001")
    (scene, later) = data.scenes
    assert later.name == "0001"
    exr(folder / "depths" / "0001.exr", grid(fill=50.0))
    assert data.frame(scene, 1).disparity_per_m[0, 0] == np.float32(1 / 5)


def test_a_used_set_pickles_and_reads_on(tmp_path: Path) -> None:
    mvs_synth(tmp_path)
    data = open_dataset(SET, tmp_path)
    before = data.frame(data.scenes[0], 2)
    copy = pickle.loads(pickle.dumps(data))
    after = copy.frame(copy.scenes[0], 2)
    np.testing.assert_array_equal(before.disparity_per_m, after.disparity_per_m)
    assert copy.scenes == data.scenes


def test_half_frames_are_named_and_left_out(tmp_path: Path) -> None:
    folder = mvs_synth(tmp_path, frames=4)
    (folder / "depths" / "0001.exr").unlink()
    (folder / "images" / "0003.png").unlink()
    data = open_dataset(SET, tmp_path)
    assert data.scenes[0].frames == ("0000", "0002")
    gone = [folder / "depths" / "0001.exr", folder / "images" / "0003.png"]
    assert [fault.path for fault in data.missing] == [str(path) for path in gone]


def test_frames_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = mvs_synth(tmp_path, frames=1)
    for number in ("9", "10", "100"):
        picture(folder / "images" / f"{number}.png")
        exr(folder / "depths" / f"{number}.exr", grid(fill=1.0))
    assert open_dataset(SET, tmp_path).scenes[0].frames == ("0000", "9", "10", "100")


def test_a_clip_of_a_damaged_frame_is_a_fault_that_names_the_file(tmp_path: Path) -> None:
    folder = mvs_synth(tmp_path)
    path = folder / "depths" / "0001.exr"
    path.write_bytes(path.read_bytes()[:-20])
    data = open_dataset(SET, tmp_path)
    (scene,) = data.scenes
    with pytest.raises(CorruptPlateError, match=r"0001\.exr"):
        data.frame(scene, 1)
    fault = read_clip(data, scene, (0, 1, 2))
    assert isinstance(fault, Fault)
    assert fault.path == str(path)
    assert pickle.loads(pickle.dumps(fault)) == fault
    clip = read_clip(data, scene, (0, 2))
    assert isinstance(clip, tuple)
    assert len(clip) == 2


def test_a_frame_that_went_away_is_a_plate_error(tmp_path: Path) -> None:
    folder = mvs_synth(tmp_path)
    data = open_dataset(SET, tmp_path)
    (scene,) = data.scenes
    (folder / "images" / "0000.png").unlink()
    with pytest.raises(PlateError, match=r"0000\.png"):
        data.frame(scene, 0)


def test_depth_of_another_size_than_its_picture_is_refused(tmp_path: Path) -> None:
    folder = mvs_synth(tmp_path)
    picture(folder / "images" / "0000.png", height=8)
    data = open_dataset(SET, tmp_path)
    with pytest.raises(CorruptPlateError, match="it is 6x4, its picture 6x8"):
        data.frame(data.scenes[0], 0)


def test_sky_is_valid_and_the_unknown_is_neither() -> None:
    disparity = np.array([[0.0, -1.0, 0.5]], np.float32)
    sample = DepthSample(np.zeros((1, 3, 3), np.float32), disparity)
    assert sample.valid.tolist() == [[True, False, True]]
    assert sample.sky.tolist() == [[True, False, False]]


def test_a_set_without_held_out_scenes_has_none_to_open(tmp_path: Path) -> None:
    mvs_synth(tmp_path)
    with pytest.raises(UsageError, match="no held-out scene of mvs-synth"):
        _ = open_dataset(SET, tmp_path, held_out=True).scenes


def test_reading_sets_needs_no_torch() -> None:
    modules = "catalogue, contract, survey"
    code = f"import sys; from flashdepth_vfx.training.datasets import {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
