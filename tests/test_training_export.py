"""The weights file made from a checkpoint: half precision, small, and with what it is and where it came from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from training_kit import checkpoint_of, network

import flashdepth_vfx
from flashdepth_vfx.errors import FlashDepthError, OutputError, SettingsError, WeightsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from flashdepth_vfx.training.export import export_weights, tensors_sha256
from flashdepth_vfx.training.start import new_network, origin
from flashdepth_vfx.weights import load

_LARGEST_BYTES = 16 * 1024 * 1024
#: The model that ships.
_SHIPPED = Path(flashdepth_vfx.__file__).parent / "data" / "nano.safetensors"


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return dict(file.metadata())


def loaded_strictly(path: Path) -> FlashDepthNet:
    """The network that the file says it is, with all of its tensors and no other."""
    net = FlashDepthNet(ModelConfig.from_dict(json.loads(metadata_of(path)["config"])))
    net.load_state_dict(load_file(path), strict=True)
    return net.eval()


def test_the_file_holds_the_checkpoint_in_half_precision(tmp_path: Path) -> None:
    net, path = network(), tmp_path / "sub" / "mine.safetensors"
    export_weights(checkpoint_of(net), path)
    tensors = load_file(path)
    assert set(tensors) == set(net.state_dict())
    for name, given in net.state_dict().items():
        whole = not given.is_floating_point()
        assert tensors[name].dtype == (given.dtype if whole else torch.float16), name
        assert torch.equal(tensors[name], given if whole else given.half()), name
    assert path.stat().st_size < _LARGEST_BYTES
    assert path.stat().st_mode & 0o777 == 0o644
    assert loaded_strictly(path).config == net.config


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    given = export_weights(checkpoint_of(network()), path)
    said = metadata_of(path)
    assert said == given
    assert (said["preset"], said["version"]) == ("nano", flashdepth_vfx.__version__)
    assert (said["license"], said["commercial_use"], said["base"]) == (
        "Apache-2.0", "yes", "random",
    )  # fmt: skip
    assert (said["trained_at_px"], said["default_long_side_px"]) == ("160x96", "160")
    assert said["tensors_sha256"] == tensors_sha256(load_file(path))
    provenance = json.loads(said["provenance"])
    assert provenance["start"] == origin(None)
    assert [stage["settings"]["temporal"] for stage in provenance["stages"]] == [False, True]
    assert "procedural scenes" in provenance["data"]
    assert export_weights(checkpoint_of(network()), path, 320)["default_long_side_px"] == "320"


def test_the_renderer_loads_what_was_exported(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    export_weights(checkpoint_of(network()), path)
    weights = load(str(path))
    assert weights.entry.license == "Apache-2.0"
    assert weights.entry.default_long_side_px == 160


def test_export_refuses_what_half_precision_cannot_hold(tmp_path: Path) -> None:
    checkpoint = checkpoint_of(network())
    checkpoint.model["mamba.final_layer.1.bias"][0] = 1e6
    with pytest.raises(WeightsError, match=r"mamba\.final_layer\.1\.bias"):
        export_weights(checkpoint, tmp_path / "out.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "history", "word"),
    [("out.pt", checkpoint_of(network()).history, r"end in \.safetensors"),
     ("out.safetensors", [{"license": "l", "encoder": "e", "commercial_use": "no"}, {}], "fine-tuning"),
     ("out.safetensors", [], "how it was trained")],
)  # fmt: skip
def test_export_refuses_what_it_could_not_tell_the_truth_about(
    name: str, history: list[dict[str, Any]], word: str, tmp_path: Path
) -> None:
    given = dataclasses.replace(checkpoint_of(network()), history=history)
    with pytest.raises(FlashDepthError, match=word):
        export_weights(given, tmp_path / name)
    with pytest.raises(SettingsError, match="1 or more"):
        export_weights(given, tmp_path / "out.safetensors", long_side_px=0)
    assert not list(tmp_path.iterdir())


def test_weights_from_an_unknown_encoder_claim_no_licence(tmp_path: Path) -> None:
    found = tmp_path / "found.pth"
    found.write_bytes(b"whatever it is")
    checkpoint = checkpoint_of(network(), origin(found))
    metadata = export_weights(checkpoint, tmp_path / "out.safetensors")
    assert (metadata["license"], metadata["commercial_use"]) == ("unknown", "not stated")
    assert metadata["base"] == "found.pth"


def test_the_digest_is_of_the_weights_and_not_of_the_file() -> None:
    one = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(2)}
    assert tensors_sha256(one) == tensors_sha256({"b": one["b"], "a": one["a"].clone()})
    others = [
        {"a": one["a"].view(3, 2), "b": one["b"]},
        {"a": one["a"].half(), "b": one["b"]},
        {"c": one["a"], "b": one["b"]},
        {"a": one["a"] + 1e-6, "b": one["b"]},
    ]
    assert len({tensors_sha256(tensors) for tensors in [one, *others]}) == 5


def test_a_checkpoint_survives_the_way_to_disk(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "run.pt"
    given = Checkpoint({"name": "x"}, {"w": torch.ones(2)}, {"state": {}}, 7, 1.5, [{"a": 1}])
    save_checkpoint(given, path)
    found = load_checkpoint(path)
    assert torch.equal(found.model["w"], given.model["w"])
    assert (found.step, found.seconds, found.history) == (7, 1.5, [{"a": 1}])
    assert [file.name for file in path.parent.iterdir()] == ["run.pt"]


def test_a_checkpoint_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "run.pt").mkdir()
    with pytest.raises(OutputError, match=r"run\.pt"):
        save_checkpoint(checkpoint_of(network()), tmp_path / "run.pt")
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "not.pt"
    for content in (b"not a checkpoint", b"", b"PK\x03\x04", None):
        if content is not None:
            path.write_bytes(content)
        else:
            torch.save({"step": 1}, path)
        with pytest.raises(WeightsError, match=r"not\.pt"):
            load_checkpoint(path)
    with pytest.raises(WeightsError, match=r"absent\.pt"):
        load_checkpoint(tmp_path / "absent.pt")
    with pytest.raises(WeightsError, match=r"not\.pt"):
        new_network("nano", path, seed=0)


def test_shipped_model_loads_strictly_and_says_what_it_is() -> None:
    net, said = loaded_strictly(_SHIPPED), metadata_of(_SHIPPED)
    # how its tokens are pooled may differ: a file carries its own configuration
    preset = ModelConfig.preset("nano")
    assert (net.config.encoder, net.config.decoder) == (preset.encoder, preset.decoder)
    assert _SHIPPED.stat().st_size < _LARGEST_BYTES
    assert {t.dtype for t in load_file(_SHIPPED).values()} <= {torch.float16, torch.int64}
    assert (said["license"], said["commercial_use"]) == ("Apache-2.0", "yes")
    assert said["tensors_sha256"] == tensors_sha256(load_file(_SHIPPED))
    provenance = json.loads(said["provenance"])
    assert "ImageNet" in provenance["start"]["trained_on"]
    assert provenance["start"]["sha256"]
    # Encoder and decoder first, frame by frame, and then the memory, in as many runs as it took.
    temporal = [stage["settings"]["temporal"] for stage in provenance["stages"]]
    assert temporal == sorted(temporal)
    assert (temporal[0], temporal[-1]) == (False, True)


def test_shipped_model_remembers() -> None:
    last = loaded_strictly(_SHIPPED).get_parameter("mamba.final_layer.1.weight")
    assert float(last.detach().abs().max()) > 0.0, "the second stage was trained"
