"""Occlusion edges: cases by hand, and the definition written out slowly beside the fast one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from flashdepth_vfx.measures.boundary import boundary_f1

_STEPS = np.linspace(1.05, 1.25, 10)


def _row(*depth_m: float) -> Tensor:
    """One frame of one row: inf is sky, below 0 unknown."""
    depth = torch.tensor([[depth_m]])
    return torch.where(depth < 0, -1.0, 100.0 / depth)


def test_an_edge_counts_for_the_steps_that_it_reaches() -> None:
    # 12 / 10 = 1.2 is over the first 7 of the ten steps (the 7th is 1.183), 11 / 10 over the first 3 (1.094). On
    # those 3 all is right, on the next 4 the edge is missed, on the last 3 there is nothing to find.
    found = boundary_f1(_row(10, 11), _row(10, 12))
    assert found == pytest.approx(_STEPS[:3].sum() / _STEPS[:7].sum())
    assert boundary_f1(_row(10, 12), _row(10, 12)) == pytest.approx(1.0)


def test_half_found_and_half_made_up() -> None:
    # edges behind pixels 0 and 2, found behind 0 and 3: precision 1/2, recall 1/2
    assert boundary_f1(_row(10, 20, 20, 20, 40), _row(10, 20, 20, 40, 40)) == pytest.approx(0.5)


def test_which_side_is_in_front_matters() -> None:
    assert boundary_f1(_row(20, 10), _row(10, 20)) == 0.0
    # rightwards one of two is found, precision 1 and recall 1/2; leftwards one is made up, 0 and 0:
    # means 1/2 and 1/4, F1 1/3
    assert boundary_f1(_row(10, 20, 20, 20, 10), _row(10, 20, 20, 40, 40)) == pytest.approx(1 / 3)


def test_an_edge_one_pixel_off_is_no_edge() -> None:
    assert boundary_f1(_row(10, 20, 20, 20), _row(10, 10, 20, 20)) == 0.0


def test_unknown_pixels_are_out_of_it() -> None:
    truth = _row(10, 20, -1, 20, 20)
    assert boundary_f1(_row(10, 20, 3, 20, 20), truth) == pytest.approx(1.0)
    assert boundary_f1(_row(10, 20, 3, 20, 60), truth) < 1.0


def test_sky_lies_at_the_horizon() -> None:
    sky = _row(10, float("inf"))
    assert boundary_f1(_row(10, 70), sky) == pytest.approx(1.0)
    assert boundary_f1(_row(10, 5000), sky) == pytest.approx(1.0)
    # beyond 70 m nothing hides anything
    assert boundary_f1(_row(10, 20, 90, 300), _row(10, 20, 20, 20)) < 1.0
    assert boundary_f1(_row(10, 80, 90, 300), _row(10, 70, 70, 70)) == pytest.approx(1.0)


def test_frames_weigh_the_same_and_flat_ones_give_nothing() -> None:
    truth = torch.cat([_row(10, 20, 20), _row(10, 10, 20), _row(10, 10, 10)])
    assert boundary_f1(truth, truth) == pytest.approx(2 / 3)
    missed = torch.cat([_row(10, 20, 20), _row(10, 10, 10), _row(10, 10, 10)])
    assert boundary_f1(missed, truth) == pytest.approx(1 / 3)
    assert boundary_f1(torch.ones_like(truth), truth) == 0.0


@given(st.integers(0, 10_000))
def test_equals_the_definition_written_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.choice([5.0, 5.8, 6.5, 20.0, 65.0, 90.0], (2, 5, 6))
    given_depth = np.where(rng.random(truth.shape) < 0.6, truth, rng.uniform(4, 100, truth.shape))
    known = rng.random(truth.shape) < 0.9
    disparity = torch.from_numpy(np.where(known, 100.0 / truth, -1.0))
    found = boundary_f1(torch.from_numpy(100.0 / given_depth), disparity)
    slow = [_slow(*frame) for frame in zip(given_depth, truth, known, strict=True)]
    assert found == pytest.approx(np.mean(slow), abs=1e-9)


def _slow(depth: np.ndarray, truth: np.ndarray, known: np.ndarray) -> float:
    """A frame, pixel by pixel, direction by direction."""
    depth, truth = np.minimum(depth, 70.0), np.minimum(truth, 70.0)
    total = weight = 0.0
    for step in _STEPS:
        precisions, recalls = [], []
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            hits = made = true = 0
            for (row, column), here in np.ndenumerate(depth):
                other = (row + down, column + right)
                if not all(0 <= at < size for at, size in zip(other, depth.shape, strict=True)):
                    continue
                if known[row, column] and known[other]:
                    edge = depth[other] / here > step
                    true_edge = truth[other] / truth[row, column] > step
                    hits, made, true = hits + (edge and true_edge), made + edge, true + true_edge
            if made or true:
                precisions.append(hits / max(made, 1))
                recalls.append(hits / max(true, 1))
        if precisions:
            p, r = np.mean(precisions), np.mean(recalls)
            total += step * (2 * p * r / (p + r) if p + r else 0.0)
            weight += step
    return total / weight if weight else 0.0


def test_scale_does_not_matter_within_the_horizon() -> None:
    noise = torch.rand(2, 2, 6, 8, generator=torch.Generator().manual_seed(0))
    predicted, truth = 10.0 + 50.0 * noise
    assert boundary_f1(3.0 * predicted, truth) == pytest.approx(boundary_f1(predicted, truth))
    with pytest.raises(ValueError, match="not the truth's"):
        boundary_f1(predicted[:1], truth)
