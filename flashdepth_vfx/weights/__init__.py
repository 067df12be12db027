"""Weights by name: what they may be used for, where they are, and strict loading of them.

    loaded = load("s", accept=["s"])
    net = FlashDepthNet(ModelConfig.from_dict(loaded.config))
    net.load_state_dict(loaded.state_dict, strict=True)

Importing this imports no torch.
"""

from __future__ import annotations

from flashdepth_vfx.weights.download import Progress
from flashdepth_vfx.weights.fetching import FetchResult, fetch, url_of
from flashdepth_vfx.weights.folders import weights_folders
from flashdepth_vfx.weights.inventory import (
    InventoryRow,
    VerifyResult,
    inventory,
    path_of,
    verify,
)
from flashdepth_vfx.weights.license import require_license
from flashdepth_vfx.weights.loading import LoadedWeights, load
from flashdepth_vfx.weights.registry import (
    ENTRIES,
    CommercialUse,
    WeightsEntry,
    find_entry,
    suggest,
)

__all__ = [
    "ENTRIES",
    "CommercialUse",
    "FetchResult",
    "InventoryRow",
    "LoadedWeights",
    "Progress",
    "VerifyResult",
    "WeightsEntry",
    "fetch",
    "find_entry",
    "inventory",
    "load",
    "path_of",
    "require_license",
    "suggest",
    "url_of",
    "verify",
    "weights_folders",
]
