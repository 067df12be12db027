"""A frame's work on a GPU recorded once and played back: a thousand kernels follow each other without a pause.

A CUDA graph knows fixed memory only. What is given is copied in, what comes out is copied out, so that the state
stays a value outside; only the state that came out of the frame before is there already.
"""

from __future__ import annotations

import torch
from torch import Tensor

from flashdepth_vfx.model import FlashDepthNet, TemporalState

__all__ = ["Recording", "all_finite"]

#: Frames before the recording: libraries make their plans and kernels are built in the first one.
_WARM_UP_FRAMES = 2


class Recording:
    """The work of `net` for frames like `frame` `(B, 3, H, W)` on a GPU."""

    def __init__(self, net: FlashDepthNet, frame: Tensor) -> None:
        device = frame.device
        self._frame = frame.clone()
        shapes = net.state_shapes(frame.shape[0])
        self._before = TemporalState(tuple(torch.zeros(s, device=device) for s in shapes))
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        with torch.cuda.device(device):
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UP_FRAMES):
                    net(self._frame, self._before)
            stream.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            # Threads that bring other frames to the host go on with that meanwhile.
            with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
                self._disparity, self._after = net(self._frame, self._before)
                self._finite = all_finite(self._disparity, *self._after.tensors)
                # where the next frame looks for it; what is outside is another copy
                for held, new in zip(self._before.tensors, self._after.tensors, strict=True):
                    held.copy_(new)
        self._given: TemporalState | None = None

    def play(
        self, frame: Tensor, state: TemporalState | None
    ) -> tuple[Tensor, TemporalState, Tensor]:
        """Disparity, the state after, and whether all of both are numbers, still on the GPU."""
        self._frame.copy_(frame)
        if state is None or state is not self._given:
            for index, held in enumerate(self._before.tensors):
                if state is None:
                    held.zero_()
                else:
                    held.copy_(state.tensors[index])
        self._graph.replay()
        self._given = self._after.clone()
        return self._disparity.clone(), self._given, self._finite


def all_finite(*tensors: Tensor) -> Tensor:
    """Whether all numbers of all tensors are finite, as one bool on their device."""
    # a sum is finite only where all are, or overflows itself: then once too often is no harm
    sums = torch.stack([tensor.sum(dtype=torch.float32) for tensor in tensors])
    return sums.isfinite().all()
