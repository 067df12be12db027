"""What moves in a stage, and how fast."""

from __future__ import annotations

import math

import torch

from flashdepth_vfx.training.learner import Learner
from flashdepth_vfx.training.settings import TrainSettings

__all__ = ["new_optimizer", "rate_at"]


def new_optimizer(learner: Learner, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW with one rate for each part. A part whose rate is 0 is left as it is."""
    adamw = settings.optimizer
    groups = []
    for module, rate in learner.rates(settings):
        module.requires_grad_(rate > 0.0)
        parameters = [p for p in module.parameters() if p.requires_grad]
        others = settings.weight_decay if adamw.decay_all else 0.0
        for matrices, decay in ((True, settings.weight_decay), (False, others)):
            chosen = [p for p in parameters if (p.ndim > 1) is matrices]
            if chosen:
                groups.append({"params": chosen, "peak": rate, "lr": rate, "weight_decay": decay})
    on_gpu = next(learner.module.parameters()).is_cuda
    return torch.optim.AdamW(groups, betas=(adamw.beta1, adamw.beta2), fused=on_gpu)


def rate_at(step: int, progress: float, settings: TrainSettings) -> float:
    """The share of the rates at a step: linear warm-up, times half a cosine down to `last_rate`."""
    first = settings.optimizer.first_rate
    if first is None:
        first = 1.0 / settings.warmup_steps
    warm = min(1.0, first + (1.0 - first) * step / max(1, settings.warmup_steps - 1))
    fall = 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
    return warm * (settings.last_rate + (1.0 - settings.last_rate) * fall)
