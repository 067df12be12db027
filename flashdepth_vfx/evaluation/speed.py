"""How many frames a second a model predicts on this machine."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

__all__ = ["frames_per_second"]

_THREADS = 2
_FRAMES = 4
_REPEATS = 5
#: After this nothing is repeated: the largest networks need minutes for a frame on a CPU.
_ENOUGH_SECONDS = 20.0


def frames_per_second(predict: Callable[[Tensor], Tensor], width_px: int, height_px: int) -> float:
    """The median of several runs over a few noisy frames of this size, with 2 threads, after one to warm up.

    Everything that `predict` does is in it: resizing to the working size and back too. Files are not.
    """
    noise = torch.Generator().manual_seed(0)
    rgb = torch.rand(_FRAMES, 3, height_px, width_px, generator=noise)
    seconds: list[float] = []
    with _threads(_THREADS):
        predict(rgb)
        while len(seconds) < _REPEATS and sum(seconds) < _ENOUGH_SECONDS:
            began = time.perf_counter()
            predict(rgb)
            seconds.append(time.perf_counter() - began)
    return _FRAMES / statistics.median(seconds)


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
