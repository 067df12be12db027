"""What each process of test_training_ranks runs under torchrun: short stages, the network after each to a file."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from training_kit import CPU, made_source, network, stage_settings

from flashdepth_vfx.training import train as loop
from flashdepth_vfx.training.ranks import Ranks, joined_ranks
from flashdepth_vfx.training.train import train


def run(folder: Path, ranks: Ranks, stage: str, haste: float, **changes: Any) -> None:
    """The clock of the second rank runs `haste` times as fast."""
    settings = stage_settings(stage, **changes)
    source = made_source(settings.data, part=ranks.rank)
    if ranks.rank == 1:
        loop.time = SimpleNamespace(monotonic=lambda: haste * time.monotonic())  # type: ignore[attr-defined, assignment]
    lines: list[dict[str, Any]] = []
    net = network()
    train(net, settings, source, folder / "run.pt", [], CPU, lines.append, ranks)
    mine = {"net": net.state_dict(), "lines": lines}
    torch.save(mine, folder / f"rank{ranks.rank}of{ranks.count}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined_ranks("cpu") as joined:
        for name, job in json.loads(sys.argv[2]).items():
            run(Path(sys.argv[1]) / name, joined, **job)
