"""What a fine-tuned file says of itself: the terms of what it was made from, and counts in place of names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flashdepth_vfx.errors import WeightsError
from flashdepth_vfx.training.checkpoint import Checkpoint
from flashdepth_vfx.training.export import write_half
from flashdepth_vfx.training.studio.shot import StudioShot
from flashdepth_vfx.version import VERSION
from flashdepth_vfx.weights import ENTRIES, LoadedWeights

__all__ = ["export_fine_tuned", "start_record"]

_OWN = "a file of the user's own"
#: Only in the checkpoint, which stays where it is: a run that goes on must not train on what it held out.
_SPLIT = "shots_sha256"


def start_record(
    loaded: LoadedWeights, shots: Sequence[StudioShot], made_share: float
) -> dict[str, Any]:
    """The first entry of a fine-tuning's history: the weights it began from, their terms, and what it is trained on.

    No name of a file, a folder or a shot is in it: weights travel farther than a show may.
    """
    entry = loaded.entry
    name = entry.name if entry.name in ENTRIES else _OWN
    made_from = f" (made from: {entry.base})" if entry.base else ""
    return {
        "encoder": f"{name}, sha256 {loaded.sha256}{made_from}",
        "weights": name,
        "sha256": loaded.sha256,
        "license": entry.license,
        "commercial_use": entry.commercial_use,
        "default_long_side_px": entry.default_long_side_px,
        "shots": len(shots),
        "frames": sum(len(shot.frames) for shot in shots),
        "made_share": made_share,
        _SPLIT: hashlib.sha256(json.dumps([shot.name for shot in shots]).encode()).hexdigest(),
    }


def export_fine_tuned(checkpoint: Checkpoint, path: Path) -> dict[str, str]:
    """Write `path` (safetensors, float16), whole or not at all, and return its metadata.

    Licence and paid work are those of the weights that it was made from: fine-tuning frees nothing. Raises
    WeightsError when the checkpoint is of another training or float16 cannot hold the weights, OutputError.
    """
    start, *stages = checkpoint.history
    start = {name: value for name, value in start.items() if name != _SPLIT}
    if "commercial_use" not in start or not stages:
        raise WeightsError(f"{path}: the checkpoint is not that of a fine-tuning")
    data = stages[-1]["settings"]["data"]
    side = start["default_long_side_px"] or max(data["width_px"], data["height_px"])
    metadata = {
        "format": "pt",
        "preset": str(checkpoint.config["name"]),
        "config": json.dumps(checkpoint.config),
        "license": str(start["license"]),
        "commercial_use": str(start["commercial_use"]),
        "base": str(start["encoder"]),
        "notes": f"Fine-tuned on {start['shots']} shots, {start['frames']} frames.",
        "default_long_side_px": str(side),
        "trained_at_px": f"{data['width_px']}x{data['height_px']}",
        "version": VERSION,
        "provenance": json.dumps({"start": start, "stages": stages}),
    }
    return write_half(checkpoint.model, metadata, path)
