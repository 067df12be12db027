"""Fine-tuning for a studio: what it refuses, what it holds out, what it inherits, and that it learns and resumes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from plates import write_exr
from safetensors import safe_open
from safetensors.torch import load_file
from studio_kit import SECRET, write_show

from flashdepth_vfx.errors import (
    LicenseError,
    OutputExistsError,
    SettingsError,
    UsageError,
    WeightsError,
)
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.training.checkpoint import load_checkpoint
from flashdepth_vfx.training.finetune import (
    FineTuneResult,
    FineTuneSettings,
    fine_tune,
    split_shots,
)
from flashdepth_vfx.training.studio import (
    HELD_OUT_SHOTS,
    MADE_SCENES,
    StudioReading,
    StudioShot,
    open_shots,
)
from flashdepth_vfx.weights import load


def settings(folder: Path, weights: Path | str, **changes: Any) -> FineTuneSettings:
    """The smallest run that there is: two steps on 96 x 96."""
    base = FineTuneSettings(
        folder=folder,
        weights=str(weights),
        steps=2,
        clips=2,
        frames=2,
        width_px=96,
        height_px=96,
        decoder_rate=1e-3,
        temporal_rate=1e-3,
        workers=1,
        device="cpu",
        made_share=0.0,
        judged_frames=2,
        judged_made_clips=0,
        log_every=1,
        checkpoint_seconds=0.0,
    )
    return dataclasses.replace(base, **changes)


def tune(
    wanted: FineTuneSettings, output: Path, lines: list[dict[str, Any]] | None = None
) -> FineTuneResult:
    """Run it, keeping the log."""
    return fine_tune(wanted, output, (lines if lines is not None else []).append)


# what is held out


def shots_of(folder: Path, count: int) -> list[StudioShot]:
    _, shots = open_shots(write_show(folder, count, 2), StudioReading(), 2)
    return shots


def test_every_fifth_shot_is_held_out_else_the_last(tmp_path: Path) -> None:
    shots = shots_of(tmp_path, 11)
    training, kept = split_shots(shots, ())
    assert [s.name[-3:] for s in kept] == ["005", "010"]
    assert len(training) == 9
    assert [s.name[-3:] for s in split_shots(shots[:3], ())[1]] == ["003"]
    assert split_shots(shots[:1], ()) == (shots[:1], [])


def test_named_shots_are_held_out_and_wrong_names_refused(tmp_path: Path) -> None:
    shots = shots_of(tmp_path, 3)
    training, kept = split_shots(shots, [shots[0].name])
    assert kept == shots[:1]
    assert training == shots[1:]
    with pytest.raises(UsageError, match="no usable shot has that name; there are: sekrit_sh001"):
        split_shots(shots, ["sh1"])
    with pytest.raises(UsageError, match="every usable shot"):
        split_shots(shots, [s.name for s in shots])


# what it refuses, before anything is trained or written


def test_nothing_trains_on_nothing(tmp_path: Path, nano_weights: Path) -> None:
    (tmp_path / "show").mkdir()
    with pytest.raises(UsageError, match="no shot to train on"):
        tune(settings(tmp_path / "show", nano_weights), tmp_path / "out" / "a.safetensors")
    assert not (tmp_path / "out").exists()


def test_weights_are_not_overwritten_nor_called_otherwise(
    tmp_path: Path, nano_weights: Path
) -> None:
    show = write_show(tmp_path / "show", 2)
    (tmp_path / "a.safetensors").write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match="is there already"):
        tune(settings(show, nano_weights), tmp_path / "a.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == b"mine"
    with pytest.raises(UsageError, match=r"end in \.safetensors"):
        tune(settings(show, nano_weights), tmp_path / "a.pt")


def test_a_run_goes_on_only_as_what_it_began_as(tmp_path: Path, nano_weights: Path) -> None:
    show = write_show(tmp_path / "show", 3)
    wanted = settings(show, nano_weights, hold_out=(f"{SECRET}_sh001",))
    tune(wanted, tmp_path / "a.safetensors")
    # as many shots and frames, but what was held out would be trained on
    other = dataclasses.replace(wanted, hold_out=(f"{SECRET}_sh002",))
    with pytest.raises(WeightsError, match="of another fine-tuning"):
        tune(other, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match="of another fine-tuning"):
        tune(dataclasses.replace(wanted, weights="nano"), tmp_path / "a.safetensors")


def test_terms_are_consented_to_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(LicenseError, match="--accept-license l"):
        tune(settings(write_show(tmp_path / "show", 2), "l"), tmp_path / "a.safetensors")


@pytest.mark.parametrize("side", [100, 16])
def test_sizes_that_the_network_cannot_take_are_refused(
    tmp_path: Path, nano_weights: Path, side: int
) -> None:
    show = write_show(tmp_path / "show", 2)
    with pytest.raises(SettingsError, match="multiple of 32, from"):
        tune(settings(show, nano_weights, height_px=side), tmp_path / "a.safetensors")


def test_a_clip_has_the_shape_of_its_shot_upright_too(tmp_path: Path, nano_weights: Path) -> None:
    for frame in (1001, 1002):
        write_exr(
            tmp_path / "show" / f"plate.{frame}.exr", {"RGB": np.ones((96, 48, 3), np.float16)}
        )
        write_exr(tmp_path / "show" / f"z.{frame}.exr", {"Z": np.full((96, 48), 5.0, np.float32)})
    out = tmp_path / "a.safetensors"
    tune(settings(tmp_path / "show", nano_weights, width_px=32, height_px=None, steps=1), out)
    assert load(out).entry.default_long_side_px == 128
    with safe_open(out, "pt") as file:
        assert file.metadata()["trained_at_px"] == "32x64"


# the whole way


def test_it_learns_a_show_and_writes_weights_that_load(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []
    wanted = settings(write_show(tmp_path / "show"), "nano", steps=12, judged_made_clips=1)
    result = tune(wanted, tmp_path / "out" / "tuned.safetensors", lines)
    rows = {(row.held_out, row.predictor): row for row in result.rows}
    shot, whole, made = f"{SECRET}_sh003", HELD_OUT_SHOTS, MADE_SCENES
    predictors = ("constant", "ramp", "before", "after")
    assert list(rows) == [(name, p) for name in (shot, whole, made) for p in predictors]
    assert rows[shot, "after"].abs_rel < 0.8 * rows[shot, "before"].abs_rel
    assert (result.shots, result.frames) == (2, 6)
    assert [line["step"] for line in lines] == list(range(1, 13))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["tuned.pt", "tuned.safetensors"]
    base, loaded = load("nano"), load(result.weights)
    assert (loaded.entry.license, loaded.entry.commercial_use) == ("Apache-2.0", "yes")
    assert loaded.entry.default_long_side_px == base.entry.default_long_side_px
    FlashDepthNet(ModelConfig.from_dict(loaded.config)).load_state_dict(loaded.state_dict)
    for name in ("tuned.pt", "tuned.safetensors"):
        assert SECRET.encode() not in (tmp_path / "out" / name).read_bytes()


def test_the_encoder_stays_unless_asked_and_its_statistics_always(
    tmp_path: Path, nano_weights: Path
) -> None:
    show = write_show(tmp_path / "show", 2)
    before = load(nano_weights).state_dict
    for name, rate in (("still", 0.0), ("moved", 1e-3)):
        tune(settings(show, nano_weights, encoder_rate=rate), tmp_path / f"{name}.safetensors")
        after = load_checkpoint(tmp_path / f"{name}.pt").model
        changed = {key for key, value in after.items() if not torch.equal(value, before[key])}
        statistics = {key for key in before if "running_" in key or "num_batches" in key}
        assert statistics
        assert not changed & statistics
        assert any(key.startswith("pretrained.") for key in changed) is (rate > 0.0)
        assert any(key.startswith("depth_head.") for key in changed)


class _StopError(Exception):
    """The run is cut off."""


def test_resumed_fine_tuning_equals_unbroken(tmp_path: Path, nano_weights: Path) -> None:
    show = write_show(tmp_path / "show", 2)
    wanted = settings(show, nano_weights, steps=3, made_share=0.25)
    tune(wanted, tmp_path / "whole.safetensors")

    def stop_at_two(line: dict[str, Any]) -> None:
        if line["step"] == 2:
            raise _StopError

    with pytest.raises(_StopError):
        fine_tune(wanted, tmp_path / "broken.safetensors", stop_at_two)
    assert load_checkpoint(tmp_path / "broken.pt").step == 1
    assert not (tmp_path / "broken.safetensors").exists()
    tune(wanted, tmp_path / "broken.safetensors")
    whole, broken = (load_file(tmp_path / f"{n}.safetensors") for n in ("whole", "broken"))
    assert all(torch.equal(whole[name], broken[name]) for name in whole)
