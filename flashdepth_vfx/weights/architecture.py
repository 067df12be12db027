"""Which network a set of tensors belongs to, held against the network's own names and shapes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from flashdepth_vfx.errors import SettingsError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor, dtype

    from flashdepth_vfx.model import ModelConfig

__all__ = ["config_in", "fit", "guess_preset", "is_per_frame"]

TEMPORAL = "mamba."
_LISTED = 4


class _Slot(NamedTuple):
    shape: tuple[int, ...]
    dtype: dtype


def config_in(path: str, metadata: Mapping[str, str]) -> ModelConfig | None:
    """The configuration that a safetensors file carries under "config"; None when it has none.

    Raises `WeightsError` when there is one that no network can be made of.
    """
    from flashdepth_vfx.model import ModelConfig

    if "config" not in metadata:
        return None
    try:
        return ModelConfig.from_dict(json.loads(metadata["config"]))
    except (ValueError, SettingsError) as error:
        raise WeightsError(f"{path}: its metadata hold no usable network: {error}") from error


def guess_preset(tensors: Mapping[str, Tensor]) -> str:
    """The preset that the names and widths look like; how well they fit is another question."""
    if any(name.startswith("teacher_model.") for name in tensors):
        return "full"
    patches = tensors.get("pretrained.patch_embed.proj.weight")
    if patches is None:
        return "nano"
    return "l" if patches.shape[0] == _wide_encoder() else "s"


def is_per_frame(tensors: Mapping[str, Tensor]) -> bool:
    """Whether they bring no temporal module, as Depth Anything V2 does not."""
    return not any(name.startswith(TEMPORAL) for name in tensors)


def fit(
    path: str, config: ModelConfig, tensors: Mapping[str, Tensor], *, per_frame: bool
) -> dict[str, Tensor]:
    """`tensors` as the network's state dict: float32, every name there, no other, shapes right.

    `per_frame` weights bring no temporal module: theirs is all zeros, and adds nothing to the
    picture. Raises `WeightsError` that names the first keys that do not fit.
    """
    import torch

    slots = _slots(json.dumps(config.to_dict()))
    if per_frame and is_per_frame(tensors):
        added = {n: torch.zeros(s.shape) for n, s in slots.items() if n.startswith(TEMPORAL)}
        tensors = {**added, **tensors}
    complaint = _complaint(slots, tensors)
    if complaint:
        complaint += _other_module(config, slots, tensors)
        looks = guess_preset(tensors)
        raise WeightsError(
            f"{path}: not weights of the network '{config.name}': it looks like '{looks}' "
            f"({len(tensors)} tensors where {len(slots)} belong). {complaint}"
        )
    return {name: tensors[name].to(slot.dtype) for name, slot in slots.items()}


def _complaint(slots: Mapping[str, _Slot], tensors: Mapping[str, Tensor]) -> str:
    missing = [name for name in slots if name not in tensors]
    unexpected = [name for name in tensors if name not in slots]
    misshapen = [
        f"{name} {tuple(tensors[name].shape)}, not {slot.shape}"
        for name, slot in slots.items()
        if name in tensors and tuple(tensors[name].shape) != slot.shape
    ]
    wrong_kind = [
        f"{name} {tensors[name].dtype}, not {slot.dtype}"
        for name, slot in slots.items()
        if name in tensors and tensors[name].is_floating_point() != slot.dtype.is_floating_point
    ]
    groups = {
        "Missing": missing,
        "Unexpected": unexpected,
        "Wrong shape": misshapen,
        "Wrong kind": wrong_kind,
    }
    return " ".join(_first(title, names) for title, names in groups.items() if names)


def _other_module(
    config: ModelConfig, slots: Mapping[str, _Slot], tensors: Mapping[str, Tensor]
) -> str:
    """That a temporal module is there, and not the network's."""
    blocks = f"{TEMPORAL}blocks."
    own, theirs = ({n for n in names if n.startswith(blocks)} for names in (slots, tensors))
    if own <= theirs or theirs <= own:
        return ""
    return (
        f" Its temporal module is another than '{config.temporal.kind}', or of another size: the published models "
        "have Mamba-2, and files that `train export` wrote say which one they have."
    )


def _first(title: str, names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{title}: {', '.join(names[:_LISTED])}{more}."


@lru_cache(maxsize=8)
def _slots(config_json: str) -> Mapping[str, _Slot]:
    """Names, shapes and types of a network's state dict, without its memory."""
    import torch

    from flashdepth_vfx.model import FlashDepthNet, ModelConfig

    with torch.device("meta"):
        net = FlashDepthNet(ModelConfig.from_dict(json.loads(config_json)), scan="torch")
    return {name: _Slot(tuple(t.shape), t.dtype) for name, t in net.state_dict().items()}


def _wide_encoder() -> int:
    from flashdepth_vfx.model import ModelConfig

    encoder: Any = ModelConfig.preset("l").encoder
    return int(encoder.width)
