"""What a clip of a shot is: windows, sizes and colours as a render has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from studio_kit import FRAME, H, W, full, opened, write_shot, z_of

from flashdepth_vfx.plate import Window
from flashdepth_vfx.preprocess import Canvas, network_input, to_network
from flashdepth_vfx.training.studio import (
    StudioReading,
    check_shots,
)

NAN, INF = float("nan"), float("inf")


def test_windows_align_in_full_size_pixels(tmp_path: Path) -> None:
    # the plate has overscan on the left and top, its Z begins inside the frame
    write_shot(
        tmp_path, plate_window=Window(-8, -4, W + 8, H + 4), z_window=Window(5, 7, W - 5, H - 7)
    )
    shot = opened(tmp_path)
    assert shot.window == Window(-8, -4, W + 8, H + 4)
    _, disparity = shot.clip(1001, 1, full(shot))
    at_5_7 = disparity[0, 7 + 4, 5 + 8]
    assert float(at_5_7) == pytest.approx(100.0 / (10.0 + 5 + 700), rel=1e-6)
    assert bool((disparity[0, : 7 + 4] == -1.0).all())
    assert bool((disparity[0, :, : 5 + 8] == -1.0).all())
    assert bool((disparity[0, 7 + 4 :, 5 + 8 :] > 0.0).all())


def test_windows_may_differ_from_frame_to_frame(tmp_path: Path) -> None:
    write_shot(tmp_path, range(1, 3), z_window=FRAME)
    write_shot(
        tmp_path, range(3, 5), z_window=Window(9, 3, 20, 30), plate_window=Window(4, 2, 40, 40)
    )
    shot = opened(tmp_path)
    _, disparity = shot.clip(1, 4, full(shot))
    whole = torch.from_numpy(100.0 / z_of(FRAME))
    for frame in disparity:
        known = frame >= 0.0
        assert torch.equal(frame[known], whole[known])
    assert [int((frame >= 0.0).sum()) for frame in disparity] == [W * H, W * H, 600, 600]


def test_nothing_is_learned_where_the_plate_has_no_picture(tmp_path: Path) -> None:
    write_shot(tmp_path, plate_window=Window(10, 6, 30, 20))
    shot = opened(tmp_path)
    _, disparity = shot.clip(1001, 1, full(shot))
    assert int((disparity >= 0.0).sum()) == 30 * 20


def test_resizing_never_mixes_depths(tmp_path: Path) -> None:
    z = np.full((H, W), 2.0, np.float32)
    z[:, ::3] = 50.0
    z[::4] = NAN
    z[5] = INF
    write_shot(tmp_path, z=z)
    shot = opened(tmp_path)
    for height, width in ((17, 23), (96, 128), (48, 37)):
        _, disparity = shot.clip(1001, 1, Canvas(shot.window, 1.0, height, width))
        assert set(disparity.unique().tolist()) <= {-1.0, 0.0, 2.0, 50.0}


def test_depth_is_that_of_the_nearest_pixel(tmp_path: Path) -> None:
    write_shot(tmp_path)
    shot = opened(tmp_path)
    _, disparity = shot.clip(1001, 1, Canvas(Window(16, 8, 32, 32), 1.0, 8, 8))
    # a quarter of the size: the middle of the first pixel lies in full-size row 8 + 2, column 16 + 2
    assert float(disparity[0, 0, 0]) == pytest.approx(100.0 / (10.0 + 18 + 1000), rel=1e-6)
    assert float(disparity[0, 7, 7]) == pytest.approx(100.0 / (10.0 + 46 + 3800), rel=1e-6)


def test_plate_reaches_training_as_a_render_would_see_it(tmp_path: Path) -> None:
    window = Window(-8, -4, W, H)
    write_shot(tmp_path, plate_window=window)
    shot = opened(tmp_path)
    canvas = Canvas(shot.window, 1.0, 32, 40)
    rgb, _ = shot.clip(1002, 1, canvas)
    picture = shot.color.to_network(shot.plates.read(1002).rgb)
    assert torch.allclose(network_input(rgb[0]), to_network(picture, window, canvas)[0], atol=1e-5)
    assert float(rgb.min()) >= 0.0
    assert float(rgb.max()) <= 1.0


def test_colour_of_the_file_or_as_asked(tmp_path: Path) -> None:
    write_shot(tmp_path, colorSpace="ACEScg")
    (as_said,) = check_shots(tmp_path)
    (as_asked,) = check_shots(tmp_path, StudioReading(colorspace="Linear Rec.709 (sRGB)"))
    assert "ACEScg" in as_said.color
    assert "asked for" in as_asked.color
    (unknown,) = check_shots(tmp_path, StudioReading(colorspace="no such space"))
    assert "no such space" in unknown.problems[0]
