"""A checkpoint as the weights file that ships: half precision, with what it is and where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from flashdepth_vfx.errors import SettingsError, UsageError, WeightsError
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.training.checkpoint import Checkpoint
from flashdepth_vfx.version import VERSION

__all__ = ["export_weights", "tensors_sha256", "write_half"]


def export_weights(
    checkpoint: Checkpoint, path: Path, long_side_px: int | None = None
) -> dict[str, str]:
    """Write `path` (safetensors, float16), whole or not at all, and return its metadata.

    `long_side_px` is the working size when none is asked for; None is the size of the last stage. Raises WeightsError
    when the checkpoint is of a fine-tuning or float16 cannot hold the weights; SettingsError, UsageError,
    OutputError. Of weights that were trained on data sets the file names them, and does not say yes to paid work:
    their terms are their own.
    """
    if long_side_px is not None and long_side_px < 1:
        raise SettingsError(f"a working size of {long_side_px} px: give 1 or more")
    start = checkpoint.history[0] if checkpoint.history else {}
    if "commercial_use" in start:
        # its terms and its notes are others, and it knows of a studio's shots
        raise WeightsError(
            f"{path}: the checkpoint is of a fine-tuning, whose weights `train fine-tune` writes itself"
        )
    if len(checkpoint.history) < 2:
        raise WeightsError(f"{path}: the checkpoint does not say how it was trained")
    return write_half(checkpoint.model, _metadata(checkpoint, long_side_px), path)


def write_half(
    model: Mapping[str, Tensor], metadata: Mapping[str, str], path: Path
) -> dict[str, str]:
    """Write `model` in half precision with `metadata` and the digest of its tensors, which are returned.

    Raises UsageError for a name that no weights have, WeightsError for values beyond float16, OutputError.
    """
    if path.suffix != ".safetensors":
        raise UsageError(f"{path}: the weights' file should end in .safetensors")
    tensors = {name: _half(name, tensor) for name, tensor in model.items()}
    said = {**metadata, "tensors_sha256": tensors_sha256(tensors)}
    atomic_write_bytes(path, save(tensors, said))
    return said


def _metadata(checkpoint: Checkpoint, long_side_px: int | None) -> dict[str, str]:
    """What the file says of itself; the names that the loader knows, and the provenance in full."""
    start, *stages = checkpoint.history
    size = stages[-1]["settings"]["data"]
    trained_long_side_px = max(size["width_px"], size["height_px"])
    sets = sorted({s["name"] for one in stages for s in one["settings"]["data"].get("sets", ())})
    free = start["license"] == "Apache-2.0" and not sets
    bound = any("-NC" in str(start.get(name, "")) for name in ("license", "teacher_license"))
    unstated = "; the terms of its training data are not stated" if sets else ""
    return {
        "format": "pt",
        "preset": str(checkpoint.config["name"]),
        "config": json.dumps(checkpoint.config),
        "license": f"{start['license']}{unstated}",
        "commercial_use": "yes" if free else "no" if bound else "not stated",
        "base": str(start["encoder"]),
        "notes": f"Trained on {', '.join(sets)}." if sets else "Trained on made scenes only.",
        "default_long_side_px": str(long_side_px or trained_long_side_px),
        "trained_at_px": f"{size['width_px']}x{size['height_px']}",
        "version": VERSION,
        "provenance": json.dumps(
            {
                "start": start,
                "data": ", ".join(sets)
                or "procedural scenes of flashdepth_vfx.training, nothing else",
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
        return tensor.cpu().contiguous()
    half = tensor.cpu().to(torch.float16).contiguous()
    if not bool(half.isfinite().all()):
        raise WeightsError(f"{name}: its values do not fit in float16; train at lower rates")
    return half
