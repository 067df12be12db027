"""What a frame must cost at least: its operations and its bytes, against what the device was measured to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from flashdepth_vfx.bench.clock import DeviceClock, fastest_seconds
from flashdepth_vfx.bench.job import Size
from flashdepth_vfx.bench.stages import parts_of
from flashdepth_vfx.bench.subject import Subject
from flashdepth_vfx.model import FlashDepthNet, ModelConfig

__all__ = ["Floors", "Work", "copy_rate", "flops_of", "matmul_rate", "measure_floors", "work_of"]

_REPEATS = 10
#: Large enough to keep every core of the device at work for milliseconds.
_MATMUL_SIDE = {"cuda": 8192, "cpu": 1536}
_COPY_BYTES = {"cuda": 1 << 30, "cpu": 1 << 27}


@dataclass(frozen=True)
class Work:
    """Of one frame: `flops` (a multiplication and an addition are two) of matrix products and convolutions, by stage
    too, and `weights`, the count of numbers in the modules that it passes through.
    """

    flops: int
    flops_by_stage: Mapping[str, int]
    weights: int


@dataclass(frozen=True)
class Floors:
    """`least_bytes`: the weights once, the frame in and the depth out. `dtype` is that of the matrix product whose
    rate stands for the device's; `copy_bytes_per_s` counts what is read and what is written.
    """

    flops: int
    flops_by_stage: Mapping[str, int]
    least_bytes: int
    dtype: str
    matmul_flops_per_s: float
    copy_bytes_per_s: float

    @property
    def bound_ms(self) -> float:
        """The longer of the operations at the measured rate, and the bytes at theirs.

        Operations are counted as written. Winograd's convolution needs fewer, and can go below by as much.
        """
        operations = self.flops / self.matmul_flops_per_s
        return 1000.0 * max(operations, self.least_bytes / self.copy_bytes_per_s)


def measure_floors(subject: Subject, compute_dtype: str) -> Floors:
    """The floors of a subject. `compute_dtype` is what its encoder computes in, as PyTorch spells it."""
    work = work_of(subject.plan.network.config, subject.network_size)
    dtype: torch.dtype = getattr(torch, compute_dtype)
    pixels = subject.network_size.width_px * subject.network_size.height_px
    frame_bytes = pixels * (3 + 1) * torch.float32.itemsize
    return Floors(
        flops=work.flops,
        flops_by_stage=work.flops_by_stage,
        least_bytes=work.weights * _stored(subject.net).itemsize + frame_bytes,
        dtype=compute_dtype,
        matmul_flops_per_s=matmul_rate(subject.device, dtype),
        copy_bytes_per_s=copy_rate(subject.device),
    )


def work_of(config: ModelConfig, size: Size) -> Work:
    """Counted on tensors that hold nothing, the same on every machine: it takes no memory and little time."""
    # Not the device "meta", which autocast refuses.
    with FakeTensorMode():
        net = FlashDepthNet(config, scan="torch").eval()
        frame = torch.empty(1, 3, size.height_px, size.width_px)
        return _work(net, frame)


def _work(net: FlashDepthNet, frame: torch.Tensor) -> Work:
    passed: dict[int, int] = {}

    def note(module: nn.Module, _given: Any) -> None:
        passed[id(module)] = sum(weight.numel() for weight in module.parameters(recurse=False))

    hooks = [module.register_forward_pre_hook(note) for module in net.modules()]
    by_module = _counted(net, frame)
    for hook in hooks:
        hook.remove()
    stages: dict[str, int] = {}
    for part in parts_of(net):
        for name in {part.first, part.last}:
            stages[part.stage] = stages.get(part.stage, 0) + by_module.get(name, 0)
    return Work(by_module[""], stages, sum(passed.values()))


def flops_of(module: nn.Module, *given: torch.Tensor) -> int:
    """Of one call: matrix products and convolutions. What only adds, scales or resizes counts nothing."""
    return _counted(module, *given)[""]


def _counted(module: nn.Module, *given: torch.Tensor) -> dict[str, int]:
    """By the module's name, its parts counted in; "" is the whole."""
    counter = FlopCounterMode(display=False)
    # Fused attention has no formula on some devices, and would count nothing.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        module(*given)
    root = type(module).__name__
    counts = {
        name.removeprefix(f"{root}."): sum(operations.values())
        for name, operations in counter.get_flop_counts().items()
        if name.startswith(f"{root}.")
    }
    return {**counts, "": counter.get_total_flops()}


def matmul_rate(device: torch.device, dtype: torch.dtype, side: int | None = None) -> float:
    """Operations a second of a square matrix product: the fastest of a few."""
    side = side or _MATMUL_SIDE[device.type]
    with torch.inference_mode():
        one, other = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        seconds = fastest_seconds(lambda: one @ other, DeviceClock(device), _REPEATS)
    return 2.0 * side**3 / seconds


def copy_rate(device: torch.device, count: int | None = None) -> float:
    """Bytes a second that a copy within the device's memory reads and writes: the fastest of a few."""
    count = count or _COPY_BYTES[device.type]
    with torch.inference_mode():
        source = torch.zeros(count, dtype=torch.uint8, device=device)
        target = torch.empty_like(source)
        seconds = fastest_seconds(lambda: target.copy_(source), DeviceClock(device), _REPEATS)
    return 2.0 * count / seconds


def _stored(net: nn.Module) -> torch.dtype:
    """The type that most weights have."""
    held: dict[torch.dtype, int] = {}
    for weight in net.parameters():
        held[weight.dtype] = held.get(weight.dtype, 0) + weight.numel()
    return max(held, key=lambda dtype: held[dtype])
