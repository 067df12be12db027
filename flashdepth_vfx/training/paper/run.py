"""The paper's training from a configuration to a checkpoint, watched."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from flashdepth_vfx.training.paper.config import read_config
from flashdepth_vfx.training.paper.watch import Watch
from flashdepth_vfx.training.run import run_stage
from flashdepth_vfx.training.train import Report

__all__ = ["train_paper"]


def train_paper(
    config: str,
    changes: Sequence[str],
    report: Report,
    stop: threading.Event | None = None,
) -> int:
    """Train as a configuration file says (`read_config`), to its end, and return how many steps that took.

    Curves and samples lie beside the checkpoint, as `Watch` says. `report` and `stop` are `train`'s. Raises what
    `read_config` and `run_stage` raise.
    """
    job = read_config(config, changes)
    watch = Watch(job.checkpoint, job.settings, report)
    try:
        return run_stage(job, watch.line, stop, watch.show)
    finally:
        watch.close()
