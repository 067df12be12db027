"""The sets that the paper trains on, each from files as the set has them, its conversion to the digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from dataset_files import grid, mvs_synth

from flashdepth_vfx.training.datasets import open_dataset


def test_mvs_synth_is_in_tenths_of_metres_and_infinity_is_sky(tmp_path: Path) -> None:
    mvs_synth(tmp_path, frames=2, depth=grid(70.0, np.inf, 12345.6, fill=10.0))
    data = open_dataset("mvs-synth", tmp_path)
    sample = data.frame(data.scenes[0], 1)
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
    assert [s.name for s in open_dataset("mvs-synth", tmp_path).scenes] == ["0000", "0117"]
    held_out = open_dataset("mvs-synth", tmp_path, held_out=True)
    assert [s.name for s in held_out.scenes] == ["0118", "0119"]
