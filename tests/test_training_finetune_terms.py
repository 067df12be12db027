"""What fine-tuned weights say of themselves: the terms of what they were made from, and no name of a show."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from studio_kit import SECRET, write_show

from flashdepth_vfx.errors import (
    WeightsError,
)
from flashdepth_vfx.model import ModelConfig
from flashdepth_vfx.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from flashdepth_vfx.training.studio import (
    StudioReading,
    StudioShot,
    open_shots,
)
from flashdepth_vfx.training.studio.terms import export_fine_tuned, start_record
from flashdepth_vfx.weights import LoadedWeights, WeightsEntry, load


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> list[StudioShot]:
    """Four shots of two frames."""
    folder = write_show(tmp_path_factory.mktemp("terms") / "show", 4, 2)
    return open_shots(folder, StudioReading(), 2)[1]


def weights_with(nano_weights: Path, path: Path, **metadata: str) -> Path:
    """The random nano under terms of its own."""
    with safe_open(nano_weights, framework="pt") as file:
        said = dict(file.metadata())
    save_file(load_file(nano_weights), path, said | metadata)
    return path


def loaded_as(name: str, **terms: Any) -> LoadedWeights:
    """Weights of which only the terms matter."""
    entry = WeightsEntry(
        **{
            "name": name, "architecture": "nano", "repository": None, "file": name,
            "license": "Apache-2.0", "commercial_use": "yes", "base": "", **terms,
        }
    )  # fmt: skip
    return LoadedWeights(entry, Path(name), "ab" * 32, ModelConfig.preset("nano").to_dict(), {})


def checkpoint_of(start: dict[str, Any]) -> Checkpoint:
    """A finished run of almost no network."""
    stage = {"settings": {"data": {"width_px": 384, "height_px": 224}}, "steps": 1}
    config = ModelConfig.preset("nano").to_dict()
    return Checkpoint(
        config, {"a": torch.ones(2), "n": torch.tensor(3)}, {}, 1, 1.0, [start, stage]
    )


@pytest.mark.parametrize(
    ("license_", "use"),
    [("CC-BY-NC-4.0", "no"), ("unknown (your own file)", "not stated"), ("Apache-2.0", "yes"),
     ("Apache-2.0", "not stated"), ("Apache-2.0", "no")],
)  # fmt: skip
def test_licence_and_paid_work_are_those_of_the_base(
    tmp_path: Path, shots: list[StudioShot], license_: str, use: str
) -> None:
    base = loaded_as("l", license=license_, commercial_use=use, base="something")
    path = tmp_path / "tuned.safetensors"
    metadata = export_fine_tuned(checkpoint_of(start_record(base, shots, 0.25)), path)
    assert (metadata["license"], metadata["commercial_use"]) == (license_, use)
    assert base.sha256 in metadata["base"]
    assert "something" in metadata["base"]
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == metadata


def test_terms_survive_the_checkpoint_and_a_second_fine_tuning(
    tmp_path: Path, shots: list[StudioShot], nano_weights: Path
) -> None:
    base = weights_with(
        nano_weights,
        tmp_path / "nc.safetensors",
        license="CC-BY-NC-4.0",
        commercial_use="no",
        base="an NC base",
    )
    loaded = load(base)
    for name in ("once", "twice"):
        run = checkpoint_of(start_record(loaded, shots, 0.25))
        run = dataclasses.replace(run, model=loaded.state_dict)
        save_checkpoint(run, tmp_path / f"{name}.pt")
        path = tmp_path / f"{name}.safetensors"
        export_fine_tuned(load_checkpoint(tmp_path / f"{name}.pt"), path)
        loaded = load(path)
        assert (loaded.entry.license, loaded.entry.commercial_use) == ("CC-BY-NC-4.0", "no")
        assert "an NC base" in loaded.entry.base


def test_counts_are_recorded_and_no_names(tmp_path: Path, shots: list[StudioShot]) -> None:
    base = loaded_as(f"{SECRET}_v001.safetensors")
    path = tmp_path / "tuned.safetensors"
    metadata = export_fine_tuned(checkpoint_of(start_record(base, shots, 0.25)), path)
    assert SECRET not in json.dumps(metadata)
    assert SECRET.encode() not in path.read_bytes()
    start = json.loads(metadata["provenance"])["start"]
    assert start_record(base, shots, 0.25)["shots_sha256"] not in json.dumps(metadata)
    assert (start["shots"], start["frames"], start["sha256"]) == (4, 8, base.sha256)
    assert "nano" in start_record(loaded_as("nano"), shots, 0.25)["encoder"]


def test_weights_that_float16_cannot_hold_leave_no_file(tmp_path: Path) -> None:
    run = checkpoint_of(start_record(loaded_as("nano"), [], 0.0))
    run = dataclasses.replace(run, model={"a": torch.tensor([1e6])})
    with pytest.raises(WeightsError, match="float16"):
        export_fine_tuned(run, tmp_path / "tuned.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_training_is_not_exported(tmp_path: Path) -> None:
    run = checkpoint_of({"encoder": "random", "license": "Apache-2.0"})
    with pytest.raises(WeightsError, match="not that of a fine-tuning"):
        export_fine_tuned(run, tmp_path / "tuned.safetensors")
