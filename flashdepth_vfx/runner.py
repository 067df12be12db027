"""FrameRunner: a network in the precision that it is held in, and in float32 for a frame that is beyond it."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from flashdepth_vfx.model import TemporalState
from flashdepth_vfx.model.precision import Precision, hold_in

__all__ = ["FrameRunner"]


class FrameRunner:
    """Calls a network, `disparity, state = runner(frame, state)`, and holds its wide layers in `precision`, for good.

    float16 ends at 65,504, and one frame in a thousand may pass it. Its numbers are then no numbers, and never leave:
    the same frame is run again, from the state before it, in float32. That depends on frame and state alone, so a
    resumed shot does as an unbroken one did.
    """

    def __init__(self, net: nn.Module, precision: Precision) -> None:
        hold_in(net, precision)
        self._net, self._precision = net, precision
        self._wide: nn.Module | None = None
        self.widened = 0
        """How many frames were run again."""

    def __call__(self, frame: Tensor, state: TemporalState | None) -> tuple[Tensor, TemporalState]:
        """As `FlashDepthNet.forward`."""
        narrow: tuple[Tensor, TemporalState] = self._net(frame, state)
        if self._precision == "fp32" or _all_finite(narrow[0], *narrow[1].ssm):
            return narrow
        self.widened += 1
        if self._wide is None:
            # kept: where one frame of a shot was beyond, its neighbours will be
            self._wide = copy.deepcopy(self._net)
            hold_in(self._wide, "fp32")
        wide: tuple[Tensor, TemporalState] = self._wide(frame, state)
        return wide


def _all_finite(*tensors: Tensor) -> bool:
    # a sum is finite only where all are, or overflows itself: then once too often is no harm
    sums = torch.stack([tensor.sum(dtype=torch.float32) for tensor in tensors])
    return bool(sums.isfinite().all())
