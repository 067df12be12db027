"""Several processes that train one network: which one this is, and the sums over all of them.

Gradients are averaged by hand, once a step, and the network is never wrapped: training runs parts of it, and not its
`forward`. What sending them beside the backward pass would save is measured by `benchmarks/paper_training.py`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from flashdepth_vfx.errors import DeviceError

__all__ = ["ALONE", "Ranks", "joined_ranks"]

#: So many values are sent at once: a copy of 340 million gradients would be 1.4 GB more.
_BUCKET = 1 << 25


@dataclass(frozen=True)
class Ranks:
    """This is process `rank` of `count`."""

    rank: int
    count: int

    def average_(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over all ranks, in place; all are of one type and device."""
        if self.count == 1:
            return
        several: list[Tensor] = []
        for tensor in tensors:
            several.append(tensor)
            if sum(t.numel() for t in several) >= _BUCKET:
                self._average_(several)
                several = []
        if several:
            self._average_(several)

    def require_same(self, tensors: Iterable[Tensor]) -> str:
        """A fingerprint of all bits of these float32 tensors, the same on every rank.

        Raises DeviceError where it is not: the ranks train several networks, and none of them is the one asked for.
        """
        sums = torch.stack([_bits(tensor) for tensor in tensors])
        if self.count > 1:
            least, most = sums.clone(), sums.clone()
            dist.all_reduce(least, dist.ReduceOp.MIN)
            dist.all_reduce(most, dist.ReduceOp.MAX)
            unlike = int((least != most).sum())
            if unlike:
                raise DeviceError(
                    f"{unlike} of {len(sums)} tensors differ from rank to rank: go on from the last checkpoint, "
                    "and look at the GPUs and what joins them"
                )
        return hashlib.sha256(sums.cpu().numpy().tobytes()).hexdigest()[:16]

    def _average_(self, several: list[Tensor]) -> None:
        flat = torch.cat([tensor.flatten() for tensor in several])
        dist.all_reduce(flat)
        flat /= self.count
        parts = torch.split(flat, [tensor.numel() for tensor in several])
        for tensor, part in zip(several, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


def _bits(tensor: Tensor) -> Tensor:
    """The sum of its bits as whole numbers, each by its place: no order of adding changes it."""
    whole = tensor.detach().contiguous().view(torch.int32).flatten().to(torch.int64)
    place = torch.arange(1, len(whole) + 1, device=tensor.device)
    return (whole * place).sum()


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
