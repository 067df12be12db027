"""Published sets of videos with known depth, and a studio's own renders, behind one contract. No torch here.

`open_dataset` opens one by name; `DATASETS` are the names. Public names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashdepth_vfx.lazy import public_names

if TYPE_CHECKING:
    from flashdepth_vfx.training.datasets.catalogue import find_datasets as find_datasets
    from flashdepth_vfx.training.datasets.catalogue import open_dataset as open_dataset
    from flashdepth_vfx.training.datasets.contract import INVALID as INVALID
    from flashdepth_vfx.training.datasets.contract import DepthSample as DepthSample
    from flashdepth_vfx.training.datasets.contract import Fault as Fault
    from flashdepth_vfx.training.datasets.contract import SceneRef as SceneRef
    from flashdepth_vfx.training.datasets.contract import VideoDepthDataset as VideoDepthDataset
    from flashdepth_vfx.training.datasets.contract import read_clip as read_clip
    from flashdepth_vfx.training.datasets.names import DATASETS as DATASETS
    from flashdepth_vfx.training.datasets.names import STUDIO as STUDIO
    from flashdepth_vfx.training.datasets.names import TESTED_ON as TESTED_ON
    from flashdepth_vfx.training.datasets.names import TRAINED_ON as TRAINED_ON
    from flashdepth_vfx.training.datasets.survey import DatasetReport as DatasetReport
    from flashdepth_vfx.training.datasets.survey import SceneReport as SceneReport
    from flashdepth_vfx.training.datasets.survey import check_data as check_data

_HOME = {
    "DATASETS": "names",
    "INVALID": "contract",
    "STUDIO": "names",
    "TESTED_ON": "names",
    "TRAINED_ON": "names",
    "DatasetReport": "survey",
    "DepthSample": "contract",
    "Fault": "contract",
    "SceneRef": "contract",
    "SceneReport": "survey",
    "VideoDepthDataset": "contract",
    "check_data": "survey",
    "find_datasets": "catalogue",
    "open_dataset": "catalogue",
    "read_clip": "contract",
}

__all__ = sorted(_HOME)

__getattr__, __dir__ = public_names(__name__, _HOME)
