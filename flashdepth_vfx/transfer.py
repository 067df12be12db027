"""Pixels to a GPU and back on streams of their own, so that the network never waits for a copy; on a CPU they stay.

Only page-locked memory is copied beside other work: threads lay frames into it before they are sent.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

__all__ = ["Sent", "Transfer"]


class Sent:
    """A tensor that is on its way to a device."""

    def __init__(self, tensor: Tensor, arrived: torch.cuda.Event | None) -> None:
        self._tensor, self._arrived = tensor, arrived

    def there(self) -> Tensor:
        """The tensor, for work on the current stream: that waits for it, the host does not."""
        if self._arrived is not None:
            here = torch.cuda.current_stream(self._tensor.device)
            here.wait_event(self._arrived)
            # its memory is not given to the next one while work that was asked for here still reads it
            self._tensor.record_stream(here)
        return self._tensor


class Transfer:
    """The ways to one device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._on_gpu = device.type == "cuda"
        self._up = _stream(device) if self._on_gpu else None
        self._of_thread = threading.local()

    def laid_out(self, tensor: Tensor) -> Tensor:
        """A tensor in host memory from which `send` does not wait."""
        return tensor.pin_memory() if self._on_gpu else tensor

    def send(self, tensor: Tensor, made: Callable[[Tensor], Tensor] = lambda it: it) -> Sent:
        """Begin to bring a tensor to the device, and what is `made` of it there."""
        if self._up is None:
            return Sent(made(tensor.to(self._device)), None)
        with torch.cuda.stream(self._up):
            there = made(tensor.to(self._device, non_blocking=True))
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record(self._up)
        return Sent(there, arrived)

    def wait(self) -> None:
        """Until the device has done what this thread asked of it."""
        if self._on_gpu:
            torch.cuda.current_stream(self._device).synchronize()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Work of this thread inside is done beside that of other threads."""
        if not self._on_gpu:
            yield
            return
        stream = getattr(self._of_thread, "stream", None)
        if stream is None:
            stream = self._of_thread.stream = _stream(self._device)
        with torch.cuda.stream(stream):
            yield
            stream.synchronize()

    def fetch(self, tensor: Tensor) -> Tensor:
        """A tensor in host memory, when all that makes it is done."""
        if not self._on_gpu:
            return tensor.cpu()
        host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        host.copy_(tensor, non_blocking=True)
        self.wait()
        return host


def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
