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
from flashdepth_vfx.model import FlashDepthNet, TemporalState
from flashdepth_vfx.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from flashdepth_vfx.training.data import Batch
from flashdepth_vfx.training.learner import Learner, learner_of
from flashdepth_vfx.training.losses import clip_loss
from flashdepth_vfx.training.optimizer import new_optimizer, rate_at
from flashdepth_vfx.training.ranks import ALONE, Ranks
from flashdepth_vfx.training.settings import TrainSettings

__all__ = ["Report", "Show", "Source", "train"]

#: What the settings say of a group of parameters, whatever a checkpoint was written with.
_TOLD = ("peak", "weight_decay")

Report = Callable[[dict[str, Any]], None]
"""Takes one line of the log, as plain values."""

Show = Callable[[int, Batch, Tensor], None]
"""Takes a step, its batch, and the disparity `(B, T, H, W)` in 100/m that it was given."""

Source = Callable[[int], Iterator[Batch]]
"""The batches of a step and of all after it, without end: the same ones whenever it is asked."""


def train(
    net: FlashDepthNet | Learner,
    settings: TrainSettings,
    source: Source,
    path: Path,
    history: list[dict[str, Any]],
    device: torch.device,
    report: Report,
    ranks: Ranks = ALONE,
    stop: threading.Event | None = None,
    show: Show | None = None,
) -> int:
    """Train `net` in place and return how many steps were taken: none where the end was reached before.

    The checkpoint `path` is written as it goes, and continued from if it is there, at the rates of `settings`.
    `history` are `start.origin` and the records of the stages before this one. Of several ranks the first writes,
    reports and shows (every `settings.sample_every` steps); all end with the same network. Setting `stop` ends it
    where the next clip begins, with the checkpoint written, by raising Interrupted. Raises WeightsError when `path`
    is no checkpoint of this network, stage and history, OutputError when it cannot be written, DeviceError when the
    ranks no longer have one network.
    """
    run = _Run(learner_of(net), settings, device, ranks, stop or threading.Event())
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
        predicted = run.take_step(batch, report if ranks.rank == 0 else _silent)
        every = settings.sample_every
        if show is not None and ranks.rank == 0 and every and run.step % every == 0:
            show(run.step, batch, predicted)
        if run.progress >= 1.0:
            run.save(path, history)
            break
    return run.step - first


class _Run:
    """One stage in progress."""

    def __init__(
        self,
        learner: Learner,
        settings: TrainSettings,
        device: torch.device,
        ranks: Ranks,
        stop: threading.Event,
    ) -> None:
        self.learner, self.net = learner, learner.module
        self.settings, self.device, self.ranks = settings, device, ranks
        self._stop = stop
        self.step, self.seconds_before, self.began = 0, 0.0, time.monotonic()
        learner.begin(device)
        self.optimizer = new_optimizer(learner, settings)
        self.trained = [p for p in self.net.parameters() if p.requires_grad]
        self.state: TemporalState | None = None
        #: the clock of all ranks together, and whether one of them was told to stop: what one decides, all decide
        self.clock, self.stopping = 0.0, False
        self.progress = self._progress()
        self.logged, self.skipped = time.monotonic(), 0
        self.recent: list[dict[str, Tensor]] = []

    def resume(self, checkpoint: Checkpoint, path: Path, history: list[dict[str, Any]]) -> None:
        """Go on from `checkpoint`, read from `path`."""
        # on another path the same weights fit, and mean nothing
        if not self.learner.fits(checkpoint.config):
            raise WeightsError(f"{path}: of another network; name another checkpoint, or remove it")
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

    def take_step(self, batch: Batch, report: Report) -> Tensor:
        rate = rate_at(self.step, self.progress, self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        self.learner.set_modes(self.settings)
        predicted = self._predicted(batch)
        loss, terms = clip_loss(predicted, batch.disparity_100_per_m, self.settings.loss)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.step += 1
        self._agree()
        # infinity shortens nothing, and tells the norm
        longest = self.settings.optimizer.clip_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.trained, longest)
        if bool(norm.isfinite()):
            self.optimizer.step()
        else:
            self.skipped += 1
        self.recent.append(terms | {"gradient_norm": norm.detach()})
        if self.step % self.settings.log_every == 0 or self.progress >= 1.0:
            report(self._line(rate))
        return predicted.detach()

    def _predicted(self, batch: Batch) -> Tensor:
        before = None if batch.fresh else self.state
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            predicted, state = self.learner.predict(batch.rgb, before, self.settings)
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
        if self.device.type == "cuda":
            line["peak_gib"] = round(torch.cuda.max_memory_allocated(self.device) / 2**30, 2)
        self.logged, self.recent = now, []
        return line | {name: round(mean, 5) for name, mean in means.items()}

    def _frames_of(self, steps: int) -> int:
        data = self.settings.data
        return steps * data.clips * data.frames * self.ranks.count

    def save(self, path: Path, history: list[dict[str, Any]]) -> None:
        # batch statistics are each rank's own until here
        self.ranks.average_(b for b in self.net.buffers() if b.is_floating_point())
        fingerprint = self.ranks.require_same(self.net.parameters())
        if self.ranks.rank == 0:
            save_checkpoint(self._checkpoint(history, fingerprint), path)

    def _checkpoint(self, history: list[dict[str, Any]], fingerprint: str) -> Checkpoint:
        record = {
            "settings": json.loads(json.dumps(dataclasses.asdict(self.settings))),
            "steps": self.step,
            "seconds": round(self.seconds(), 1),
            "ranks": self.ranks.count,
            "fingerprint": fingerprint,
            "frames_seen": self._frames_of(self.step),
        }
        return Checkpoint(
            self.learner.config,
            self.net.state_dict(),
            self.optimizer.state_dict(),
            self.step,
            self.seconds(),
            [*history, record],
        )


def _silent(line: dict[str, Any]) -> None:
    """What the ranks after the first say."""
