"""Weights between two stages of one training: as accurate as the one, as steady as the other, or anything between.

Source: Wortsman et al., "Robust fine-tuning of zero-shot models" (2022): along the line from before fine-tuning to
after it, what was learned and what was kept do not fade at the same rate.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from flashdepth_vfx.errors import SettingsError, WeightsError
from flashdepth_vfx.training.checkpoint import Checkpoint
from flashdepth_vfx.training.export import export_weights
from flashdepth_vfx.training.held import held_by

__all__ = ["blend_weights"]


def blend_weights(
    one: Path, two: Path, share: float, path: Path, long_side_px: int | None = None
) -> dict[str, str]:
    """Write to `path` the weights at `share` of the way from `one` to `two`, and return their metadata.

    Both are checkpoints or weights that training wrote, of one network, `two` trained on from `one`. `long_side_px`
    as in `export_weights`, which says what else is raised. Raises SettingsError for a share that is not between 0 and
    1, WeightsError for files that do not belong together.
    """
    if not 0.0 < share < 1.0:
        raise SettingsError(f"a blend of {share:g}: give a share between 0 and 1")
    before, after = held_by(one), held_by(two)
    if before.config != after.config:
        raise WeightsError(f"{one} and {two}: weights of two different networks cannot be blended")
    if before.history != after.history[: len(before.history)]:
        raise WeightsError(f"{two}: it was not trained on from {one}: between them lies no network")
    last = after.history[-1]
    record = {"share": share, "from_sha256": hashlib.sha256(one.read_bytes()).hexdigest()}
    blended = Checkpoint(
        after.config,
        {name: _between(before.model[name], after.model[name], share) for name in after.model},
        {},
        after.step,
        after.seconds,
        [*after.history[:-1], last | {"blended": record}],
    )
    return export_weights(blended, path, long_side_px)


def _between(one: Tensor, two: Tensor, share: float) -> Tensor:
    """Counters, which are whole numbers, are the later ones."""
    return torch.lerp(one.float(), two.float(), share) if two.is_floating_point() else two
