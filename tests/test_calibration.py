"""Scale and shift from measured distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flashdepth_vfx.calibration import Anchor, calibrate, calibrate_against, read_anchor_value
from flashdepth_vfx.errors import CalibrationError, SettingsError
from flashdepth_vfx.plate import Window

DISPLAY = Window(0, 0, 160, 90)


@given(
    scale=st.floats(0.05, 20.0),
    shift=st.floats(-0.02, 0.2),
    disparities=st.lists(st.floats(5.0, 400.0), min_size=2, max_size=6, unique=True),
)
def test_what_was_made_by_a_scale_and_a_shift_is_found(
    scale: float, shift: float, disparities: list[float]
) -> None:
    given_ = np.array(disparities)
    inverse = scale * given_ / 100 + shift
    assume(given_.max() - given_.min() > 0.05 * given_.max())
    assume((inverse > 1e-3).all())
    found = calibrate(disparities, list(1.0 / inverse))
    back = found.apply(given_[None].astype(np.float32))[0] / 100
    np.testing.assert_allclose(back, inverse, rtol=1e-3)
    assert found.worst < 1e-3


def test_the_sky_stays_the_sky_and_nothing_is_behind_the_camera() -> None:
    found = calibrate([100.0, 50.0], [1.0, 4.0])
    assert found.shift_per_m == pytest.approx(-0.5)
    calibrated = found.apply(np.array([[0.0, 10.0, 50.0, 100.0]], np.float32))
    assert calibrated.dtype == np.float32
    assert calibrated[0].tolist() == pytest.approx([0.0, 0.0, 25.0, 100.0])
    lifted = calibrate([100.0, 50.0], [1.0, 1.5])
    assert lifted.shift_per_m > 0
    assert lifted.apply(np.zeros((1, 1), np.float32))[0, 0] == 0.0


def test_three_distances_that_nearly_agree_are_averaged_and_told() -> None:
    found = calibrate([100.0, 50.0, 25.0], [1.0, 2.0, 4.2])
    assert 0.005 < found.worst < 0.05
    assert "from 3 distances, half of them off by less than" in str(found)


@pytest.mark.parametrize(
    ("disparities", "distances", "word"),
    [
        ([100.0], [1.0], "two or more"),
        ([100.0, 100.5], [1.0, 3.0], "one near and one far"),
        ([100.0, 50.0], [4.0, 2.0], "contradict"),
        ([100.0, 50.0, 25.0], [1.0, 4.0, 4.1], "no scale and shift fits"),
    ],
)
def test_a_bad_fit_is_refused(disparities: list[float], distances: list[float], word: str) -> None:
    with pytest.raises(CalibrationError, match=word):
        calibrate(disparities, distances)


def test_an_anchor_is_counted_from_below() -> None:
    anchor = Anchor.parse("10, 5.5, 1001=2.5")
    assert anchor == Anchor(10.0, 5.5, 1001, 2.5)
    assert anchor.place(DISPLAY) == (84, 10)
    assert Anchor(0, 0, 1, 1.0).place(Window(-8, 4, 20, 10)) == (13, -8)
    assert Anchor.parse(str(anchor)) == anchor


@pytest.mark.parametrize(
    "text",
    ["", "1,2=3", "1,2,3", "a,2,3=4", "1,2,3.5=4", "1,2,3=0", "1,2,3=-1", "nan,2,3=4", "1,2,3=inf"],
)
def test_an_anchor_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="anchor '"):
        Anchor.parse(text)


def test_an_anchor_reads_the_median_around_it_in_the_data_window() -> None:
    data = Window(20, 10, 100, 60)
    disparity = np.full((60, 100), 40.0, np.float32)
    row, column = 89 - 30 - 10, 50 - 20
    disparity[row, column] = 4000.0
    assert read_anchor_value(Anchor(50, 30, 1, 1.0), disparity, data, DISPLAY) == 40.0
    with pytest.raises(CalibrationError, match="outside the data window"):
        read_anchor_value(Anchor(5, 30, 1, 1.0), disparity, data, DISPLAY)
    with pytest.raises(CalibrationError, match="on the sky"):
        read_anchor_value(Anchor(50, 30, 1, 1.0), disparity * 0, data, DISPLAY)


def test_against_a_layer_what_is_wrong_somewhere_moves_nothing() -> None:
    rng = np.random.default_rng(3)
    disparity = rng.uniform(10.0, 200.0, 4000).astype(np.float32)
    distance = (1.0 / (2.5 * disparity / 100 + 0.03)).astype(np.float32)
    clean = calibrate_against(disparity, distance)
    assert (clean.scale, clean.shift_per_m) == pytest.approx((2.5, 0.03), rel=1e-3)
    spoiled = distance.copy()
    spoiled[:600] *= 5.0
    robust = calibrate_against(disparity, spoiled)
    assert robust.scale == pytest.approx(2.5, rel=0.05)
    assert robust.middle < 0.02
    assert robust.worst > 0.5


def test_a_layer_that_does_not_fit_is_refused() -> None:
    rng = np.random.default_rng(3)
    disparity = rng.uniform(10.0, 200.0, 500).astype(np.float32)
    with pytest.raises(CalibrationError, match="no scale and shift"):
        calibrate_against(disparity, disparity)
    with pytest.raises(CalibrationError, match="no scale and shift"):
        calibrate_against(disparity, np.exp(rng.uniform(-3, 3, 500)).astype(np.float32))
    with pytest.raises(CalibrationError, match="too few"):
        calibrate_against(disparity[:1], disparity[:1])
    with pytest.raises(CalibrationError, match="too few"):
        calibrate_against(np.full(9, 5.0, np.float32), disparity[:9])
