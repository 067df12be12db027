"""What a published configuration says of its temporal module, held against the weights that were published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flashdepth_vfx.errors import SettingsError

__all__ = ["require_published_module"]

#: Where it is in the weights of each folder, which do not say it: 1 is path 3, and 3 is path 1.
_PLACES = {"flashdepth": [1], "flashdepth-l": [3], "flashdepth-s": [1]}
_UNPUBLISHED = ("use_hydra", "use_xlstm", "use_transformer_rnn")


def require_published_module(values: Mapping[str, Any], path: Path) -> None:
    """Raises SettingsError for another temporal module, or another place of it, than the published weights have.

    `values` are a configuration's, and `path` its folder or its file.
    """
    model = values.get("model")
    if not isinstance(model, dict):
        return
    for flag in _UNPUBLISHED:
        if model.get(flag):
            raise SettingsError(
                f"{path}: model.{flag}: no weights with that module were published. Take the line out; weights "
                "trained with this package say themselves which module they have"
            )
    folder = (path if path.is_dir() else path.parent).resolve().name
    place, published = model.get("mamba_in_dpt_layer"), _PLACES.get(folder)
    if place is not None and published is not None and place != published:
        raise SettingsError(
            f"{path}: model.mamba_in_dpt_layer is {place}, and the published weights' is {published}: they would "
            "run and mean nothing there"
        )
