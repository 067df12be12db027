"""Training of a learned upsampling from files to files, on made scenes."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.io.atomic import make_folder
from flashdepth_vfx.measures.predictor import canvas_of
from flashdepth_vfx.model import FlashDepthNet, ModelConfig, TemporalState
from flashdepth_vfx.preprocess import network_input
from flashdepth_vfx.training.data import Batch, DataSettings, batches
from flashdepth_vfx.training.run import require_checkpoint_name, training_device
from flashdepth_vfx.training.settings import TrainSettings
from flashdepth_vfx.training.train import Report, train
from flashdepth_vfx.training.upsampler import LearnedUpsampler, UpsamplerConfig
from flashdepth_vfx.weights import load

__all__ = ["UpsamplerJob", "UpsamplerLearner", "train_upsampler"]


@dataclass(frozen=True)
class UpsamplerJob:
    """A learned upsampling on made scenes, which it sees in full, by `settings`; its rate is their `decoder_rate`.

    What it enlarges is what the network `weights`, a name or a file, makes of the same pictures at a long side of
    `low_px`, each frame by itself; that network stays as it is. `checkpoint` is written as it goes, and continued
    from if it is there. `device` is cpu, cuda or cuda:N. Raises SettingsError for settings that ask for more.
    """

    checkpoint: Path
    settings: TrainSettings
    low_px: int
    weights: str = "nano"
    upsampler: UpsamplerConfig = dataclasses.field(default_factory=UpsamplerConfig)
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.settings.temporal or self.settings.compiled or not self.settings.decoder_rate:
            raise SettingsError(
                "an upsampling learns from single frames, uncompiled, at a decoder_rate above 0"
            )
        data, multiple = self.settings.data, self.upsampler.multiple
        if not isinstance(data, DataSettings):
            raise SettingsError("an upsampling learns from made scenes")
        if data.width_px % multiple or data.height_px % multiple:
            raise SettingsError(
                f"pictures of {data.width_px}x{data.height_px}: each side should be a multiple of {multiple}"
            )


class UpsamplerLearner:
    """A learned upsampling of what the network `base` makes of pictures at `low` (height, width)."""

    def __init__(self, net: LearnedUpsampler, base: FlashDepthNet, low: tuple[int, int]) -> None:
        self.module, self._base, self._low = net, base.eval().requires_grad_(False), low

    @property
    def config(self) -> dict[str, Any]:
        return dataclasses.asdict(self.module.config)

    def fits(self, config: dict[str, Any]) -> bool:
        return config == self.config

    def begin(self, device: torch.device) -> None:
        for net in (self.module, self._base):
            net.to(device)
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def rates(self, settings: TrainSettings) -> list[tuple[nn.Module, float]]:
        return [(self.module, settings.decoder_rate)]

    def set_modes(self, settings: TrainSettings) -> None:
        self.module.train()

    def predict(
        self, rgb: Tensor, state: TemporalState | None, settings: TrainSettings
    ) -> tuple[Tensor, TemporalState | None]:
        frames = rgb.flatten(0, 1)
        with torch.no_grad():
            seen = F.interpolate(frames, self._low, mode="bicubic", antialias=True)
            small, _ = self._base(network_input(seen.clamp(0.0, 1.0)), None)
        full = self.module(network_input(frames), small)
        return full.unflatten(0, rgb.shape[:2]), None


def train_upsampler(job: UpsamplerJob, report: Report, stop: threading.Event | None = None) -> int:
    """Run it to its end, and return how many steps that took. `report` and `stop` are `train`'s.

    Raises DeviceError, LicenseError, WeightsError, UsageError for a checkpoint whose name is of something else,
    OutputError, Interrupted.
    """
    device = training_device(job.device)
    require_checkpoint_name(job.checkpoint)
    loaded, data = load(job.weights), job.settings.data
    assert isinstance(data, DataSettings)
    base = FlashDepthNet(ModelConfig.from_dict(loaded.config))
    base.load_state_dict(loaded.state_dict, strict=True)
    torch.manual_seed(data.seed)
    net = LearnedUpsampler(job.upsampler)
    start = {
        "upsampler": "random",
        "base": loaded.entry.name,
        "base_sha256": loaded.sha256,
        "low_px": job.low_px,
    }
    make_folder(job.checkpoint.parent)
    low = canvas_of(base.config, data.height_px, data.width_px, job.low_px)
    learner = UpsamplerLearner(net, base, (low.height, low.width))

    def source(step: int) -> Iterator[Batch]:
        return batches(data, step, device)

    return train(learner, job.settings, source, job.checkpoint, [start], device, report, stop=stop)
