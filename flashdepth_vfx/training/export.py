"""A checkpoint as the weights file that ships: half precision, with what it is and where it came from."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from flashdepth_vfx.errors import WeightsError
from flashdepth_vfx.training.checkpoint import Checkpoint
from flashdepth_vfx.version import VERSION

__all__ = ["export_weights", "tensors_sha256"]


def export_weights(
    checkpoint: Checkpoint, path: Path, long_side_px: int | None = None
) -> dict[str, str]:
    """Write `path` (safetensors, float16) and return its metadata.

    `long_side_px` is the working size when none is asked for; None is the size of the last stage.

    Raises WeightsError if float16 cannot hold the weights.
    """
    tensors = {name: _half(name, tensor) for name, tensor in checkpoint.model.items()}
    metadata = _metadata(checkpoint, long_side_px) | {"tensors_sha256": tensors_sha256(tensors)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    save_file(tensors, partial, metadata=metadata)
    partial.chmod(0o644)
    partial.replace(path)
    return metadata


def _metadata(checkpoint: Checkpoint, long_side_px: int | None) -> dict[str, str]:
    """What the file says of itself; the names that the loader knows, and the provenance in full."""
    start, *stages = checkpoint.history
    size = stages[-1]["settings"]["data"]
    trained_long_side_px = max(size["width_px"], size["height_px"])
    free = start["license"] == "Apache-2.0"
    return {
        "format": "pt",
        "preset": str(checkpoint.config["name"]),
        "config": json.dumps(checkpoint.config),
        "license": str(start["license"]),
        "commercial_use": "yes" if free else "not stated",
        "base": str(start["encoder"]),
        "notes": "Trained on made scenes only.",
        "default_long_side_px": str(long_side_px or trained_long_side_px),
        "trained_at_px": f"{size['width_px']}x{size['height_px']}",
        "version": VERSION,
        "provenance": json.dumps(
            {
                "start": start,
                "data": "procedural scenes of flashdepth_vfx.training, nothing else",
                "stages": stages,
            }
        ),
    }


def tensors_sha256(tensors: dict[str, Tensor]) -> str:
    """Of names, types, shapes and bytes in the order of names: the same weights, whatever file holds them."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous().cpu()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _half(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.contiguous()
    half = tensor.to(torch.float16).contiguous()
    if not bool(half.isfinite().all()):
        raise WeightsError(f"{name}: its values do not fit in float16")
    return half
