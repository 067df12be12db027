"""Losses, the training loop, the export, and the model that ships."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import flashdepth_vfx
from flashdepth_vfx.errors import SettingsError, WeightsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.training.checkpoint import load_checkpoint
from flashdepth_vfx.training.cli import main
from flashdepth_vfx.training.data import DataSettings, held_out
from flashdepth_vfx.training.export import export_weights, tensors_sha256
from flashdepth_vfx.training.losses import LossWeights, clip_loss, gradient_loss, normalised
from flashdepth_vfx.training.score import held_out_scores, score, vertical_ramp
from flashdepth_vfx.training.start import new_network, origin
from flashdepth_vfx.training.train import TrainSettings, predict, train

_CPU = torch.device("cpu")
_SHIPPED = Path(flashdepth_vfx.__file__).parent / "data" / "nano.safetensors"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums in one order, so that two runs can be equal to the bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _clips() -> torch.Tensor:
    return torch.rand(3, 4, 16, 20, generator=torch.Generator().manual_seed(0)) * 40.0


def test_scale_and_shift_of_a_clip_cost_nothing() -> None:
    target = _clips()
    _, terms = clip_loss(target * 3.0 + 7.0, target, LossWeights(absolute=0.0))
    assert float(terms["loss"]) == pytest.approx(0.0, abs=1e-5)


def test_scale_of_a_single_frame_costs() -> None:
    target = _clips()
    flickering = target * torch.tensor([1.0, 1.3, 0.8, 1.1]).view(1, 4, 1, 1)
    _, terms = clip_loss(flickering, target, LossWeights(absolute=0.0))
    assert float(terms["shape"]) > 0.1
    each = [normalised(flickering[:, t, None]) - normalised(target[:, t, None]) for t in range(4)]
    assert float(torch.stack(each).abs().max()) < 1e-4, "each frame by itself would be forgiven"


def test_normalised_clip_by_hand() -> None:
    clip = torch.tensor([1.0, 2.0, 3.0, 4.0, 10.0]).view(1, 1, 1, 5)
    # median 3; deviations 2 1 0 1 7, mean 2.2
    expected = torch.tensor([-2.0, -1.0, 0.0, 1.0, 7.0]) / 2.2
    assert torch.allclose(normalised(clip).flatten(), expected)


def test_gradient_loss_by_hand() -> None:
    given, wanted = torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 2, 3)
    given[..., 2] = 6.0
    # steps across: 0 6 on both rows; down: none. Mean 3.
    assert float(gradient_loss(given, wanted, 1)) == pytest.approx(3.0)
    assert float(gradient_loss(given + 5.0, wanted, 1)) == pytest.approx(3.0)
    slope = torch.arange(4.0).expand(1, 1, 4, 4)
    # steps of 1 between neighbours, of 2 between every second pixel
    assert float(gradient_loss(slope, torch.zeros(1, 1, 4, 4), 2)) == pytest.approx(1.5)


def test_absolute_loss_sees_what_the_shape_does_not() -> None:
    target = _clips()
    _, terms = clip_loss(target * 2.0, target, LossWeights())
    mean = target.mean((1, 2, 3))
    assert float(terms["absolute"]) == pytest.approx(float((mean / (mean + 5.0)).mean()), rel=1e-5)


def test_a_flat_clip_gives_finite_loss_and_gradient() -> None:
    predicted = torch.full((1, 2, 16, 16), 20.0, requires_grad=True)
    loss, _ = clip_loss(predicted, torch.zeros(1, 2, 16, 16), LossWeights())
    loss.backward()
    assert bool(loss.isfinite())
    assert predicted.grad is not None
    assert bool(predicted.grad.isfinite().all())


def test_score_is_perfect_up_to_one_scale_and_shift_and_no_further() -> None:
    truth = _clips()[0] + 2.0
    assert score(truth * 0.2 + 3.0, truth).delta1 == 1.0
    assert score(-truth, truth).delta1 == 1.0, "least squares may turn it round"
    flickering = truth * torch.tensor([1.0, 2.0, 0.5, 1.0]).view(4, 1, 1)
    assert score(flickering, truth).delta1 < 0.9


def test_score_counts_sky_as_the_farthest_and_unknown_not_at_all() -> None:
    truth = torch.tensor([[50.0, 25.0, 0.0, -1.0]]).view(1, 1, 4)
    assert score(torch.tensor([[50.0, 25.0, 0.0, 9e9]]).view(1, 1, 4), truth).delta1 == 1.0
    # sky takes no part in the alignment, so a near value there is one pixel of three wrong
    wrong = score(torch.tensor([[50.0, 25.0, 20.0, 0.0]]).view(1, 1, 4), truth)
    assert wrong.delta1 == pytest.approx(2 / 3)


def _settings(**changes: Any) -> TrainSettings:
    data = DataSettings(seed=3, clips=2, frames=1, height_px=96, width_px=96, flicker=0.0)
    base = TrainSettings(
        data=data,
        temporal=False,
        steps=4,
        minutes=None,
        encoder_rate=3e-4,
        decoder_rate=1e-3,
        temporal_rate=0.0,
        warmup_steps=2,
        log_every=1,
        checkpoint_seconds=0.0,
    )
    return dataclasses.replace(base, **changes)


class _StopError(Exception):
    """The run is cut off."""


def _stop_at(step: int) -> Any:
    def report(line: dict[str, Any]) -> None:
        if line["step"] == step:
            raise _StopError

    return report


def _ignore(line: dict[str, Any]) -> None:
    assert line["skipped"] == 0


def test_resumed_training_equals_unbroken_training(tmp_path: Path) -> None:
    settings = _settings()
    whole = new_network("nano", None, seed=1)
    train(whole, settings, tmp_path / "whole.pt", [], _CPU, _ignore)
    broken = new_network("nano", None, seed=1)
    with pytest.raises(_StopError):
        train(broken, settings, tmp_path / "broken.pt", [], _CPU, _stop_at(3))
    assert load_checkpoint(tmp_path / "broken.pt").step == 2
    resumed = new_network("nano", None, seed=2)
    train(resumed, settings, tmp_path / "broken.pt", [], _CPU, _ignore)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], tensor), name
    assert load_checkpoint(tmp_path / "broken.pt").step == 4
    train(resumed, settings, tmp_path / "broken.pt", [], _CPU, _ignore)
    assert load_checkpoint(tmp_path / "broken.pt").step == 4, "what has ended stays ended"
    with pytest.raises(WeightsError, match=r"broken\.pt"):
        train(resumed, _settings(encoder_rate=0.0), tmp_path / "broken.pt", [], _CPU, _ignore)


def _held_out_loss(net: FlashDepthNet) -> float:
    batch = held_out(DataSettings(0, 6, 1, 96, 96, 0.0), _CPU)
    # batch statistics, as in training: the running ones need more steps than a test has
    with torch.no_grad():
        return float(
            clip_loss(predict(net.train(), batch.rgb), batch.disparity_100_per_m, LossWeights())[0]
        )


def test_training_without_an_end_is_refused() -> None:
    with pytest.raises(SettingsError, match="minutes"):
        _settings(steps=None)


def test_a_few_steps_lower_the_loss_on_clips_never_seen(tmp_path: Path) -> None:
    net = new_network("nano", None, seed=0)
    before = _held_out_loss(net)
    data = DataSettings(seed=0, clips=4, frames=1, height_px=96, width_px=96, flicker=0.0)
    settings = _settings(data=data, steps=10, checkpoint_seconds=60.0)
    train(net, settings, tmp_path / "run.pt", [], _CPU, _ignore)
    assert _held_out_loss(net) < 0.9 * before


def test_stage_one_leaves_the_temporal_module_without_effect(tmp_path: Path) -> None:
    net = new_network("nano", None, seed=0)
    train(net, _settings(steps=2), tmp_path / "run.pt", [], _CPU, _ignore)
    last = net.get_parameter("mamba.final_layer.1.weight")
    assert float(last.abs().max()) == 0.0


def test_stage_two_moves_the_temporal_module_and_not_the_encoder(tmp_path: Path) -> None:
    net = new_network("nano", None, seed=0)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    data = DataSettings(seed=0, clips=1, frames=3, height_px=96, width_px=96, flicker=1.0)
    settings = _settings(
        data=data, temporal=True, steps=3, encoder_rate=0.0, decoder_rate=1e-4, temporal_rate=1e-3
    )
    train(net, settings, tmp_path / "run.pt", [], _CPU, _ignore)
    changed = {n for n, tensor in net.state_dict().items() if not torch.equal(tensor, before[n])}
    assert not [name for name in changed if name.startswith("pretrained.")]
    assert "mamba.blocks.0.0.mamba.A_log" in changed
    assert "depth_head.scratch.output_conv1.weight" in changed


def test_gradients_pass_from_the_last_frame_to_the_first() -> None:
    net = new_network("nano", None, seed=0)
    torch.nn.init.normal_(net.get_parameter("mamba.final_layer.1.weight"))
    rgb = torch.rand(1, 3, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    rgb.requires_grad_(True)
    predict(net.eval(), rgb)[:, -1].sum().backward()
    assert rgb.grad is not None
    assert bool((rgb.grad[0].flatten(1).abs().sum(1) > 0).all())


def test_export_round_trip(tmp_path: Path) -> None:
    weights = tmp_path / "nano.safetensors"
    data = ["--height-px", "96", "--width-px", "96", "--clips", "1"]
    quick = [*data, "--steps", "1", "--warmup-steps", "1", "--log-every", "1"]
    assert main(["stage1", str(tmp_path / "one.pt"), *quick]) == 0
    start = ["--start", str(tmp_path / "one.pt"), "--frames", "2"]
    assert main(["stage2", str(tmp_path / "two.pt"), *quick, *start]) == 0
    assert main(["export", str(tmp_path / "two.pt"), str(weights)]) == 0
    checkpoint = load_checkpoint(tmp_path / "two.pt")
    net, metadata = _load(weights)
    for name, tensor in net.state_dict().items():
        given = checkpoint.model[name]
        assert torch.allclose(tensor.float(), given.float(), rtol=1e-3, atol=1e-6), name
    assert (metadata["license"], metadata["base"]) == ("Apache-2.0", "random")
    assert (metadata["trained_at_px"], metadata["default_long_side_px"]) == ("96x96", "96")
    stages = json.loads(metadata["provenance"])["stages"]
    assert [stage["settings"]["temporal"] for stage in stages] == [False, True]
    assert [stage["frames_seen"] for stage in stages] == [1, 2]


def test_export_refuses_what_half_precision_cannot_hold(tmp_path: Path) -> None:
    net = new_network("nano", None, seed=0)
    train(net, _settings(steps=1), tmp_path / "run.pt", [origin(None)], _CPU, _ignore)
    checkpoint = load_checkpoint(tmp_path / "run.pt")
    checkpoint.model["mamba.final_layer.1.bias"][0] = 1e6
    with pytest.raises(WeightsError, match=r"mamba\.final_layer\.1\.bias"):
        export_weights(checkpoint, tmp_path / "out.safetensors")
    assert not list(tmp_path.glob("*out.safetensors*"))


def test_weights_from_an_unknown_encoder_claim_no_licence(tmp_path: Path) -> None:
    net = new_network("nano", None, seed=0)
    found = tmp_path / "found.pth"
    found.write_bytes(b"whatever it is")
    train(net, _settings(steps=1), tmp_path / "run.pt", [origin(found)], _CPU, _ignore)
    metadata = export_weights(load_checkpoint(tmp_path / "run.pt"), tmp_path / "out.safetensors")
    assert metadata["license"] == "unknown"
    assert metadata["commercial_use"] == "not stated"


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "not.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsError, match=r"not\.pt"):
        load_checkpoint(path)
    with pytest.raises(WeightsError, match=r"not\.pt"):
        new_network("nano", path, seed=0)


def _load(path: Path) -> tuple[FlashDepthNet, dict[str, str]]:
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    net = FlashDepthNet(ModelConfig.from_dict(json.loads(metadata["config"])))
    net.load_state_dict(load_file(path), strict=True)
    return net.eval(), metadata


def test_shipped_model_loads_strictly_and_says_what_it_is() -> None:
    net, metadata = _load(_SHIPPED)
    assert net.config == ModelConfig.preset("nano")
    assert _SHIPPED.stat().st_size < 16 * 1024 * 1024
    assert metadata["license"] == "Apache-2.0"
    assert metadata["tensors_sha256"] == tensors_sha256(load_file(_SHIPPED))
    provenance = json.loads(metadata["provenance"])
    assert "ImageNet" in provenance["start"]["trained_on"]
    assert [stage["settings"]["temporal"] for stage in provenance["stages"]] == [False, True]


def test_shipped_model_beats_flat_and_ramp_on_clips_never_trained_on() -> None:
    net, _ = _load(_SHIPPED)
    scores = held_out_scores(net, DataSettings(0, 10, 2, 128, 224, 0.5), _CPU)
    assert scores["network"].delta1 > scores["ramp"].delta1 + 0.15
    assert scores["network"].delta1 > scores["flat"].delta1 + 0.15
    assert scores["network"].abs_rel < scores["ramp"].abs_rel


def test_vertical_ramp_rises_downwards() -> None:
    ramp = vertical_ramp((2, 3, 4))
    assert torch.equal(ramp[0, :, 0], torch.tensor([0.0, 0.5, 1.0]))
