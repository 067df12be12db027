"""The training loop: what moves in each stage, when it is written down, and that a run that was cut off goes on."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from training_kit import (
    CPU,
    changed,
    copied,
    data_settings,
    made_batch,
    made_source,
    network,
    stage_settings,
)

from flashdepth_vfx.errors import Interrupted, SettingsError, WeightsError
from flashdepth_vfx.model import FlashDepthNet, TemporalState
from flashdepth_vfx.training import learner as learning
from flashdepth_vfx.training import train as loop
from flashdepth_vfx.training.checkpoint import load_checkpoint
from flashdepth_vfx.training.data import Batch
from flashdepth_vfx.training.losses import LossWeights, clip_loss
from flashdepth_vfx.training.passes import predict, predict_frames
from flashdepth_vfx.training.settings import TrainSettings
from flashdepth_vfx.training.train import train

Line = dict[str, Any]


class _StopError(Exception):
    """The run is cut off."""


def _ignored(line: Line) -> None:
    """A log that nobody reads."""


def _stop_at(step: int) -> Callable[[Line], None]:
    def report(line: Line) -> None:
        if line["step"] == step:
            raise _StopError

    return report


def run(
    net: FlashDepthNet,
    settings: TrainSettings,
    path: Path,
    report: Callable[[Line], None] | None = None,
    change: Callable[[int, Batch], Batch] | None = None,
) -> list[Line]:
    """Trains, and gives the log."""
    lines: list[Line] = []
    source = made_source(settings.data, change=change)
    train(net, settings, source, path, [], CPU, report or lines.append)
    return lines


@pytest.mark.parametrize(
    ("stage", "steps", "cut", "kept"), [("stage1", 3, 2, 1), ("stage2", 5, 4, 2)]
)
def test_resumed_training_equals_unbroken_training(
    stage: str, steps: int, cut: int, kept: int, tmp_path: Path
) -> None:
    settings = stage_settings(stage, steps=steps, checkpoint_seconds=0.0)
    whole = network()
    run(whole, settings, tmp_path / "whole.pt")
    with pytest.raises(_StopError):
        run(network(), settings, tmp_path / "broken.pt", _stop_at(cut))
    # of a stage whose clips go on for two steps, the last one that begins a clip
    assert load_checkpoint(tmp_path / "broken.pt").step == kept
    resumed = network(seed=2)
    run(resumed, settings, tmp_path / "broken.pt")
    assert changed(resumed, whole.state_dict()) == set()
    one, two = (load_checkpoint(tmp_path / f"{name}.pt") for name in ("whole", "broken"))
    assert one.step == two.step == steps
    for number, slots in one.optimizer["state"].items():
        for name, value in slots.items():
            assert torch.equal(two.optimizer["state"][number][name], value)


def test_what_has_ended_stays_ended_and_another_stage_is_refused(tmp_path: Path) -> None:
    settings, path = stage_settings("stage1", steps=1), tmp_path / "run.pt"
    net = network()
    run(net, settings, path)
    before = copied(net)
    assert run(net, settings, path) == []
    assert not changed(net, before)
    assert load_checkpoint(path).step == 1
    with pytest.raises(WeightsError, match=r"run\.pt: of another network or stage"):
        run(network(), dataclasses.replace(settings, encoder_rate=0.0), path)


@pytest.mark.parametrize("chunks", [1, 3])
def test_checkpoints_are_written_where_clips_begin(
    chunks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def save(checkpoint: Any, path: Path) -> None:
        written.append(checkpoint.step)

    monkeypatch.setattr(loop, "save_checkpoint", save)
    data = data_settings(frames=1, chunks=chunks, height_px=32, width_px=32)
    often = stage_settings("stage2", data=data, steps=7, checkpoint_seconds=0.0)
    run(network(), often, tmp_path / "run.pt")
    # and at the end, wherever that is
    assert written == [*range(0, 7, chunks), 7]
    written.clear()
    run(network(), stage_settings("stage2", data=data, steps=4), tmp_path / "run.pt")
    assert written == [4]


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"steps": None}, "minutes"), ({"steps": 0}, "0 steps"), ({"minutes": 0.0}, "0 minutes"),
     ({"minutes": math.nan}, "nan minutes"), ({"warmup_steps": 0}, "warmup_steps of 0"),
     ({"log_every": 0}, "log_every of 0"), ({"encoder_rate": -1e-4}, "below 0"),
     ({"encoder_rate": 0.0, "decoder_rate": 0.0}, "has to be above")],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        stage_settings("stage1", **changes)


def test_a_run_goes_on_only_from_what_it_began_as(tmp_path: Path) -> None:
    settings, path = stage_settings("stage1", steps=1), tmp_path / "run.pt"
    source = made_source(settings.data)
    begun = [{"encoder": "found.pth", "license": "unknown"}]
    train(network(), settings, source, path, begun, CPU, _ignored)
    before = path.read_bytes()
    # or the file would say that it is free
    more, free = dataclasses.replace(settings, steps=2), [{"encoder": "random"}]
    with pytest.raises(WeightsError, match=r"run\.pt: begun from other weights"):
        train(network(), more, source, path, free, CPU, _ignored)
    assert path.read_bytes() == before
    assert train(network(), more, source, path, begun, CPU, _ignored) == 1
    assert train(network(), more, source, path, begun, CPU, _ignored) == 0


def test_rates_are_those_that_are_told_now(tmp_path: Path) -> None:
    settings, path = stage_settings("stage1", steps=1), tmp_path / "run.pt"
    run(network(), settings, path)
    run(network(), dataclasses.replace(settings, steps=2, decoder_rate=5e-4), path)
    groups = load_checkpoint(path).optimizer["param_groups"]
    assert {group["peak"] for group in groups} == {3e-4, 5e-4}
    assert load_checkpoint(path).history[-1]["settings"]["decoder_rate"] == 5e-4


@pytest.mark.parametrize(("stage", "kept"), [("stage1", 1), ("stage2", 2)])
def test_told_to_stop_it_stops_where_a_clip_begins_and_goes_on_as_unbroken(
    stage: str, kept: int, tmp_path: Path
) -> None:
    settings, stop = stage_settings(stage, steps=3), threading.Event()
    source, whole, path = made_source(settings.data), network(), tmp_path / "stopped.pt"
    run(whole, settings, tmp_path / "whole.pt")
    stop.set()
    with pytest.raises(Interrupted, match=f"after step {kept}"):
        train(network(), settings, source, path, [], CPU, _ignored, stop=stop)
    assert load_checkpoint(path).step == kept
    resumed = network(seed=2)
    assert train(resumed, settings, source, path, [], CPU, _ignored) == 3 - kept
    assert changed(resumed, whole.state_dict()) == set()


def test_however_short_a_run_its_last_step_is_told(tmp_path: Path) -> None:
    settings = stage_settings("stage1", steps=2, log_every=50)
    assert [line["step"] for line in run(network(), settings, tmp_path / "run.pt")] == [2]


def test_training_ends_when_its_minutes_are_over(tmp_path: Path) -> None:
    settings = stage_settings("stage1", steps=None, minutes=0.01, warmup_steps=1)
    steps = [line["step"] for line in run(network(), settings, tmp_path / "run.pt")]
    assert steps == list(range(1, len(steps) + 1))
    assert 1 <= len(steps) < 100
    checkpoint = load_checkpoint(tmp_path / "run.pt")
    assert checkpoint.step == len(steps)
    assert checkpoint.seconds >= 0.6
    both = dataclasses.replace(settings, steps=2, minutes=60.0)
    assert [line["step"] for line in run(network(), both, tmp_path / "both.pt")] == [1, 2]


def test_rates_warm_up_and_fall_to_what_is_left_of_them(tmp_path: Path) -> None:
    data = data_settings(height_px=32, width_px=64)
    settings = stage_settings("stage1", data=data, steps=8, warmup_steps=4, last_rate=0.1)
    rates = [line["rate"] for line in run(network(), settings, tmp_path / "run.pt")]
    falls = [0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * step / 8)) for step in range(8)]
    warm = [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]
    wanted = [fall * share for fall, share in zip(falls, warm, strict=True)]
    assert rates == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("fixed", [False, True])
def test_stage_one_leaves_the_temporal_module_and_fixed_norms(fixed: bool, tmp_path: Path) -> None:
    net = network()
    before = copied(net)
    run(net, stage_settings("stage1", steps=2, fixed_norms=fixed), tmp_path / "run.pt")
    moved = changed(net, before)
    assert not [name for name in moved if name.startswith("mamba.")]
    assert [name for name in moved if name.startswith("pretrained.") and "running" not in name]
    assert any("running_" in name for name in moved) is not fixed
    assert "depth_head.scratch.output_conv1.weight" in moved


def test_stage_two_moves_the_temporal_module_and_the_decoder_alone(tmp_path: Path) -> None:
    net = network()
    before = copied(net)
    run(net, stage_settings("stage2", steps=3), tmp_path / "run.pt")
    moved = changed(net, before)
    # its batch statistics included
    assert not [name for name in moved if name.startswith("pretrained.")]
    assert "mamba.blocks.0.0.mamba.A_log" in moved
    assert "mamba.final_layer.1.weight" in moved
    assert "depth_head.scratch.output_conv1.weight" in moved
    still = network()
    run(still, stage_settings("stage2", steps=2, decoder_rate=0.0), tmp_path / "still.pt")
    assert {name.split(".")[0] for name in changed(still, before)} == {"mamba"}


def test_a_state_is_carried_from_chunk_to_chunk_and_to_no_other_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[TemporalState | None] = []
    left: list[TemporalState | None] = []

    def seen(net: FlashDepthNet, rgb: torch.Tensor, state: Any, *how: Any) -> Any:
        given.append(state)
        predicted, after = predict(net, rgb, state, *how)
        left.append(after)
        return predicted, after

    monkeypatch.setattr(learning, "predict", seen)
    run(network(), stage_settings("stage2", steps=4), tmp_path / "run.pt")
    # two steps a clip
    assert [state is None for state in given] == [True, False] * 2
    for before, after in ((left[0], given[1]), (left[2], given[3])):
        assert before is not None
        assert after is not None
        for one, two in zip(before.tensors, after.tensors, strict=True):
            assert torch.equal(one, two)
            assert not two.requires_grad, "gradients stay within a step"


def test_gradients_that_are_not_finite_are_skipped(tmp_path: Path) -> None:
    before: dict[int, dict[str, torch.Tensor]] = {}
    net = network()

    def spoil(step: int, batch: Batch) -> Batch:
        before[step] = {name: p.detach().clone() for name, p in net.named_parameters()}
        truth = batch.disparity_100_per_m.clone()
        if step == 1:
            truth[0, 0, 0, 0] = torch.nan
        return dataclasses.replace(batch, disparity_100_per_m=truth)

    lines = run(net, stage_settings("stage1", steps=3), tmp_path / "run.pt", change=spoil)
    assert [line["skipped"] for line in lines] == [0, 1, 1]
    assert all(torch.equal(tensor, before[2][name]) for name, tensor in before[1].items())
    assert not all(torch.equal(tensor, before[1][name]) for name, tensor in before[0].items())
    assert all(bool(parameter.isfinite().all()) for parameter in net.parameters())
    assert not all(torch.equal(p, before[2][name]) for name, p in net.named_parameters())


def test_the_log_says_how_it_goes(tmp_path: Path) -> None:
    settings = stage_settings("stage1", steps=4, log_every=2, loss=LossWeights(steady=0.0))
    lines = run(network(), settings, tmp_path / "run.pt")
    assert [line["step"] for line in lines] == [2, 4]
    names = {"stage", "seconds", "frames_per_s", "loss", "shape", "ratio", "gradient_norm"}
    assert all(names <= set(line) for line in lines)
    record = load_checkpoint(tmp_path / "run.pt").history[-1]
    assert (record["steps"], record["ranks"], record["frames_seen"]) == (4, 1, 8)
    assert record["settings"]["data"]["clips"] == 2


def test_a_few_steps_lower_the_loss_on_clips_never_seen(tmp_path: Path) -> None:
    net, data = network(), data_settings(clips=2)

    def loss() -> float:
        # batch statistics, as in training: the running ones need more steps than a test has
        batch = made_batch(900, data)
        with torch.no_grad():
            predicted = predict_frames(net.train(), batch.rgb)
            return float(clip_loss(predicted, batch.disparity_100_per_m, LossWeights())[0])

    before = loss()
    run(net, stage_settings("stage1", data=data, steps=10), tmp_path / "run.pt")
    assert loss() < 0.9 * before
