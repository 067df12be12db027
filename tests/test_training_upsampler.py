"""A learned upsampling: it begins as bilinear, learns edges, goes on where it was cut off, leaves its base alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from training_kit import (
    CPU,
    changed,
    copied,
    data_settings,
    made_source,
    network,
    stage_settings,
)

from flashdepth_vfx.errors import SettingsError, UsageError, WeightsError
from flashdepth_vfx.measures.predictor import network_predictor
from flashdepth_vfx.training.checkpoint import load_checkpoint
from flashdepth_vfx.training.losses import LossWeights, clip_loss
from flashdepth_vfx.training.train import train
from flashdepth_vfx.training.upsampler import (
    LearnedUpsampler,
    UpsamplerConfig,
    learned_upsampling,
    load_upsampler,
)
from flashdepth_vfx.training.upsampler_run import (
    UpsamplerJob,
    UpsamplerLearner,
    train_upsampler,
)
from flashdepth_vfx.upsample import bilinear

SMALL = UpsamplerConfig(width=4, levels=2)


def new(seed: int = 0, config: UpsamplerConfig = SMALL) -> LearnedUpsampler:
    torch.manual_seed(seed)
    return LearnedUpsampler(config)


def numbers(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def moved(net: LearnedUpsampler) -> LearnedUpsampler:
    """As if it had learned something."""
    with torch.no_grad():
        for parameter in net.last.parameters():
            parameter.add_(0.3)
    return net


@pytest.mark.parametrize("size", [(64, 96), (32, 48), (16, 24)])
def test_untrained_it_is_bilinear_to_the_bit(size: tuple[int, int]) -> None:
    small = 30.0 * numbers(2, 32, 48)
    # sky, and what has none
    small[1] = 0.0
    full = new(config=UpsamplerConfig(width=4, levels=4))(numbers(2, 3, *size), small)
    for one, given in zip(full, small, strict=True):
        assert torch.equal(one, bilinear(given, size))


def test_what_it_adds_knows_no_unit() -> None:
    """In metres or in feet, disparity has the same edges."""
    net, picture, small = moved(new()), numbers(1, 3, 32, 48), numbers(1, 16, 24) + 1.0
    one, ten = net(picture, small), net(picture, 10.0 * small)
    torch.testing.assert_close(ten, 10.0 * one)
    assert not torch.allclose(one[0], bilinear(small[0], (32, 48)))


def test_it_is_never_negative_and_sees_the_whole_picture_it_is_given() -> None:
    net, picture, small = moved(new()), numbers(1, 3, 32, 48), numbers(1, 16, 24)
    with torch.no_grad():
        net.last.bias.fill_(-5.0)  # type: ignore[union-attr]
    assert not net(picture, small).any()
    net = moved(new())
    other = picture.clone()
    other[..., -4:, -4:] += 1.0
    change = (net(other, small) != net(picture, small))[0]
    assert change[-4:, -4:].any()
    assert not change[:8, :8].any()


@pytest.mark.parametrize(("field", "value"), [("width", 0), ("levels", 0)])
def test_an_upsampler_of_nothing_is_refused(field: str, value: int) -> None:
    with pytest.raises(SettingsError, match=f"upsampler {field} of 0"):
        dataclasses.replace(SMALL, **{field: value})


class _Brightness(nn.Module):
    """In the place of a base network: what `made_batch` hid in the brightness, of the small picture that it sees."""

    def forward(self, frame: torch.Tensor, state: None) -> tuple[torch.Tensor, None]:
        grey = (0.225 * frame[:, 2] + 0.406 - 0.1) / 0.8
        return (5.0 + 40.0 * grey).clamp_min(0.0), None


def test_it_learns_the_edges_that_a_small_picture_has_lost(tmp_path: Path) -> None:
    data = data_settings(clips=2)
    settings = stage_settings("stage1", data=data, steps=40, decoder_rate=1e-2, warmup_steps=10)
    source, low = made_source(data), (16, 16)
    learned, soft = (
        UpsamplerLearner(new(config=UpsamplerConfig(width=8, levels=2)), _Brightness(), low)  # type: ignore[arg-type]
        for _ in range(2)
    )
    train(learned, settings, source, tmp_path / "up.pt", [], CPU, lambda line: None)
    batch = next(source(1000))
    losses = []
    for learner in (learned, soft):
        with torch.no_grad():
            found, _ = learner.predict(batch.rgb, None, settings)
        losses.append(float(clip_loss(found, batch.disparity_100_per_m, LossWeights())[0]))
    assert losses[0] < 0.5 * losses[1], losses


def job(path: Path, **changes: Any) -> UpsamplerJob:
    settings = stage_settings("stage1", checkpoint_seconds=0.0, **changes)
    return UpsamplerJob(path, settings, low_px=32, upsampler=SMALL)


class _StopError(Exception):
    """The run is cut off."""


def test_resumed_training_equals_unbroken_training(tmp_path: Path) -> None:
    def stop(line: dict[str, Any]) -> None:
        if line["step"] == 2:
            raise _StopError

    lines: list[dict[str, Any]] = []
    assert train_upsampler(job(tmp_path / "whole.pt", steps=3), lines.append) == 3
    with pytest.raises(_StopError):
        train_upsampler(job(tmp_path / "cut.pt", steps=3), stop)
    assert load_checkpoint(tmp_path / "cut.pt").step == 1
    assert train_upsampler(job(tmp_path / "cut.pt", steps=3), lines.append) == 2
    one, two = (load_upsampler(tmp_path / f"{name}.pt") for name in ("whole", "cut"))
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[name]), name
    assert not torch.equal(one.last.weight, new().last.weight)
    # of another base, or another size, it is another run
    other = dataclasses.replace(job(tmp_path / "cut.pt", steps=4), low_px=64)
    with pytest.raises(WeightsError, match="begun from other weights"):
        train_upsampler(other, lines.append)


def test_training_moves_the_upsampler_and_not_its_base(tmp_path: Path) -> None:
    base, net = network(), new()
    before, fresh = copied(base), {name: t.clone() for name, t in net.state_dict().items()}
    settings = stage_settings("stage1", steps=2)
    source = made_source(settings.data)
    learner = UpsamplerLearner(net, base, (32, 32))
    train(learner, settings, source, tmp_path / "up.pt", [], CPU, lambda line: None)
    # batch statistics included
    assert not changed(base, before)
    assert all(not torch.equal(t, fresh[name]) for name, t in net.state_dict().items())


@pytest.mark.parametrize(
    "changes",
    [
        {"temporal": True},
        {"compiled": True},
        {"decoder_rate": 0.0},
        {"data": data_settings(width_px=65)},
    ],
)
def test_what_it_cannot_do_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    settings = stage_settings("stage1", **changes)
    with pytest.raises(SettingsError):
        UpsamplerJob(tmp_path / "up.pt", settings, low_px=32, upsampler=SMALL)


def test_files_of_something_else_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"up\.safetensors: a checkpoint"):
        train_upsampler(job(tmp_path / "up.safetensors", steps=1), lambda line: None)
    train(network(), stage_settings("stage1", steps=1), made_source(data_settings(clips=2)),
          tmp_path / "nano.pt", [], CPU, lambda line: None)  # fmt: skip
    with pytest.raises(WeightsError, match=r"nano\.pt: no checkpoint of a learned upsampler"):
        load_upsampler(tmp_path / "nano.pt")


def test_as_a_predictor_it_begins_as_the_bilinear_one() -> None:
    net, take = network().eval(), numbers(2, 3, 64, 96)
    soft = network_predictor(net, 64)(take)
    same = network_predictor(net, 64, upsample=learned_upsampling(new(), 96))(take)
    torch.testing.assert_close(same, soft)
    other = network_predictor(net, 64, upsample=learned_upsampling(moved(new()), 96))(take)
    assert not torch.allclose(other, soft)
    # a plate that is larger than what it sees
    large = network_predictor(net, 64, upsample=learned_upsampling(moved(new()), 48))(take)
    assert large.shape == soft.shape
