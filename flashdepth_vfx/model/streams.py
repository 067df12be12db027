"""Work beside other work, on a GPU's second stream; in line everywhere else."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["beside"]


def beside(work: Callable[[], Tensor], device: torch.device) -> Callable[[], Tensor]:
    """Start `work` on `device` beside what follows. What is returned waits for it, once.

    In training, and on a CPU, it runs when it is waited for.
    """
    if device.type != "cuda" or torch.is_grad_enabled():
        return work
    here, side = torch.cuda.current_stream(device), _side_stream(device.index or 0)
    # Also what lets the memory of the work before be used again: nobody reads it any more.
    side.wait_stream(here)
    with torch.cuda.stream(side):
        made = work()

    def joined() -> Tensor:
        here.wait_stream(side)
        return made

    return joined


@functools.cache
def _side_stream(index: int) -> torch.cuda.Stream:
    return torch.cuda.Stream(torch.device("cuda", index))  # type: ignore[no-untyped-call]
