"""The training loop, in two stages: each frame by itself, then the temporal module over clips."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from flashdepth_vfx.errors import SettingsError, WeightsError
from flashdepth_vfx.model import FlashDepthNet, TemporalState
from flashdepth_vfx.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from flashdepth_vfx.training.data import Batch, DataSettings, batches, network_input
from flashdepth_vfx.training.losses import LossWeights, clip_loss

__all__ = ["TrainSettings", "predict", "train"]

_BETAS = (0.9, 0.99)
_CLIP_NORM = 1.0
_LAST_RATE = 0.01


@dataclass(frozen=True)
class TrainSettings:
    """One stage. It ends at `steps` or after `minutes`, whichever comes first, and its rates with it.

    With `steps` alone the rates do not depend on the clock: minutes hold more steps on a faster machine.
    `temporal` False trains encoder and decoder, each frame by itself; True trains the temporal module with gradients
    through the state, the decoder slowly, and leaves the encoder as it is. Rates are AdamW's, after `warmup_steps`.
    """

    data: DataSettings
    temporal: bool
    steps: int | None
    minutes: float | None
    encoder_rate: float
    decoder_rate: float
    temporal_rate: float
    warmup_steps: int = 200
    weight_decay: float = 0.01
    loss: LossWeights = dataclasses.field(default_factory=LossWeights)
    log_every: int = 50
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.steps is None and self.minutes is None:
            raise SettingsError("training needs an end: give steps, minutes or both")


Report = Callable[[dict[str, Any]], None]
"""Takes one line of the log, as plain values."""


def train(
    net: FlashDepthNet,
    settings: TrainSettings,
    path: Path,
    history: list[dict[str, Any]],
    device: torch.device,
    report: Report,
) -> None:
    """Train `net` in place; the checkpoint `path` is written as it goes, and continued from if it is there.

    `history` are `start.origin` and the records of the stages before this one. Raises WeightsError
    when `path` is no checkpoint of this network and stage.
    """
    run = _Run(net, settings, device)
    if path.exists():
        run.resume(load_checkpoint(path), path)
    if run.progress() >= 1.0:
        return
    saved = time.monotonic()
    for batch in batches(settings.data, run.step, device):
        run.take_step(batch, report)
        ended = run.progress() >= 1.0
        if ended or time.monotonic() - saved >= settings.checkpoint_seconds:
            save_checkpoint(run.checkpoint(history), path)
            saved = time.monotonic()
        if ended:
            return


def predict(net: FlashDepthNet, rgb: Tensor) -> Tensor:
    """Disparity `(B, T, H, W)` of clips `(B, T, 3, H, W)` in [0, 1], the state passed from frame to frame."""
    state: TemporalState | None = None
    frames = []
    for frame in network_input(rgb).unbind(1):
        disparity, state = net(frame.contiguous(memory_format=torch.channels_last), state)
        frames.append(disparity)
    return torch.stack(frames, dim=1)


class _Run:
    """One stage in progress."""

    def __init__(self, net: FlashDepthNet, settings: TrainSettings, device: torch.device) -> None:
        self.net, self.settings, self.device = net, settings, device
        self.step, self.seconds_before, self.began = 0, 0.0, time.monotonic()
        # two calls, since the checker knows no `to` with both
        net.to(device)
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = _optimizer(net, settings)
        self.logged, self.skipped = time.monotonic(), 0
        self.recent: list[dict[str, Tensor]] = []

    def resume(self, checkpoint: Checkpoint, path: Path) -> None:
        """Go on from `checkpoint`, read from `path`."""
        try:
            self.net.load_state_dict(checkpoint.model)
            self.optimizer.load_state_dict(checkpoint.optimizer)
        except (RuntimeError, ValueError) as problem:
            raise WeightsError(f"{path}: of another network or stage: {problem}") from problem
        self.step, self.seconds_before = checkpoint.step, checkpoint.seconds

    def seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.began

    def progress(self) -> float:
        """0 at the start, 1 at the end."""
        steps, minutes = self.settings.steps, self.settings.minutes
        by_step = self.step / steps if steps is not None else 0.0
        by_clock = self.seconds() / (60.0 * minutes) if minutes is not None else 0.0
        return max(by_step, by_clock)

    def take_step(self, batch: Batch, report: Report) -> None:
        rate = _rate(self.step, self.progress(), self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        _set_modes(self.net, self.settings.temporal)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            predicted = _forward(self.net, batch.rgb, self.settings.temporal)
        loss, terms = clip_loss(predicted, batch.disparity_100_per_m, self.settings.loss)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        norm = nn.utils.clip_grad_norm_(_trained(self.net), _CLIP_NORM)
        if bool(norm.isfinite()):
            self.optimizer.step()
        else:
            self.skipped += 1
        self.step += 1
        self.recent.append(terms | {"gradient_norm": norm.detach()})
        if self.step % self.settings.log_every == 0:
            report(self._line(rate))

    def _line(self, rate: float) -> dict[str, Any]:
        """The means of the terms since the line before."""
        data, now = self.settings.data, time.monotonic()
        frames = data.clips * data.frames * len(self.recent)
        means = {
            name: float(torch.stack([terms[name] for terms in self.recent]).mean())
            for name in self.recent[0]
        }
        line = {
            "stage": 2 if self.settings.temporal else 1,
            "step": self.step,
            "seconds": round(self.seconds(), 1),
            "frames_per_s": round(frames / (now - self.logged), 1),
            "rate": round(rate, 5),
            "skipped": self.skipped,
        }
        self.logged, self.recent = now, []
        return line | {name: round(mean, 5) for name, mean in means.items()}

    def checkpoint(self, history: list[dict[str, Any]]) -> Checkpoint:
        record = {
            "settings": json.loads(json.dumps(dataclasses.asdict(self.settings))),
            "steps": self.step,
            "seconds": round(self.seconds(), 1),
            "frames_seen": self.step * self.settings.data.clips * self.settings.data.frames,
        }
        return Checkpoint(
            self.net.config.to_dict(),
            self.net.state_dict(),
            self.optimizer.state_dict(),
            self.step,
            self.seconds(),
            [*history, record],
        )


def _forward(net: FlashDepthNet, rgb: Tensor, temporal: bool) -> Tensor:
    if temporal:
        return predict(net, rgb)
    batch, frames = rgb.shape[:2]
    # without a state every frame is a first frame: all go through at once
    return predict(net, rgb.flatten(0, 1)[:, None]).view(batch, frames, *rgb.shape[-2:])


def _optimizer(net: FlashDepthNet, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW with one rate for each part; decay on matrices only. A part whose rate is 0 is left as it is."""
    rates = (
        (net.pretrained, settings.encoder_rate),
        (net.depth_head, settings.decoder_rate),
        (net.mamba, settings.temporal_rate),
    )
    groups = []
    for module, rate in rates:
        module.requires_grad_(rate > 0.0)
        parameters = [p for p in module.parameters() if p.requires_grad]
        for matrices, decay in ((True, settings.weight_decay), (False, 0.0)):
            chosen = [p for p in parameters if (p.ndim > 1) is matrices]
            if chosen:
                groups.append({"params": chosen, "peak": rate, "lr": rate, "weight_decay": decay})
    return torch.optim.AdamW(groups, betas=_BETAS)


def _set_modes(net: FlashDepthNet, temporal: bool) -> None:
    net.train()
    if temporal:
        # its batch statistics are settled, and frames of a clip are too alike to move them
        net.pretrained.eval()


def _trained(net: FlashDepthNet) -> Iterator[nn.Parameter]:
    return (p for p in net.parameters() if p.requires_grad)


def _rate(step: int, progress: float, settings: TrainSettings) -> float:
    """Linear warm-up, then half a cosine down to a hundredth."""
    warm = min(1.0, (step + 1) / settings.warmup_steps)
    fall = 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
    return warm * (_LAST_RATE + (1.0 - _LAST_RATE) * fall)
