"""Tensors out of a file, and never code: safetensors, and torch's own container without its pickle."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flashdepth_vfx.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DAMAGE", "SUFFIXES", "TensorFile", "read_tensors"]

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")
#: Where training loops put the network's tensors, in the order that they are looked for.
_CONTAINERS = ("model", "state_dict")
#: What wrappers leave inside names: torch.compile, activation checkpointing.
_INFIXES = ("_orig_mod.", "_checkpoint_wrapped_module.")
_DDP_PREFIX = "module."
#: What torch's restricted unpickler lets through when the bytes are not what they should be.
DAMAGE = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class TensorFile:
    """What a file holds: tensors by their bare names, as stored, and its text metadata."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str] = field(default_factory=dict)


def read_tensors(path: Path) -> TensorFile:
    """Read `path` by its suffix. Raises `WeightsError`: absent, damaged, unsafe, or no weights.

    Large torch files are mapped, not read: an optimiser's state in them costs nothing.
    """
    if path.suffix not in SUFFIXES:
        raise WeightsError(f"{path}: weights end in one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    try:
        raw = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    return TensorFile(_bare_names(path, raw.tensors), raw.metadata)


def _read_safetensors(path: Path) -> TensorFile:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            return TensorFile(
                {name: file.get_tensor(name) for name in names}, file.metadata() or {}
            )
    except (SafetensorError, *DAMAGE) as error:
        raise WeightsError(f"{path}: damaged, or not a safetensors file: {error}") from error


def _read_torch(path: Path) -> TensorFile:
    import torch

    try:
        content = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except DAMAGE as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path}: damaged, not a torch file, or one that would run code: {first_line}"
        ) from error
    return TensorFile(_state_dict_of(path, content))


def _state_dict_of(path: Path, content: Any) -> Mapping[str, Tensor]:
    """The network's tensors: `content` itself, or what lies under a training loop's name for them."""
    import torch

    if isinstance(content, Mapping):
        inner = (content.get(name) for name in _CONTAINERS)
        content = next((value for value in inner if isinstance(value, Mapping)), content)
    if isinstance(content, Mapping) and content:
        if all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in content.items()):
            return content
        held = ", ".join(repr(key) for key in list(content)[:5])
        raise WeightsError(f"{path}: holds no state dict, but {held}")
    raise WeightsError(f"{path}: holds no state dict, but a {type(content).__name__}")


def _bare_names(path: Path, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    bare: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        stripped = name
        for infix in _INFIXES:
            stripped = stripped.replace(infix, "")
        stripped = stripped.removeprefix(_DDP_PREFIX)
        if stripped in bare:
            raise WeightsError(
                f"{path}: two tensors are called '{stripped}' without their wrappers"
            )
        bare[stripped] = tensor
    return bare
