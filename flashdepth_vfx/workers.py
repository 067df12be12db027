"""How many threads read and write beside the network, and how many cores each of their operations takes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch

__all__ = ["one_core_an_operation", "usable_cores", "worker_count"]

#: A plate of 2K costs a core about a third of a second on its way in and out; a network wants up to 80 a second.
_MOST = 16


def usable_cores() -> tuple[int, ...]:
    """The numbers of the cores that this process may use: on a farm fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def worker_count(cores: int, *, network_on_cpu: bool) -> int:
    """Threads on either side of the network.

    A codec takes one core a thread. A network on a GPU leaves the cores to both sides; one on the CPU wants them.
    """
    return max(1, min(_MOST, cores // (4 if network_on_cpu else 2)))


@contextlib.contextmanager
def one_core_an_operation(*, network_on_cpu: bool) -> Iterator[None]:
    """Where only worker threads compute on the CPU: each of their operations on its own core, until the end.

    By itself PyTorch spreads each over all cores, and as many operations as there are workers would fight for them.
    How many cores a network on the CPU uses is up to whoever started the process, and stays.
    """
    before = torch.get_num_threads()
    if not network_on_cpu:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        # it is one number for the whole process, and not ours
        torch.set_num_threads(before)
