"""The network: torch only, no files. `disparity, state = net(frame, state)`."""

from flashdepth_vfx.model.config import ModelConfig
from flashdepth_vfx.model.network import FlashDepthNet
from flashdepth_vfx.model.temporal import TemporalState

__all__ = ["FlashDepthNet", "ModelConfig", "TemporalState"]
