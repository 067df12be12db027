"""The training loop, in two stages: each frame by itself, then the temporal module over clips."""

from __future__ import annotations

import dataclasses
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from flashdepth_vfx.errors import Interrupted, WeightsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig, TemporalState
from flashdepth_vfx.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from flashdepth_vfx.training.data import Batch
from flashdepth_vfx.training.losses import clip_loss
from flashdepth_vfx.training.passes import predict, predict_frames
from flashdepth_vfx.training.ranks import ALONE, Ranks
from flashdepth_vfx.training.settings import TrainSettings

__all__ = ["Report", "Source", "train"]

_BETAS = (0.9, 0.99)
_CLIP_NORM = 1.0
#: What the settings say of a group of parameters, whatever a checkpoint was written with.
_TOLD = ("peak", "weight_decay")

Report = Callable[[dict[str, Any]], None]
"""Takes one line of the log, as plain values."""

Source = Callable[[int], Iterator[Batch]]
"""The batches of a step and of all after it, without end: the same ones whenever it is asked."""


def train(
    net: FlashDepthNet,
    settings: TrainSettings,
    source: Source,
    path: Path,
    history: list[dict[str, Any]],
    device: torch.device,
    report: Report,
    ranks: Ranks = ALONE,
    stop: threading.Event | None = None,
) -> int:
    """Train `net` in place and return how many steps were taken: none where the end was reached before.

    The checkpoint `path` is written as it goes, and continued from if it is there, at the rates of `settings`.
    `history` are `start.origin` and the records of the stages before this one. Of several ranks the first writes
    and reports; all end with the same network. Setting `stop` ends it where the next clip begins, with the checkpoint
    written, by raising Interrupted. Raises WeightsError when `path` is no checkpoint of this network, stage and
    history, OutputError when it cannot be written.
    """
    run = _Run(net, settings, device, ranks, stop or threading.Event())
    if path.exists():
        run.resume(load_checkpoint(path), path, history)
    saved, first = run.clock, run.step
    for batch in source(run.step) if run.progress < 1.0 else ():
        # between clips only: a clip that is cut off would go on without its state
        if batch.fresh and (run.stopping or run.clock - saved >= settings.checkpoint_seconds):
            run.save(path, history)
            saved = run.clock
            if run.stopping:
                raise Interrupted(f"stopped after step {run.step}; {path} goes on from there")
        run.take_step(batch, report if ranks.rank == 0 else _silent)
        if run.progress >= 1.0:
            run.save(path, history)
            break
    return run.step - first


