"""Published sets of videos with known depth, and a studio's own renders, behind one contract. No torch here.

`open_dataset` opens one by name; `DATASETS` are the names.
"""

from __future__ import annotations

from flashdepth_vfx.training.datasets.catalogue import (
    DATASETS,
    TESTED_ON,
    TRAINED_ON,
    find_datasets,
    open_dataset,
)
from flashdepth_vfx.training.datasets.contract import (
    INVALID,
    DepthSample,
    Fault,
    SceneRef,
    VideoDepthDataset,
    read_clip,
)

__all__ = [
    "DATASETS",
    "INVALID",
    "TESTED_ON",
    "TRAINED_ON",
    "DepthSample",
    "Fault",
    "SceneRef",
    "VideoDepthDataset",
    "find_datasets",
    "open_dataset",
    "read_clip",
]
