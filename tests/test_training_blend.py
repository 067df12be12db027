"""Weights between two stages of one training."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from training_kit import checkpoint_of, network

from flashdepth_vfx.errors import SettingsError, WeightsError
from flashdepth_vfx.training.blend import blend_weights
from flashdepth_vfx.training.checkpoint import save_checkpoint
from flashdepth_vfx.training.export import export_weights
from flashdepth_vfx.training.start import new_network


@pytest.fixture
def stages(tmp_path: Path) -> tuple[Path, Path]:
    """A checkpoint after one stage, and the one after the next, of which every number is another."""
    one, two = checkpoint_of(network(1)), checkpoint_of(network(2))
    one = dataclasses.replace(one, history=two.history[:-1])
    save_checkpoint(one, tmp_path / "one.pt")
    save_checkpoint(two, tmp_path / "two.pt")
    return tmp_path / "one.pt", tmp_path / "two.pt"


def test_a_blend_lies_on_the_line_between_both(tmp_path: Path, stages: tuple[Path, Path]) -> None:
    path = tmp_path / "blend.safetensors"
    blend_weights(*stages, 0.25, path)
    before, after, given = network(1).state_dict(), network(2).state_dict(), load_file(path)
    assert set(given) == set(after)
    name = "depth_head.scratch.output_conv2.0.weight"
    wanted = 0.75 * before[name] + 0.25 * after[name]
    assert not torch.equal(before[name], after[name])
    torch.testing.assert_close(given[name].float(), wanted, rtol=1e-3, atol=1e-4)
    counter = next(name for name, tensor in after.items() if not tensor.is_floating_point())
    assert torch.equal(given[counter], after[counter])


def test_the_file_says_of_what_it_is_a_blend(tmp_path: Path, stages: tuple[Path, Path]) -> None:
    path = tmp_path / "blend.safetensors"
    metadata = blend_weights(*stages, 0.75, path, long_side_px=352)
    with safe_open(path, "pt") as file:
        assert dict(file.metadata()) == metadata
    assert metadata["default_long_side_px"] == "352"
    last = json.loads(metadata["provenance"])["stages"][-1]
    assert last["blended"]["share"] == 0.75
    assert len(last["blended"]["from_sha256"]) == 64


def test_weights_serve_as_well_as_checkpoints(tmp_path: Path, stages: tuple[Path, Path]) -> None:
    """A stage's checkpoint may be long gone: its weights say the same."""
    one, two = (tmp_path / f"{name}.safetensors" for name in ("one", "two"))
    export_weights(
        dataclasses.replace(
            checkpoint_of(network(1)), history=checkpoint_of(network(2)).history[:-1]
        ),
        one,
    )
    export_weights(checkpoint_of(network(2)), two)
    blend_weights(*stages, 0.5, tmp_path / "of_checkpoints.safetensors")
    blend_weights(one, two, 0.5, tmp_path / "of_weights.safetensors")
    of_checkpoints = load_file(tmp_path / "of_checkpoints.safetensors")
    for name, tensor in load_file(tmp_path / "of_weights.safetensors").items():
        torch.testing.assert_close(tensor, of_checkpoints[name], rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_a_blend_is_between(tmp_path: Path, stages: tuple[Path, Path], share: float) -> None:
    with pytest.raises(SettingsError, match="between 0 and 1"):
        blend_weights(*stages, share, tmp_path / "blend.safetensors")
    assert not (tmp_path / "blend.safetensors").exists()


def test_two_trainings_do_not_blend(tmp_path: Path, stages: tuple[Path, Path]) -> None:
    stranger = dataclasses.replace(checkpoint_of(network(3)), history=[{"encoder": "another"}])
    save_checkpoint(stranger, tmp_path / "stranger.pt")
    with pytest.raises(WeightsError, match=r"two\.pt: it was not trained on from .*stranger\.pt"):
        blend_weights(tmp_path / "stranger.pt", stages[1], 0.5, tmp_path / "blend.safetensors")


def test_two_networks_do_not_blend(tmp_path: Path, stages: tuple[Path, Path]) -> None:
    other = checkpoint_of(new_network("nano-lite", None, 1))
    save_checkpoint(other, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="two different networks"):
        blend_weights(tmp_path / "other.pt", stages[1], 0.5, tmp_path / "blend.safetensors")
