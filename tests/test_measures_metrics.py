"""Accuracy: one scale and shift for a sequence, worked out by hand, and what it does not depend on."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.measures.baselines import constant, vertical_ramp
from flashdepth_vfx.measures.metrics import Accuracy, accuracy, accuracy_once_aligned, aligned

_SKY, _UNKNOWN = 0.0, -1.0


def _row(*values: float) -> Tensor:
    """One frame of one row."""
    return torch.tensor([[values]])


def _noise(seed: int, frames: int = 3) -> Tensor:
    return torch.rand(frames, 6, 8, generator=torch.Generator().manual_seed(seed))


def _same(one: Accuracy, two: Accuracy, within: float = 1e-5) -> None:
    assert one.delta1 == pytest.approx(two.delta1, abs=within)
    assert one.abs_rel == pytest.approx(two.abs_rel, abs=within)
    assert one.rank == pytest.approx(two.rank, abs=within)


def test_a_case_by_hand() -> None:
    # given 0, 1, 2, mean 1, variance 2/3; wanted 10, 40, 40, mean 30; covariance (20 + 0 + 10) / 3 = 10:
    # scale 15, so 15, 30, 45
    predicted, truth = _row(0.0, 1.0, 2.0), _row(10.0, 40.0, 40.0)
    torch.testing.assert_close(aligned(predicted, truth), _row(15.0, 30.0, 45.0))
    found = accuracy(predicted, truth)
    # in metres 20/3, 10/3, 20/9 against 10, 5/2, 5/2: errors 1/3, 1/3, 1/9, ratios 3/2, 4/3, 9/8
    assert found.abs_rel == pytest.approx(7 / 27, abs=1e-6)
    assert found.delta1 == pytest.approx(1 / 3)
    # ranks 1, 2, 3 against 1, 2.5, 2.5: -1, 0, 1 with -1, 0.5, 0.5 is 1.5 / sqrt(2 * 1.5)
    assert found.rank == pytest.approx(1.5 / math.sqrt(3.0))


def test_equal_values_share_their_rank() -> None:
    # 1, 2.5, 2.5, 4 against 1, 2, 3, 4: -1.5, 0, 0, 1.5 with -1.5, -0.5, 0.5, 1.5 is 4.5 / sqrt(4.5 * 5)
    found = accuracy(_row(0.0, 1.0, 2.0, 3.0), _row(10.0, 20.0, 20.0, 50.0))
    assert found.rank == pytest.approx(math.sqrt(0.9))


def test_depth_ends_at_the_horizon() -> None:
    # mean 18, covariance (16 + 32) / 3 = 16, scale 24: -6, 18, 42. The first is behind infinity and counts as 70 m:
    # 70, 50/9, 50/21 against 50, 50, 2
    found = accuracy(_row(0.0, 1.0, 2.0), _row(2.0, 2.0, 50.0))
    assert found.abs_rel == pytest.approx((20 / 50 + 8 / 9 + 4 / 21) / 3, abs=1e-6)
    assert found.delta1 == pytest.approx(1 / 3)


@pytest.mark.parametrize("truth", [_SKY, _UNKNOWN, 100.0 / 71.0])
def test_sky_unknown_and_far_pixels_do_not_count(truth: float) -> None:
    plain = accuracy(_row(0.0, 1.0, 2.0), _row(10.0, 40.0, 40.0))
    beside = accuracy(_row(0.0, 1.0, 2.0, 1e4), _row(10.0, 40.0, 40.0, truth))
    _same(beside, plain)


def test_the_truth_is_perfect_in_any_scale_and_shift() -> None:
    truth = 5.0 + 50.0 * _noise(0)
    for predicted in (truth, 0.01 * truth - 3.0):
        _same(accuracy(predicted, truth), Accuracy(1.0, 0.0, 1.0))
        torch.testing.assert_close(aligned(predicted, truth), truth, atol=1e-3, rtol=1e-5)


@given(st.integers(0, 99), st.floats(1e-3, 1e3), st.floats(-10.0, 10.0))
def test_a_scale_and_a_shift_change_nothing(seed: int, scale: float, shift: float) -> None:
    predicted, truth = _noise(seed).double(), 60.0 * _noise(seed + 100)
    _same(accuracy((predicted + shift) * scale, truth), accuracy(predicted, truth), 1e-8)


@given(st.integers(0, 99))
def test_rank_knows_order_alone(seed: int) -> None:
    predicted, truth = _noise(seed).double(), 2.0 + 60.0 * _noise(seed + 100)
    rank = accuracy(predicted, truth).rank
    assert accuracy(torch.exp(5.0 * predicted), truth).rank == pytest.approx(rank)
    assert accuracy(-predicted, truth).rank == pytest.approx(-rank)
    assert accuracy(torch.exp(truth.double() / 20.0), truth).rank == pytest.approx(1.0)


def test_what_is_aligned_already_is_judged_as_if_it_were_not() -> None:
    truth = 5.0 + 50.0 * _noise(0)
    for predicted in (_noise(1), truth, -truth, torch.ones_like(truth)):
        exact = aligned(predicted.double(), truth)
        assert accuracy_once_aligned(predicted, exact, truth) == accuracy(predicted, truth)
        assert torch.equal(exact.to(predicted.dtype), aligned(predicted, truth))


def test_a_scale_for_each_frame_is_not_given() -> None:
    truth = 5.0 + 50.0 * _noise(0, frames=2)
    each = truth * torch.tensor([1.0, 2.0])[:, None, None]
    for frame in range(2):
        one = slice(frame, frame + 1)
        assert accuracy(each[one], truth[one]).abs_rel == pytest.approx(0.0, abs=1e-6)
    assert accuracy(each, truth).abs_rel > 0.1


def test_what_is_the_wrong_way_round_becomes_flat() -> None:
    truth = 5.0 + 50.0 * _noise(0)
    flat = aligned(-truth, truth)
    torch.testing.assert_close(flat, truth.mean().expand_as(truth))
    wrong, none = accuracy(-truth, truth), accuracy(constant(truth[:, None]), truth)
    assert (wrong.delta1, wrong.abs_rel) == pytest.approx((none.delta1, none.abs_rel))
    assert (wrong.rank, none.rank) == (pytest.approx(-1.0), 0.0)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e4])
def test_a_flat_prediction_has_a_shift_only(value: float) -> None:
    truth = 5.0 + 50.0 * _noise(0)
    flat = torch.full_like(truth, value)
    torch.testing.assert_close(aligned(flat, truth), truth.mean().expand_as(truth))
    assert accuracy(flat, truth).rank == 0.0


def test_nothing_near_and_no_numbers_are_told() -> None:
    with pytest.raises(SettingsError, match="leave the clip out"):
        accuracy(_row(1.0, 2.0), _row(_SKY, _UNKNOWN))
    with pytest.raises(SettingsError, match="not numbers"):
        aligned(_row(1.0, math.nan), _row(2.0, 3.0))
    with pytest.raises(ValueError, match=r"\(1, 1, 3\)"):
        accuracy(_row(1.0, 2.0), _row(1.0, 2.0, 3.0))


def test_the_baselines_see_no_picture() -> None:
    rgb = torch.rand(2, 3, 5, 7)
    flat, ramp = constant(rgb), vertical_ramp(rgb)
    assert flat.shape == ramp.shape == (2, 5, 7)
    assert flat.unique().numel() == 1
    assert torch.equal(ramp, torch.linspace(0, 1, 5)[None, :, None].expand(2, 5, 7))
    torch.testing.assert_close(vertical_ramp(torch.zeros_like(rgb)), ramp)


def test_the_ramp_is_right_about_a_floor() -> None:
    # a floor 1.5 m below a level camera: disparity rises evenly from the horizon down
    rows = torch.arange(5).float()[None, :, None].expand(1, 5, 7)
    floor = 100.0 * (rows + 1.0) / (1.5 * 20.0)
    _same(accuracy(vertical_ramp(torch.zeros(1, 3, 5, 7)), floor), Accuracy(1.0, 0.0, 1.0))
