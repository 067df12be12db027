"""What a stage trains: its parts with a rate for each, and how pictures go through it."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from flashdepth_vfx.model import FlashDepthNet, ModelConfig, TemporalState
from flashdepth_vfx.training.passes import predict, predict_frames
from flashdepth_vfx.training.settings import TrainSettings

__all__ = ["Learner", "NetworkLearner", "learner_of"]


class Learner(Protocol):
    """What the training loop asks of anything that it trains."""

    @property
    def module(self) -> nn.Module:
        """What is trained, saved and gone on from."""

    @property
    def config(self) -> dict[str, Any]:
        """What `module` is made of, as plain values, for the checkpoint."""

    def fits(self, config: dict[str, Any]) -> bool:
        """Whether a checkpoint's `config`, of whatever age, is of the same."""

    def begin(self, device: torch.device) -> None:
        """Everything to the device that it will run on."""

    def rates(self, settings: TrainSettings) -> list[tuple[nn.Module, float]]:
        """Every part of `module` with its rate; one whose rate is 0 is left as it is."""

    def set_modes(self, settings: TrainSettings) -> None:
        """What is trained into training mode, and the rest out of it."""

    def predict(
        self, rgb: Tensor, state: TemporalState | None, settings: TrainSettings
    ) -> tuple[Tensor, TemporalState | None]:
        """Disparity `(B, T, H, W)` of clips `(B, T, 3, H, W)` in [0, 1], and the state after them."""


class NetworkLearner:
    """A network, each frame by itself or its temporal module over clips."""

    def __init__(self, net: FlashDepthNet) -> None:
        self.module = net

    @property
    def config(self) -> dict[str, Any]:
        return self.module.config.to_dict()

    def fits(self, config: dict[str, Any]) -> bool:
        return ModelConfig.from_dict(config) == self.module.config

    def begin(self, device: torch.device) -> None:
        # two calls, since the checker knows no `to` with both
        self.module.to(device)
        self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def rates(self, settings: TrainSettings) -> list[tuple[nn.Module, float]]:
        net = self.module
        rates: list[tuple[nn.Module, float]] = [
            (net.pretrained, settings.encoder_rate),
            (net.depth_head, settings.decoder_rate),
            (net.mamba, settings.temporal_rate),
        ]
        if net.teacher_model is not None and net.hybrid_fusion is not None:
            # the teacher has learned: it only guides
            fusion = settings.decoder_rate if settings.fusion_rate is None else settings.fusion_rate
            rates += [(net.teacher_model, 0.0), (net.hybrid_fusion, fusion)]
        return rates

    def set_modes(self, settings: TrainSettings) -> None:
        net = self.module
        net.train()
        if settings.temporal or settings.fixed_norms or settings.encoder_rate == 0.0:
            # its batch statistics are settled, and frames of a clip are too alike to move them
            net.pretrained.eval()
        if net.teacher_model is not None:
            net.teacher_model.eval()

    def predict(
        self, rgb: Tensor, state: TemporalState | None, settings: TrainSettings
    ) -> tuple[Tensor, TemporalState | None]:
        if not settings.temporal:
            return predict_frames(self.module, rgb, settings.compiled), None
        return predict(self.module, rgb, state, settings.compiled, settings.piece_frames)


def learner_of(net: FlashDepthNet | Learner) -> Learner:
    """Itself, or the one of a network."""
    return NetworkLearner(net) if isinstance(net, FlashDepthNet) else net
