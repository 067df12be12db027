"""A model is measured with the upsampling that it names, and the record says which."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from flashdepth_vfx.errors import WeightsError
from flashdepth_vfx.evaluation.contestants import open_model
from flashdepth_vfx.evaluation.job import Model
from flashdepth_vfx.measures.predictor import network_predictor, rendered_by
from flashdepth_vfx.settings import Upsampling
from flashdepth_vfx.training.checkpoint import Checkpoint, save_checkpoint
from flashdepth_vfx.training.upsampler import (
    LearnedUpsampler,
    UpsamplerConfig,
    learned_upsampling,
)


def write_upsampler(path: Path) -> LearnedUpsampler:
    """One that has learned to add something."""
    net = LearnedUpsampler(UpsamplerConfig(width=4, levels=2)).eval()
    with torch.no_grad():
        for parameter in net.last.parameters():
            parameter.add_(0.3)
    config = dataclasses.asdict(net.config)
    save_checkpoint(Checkpoint(config, net.state_dict(), {}, 1, 1.0, [{}, {}]), path)
    return net


def test_a_model_s_disparity_is_enlarged_as_it_says(nano_weights: Path, tmp_path: Path) -> None:
    upsampler = write_upsampler(tmp_path / "up.pt")
    rgb = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    own = Model("own", str(nano_weights), 64, carry_state=False)
    models = {
        "bilinear": (own, rendered_by(Upsampling.BILINEAR)),
        "guided": (
            dataclasses.replace(own, upsampling=Upsampling.GUIDED),
            rendered_by(Upsampling.GUIDED),
        ),
        "learned": (
            dataclasses.replace(own, upsampler=tmp_path / "up.pt"),
            # the picture's own size
            learned_upsampling(upsampler, 96),
        ),
    }
    for name, (model, how) in models.items():
        contestant = open_model(model, "cpu", ())
        assert contestant.facts.upsampling == name
        wanted = network_predictor(contestant.network.net, 64, False, how)(rgb)
        torch.testing.assert_close(contestant.predict(rgb), wanted)
    smaller = dataclasses.replace(own, upsampler=tmp_path / "up.pt", upsampled_px=48)
    contestant = open_model(smaller, "cpu", ())
    wanted = network_predictor(
        contestant.network.net, 64, False, learned_upsampling(upsampler, 48)
    )(rgb)
    torch.testing.assert_close(contestant.predict(rgb), wanted)


def test_an_upsampler_that_is_none_is_named(nano_weights: Path, tmp_path: Path) -> None:
    model = Model("own", str(nano_weights), 64, upsampler=tmp_path / "absent.pt")
    with pytest.raises(WeightsError, match=r"absent\.pt"):
        open_model(model, "cpu", ())
