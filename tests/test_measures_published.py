"""The paper's figures, against numbers found by hand and by other means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.measures.published import (
    Alignment,
    Judged,
    at_size,
    published_boundary_f1,
    published_depth_m,
)


def row(*values: float) -> Tensor:
    return torch.tensor([values])


def solved(*frames: tuple[Tensor, Tensor]) -> tuple[float, float]:
    alignment = Alignment()
    for predicted, truth in frames:
        alignment.add(predicted, truth)
    return alignment.solved


def test_one_scale_and_shift_are_those_of_all_frames_at_once() -> None:
    generator = torch.Generator().manual_seed(0)
    frames = [
        (torch.rand(5, 7, generator=generator), torch.rand(5, 7, generator=generator) + 0.02)
        for _ in range(3)
    ]
    p = torch.stack([one for one, _ in frames]).double().numpy().ravel()
    g = torch.stack([two for _, two in frames]).double().numpy().ravel()
    expected, *_ = np.linalg.lstsq(np.stack([p, np.ones_like(p)], 1), g, rcond=None)
    assert solved(*frames) == pytest.approx(tuple(expected), rel=1e-9)
    # no frame by itself would be aligned so
    assert solved(frames[0]) != pytest.approx(tuple(expected), rel=1e-3)


def test_sky_the_unknown_and_what_is_farther_than_70_m_align_nothing() -> None:
    truth = row(0.5, 0.25, 1.0 / 70, 0.0, -1.0, 1.0 / 71)
    # of the first three: 2 p + 0.1
    predicted = torch.cat([(truth[:, :3] - 0.1) / 2, row(9.0, -7.0, 5.0)], 1)
    assert solved((predicted, truth)) == pytest.approx((2.0, 0.1), rel=1e-5)


def test_a_truth_of_70_m_itself_aligns() -> None:
    truth = row(0.5, 1.0 / 70)
    assert solved(((truth - 0.1) / 2, truth)) == pytest.approx((2.0, 0.1), rel=1e-5)


def test_a_quarter_too_far_is_not_within_a_quarter() -> None:
    judged = Judged(edges=False)
    judged.add(torch.tensor([[0.4, 0.401]], dtype=torch.float64), row(0.5, 0.5))
    assert judged.delta1 == 0.5


def test_a_scale_may_be_negative_as_published() -> None:
    scale, shift = solved((row(1.0, 2.0), row(0.75, 0.25)))
    assert (scale, shift) == pytest.approx((-0.5, 1.25))


def test_a_flat_prediction_is_shifted_alone() -> None:
    assert solved((row(3.0, 3.0), row(0.25, 0.75))) == pytest.approx((0.0, 0.5))


def test_nothing_to_align_and_no_numbers_are_refused() -> None:
    with pytest.raises(SettingsError, match="no pixel of its truth"):
        solved((row(1.0), row(0.0)))
    with pytest.raises(SettingsError, match="not numbers"):
        solved((row(float("nan"), 1.0), row(0.5, 0.5)))


def test_depth_ends_at_a_millimetre_and_at_70_m() -> None:
    depth = published_depth_m(row(0.5, 0.0, -1.0, 1e-3, 5000.0))
    assert depth.tolist() == [[2.0, 70.0, 70.0, 70.0, 1e-3]]


def test_errors_by_hand() -> None:
    judged = Judged(edges=False)
    # 2.5 m for 2 m is a quarter too far: not within a quarter. Sky is 70 m: 50 m for it is 20/70 off.
    # The unknown counts nothing. Behind 70 m all is 70 m, and a disparity below 0 too.
    judged.add(row(0.4, 0.02, 9.0, -0.3), row(0.5, 0.0, -1.0, 0.01))
    judged.add(row(0.5, 0.25), row(0.5, 0.2))
    # errors: 0.25, 2/7, 0 | 0, 0.2; ratios: 1.25, 1.4, 1 | 1, 1.25
    assert judged.abs_rel == pytest.approx((0.25 + 2 / 7 + 0.0 + 0.0 + 0.2) / 5, rel=1e-6)
    assert judged.frames == 2
    assert judged.boundary_f1 is None
    within = Judged(edges=False)
    within.add(row(0.401, 0.02, 0.5), row(0.5, 0.0, 0.5))
    assert within.delta1 == pytest.approx(2 / 3)


def test_pixels_weigh_alike_whatever_their_frame() -> None:
    judged = Judged(edges=False)
    judged.add(row(0.5), row(0.5))
    judged.add(row(0.5, 0.5, 0.5), row(1.0, 1.0, 1.0))
    assert judged.abs_rel == pytest.approx(0.75)
    assert judged.delta1 == 0.25


def test_boundary_f1_by_hand() -> None:
    """One step of 10 % to the right: 3 of the ten thresholds are passed, in one direction of four."""
    depth = row(1.0, 1.1).double()
    passed = 1.05 + (1.05 + 0.2 / 9) + (1.05 + 0.4 / 9)
    assert published_boundary_f1(depth, depth) == pytest.approx(0.25 * passed / 11.5)
    # the prediction has the edge, and one more in the same direction: precision 1/2 there
    true, given = row(1.0, 1.1, 1.1).double(), row(1.0, 1.1, 1.21).double()
    f1 = 2 * 0.125 * 0.25 / (0.125 + 0.25)
    assert published_boundary_f1(given, true) == pytest.approx(f1 * passed / 11.5)


def test_boundary_f1_of_no_edge_is_0_and_of_the_unknown_a_wall_at_70_m() -> None:
    flat = torch.ones(3, 3).double()
    assert published_boundary_f1(flat, flat) == 0.0
    judged, known = Judged(), Judged()
    judged.add(row(0.5, 0.01), row(0.5, -1.0))
    known.add(row(0.5, 0.01), row(0.5, 0.01))
    assert judged.boundary_f1 == known.boundary_f1 == pytest.approx(0.25)


def test_boundary_f1_is_the_mean_over_frames() -> None:
    judged = Judged()
    judged.add(row(0.5, 0.01), row(0.5, 0.01))
    judged.add(row(0.5, 0.5), row(0.5, 0.5))
    assert judged.boundary_f1 == pytest.approx(0.125)


def test_predictions_are_resized_between_pixel_centres() -> None:
    assert at_size(row(0.0, 1.0), (1, 4)).tolist() == [[0.0, 0.25, 0.75, 1.0]]
    # smaller, without a filter: the mean of the two around the centre, whatever is beside them
    assert at_size(row(9.0, 1.0, 3.0, 9.0), (1, 1)).tolist() == [[2.0]]
