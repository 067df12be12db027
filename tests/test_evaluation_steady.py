"""A state over many frames, and depth that changes where a film does not."""

from __future__ import annotations

import math

import pytest
import torch
from golden import recipe
from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.evaluation.speed import frames_per_second
from flashdepth_vfx.evaluation.steady import drift, unrest
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.model.temporal import TemporalState


class Creeping(FlashDepthNet):
    """Adds a share of its first disparity with every frame, as a state without bounds would; or what it sees."""

    share = 0.0
    echo = 0.0
    seen = 0
    ends_at = 1000
    frames: list[float]

    def forward(
        self, frame: Tensor, state: TemporalState | None = None
    ) -> tuple[Tensor, TemporalState]:
        self.seen = 0 if state is None else self.seen + 1
        self.frames.append(float(frame.double().sum()))
        disparity, after = super().forward(frame, state)
        median = 2.0 * (1.0 + self.share * self.seen) + self.echo * (1e4 + self.frames[-1])
        if self.seen >= self.ends_at:
            median = math.nan
        return torch.full_like(disparity, median), after


@pytest.fixture(scope="module")
def net() -> Creeping:
    net = Creeping(ModelConfig.preset("nano"), scan="torch").eval()
    net.frames = []
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(torch.from_numpy(recipe.weight(name, tuple(parameter.shape))))
    return net


@pytest.fixture
def picture() -> Tensor:
    return torch.rand(3, 60, 90, generator=torch.Generator().manual_seed(0))


def test_what_creeps_by_a_thousandth_a_frame_has_drifted_once_it_had_settled(
    net: Creeping, picture: Tensor
) -> None:
    net.share = 1e-3
    found = drift(net, picture, long_side_px=96, frames=30)
    # frames 11 to 20 come 10 to 19 after the first, 14.5 on average, frames 21 to 30 24.5
    assert found.medians == pytest.approx({20: 2 * 1.0145, 30: 2 * 1.0245})
    assert found.percent == pytest.approx(100 * 0.010 / 1.0145, rel=1e-3)


def test_what_stays_has_no_drift_and_the_state_was_carried(net: Creeping, picture: Tensor) -> None:
    net.share = 0.0
    assert drift(net, picture, long_side_px=96, frames=22).percent == 0.0
    assert net.seen == 21


def test_ten_grains_come_in_turn_the_same_in_every_run(net: Creeping, picture: Tensor) -> None:
    net.share, net.frames = 0.0, []
    drift(net, picture, long_side_px=96, frames=21)
    one = net.frames
    assert len(set(one)) == 10
    assert one[:10] == one[10:20]
    net.frames = []
    drift(net, picture, long_side_px=96, frames=21)
    assert net.frames == one


def test_grain_alone_is_no_drift(net: Creeping, picture: Tensor) -> None:
    net.share, net.echo, net.frames = 0.0, 1.0, []
    found = drift(net, picture, long_side_px=96, frames=24)
    net.echo = 0.0
    # each frame has the depth that its own grain gives it, which moves by more
    assert max(net.frames[:10]) - min(net.frames[:10]) > 1.0
    assert found.percent < 1e-3


def test_nothing_but_sky_is_no_proof_of_steadiness(net: Creeping, picture: Tensor) -> None:
    net.share = -0.1
    with pytest.raises(SettingsError, match="sky"):
        drift(net, picture, long_side_px=96, frames=21)


def test_a_state_that_ends_in_no_number_has_drifted_without_end(
    net: Creeping, picture: Tensor
) -> None:
    net.share, net.ends_at = 0.0, 24
    found = drift(net, picture, long_side_px=96, frames=30)
    net.ends_at = 1000
    assert found.medians[20] == 2.0
    assert found.percent == math.inf


def test_twenty_frames_are_too_few_to_drift(net: Creeping, picture: Tensor) -> None:
    with pytest.raises(SettingsError, match="more than 20"):
        drift(net, picture, long_side_px=96, frames=20)


def film(frames: int = 3) -> tuple[Tensor, Tensor]:
    """A still picture, and a ramp of depth from 0 to 1, so that 90 % of its range is 0.9."""
    ramp = torch.linspace(0, 1, 401).expand(frames, 40, 401).clone()
    return torch.full((frames, 3, 40, 401), 0.5), ramp


def test_depth_that_stays_has_no_unrest_whatever_its_scale() -> None:
    rgb, ramp = film()
    assert unrest(rgb, ramp) == 0.0
    assert unrest(rgb, torch.ones_like(ramp)) == 0.0


def test_unrest_is_the_change_as_a_share_of_the_range() -> None:
    rgb, ramp = film(2)
    ramp[1] += 0.009
    # 0.009 of a range of 0.9, which the change itself widens a little
    assert unrest(rgb, ramp) == pytest.approx(1.0, rel=0.02)
    assert unrest(rgb, 7.0 * ramp + 3.0) == pytest.approx(unrest(rgb, ramp), rel=1e-3)


def test_where_the_picture_changes_depth_may() -> None:
    rgb, ramp = film(2)
    rgb[1, :, :20] = 0.6
    ramp[1, :20] += 0.5
    assert unrest(rgb, ramp) == 0.0


def test_a_film_in_which_everything_changes_is_not_steady_but_unknown() -> None:
    rgb, ramp = film(2)
    rgb[1] += 0.1
    with pytest.raises(SettingsError, match="no pixel of the film keeps its colour"):
        unrest(rgb, ramp)


def test_one_frame_has_no_unrest() -> None:
    with pytest.raises(SettingsError, match="one frame"):
        unrest(*film(1))


def test_a_rate_is_of_two_threads_and_leaves_the_threads_as_they_were() -> None:
    before, seen = torch.get_num_threads(), set()

    def predict(rgb: Tensor) -> Tensor:
        seen.add((torch.get_num_threads(), tuple(rgb.shape[1:])))
        return rgb[:, 0]

    assert frames_per_second(predict, 48, 32) > 0
    assert seen == {(2, (3, 32, 48))}
    assert torch.get_num_threads() == before
