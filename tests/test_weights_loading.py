"""Weights held strict against the network: every name, every shape, and no other."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from weights_files import names_of, put, random_nano, without_memory

from flashdepth_vfx.errors import WeightsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.weights import ENTRIES, load
from flashdepth_vfx.weights.folders import sha256_of

SPEC = Path(__file__).parents[2] / "shared" / "spec"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "weights"
    monkeypatch.setenv("FLASHDEPTH_WEIGHTS", str(folder))
    monkeypatch.delenv("FLASHDEPTH_SITE", raising=False)
    return folder


def test_importing_weights_imports_no_torch() -> None:
    code = "import sys, flashdepth_vfx.weights; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("name", "tensors"), [("s", 305), ("l", 473), ("full", 776)])
def test_published_containers_load_strictly(
    name: str, tensors: int, tmp_path: Path, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = {"model": names_of(name), "step": 14001, "optimizer": {"state": {0: torch.ones(3)}}}
    path = put(own_folder, name, container)
    entry = ENTRIES[name]
    if entry.sha256:  # the published bytes are not here: the made file takes their place
        monkeypatch.setitem(ENTRIES, name, replace(entry, sha256=sha256_of(path)))
    loaded = load(name, accept=[name])
    assert len(loaded.state_dict) == tensors
    assert ModelConfig.from_dict(loaded.config) == ModelConfig.preset(name)
    assert loaded.sha256 == sha256_of(path)
    with torch.device("meta"):
        net = FlashDepthNet(ModelConfig.from_dict(loaded.config))
    net.load_state_dict(loaded.state_dict, strict=True, assign=True)


@pytest.mark.skipif(not SPEC.is_dir(), reason=f"no {SPEC}: the published names are not here")
@pytest.mark.parametrize("name", ["s", "l", "full"])
def test_names_and_shapes_are_the_published_ones(name: str) -> None:
    published = json.loads((SPEC / f"state_dict_{name}.json").read_text())
    assert {n: list(t.shape) for n, t in names_of(name).items()} == published


def test_a_bare_state_dict_loads_as_the_container_does(own_folder: Path) -> None:
    put(own_folder, "s", {"model": names_of("s"), "step": 1})
    loaded = load("s", accept=["s"]).state_dict
    contained = {name: tensor.clone() for name, tensor in loaded.items()}
    put(own_folder, "s", names_of("s"))
    bare = load("s", accept=["s"]).state_dict
    assert all(torch.equal(bare[name], tensor) for name, tensor in contained.items())


@pytest.mark.parametrize(
    "wrap",
    [
        "module.{}",
        "_orig_mod.{}",
        "module._orig_mod.{}",
        "_orig_mod.module.{}",
        "_checkpoint_wrapped_module.{}",
    ],
)
def test_wrappers_names_are_stripped(wrap: str, own_folder: Path) -> None:
    put(own_folder, "s", {wrap.format(name): t for name, t in names_of("s").items()})
    assert list(load("s", accept=["s"]).state_dict) == list(names_of("s"))


def test_wrappers_inside_names_are_stripped(own_folder: Path) -> None:
    wrapped = {
        name.replace("blocks.", "blocks._checkpoint_wrapped_module."): t
        for name, t in names_of("s").items()
    }
    put(own_folder, "s", wrapped)
    assert list(load("s", accept=["s"]).state_dict) == list(names_of("s"))


def test_two_tensors_of_one_name_are_refused(own_folder: Path) -> None:
    tensors = names_of("s")
    tensors["module.pretrained.cls_token"] = tensors["pretrained.cls_token"]
    put(own_folder, "s", tensors)
    with pytest.raises(WeightsError, match=r"two tensors.*pretrained\.cls_token"):
        load("s", accept=["s"])


def test_another_architecture_is_named(own_folder: Path) -> None:
    put(own_folder, "full", names_of("s"))
    with pytest.raises(WeightsError, match=r"looks like 's'.*Missing: teacher_model\."):
        load("full", accept=["full"])


def test_one_missing_tensor_is_named(own_folder: Path) -> None:
    tensors = names_of("s")
    del tensors["mamba.blocks.0.2.mamba.A_log"]
    put(own_folder, "s", tensors)
    with pytest.raises(WeightsError, match=r"Missing: mamba\.blocks\.0\.2\.mamba\.A_log\.$"):
        load("s", accept=["s"])


def test_one_unexpected_tensor_is_named(own_folder: Path) -> None:
    put(own_folder, "s", names_of("s") | {"extra.weight": torch.zeros(2)})
    with pytest.raises(WeightsError, match=r"Unexpected: extra\.weight\.$"):
        load("s", accept=["s"])


def test_a_wrong_shape_is_named(own_folder: Path) -> None:
    put(own_folder, "s", names_of("s") | {"pretrained.norm.weight": torch.zeros(385)})
    with pytest.raises(WeightsError, match=r"pretrained\.norm\.weight \(385,\), not \(384,\)"):
        load("s", accept=["s"])


def test_weights_without_memory_are_not_flashdepth_s(own_folder: Path) -> None:
    put(own_folder, "s", without_memory(names_of("s")))
    with pytest.raises(WeightsError, match=r"Missing: mamba\."):
        load("s", accept=["s"])


def test_depth_anything_fills_s_and_its_memory_adds_nothing(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(2)
    untrained = FlashDepthNet(ModelConfig.preset("s"), scan="torch").eval()
    path = put(own_folder, "dav2-s", without_memory(untrained.state_dict()))
    monkeypatch.setitem(ENTRIES, "dav2-s", replace(ENTRIES["dav2-s"], sha256=sha256_of(path)))
    loaded = load("dav2-s")
    assert loaded.entry.per_frame
    net = FlashDepthNet(ModelConfig.from_dict(loaded.config), scan="torch").eval()
    net.load_state_dict(loaded.state_dict, strict=True)
    first, second = torch.rand(2, 1, 3, 70, 84).unbind()
    with torch.inference_mode():
        _, state = net(first)
        after, _ = net(second, state)
        alone, _ = net(second)
        expected, _ = untrained(second)
    assert expected.std() > 0
    assert torch.equal(after, alone)
    assert torch.equal(alone, expected)


def test_only_the_memory_may_be_missing_from_depth_anything(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = without_memory(names_of("s"))
    del tensors["depth_head.scratch.output_conv1.weight"]
    path = put(own_folder, "dav2-s", tensors)
    monkeypatch.setitem(ENTRIES, "dav2-s", replace(ENTRIES["dav2-s"], sha256=sha256_of(path)))
    with pytest.raises(
        WeightsError, match=r"Missing: depth_head\.scratch\.output_conv1\.weight\.$"
    ):
        load("dav2-s")


def test_half_precision_on_disk_is_single_in_memory(tmp_path: Path) -> None:
    half = {n: t.half() if t.is_floating_point() else t for n, t in random_nano().items()}
    config = json.dumps(ModelConfig.preset("nano").to_dict())
    said = {
        "config": config,
        "license": "MIT",
        "commercial_use": "yes",
        "default_long_side_px": "320",
    }
    save_file(half, tmp_path / "mine.safetensors", metadata=said)
    loaded = load(tmp_path / "mine.safetensors")
    assert all(
        torch.equal(t, random_nano()[n].half().to(random_nano()[n].dtype))
        for n, t in loaded.state_dict.items()
    )
    assert {t.dtype for t in loaded.state_dict.values()} == {torch.float32, torch.int64}
    assert (loaded.entry.license, loaded.entry.commercial_use) == ("MIT", "yes")
    assert loaded.entry.default_long_side_px == 320
    assert loaded.entry.name == "mine.safetensors"


@pytest.mark.parametrize("preset", ["s", "l", "full"])
def test_the_architecture_of_an_own_file_is_found(preset: str, tmp_path: Path) -> None:
    torch.save(names_of(preset), tmp_path / "own.pth")
    loaded = load(tmp_path / "own.pth")
    assert loaded.entry.architecture == preset
    assert loaded.entry.license == "unknown (your own file)"
    assert loaded.entry.commercial_use == "not stated"
    assert not loaded.entry.per_frame


def test_an_own_file_without_memory_is_known_as_per_frame(tmp_path: Path) -> None:
    torch.save(without_memory(names_of("l")), tmp_path / "own.pth")
    loaded = load(tmp_path / "own.pth")
    assert (loaded.entry.architecture, loaded.entry.per_frame) == ("l", True)


def test_metadata_of_no_network_are_refused(tmp_path: Path) -> None:
    save_file(random_nano(), tmp_path / "odd.safetensors", metadata={"config": '{"name": "odd"}'})
    with pytest.raises(WeightsError, match="no usable network"):
        load(tmp_path / "odd.safetensors")
