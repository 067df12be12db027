"""What moves in a stage, and how fast: AdamW's groups as they are told, warm-up included."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from golden import tiny
from training_kit import stage_settings

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.training.learner import NetworkLearner
from flashdepth_vfx.training.optimizer import new_optimizer, rate_at
from flashdepth_vfx.training.settings import OptimizerSettings, TrainSettings


def settings(**changes: Any) -> TrainSettings:
    rates = {"encoder_rate": 1e-3, "decoder_rate": 2e-3, "temporal_rate": 3e-3}
    return stage_settings("stage2", weight_decay=0.5, **(rates | changes))


def told(**changes: Any) -> dict[str, tuple[float, float]]:
    """Rate and decay of each parameter of a small hybrid, by name."""
    net = tiny.net("full")
    names = {id(p): name for name, p in net.named_parameters()}
    groups = new_optimizer(NetworkLearner(net), settings(**changes)).param_groups
    listed = [(names[id(p)], (g["peak"], g["weight_decay"])) for g in groups for p in g["params"]]
    assert len(dict(listed)) == len(listed), "none twice"
    return dict(listed)


def test_each_part_has_its_rate_and_the_teacher_none() -> None:
    parts = told(fusion_rate=4e-3)
    rates = {"pretrained": 1e-3, "depth_head": 2e-3, "mamba": 3e-3, "hybrid_fusion": 4e-3}
    assert {(name.split(".")[0], rate) for name, (rate, _) in parts.items()} == set(rates.items())
    every = {name for name, _ in tiny.net("full").named_parameters()}
    assert every - set(parts) == {name for name in every if name.startswith("teacher_model.")}
    assert told()["hybrid_fusion.blocks.0.0.norm1.weight"][0] == 2e-3, "the decoder's, unless told"
    assert not any(name.startswith("hybrid_fusion.") for name in told(fusion_rate=0.0))


@pytest.mark.parametrize("decay_all", [False, True])
def test_decay_takes_matrices_or_everything(decay_all: bool) -> None:
    shapes = dict(tiny.net("full").named_parameters())
    for name, (_, decay) in told(optimizer=OptimizerSettings(decay_all=decay_all)).items():
        assert decay == (0.5 if decay_all or shapes[name].ndim > 1 else 0.0), name


def test_betas_are_those_told() -> None:
    adamw = OptimizerSettings(beta1=0.8, beta2=0.95)
    optimizer = new_optimizer(NetworkLearner(tiny.net("s")), settings(optimizer=adamw))
    assert isinstance(optimizer, torch.optim.AdamW)
    assert {group["betas"] for group in optimizer.param_groups} == {(0.8, 0.95)}


def test_warm_up_is_a_line_from_the_first_rate() -> None:
    made = settings(warmup_steps=5, last_rate=1.0)
    assert [rate_at(s, 0.5, made) for s in range(6)] == pytest.approx(
        [0.2, 0.4, 0.6, 0.8, 1.0, 1.0]
    )
    from_low = dataclasses.replace(made, optimizer=OptimizerSettings(first_rate=0.0))
    assert [rate_at(s, 0.5, from_low) for s in range(6)] == pytest.approx(
        [0, 0.25, 0.5, 0.75, 1, 1]
    )
    at_once = dataclasses.replace(from_low, warmup_steps=1)
    assert rate_at(1, 0.5, at_once) == 1.0


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"beta2": 1.0}, "betas of 0.9 and 1"), ({"first_rate": 1.5}, "first rate of 1.5"),
     ({"clip_norm": -1.0}, "clipped to -1")],
)  # fmt: skip
def test_what_cannot_be_is_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        OptimizerSettings(**changes)


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"piece_frames": 0}, "pieces of 0"), ({"temporal": False, "piece_frames": 1}, "pieces of 1"),
     ({"sample_every": -1}, "every -1"), ({"fusion_rate": -1e-3}, "fusion rate")],
)  # fmt: skip
def test_a_stage_that_cannot_be_is_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        dataclasses.replace(settings(), **changes)
