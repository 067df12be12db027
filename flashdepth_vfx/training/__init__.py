"""How the shipped model is made, and a studio's own from it: made scenes, losses, the training loop, the export.

Public names load on first use: importing this imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashdepth_vfx.lazy import public_names

if TYPE_CHECKING:
    from flashdepth_vfx.training.blend import blend_weights as blend_weights
    from flashdepth_vfx.training.checkpoint import load_checkpoint as load_checkpoint
    from flashdepth_vfx.training.data import DataSettings as DataSettings
    from flashdepth_vfx.training.datasets import DATASETS as DATASETS
    from flashdepth_vfx.training.datasets import DatasetReport as DatasetReport
    from flashdepth_vfx.training.datasets import check_data as check_data
    from flashdepth_vfx.training.export import export_weights as export_weights
    from flashdepth_vfx.training.finetune import FineTuneResult as FineTuneResult
    from flashdepth_vfx.training.finetune import FineTuneSettings as FineTuneSettings
    from flashdepth_vfx.training.finetune import fine_tune as fine_tune
    from flashdepth_vfx.training.losses import LossWeights as LossWeights
    from flashdepth_vfx.training.paper.config import read_config as read_config
    from flashdepth_vfx.training.paper.config import shipped_text as shipped_text
    from flashdepth_vfx.training.paper.run import train_paper as train_paper
    from flashdepth_vfx.training.preview import draw_preview as draw_preview
    from flashdepth_vfx.training.run import StageJob as StageJob
    from flashdepth_vfx.training.run import run_stage as run_stage
    from flashdepth_vfx.training.settings import TrainSettings as TrainSettings
    from flashdepth_vfx.training.studio import ErrorRow as ErrorRow
    from flashdepth_vfx.training.studio import ShotReport as ShotReport
    from flashdepth_vfx.training.studio import StudioReading as StudioReading
    from flashdepth_vfx.training.studio import check_shots as check_shots

_HOME = {
    "DATASETS": "datasets",
    "DataSettings": "data",
    "DatasetReport": "datasets",
    "ErrorRow": "studio",
    "FineTuneResult": "finetune",
    "FineTuneSettings": "finetune",
    "LossWeights": "losses",
    "ShotReport": "studio",
    "StageJob": "run",
    "StudioReading": "studio",
    "TrainSettings": "settings",
    "blend_weights": "blend",
    "check_data": "datasets",
    "check_shots": "studio",
    "draw_preview": "preview",
    "export_weights": "export",
    "fine_tune": "finetune",
    "load_checkpoint": "checkpoint",
    "read_config": "paper.config",
    "run_stage": "run",
    "shipped_text": "paper.config",
    "train_paper": "paper.run",
}

__all__ = sorted(_HOME)

__getattr__, __dir__ = public_names(__name__, _HOME)
