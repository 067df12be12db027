"""Any temporal module in training: begun from a stage that knew none or another, gone on with, and never mixed up."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import click
import pytest
import torch
from safetensors.torch import load_file, save_file
from training_kit import (
    CPU,
    changed,
    checkpoint_of,
    copied,
    made_source,
    network,
    stage_settings,
    write_checkpoint,
)

import flashdepth_vfx
from flashdepth_batch import main as batch_main
from flashdepth_batch import train as train_command
from flashdepth_vfx.errors import WeightsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.model.temporal_config import TEMPORAL_KINDS, TemporalKind
from flashdepth_vfx.training.checkpoint import load_checkpoint, save_checkpoint
from flashdepth_vfx.training.held import held_by, take_over
from flashdepth_vfx.training.start import hybrid_from, new_network
from flashdepth_vfx.training.train import train
from flashdepth_vfx.weights import load

_SHIPPED = Path(flashdepth_vfx.__file__).parent / "data" / "nano.safetensors"
_SMALL = ["--height-px", "64", "--width-px", "64", "--clips", "1", "--frames", "2", "--chunks", "1"]
_ONE_STEP = ["--steps", "1", "--warmup-steps", "1", "--log-every", "1"]


def flashdepth(*arguments: str | Path) -> int:
    """The command in this process."""
    code: int = batch_main.main([str(argument) for argument in arguments])
    return code


def remembering(kind: TemporalKind | None = None, path: int | None = None) -> FlashDepthNet:
    """A new nano with this temporal module."""
    return new_network(ModelConfig.preset("nano").with_temporal(kind, path), None, 1)


@pytest.mark.parametrize("kind", [kind for kind in TEMPORAL_KINDS if kind != "none"])
def test_every_module_learns_over_clips_that_go_on(kind: TemporalKind, tmp_path: Path) -> None:
    net = remembering(kind)
    before = copied(net)
    settings = stage_settings("stage2", decoder_rate=0.0)
    lines: list[float] = []
    steps = train(
        net, settings, made_source(settings.data), tmp_path / "two.pt", [], CPU,
        lambda line: lines.append(line["gradient_norm"]),
    )  # fmt: skip
    assert steps == len(lines) == 4
    moved = changed(net, before)
    assert moved == {name for name, _ in net.named_parameters() if name.startswith("mamba.")}
    assert all(0.0 < norm < 1e6 for norm in lines)


def test_a_stage_begins_a_new_module_goes_on_with_it_and_exports_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = write_checkpoint(tmp_path / "one.pt", seed=4)
    two, three, weights = (tmp_path / name for name in ("two.pt", "three.pt", "w.safetensors"))
    run = ["train", "stage2", *_SMALL, *_ONE_STEP, "--decoder-rate", "0", "--from"]
    asked = ("--temporal", "xlstm", "--temporal-level", "2")
    assert flashdepth(*run, one, two, *asked) == 0
    begun, given = load_checkpoint(one), load_checkpoint(two)
    expected = ModelConfig.preset("nano").with_temporal("xlstm", 2)
    assert ModelConfig.from_dict(given.config) == expected
    kept = {name for name in given.model if not name.startswith("mamba.")}
    assert kept == {name for name in begun.model if not name.startswith("mamba.")}
    assert all(torch.equal(given.model[n], begun.model[n]) for n in kept)
    assert any(".mlstm." in name for name in given.model)
    assert not any(".mamba." in name for name in given.model)
    # named again it goes on: what one step moves is far less than what another draw would
    assert flashdepth(*run, two, three, *asked, "--temporal-rate", "1e-9") == 0
    on = load_checkpoint(three).model
    assert (
        max(float((on[n].float() - t.float()).abs().max()) for n, t in given.model.items()) < 1e-6
    )
    assert flashdepth("train", "export", three, weights) == 0
    assert load(weights).config == expected.to_dict()
    capsys.readouterr()


def test_the_command_knows_every_module() -> None:
    (option,) = (p for p in train_command.stage2.params if p.name == "temporal")
    assert isinstance(option.type, click.Choice)
    assert tuple(option.type.choices) == TEMPORAL_KINDS


def test_a_module_that_nobody_named_is_not_thrown_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = remembering("hydra", 2)
    save_checkpoint(checkpoint_of(net), tmp_path / "hydra.pt")
    run = ["train", "stage2", str(tmp_path / "out.pt"), *_SMALL, *_ONE_STEP]
    assert flashdepth(*run, "--from", tmp_path / "hydra.pt") == 2
    said = capsys.readouterr().err
    assert "--temporal hydra --temporal-level 2" in said
    assert "begins anew" in said
    assert flashdepth(*run, "--temporal", "none", "--decoder-rate", "0") == 2
    assert "nothing to train" in capsys.readouterr().err
    assert not (tmp_path / "out.pt").exists()


def test_a_stage_is_not_resumed_on_another_path(tmp_path: Path) -> None:
    """The same weights would fit there, and mean nothing."""
    settings = stage_settings("stage2", steps=1)
    source, path = made_source(settings.data), tmp_path / "two.pt"
    train(remembering(), settings, source, path, [], CPU, lambda line: None)
    other = remembering(path=4)
    with pytest.raises(WeightsError, match="of another network"):
        train(other, settings, source, path, [], CPU, lambda line: None)


def test_weights_from_before_there_were_several_are_the_same_network_today(tmp_path: Path) -> None:
    """The shipped file does not say its module: a stage goes on from it, and nothing is drawn anew."""
    held, net = held_by(_SHIPPED), network()
    assert held.config == ModelConfig.preset("nano").to_dict()
    take_over(net, held, _SHIPPED, new_module=False)
    stored = load_file(_SHIPPED)
    assert all(torch.equal(t.float(), stored[n].float()) for n, t in net.state_dict().items())
    take_over(net, held, _SHIPPED, new_module=True)
    assert (
        torch.equal(net.get_parameter("mamba.final_layer.1.weight"), torch.zeros(64, 64)) is False
    )
    fresh = network(seed=5)
    own = copied(fresh)
    take_over(fresh, held, _SHIPPED, new_module=True)
    same = {n for n, t in fresh.state_dict().items() if torch.equal(t, own[n])}
    assert {n for n in own if n.startswith("mamba.")} <= same


def test_a_file_that_does_not_say_its_network_is_refused(tmp_path: Path) -> None:
    said = {"config": "{", "provenance": json.dumps({"start": {}, "stages": []})}
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors", said)
    with pytest.raises(WeightsError, match="does not say which network"):
        held_by(tmp_path / "x.safetensors")


def test_a_hybrid_may_remember_in_another_way_than_its_teacher() -> None:
    net = hybrid_from(
        _SHIPPED, None, 0, ModelConfig.preset("nano-hybrid").with_temporal("transformer")
    )
    stored = load_file(_SHIPPED)
    name = "depth_head.scratch.refinenet1.out_conv.weight"
    assert torch.equal(net.get_parameter(name), stored[name].float())
    assert not net.get_parameter("mamba.final_layer.1.weight").any(), "begun anew"


def test_the_table_of_modules_is_measured_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Path(__file__).resolve().parents[1] / "benchmarks" / "temporal_modules.py"
    sizes = ["--width-px", "64", "--height-px", "64", "--clips", "1", "--frames", "1"]
    counts = ["--steps", "1", "--judged-clips", "1", "--judged-frames", "2"]
    written = tmp_path / "table.json"
    asked = [str(script), *sizes, *counts, "--kinds", "none", "xlstm", "--json", str(written)]
    monkeypatch.setattr(sys, "argv", asked)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    assert ended.value.code == 0
    record = json.loads(written.read_text())
    assert [row["name"] for row in record["rows"]] == ["constant", "ramp", "start", "none", "xlstm"]
    xlstm = record["rows"][-1]
    assert (xlstm["level"], xlstm["state_bytes"]) == (3, 4 * 4 * 8 * (32 * 32 + 32 + 1))
    assert xlstm["frame_ms"] > 0
    assert 0 < xlstm["delta1"] <= 1
    assert record["machine"]["torch"] == torch.__version__
    assert len(capsys.readouterr().out.splitlines()) == 7
