"""Several processes that train one network: which one this is, and the sums over all of them.

Gradients are averaged by hand, once a step, in one tensor: the network is small, and this way it is never wrapped.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["ALONE", "Ranks", "joined_ranks"]


@dataclass(frozen=True)
class Ranks:
    """This is process `rank` of `count`."""

    rank: int
    count: int

    def average_(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over all ranks, in place; all are of one type and device."""
        if self.count == 1:
            return
        several = list(tensors)
        if not several:
            return
        flat = torch.cat([tensor.flatten() for tensor in several])
        dist.all_reduce(flat)
        flat /= self.count
        start = 0
        for tensor in several:
            tensor.copy_(flat[start : start + tensor.numel()].view_as(tensor))
            start += tensor.numel()


ALONE = Ranks(0, 1)


@contextmanager
def joined_ranks(device_type: str) -> Iterator[Ranks]:
    """The ranks that `torchrun` started, this one among them; one alone where it did not."""
    if "WORLD_SIZE" not in os.environ:
        yield ALONE
        return
    if device_type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device_type == "cuda" else "gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
