"""FrameRunner: a network in the precision that it is held in, and in float32 for a frame that is beyond it."""

from __future__ import annotations

import copy

from torch import Tensor

from flashdepth_vfx.model import FlashDepthNet, TemporalState
from flashdepth_vfx.model.attention import Choice, attending
from flashdepth_vfx.model.precision import Precision, hold_in
from flashdepth_vfx.recording import Recording, all_finite

__all__ = ["FrameRunner"]


class FrameRunner:
    """Calls a network, `disparity, state = runner(frame, state)`, and holds its wide layers in `precision`, for good.

    On a GPU it plays back a recording of the network, made at the first frame of a size.

    float16 ends at 65,504, and one frame in a thousand may pass it. Its numbers are then no numbers, and never leave:
    the same frame is run again, from the state before it, in float32. That depends on frame and state alone, so a
    resumed shot does as an unbroken one did.
    """

    def __init__(self, net: FlashDepthNet, precision: Precision) -> None:
        hold_in(net, precision)
        self._net, self._precision = net, precision
        self._wide: FlashDepthNet | None = None
        self._recorded: tuple[object, Recording] | None = None
        self.widened = 0
        """How many frames were run again."""

    def __call__(
        self, frame: Tensor, state: TemporalState | None, attention: Choice | None = None
    ) -> tuple[Tensor, TemporalState]:
        """As `FlashDepthNet.forward`; attention runs as `attention` says."""
        choice = attention or {}
        with attending(choice):
            disparity, after, finite = self._narrow(frame, state, choice)
            if self._precision == "fp32" or bool(finite):
                return disparity, after
            self.widened += 1
            if self._wide is None:
                # kept: where one frame of a shot was beyond, its neighbours will be
                self._wide = copy.deepcopy(self._net)
                hold_in(self._wide, "fp32")
            wide: tuple[Tensor, TemporalState] = self._wide(frame, state)
            return wide

    def _narrow(
        self, frame: Tensor, state: TemporalState | None, attention: Choice
    ) -> tuple[Tensor, TemporalState, Tensor]:
        if not frame.is_cuda:
            disparity, after = self._net(frame, state)
            return disparity, after, all_finite(disparity, *after.tensors)
        key = (frame.shape, frame.device, dict(attention))
        if self._recorded is None or self._recorded[0] != key:
            # first the memory of the one before
            self._recorded = None
            self._net.require(frame, state)
            self._recorded = (key, Recording(self._net, frame))
        if state is not None:
            self._net.require(frame, state)
        return self._recorded[1].play(frame, state)
