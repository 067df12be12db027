"""Who is measured: networks with their weights, ready to predict, and the baselines beside them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from flashdepth_vfx.evaluation.job import BASELINES, Model
from flashdepth_vfx.evaluation.report import Facts
from flashdepth_vfx.measures.baselines import constant, vertical_ramp
from flashdepth_vfx.measures.clip import Predictor
from flashdepth_vfx.measures.predictor import Upsample, network_predictor, rendered_by
from flashdepth_vfx.networks import Network, Networks
from flashdepth_vfx.settings import RenderSettings
from flashdepth_vfx.training.upsampler import (
    LearnedUpsampler,
    learned_upsampling,
    load_upsampler,
)

__all__ = ["Contestant", "baselines", "open_model"]


@dataclass(frozen=True)
class Contestant:
    """A model on its device."""

    model: Model
    network: Network
    upsampler: LearnedUpsampler | None = None

    @property
    def facts(self) -> Facts:
        """For the record."""
        return Facts(
            model=self.model.name,
            weights=self.network.record.name,
            sha256=self.network.record.sha256,
            long_side_px=self.model.long_side_px or self.network.default_long_side_px,
            carry_state=self.model.carry_state,
            upsampling="learned" if self.upsampler else str(self.model.upsampling),
        )

    def predict(self, rgb: Tensor, long_side_px: int | None = None) -> Tensor:
        """`(T, 3, H, W)` in [0, 1] to disparity `(T, H, W)`, on the CPU; at its own working size unless said."""
        side = long_side_px or self.working_px(rgb)
        predict = network_predictor(
            self.network.net, side, self.model.carry_state, self.upsample(rgb)
        )
        return predict(rgb).cpu()

    def upsample(self, rgb: Tensor) -> Upsample:
        """How its disparity reaches the size of these pictures."""
        if self.upsampler is None:
            return rendered_by(self.model.upsampling)
        return learned_upsampling(self.upsampler, self.model.upsampled_px or max(rgb.shape[-2:]))

    def working_px(self, rgb: Tensor) -> int:
        """The long side of what the network sees of these pictures."""
        return self.facts.long_side_px or max(rgb.shape[-2:])


def open_model(model: Model, device: str, accept_license: tuple[str, ...]) -> Contestant:
    """Load its weights. Raises `LicenseError`, `WeightsError`, `DeviceError`."""
    settings = RenderSettings(weights=model.weights, accept_license=accept_license, device=device)
    network, upsampler = Networks().open(settings), None
    if model.upsampler is not None:
        upsampler = load_upsampler(model.upsampler).to(network.device.torch_device)
        upsampler.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Contestant(model, network, upsampler)


def baselines() -> dict[str, Predictor]:
    """What knows nothing, by name."""
    return dict(zip(BASELINES, (constant, vertical_ramp), strict=True))