class _Run:
    """One stage in progress."""

    def __init__(
        self,
        net: FlashDepthNet,
        settings: TrainSettings,
        device: torch.device,
        ranks: Ranks,
        stop: threading.Event,
    ) -> None:
        self.net, self.settings, self.device, self.ranks = net, settings, device, ranks
        self._stop = stop
        self.step, self.seconds_before, self.began = 0, 0.0, time.monotonic()
        # two calls, since the checker knows no `to` with both
        net.to(device)
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = _optimizer(net, settings)
        self.trained = [p for p in net.parameters() if p.requires_grad]
        self.state: TemporalState | None = None
        #: the clock of all ranks together, and whether one of them was told to stop: what one decides, all decide
        self.clock, self.stopping = 0.0, False
        self.progress = self._progress()
        self.logged, self.skipped = time.monotonic(), 0
        self.recent: list[dict[str, Tensor]] = []

    def resume(self, checkpoint: Checkpoint, path: Path, history: list[dict[str, Any]]) -> None:
        """Go on from `checkpoint`, read from `path`."""
        # on another path the same weights fit, and mean nothing
        if ModelConfig.from_dict(checkpoint.config) != self.net.config:
            raise WeightsError(
                f"{path}: of another network, '{checkpoint.config['name']}' and not '{self.net.config.name}'"
            )
        told = [{name: group[name] for name in _TOLD} for group in self.optimizer.param_groups]
        try:
            self.net.load_state_dict(checkpoint.model)
            self.optimizer.load_state_dict(checkpoint.optimizer)
        except (KeyError, RuntimeError, ValueError) as problem:
            raise WeightsError(f"{path}: of another network or stage: {problem}") from problem
        # what it is written down with would say that it began where this command begins, licence and all
        if checkpoint.history[:-1] != history:
            raise WeightsError(
                f"{path}: begun from other weights than these; name another checkpoint, or remove it"
            )
        for group, mine in zip(self.optimizer.param_groups, told, strict=True):
            group.update(mine)
        self.step, self.seconds_before = checkpoint.step, checkpoint.seconds
        self.clock = checkpoint.seconds
        self.progress = self._progress()

    def seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.began

    def _progress(self) -> float:
        """0 at the start, 1 at the end."""
        steps, minutes = self.settings.steps, self.settings.minutes
        by_step = self.step / steps if steps is not None else 0.0
        by_clock = self.clock / (60.0 * minutes) if minutes is not None else 0.0
        return max(by_step, by_clock)

    def take_step(self, batch: Batch, report: Report) -> None:
        rate = _rate(self.step, self.progress, self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        _set_modes(self.net, self.settings)
        loss, terms = clip_loss(
            self._predicted(batch), batch.disparity_100_per_m, self.settings.loss
        )
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.step += 1
        self._agree()
        norm = nn.utils.clip_grad_norm_(self.trained, _CLIP_NORM)
        if bool(norm.isfinite()):
            self.optimizer.step()
        else:
            self.skipped += 1
        self.recent.append(terms | {"gradient_norm": norm.detach()})
        if self.step % self.settings.log_every == 0 or self.progress >= 1.0:
            report(self._line(rate))

    def _predicted(self, batch: Batch) -> Tensor:
        compiled = self.settings.compiled
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            if not self.settings.temporal:
                return predict_frames(self.net, batch.rgb, compiled)
            before = None if batch.fresh or self.state is None else self.state
            predicted, state = predict(self.net, batch.rgb, before, compiled)
        self.state = None if state is None else state.detach()
        return predicted

    def _agree(self) -> None:
        """One gradient, one clock, one will to stop for all ranks, or they would save and end at different steps."""
        shared = torch.tensor([self.seconds(), float(self._stop.is_set())], device=self.device)
        gradients = [p.grad for p in self.trained if p.grad is not None]
        self.ranks.average_([shared, *gradients])
        self.clock, stopping = shared.tolist()
        self.stopping = stopping > 0.0
        self.progress = self._progress()

    def _line(self, rate: float) -> dict[str, Any]:
        """The means of the terms since the line before."""
        now = time.monotonic()
        frames = self._frames_of(len(self.recent))
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

    def _frames_of(self, steps: int) -> int:
        data = self.settings.data
        return steps * data.clips * data.frames * self.ranks.count

    def save(self, path: Path, history: list[dict[str, Any]]) -> None:
        # batch statistics are each rank's own until here
        self.ranks.average_(b for b in self.net.buffers() if b.is_floating_point())
        if self.ranks.rank == 0:
            save_checkpoint(self._checkpoint(history), path)

    def _checkpoint(self, history: list[dict[str, Any]]) -> Checkpoint:
        record = {
            "settings": json.loads(json.dumps(dataclasses.asdict(self.settings))),
            "steps": self.step,
            "seconds": round(self.seconds(), 1),
            "ranks": self.ranks.count,
            "frames_seen": self._frames_of(self.step),
        }
        return Checkpoint(
            self.net.config.to_dict(),
            self.net.state_dict(),
            self.optimizer.state_dict(),
            self.step,
            self.seconds(),
            [*history, record],
        )


def _silent(line: dict[str, Any]) -> None:
    """What the ranks after the first say."""


def _optimizer(net: FlashDepthNet, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW with one rate for each part; decay on matrices only. A part whose rate is 0 is left as it is."""
    rates: list[tuple[nn.Module, float]] = [
        (net.pretrained, settings.encoder_rate),
        (net.depth_head, settings.decoder_rate),
        (net.mamba, settings.temporal_rate),
    ]
    if net.teacher_model is not None and net.hybrid_fusion is not None:
        # the teacher has learned: it only guides
        rates += [(net.teacher_model, 0.0), (net.hybrid_fusion, settings.decoder_rate)]
    groups = []
    for module, rate in rates:
        module.requires_grad_(rate > 0.0)
        parameters = [p for p in module.parameters() if p.requires_grad]
        for matrices, decay in ((True, settings.weight_decay), (False, 0.0)):
            chosen = [p for p in parameters if (p.ndim > 1) is matrices]
            if chosen:
                groups.append({"params": chosen, "peak": rate, "lr": rate, "weight_decay": decay})
    on_gpu = next(net.parameters()).is_cuda
    return torch.optim.AdamW(groups, betas=_BETAS, fused=on_gpu)


def _set_modes(net: FlashDepthNet, settings: TrainSettings) -> None:
    net.train()
    if settings.temporal or settings.fixed_norms or settings.encoder_rate == 0.0:
        # its batch statistics are settled, and frames of a clip are too alike to move them
        net.pretrained.eval()
    if net.teacher_model is not None:
        net.teacher_model.eval()


def _rate(step: int, progress: float, settings: TrainSettings) -> float:
    """Linear warm-up, then half a cosine."""
    warm = min(1.0, (step + 1) / settings.warmup_steps)
    fall = 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
    return warm * (settings.last_rate + (1.0 - settings.last_rate) * fall)
