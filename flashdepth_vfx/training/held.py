"""What a stage takes over from the one before: a checkpoint, or weights that training wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from flashdepth_vfx.errors import SettingsError, WeightsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.training.checkpoint import Checkpoint, load_checkpoint
from flashdepth_vfx.training.start import history_of
from flashdepth_vfx.weights.architecture import TEMPORAL, fit
from flashdepth_vfx.weights.reading import read_tensors

__all__ = ["held_by", "take_over"]


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
    return replace(held, config=config)


def take_over(net: FlashDepthNet, held: Checkpoint, path: Path, *, new_module: bool) -> None:
    """Give `net`, in place, the weights that `path` holds; with `new_module` all but the temporal module's.

    Raises WeightsError where they are not a network's of this configuration.
    """
    tensors = dict(held.model)
    if new_module:
        own = {n: t for n, t in net.state_dict().items() if n.startswith(TEMPORAL)}
        tensors = {n: t for n, t in tensors.items() if not n.startswith(TEMPORAL)} | own
    net.load_state_dict(fit(str(path), net.config, tensors, per_frame=False))
