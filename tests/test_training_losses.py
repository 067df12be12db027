"""What training minimises, by hand: one scale a clip, each term alone, what is unknown left out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from flashdepth_vfx.training.losses import (
    LossWeights,
    absolute_loss,
    clip_loss,
    gradient_loss,
    l1_loss,
    normalised,
    ratio_loss,
    shape_loss,
    steady_loss,
)

_ALONE = LossWeights(gradient=0.0, absolute=0.0, ratio=0.0)


def clips(low: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return low + torch.rand(3, 4, 16, 20, generator=generator) * 40.0


def row(*values: float) -> Tensor:
    """One clip of one frame of one row."""
    return torch.tensor(values).view(1, 1, 1, -1)


def everywhere(like: Tensor) -> Tensor:
    return torch.ones_like(like, dtype=torch.bool)


def test_scale_and_shift_of_a_clip_cost_nothing_but_units() -> None:
    target = clips(low=2.0)
    scaled = target * torch.tensor([3.0, 0.2, 1.0]).view(3, 1, 1, 1) + 7.0
    weights = LossWeights(absolute=0.0, steady=4.0)
    _, terms = clip_loss(scaled, target, weights)
    assert set(terms) == {"loss", "shape", "gradient", "ratio", "steady"}
    for name, term in terms.items():
        assert float(term) == pytest.approx(0.0, abs=2e-5), name
    assert float(absolute_loss(scaled, target, everywhere(target))) > 0.1


def test_scale_of_a_single_frame_costs() -> None:
    target = clips(low=2.0)
    flickering = target * torch.tensor([1.0, 1.3, 0.8, 1.1]).view(1, 4, 1, 1)
    _, terms = clip_loss(flickering, target, LossWeights(steady=1.0))
    for name in ("shape", "ratio", "steady"):
        assert float(terms[name]) > 0.1, name
    each = [normalised(flickering[:, t, None]) - normalised(target[:, t, None]) for t in range(4)]
    assert float(torch.stack(each).abs().max()) < 1e-4, "each frame by itself would be forgiven"


def test_clips_do_not_know_each_other() -> None:
    target, predicted = clips(low=2.0), clips(low=2.0).flip(-1)
    weights = LossWeights(absolute=0.1, steady=1.0)
    whole, _ = clip_loss(predicted, target, weights)
    each = [clip_loss(p[None], t[None], weights)[0] for p, t in zip(predicted, target, strict=True)]
    assert float(whole) == pytest.approx(float(torch.stack(each).mean()), rel=1e-2)


@pytest.mark.parametrize(
    ("frames", "height", "width"), [(8, 192, 320), (4, 160, 256), (1, 224, 384)]
)
@pytest.mark.parametrize("at", [0, 1, -1])
def test_one_column_counts_as_one_column(frames: int, height: int, width: int, at: int) -> None:
    """Or it pays to make that column huge: all else is small beside it, and so steady."""
    plain = torch.linspace(0.0, 1.0, frames * height * width).view(1, frames, height, width)
    odd = plain.clone()
    odd[..., at] += 100.0
    before = float(normalised(plain)[0, 0, 0, 2] - normalised(plain)[0, 0, 0, 3])
    after = float(normalised(odd)[0, 0, 0, 2] - normalised(odd)[0, 0, 0, 3])
    spread = 0.25 + 100.0 / width
    assert before / after == pytest.approx(spread / 0.25, rel=0.15)


def test_normalised_clip_by_hand() -> None:
    # median 3; deviations 2 1 0 1 7, mean 2.2
    expected = row(-2.0, -1.0, 0.0, 1.0, 7.0) / 2.2
    assert torch.allclose(normalised(row(1.0, 2.0, 3.0, 4.0, 10.0)), expected)
    over_frames = normalised(row(1.0, 2.0, 3.0, 4.0, 10.0).view(1, 5, 1, 1))
    assert torch.allclose(over_frames.flatten(), expected.flatten()), "over frames as over pixels"


def test_what_is_unknown_takes_no_part_in_a_clip_s_scale() -> None:
    known = torch.tensor([True, True, True, False, False]).view(1, 1, 1, 5)
    given = normalised(row(1.0, 3.0, 8.0, 1e6, 1e5), known)
    # median 3; deviations 2 0 5, mean 7/3
    assert given[..., :3].flatten().tolist() == pytest.approx([-6 / 7, 0.0, 15 / 7])
    nothing = normalised(row(1.0, 2.0, 3.0, 4.0, 5.0), torch.zeros_like(known))
    assert bool(nothing.isfinite().all())


def test_a_flat_clip_is_not_blown_up() -> None:
    assert float(normalised(row(20.0, 20.0, 20.01)).abs().max()) < 0.21


def test_shape_loss_by_hand() -> None:
    given, wanted = row(1.0, 2.0, 9.0), row(0.0, 4.0, 0.0)
    assert float(shape_loss(given, wanted, everywhere(given))) == pytest.approx(4.0)
    known = torch.tensor([True, True, False]).view(1, 1, 1, 3)
    assert float(shape_loss(given, wanted, known)) == pytest.approx(1.5)
    assert float(shape_loss(given, wanted, torch.zeros_like(known))) == 0.0


def test_gradient_loss_by_hand() -> None:
    given, wanted = torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 2, 3)
    given[..., 2] = 6.0
    known = everywhere(given)
    # steps across: 0 6 on both rows, mean 3; down: none
    assert float(gradient_loss(given, wanted, known, 1)) == pytest.approx(3.0)
    assert float(gradient_loss(given + 5.0, wanted, known, 1)) == pytest.approx(3.0)
    assert float(gradient_loss(given, given + 5.0, known, 1)) == pytest.approx(0.0)
    slope = torch.arange(4.0).expand(1, 1, 4, 4)
    # steps of 1 between neighbours, of 2 between every second pixel
    flat = torch.zeros(1, 1, 4, 4)
    assert float(gradient_loss(slope, flat, everywhere(flat), 2)) == pytest.approx(1.5)


def test_a_gradient_into_the_unknown_costs_nothing() -> None:
    given, wanted = torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 2, 3)
    given[..., 2] = 6.0
    known = everywhere(given)
    known[..., 2] = False
    assert float(gradient_loss(given, wanted, known, 1)) == 0.0
    known = everywhere(given)
    known[..., 0, 2] = False
    # across: 0 and 0 6 are left, mean 2; down: two steps of 0
    assert float(gradient_loss(given, wanted, known, 1)) == pytest.approx(2.0)


def test_absolute_loss_by_hand() -> None:
    target = torch.stack([torch.full((1, 2, 2), 15.0), torch.full((1, 2, 2), 45.0)])
    known = everywhere(target)
    # off by 5 and 15, against means of 15 and 45 with 5 more each
    value = absolute_loss(target * (4.0 / 3.0), target, known)
    assert float(value) == pytest.approx((5.0 / 20.0 + 15.0 / 50.0) / 2.0)
    known[0, :, 0] = False
    predicted = torch.where(known, target, 1e9)
    assert float(absolute_loss(predicted, target, known)) == 0.0


def test_ratio_loss_by_hand() -> None:
    # aligned they fit but for one: of 4 m and 2 m it is the logarithm
    target = row(*[10.0, 20.0, 30.0, 40.0] * 25)
    predicted = target.clone()
    assert float(ratio_loss(predicted * 3.0 + 1.0, target, everywhere(target))) < 1e-5
    sky = torch.cat([target, row(0.0)], -1)
    near = torch.cat([target, row(20.0)], -1)
    # sky stands at 70 m and takes no part in the alignment; taken for 5 m it is off by a factor of 14
    wanted = math.log(14.0) / 101
    assert float(ratio_loss(near, sky, everywhere(sky))) == pytest.approx(wanted, rel=1e-4)
    beyond = torch.cat([target, row(0.5)], -1)
    assert float(ratio_loss(beyond, sky, everywhere(sky))) < 1e-6, "all beyond 70 m is one"


def test_ratio_loss_keeps_a_slope_for_what_is_near_and_taken_for_far() -> None:
    target = row(*[10.0, 20.0, 30.0, 40.0] * 25)
    predicted = target.clone()
    predicted[..., 0] = 0.6
    predicted.requires_grad_(True)
    torch.autograd.backward(ratio_loss(predicted, target, everywhere(target)))
    assert predicted.grad is not None
    assert float(predicted.grad[..., 0]) < 0.0, "it is drawn nearer, though it is beyond 70 m"


def test_no_gradient_flows_through_the_alignment() -> None:
    target = clips(low=5.0)
    predicted = (0.5 * target + target.roll(3, -1) ** 1.2).requires_grad_(True)
    torch.autograd.backward(ratio_loss(predicted, target, everywhere(target)))
    assert predicted.grad is not None
    # through it, one scale for all would cost nothing, and the slope along the picture itself be 0
    along = (predicted.grad * predicted.detach()).sum((1, 2, 3))
    assert bool((along.abs() > 1e-4).all())


def test_steady_loss_by_hand() -> None:
    # two frames of three pixels: truth goes from 10 to 11, 10 to 10, and jumps from 10 to 20
    target = torch.tensor([[10.0, 10.0, 10.0], [11.0, 10.0, 20.0]]).view(1, 2, 1, 3)
    given = torch.tensor([[0.0, 1.0, 0.0], [1.0, 4.0, 9.0]]).view(1, 2, 1, 3)
    wanted = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.0, 3.0]]).view(1, 2, 1, 3)
    known = everywhere(target)
    # changes differ by 0.5 and 3.0; the third says nothing
    assert float(steady_loss(given, wanted, target, known)) == pytest.approx(1.75)
    known[0, 0, 0, 1] = False
    assert float(steady_loss(given, wanted, target, known)) == pytest.approx(0.5)
    assert float(steady_loss(given + 3.0, wanted, target, known)) == pytest.approx(0.5)


def test_sky_that_stays_sky_is_steady_ground() -> None:
    target = torch.zeros(1, 2, 1, 2)
    given = torch.tensor([[0.0, 0.0], [2.0, 0.0]]).view(1, 2, 1, 2)
    value = steady_loss(given, torch.zeros_like(given), target, everywhere(target))
    assert float(value) == pytest.approx(1.0)


def test_the_terms_are_added_by_their_weights() -> None:
    predicted, target = clips(low=2.0).flip(-1), clips(low=2.0)
    by_hand = {"gradient": 0.3, "absolute": 0.7, "ratio": 0.9, "steady": 2.0, "l1": 0.2}
    _, terms = clip_loss(predicted, target, LossWeights(**by_hand))
    by_hand["shape"] = 1.0
    total = sum(weight * float(terms[name]) for name, weight in by_hand.items())
    assert float(terms["loss"]) == pytest.approx(total, rel=1e-5)
    loss, plain = clip_loss(predicted, target, _ALONE)
    assert set(plain) == {"loss", "shape"}, "what weighs nothing is not computed"
    assert float(loss) == pytest.approx(float(terms["shape"]))
    assert not any(term.requires_grad for term in plain.values())


def test_what_is_unknown_neither_costs_nor_pulls() -> None:
    target = clips(low=2.0)
    target[:, :, :5] = -1.0
    weights = LossWeights(steady=1.0)
    predicted = clips(low=2.0).flip(-1)
    wild = predicted.clone()
    wild[:, :, :5] = 1e4
    calm, _ = clip_loss(predicted, target, weights)
    wild.requires_grad_(True)
    loss, _ = clip_loss(wild, target, weights)
    torch.autograd.backward(loss)
    assert float(loss.detach()) == pytest.approx(float(calm), rel=1e-5)
    assert wild.grad is not None
    assert not wild.grad[:, :, :5].any()
    assert float((wild.grad[:, :, 5:] != 0).float().mean()) > 0.9
    assert not torch.equal(target.clamp_min(0.0), target), "the caller's truth is left as it is"


@pytest.mark.parametrize("truth", [0.0, 20.0, -1.0])
def test_a_flat_clip_gives_finite_loss_and_gradient(truth: float) -> None:
    predicted = torch.full((1, 2, 16, 16), 20.0, requires_grad=True)
    target = torch.full((1, 2, 16, 16), truth)
    loss, _ = clip_loss(predicted, target, LossWeights(steady=1.0))
    torch.autograd.backward(loss)
    assert bool(loss.isfinite())
    assert predicted.grad is not None
    assert bool(predicted.grad.isfinite().all())


def test_every_known_pixel_is_pulled_towards_its_truth() -> None:
    target = clips(low=2.0)
    predicted = target.clone()
    predicted[1, 2, 3, 4] += 30.0
    predicted.requires_grad_(True)
    loss, _ = clip_loss(predicted, target, LossWeights())
    torch.autograd.backward(loss)
    assert predicted.grad is not None
    assert float(predicted.grad[1, 2, 3, 4]) > 0.0


def test_l1_by_hand_counts_the_sky_and_not_what_is_unknown() -> None:
    predicted, target = row(3.0, 4.0, 9.0, 2.0), row(1.0, 0.0, -1.0, 2.5)
    assert float(l1_loss(predicted, target, target >= 0)) == pytest.approx((2.0 + 4.0 + 0.5) / 3)
    alone = LossWeights(shape=0.0, gradient=0.0, absolute=0.0, ratio=0.0, l1=2.0)
    loss, terms = clip_loss(predicted, target, alone)
    assert set(terms) == {"loss", "l1"}
    assert float(loss) == pytest.approx(2.0 * float(terms["l1"]))
    nothing = row(-1.0, -1.0, -1.0, -1.0)
    assert float(clip_loss(predicted, nothing, alone)[0]) == 0.0
