"""What a frame costs: the arithmetic of its convolutions and products, and the time on a device."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from flashdepth_vfx.evaluation.contestants import Contestant
from flashdepth_vfx.measures.predictor import Seen, canvas_of
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.preprocess import to_network
from flashdepth_vfx.training.upsampler import LearnedUpsampler, UpsamplerConfig

__all__ = [
    "EqualSizes",
    "equal_sizes",
    "frame_ms",
    "network_gflops",
    "side_at_cost",
    "upsampler_gflops",
]

_WARMUP, _REPEATS = 2, 20
#: After this nothing is repeated.
_ENOUGH_SECONDS = 0.5
#: No working size is larger than so many times the picture.
_LARGEST = 2
#: So many sizes are counted, the nearest by area: what is not proportional to it is small.
_COUNTED = 3


@functools.lru_cache(maxsize=128)
def network_gflops(config: ModelConfig, height: int, width: int) -> float:
    """Of one frame of this size, in thousand millions: a multiplication and an addition are two.

    Convolutions, matrix products and attention; what is done number by number (norms, activations, resizes) is not
    counted. A frame is computed for it, on the CPU.
    """
    return _gflops(FlashDepthNet(config, scan="torch"), (1, 3, height, width))


@functools.lru_cache(maxsize=128)
def upsampler_gflops(config: UpsamplerConfig, height: int, width: int) -> float:
    """Of one frame whose size in full this is, counted as a network's."""
    return _gflops(LearnedUpsampler(config), (1, 3, height, width), (1, 1, 1))


def side_at_cost(
    config: ModelConfig, height_px: int, width_px: int, gflops: float
) -> tuple[int, float]:
    """The working size, a long side in pixels, at which a network's frame costs nearest to `gflops`, and its cost."""
    sides: dict[tuple[int, int], int] = {}
    for side in range(config.multiple, _LARGEST * max(height_px, width_px) + 1):
        canvas = canvas_of(config, height_px, width_px, side)
        sides.setdefault((canvas.height, canvas.width), side)
    whole = canvas_of(config, height_px, width_px, max(height_px, width_px))
    total = network_gflops(config, whole.height, whole.width)
    gflops_per_px = total / (whole.height * whole.width)
    near = sorted(sides, key=lambda size: abs(size[0] * size[1] * gflops_per_px - gflops))
    costs = {size: network_gflops(config, *size) for size in near[:_COUNTED]}
    best = min(costs, key=lambda size: abs(costs[size] - gflops))
    return sides[best], costs[best]


@dataclass(frozen=True)
class EqualSizes:
    """Working sizes, long sides in pixels, at which a frame costs as much as the hybrid's does in full.

    `base_px` of a network alone, `low_px` of one whose disparity is enlarged by learning. GFLOP: `base` at the first,
    `low` at the second without what enlarges, `learned` with it.
    """

    full_px: int
    base_px: int
    low_px: int
    hybrid: float
    base: float
    low: float
    learned: float

    @property
    def unequal(self) -> float:
        """The share of the hybrid's cost that another is off."""
        return max(abs(cost / self.hybrid - 1.0) for cost in (self.base, self.learned))


def equal_sizes(
    hybrid: ModelConfig,
    base: ModelConfig,
    upsampler: UpsamplerConfig,
    height_px: int,
    width_px: int,
) -> EqualSizes:
    """For pictures of this size, which the hybrid's student and the upsampler see in full."""
    full_px = max(height_px, width_px)
    canvas = canvas_of(hybrid, height_px, width_px, full_px)
    whole = network_gflops(hybrid, canvas.height, canvas.width)
    added = upsampler_gflops(upsampler, height_px, width_px)
    base_px, alone = side_at_cost(base, height_px, width_px, whole)
    low_px, low = side_at_cost(base, height_px, width_px, whole - added)
    return EqualSizes(full_px, base_px, low_px, whole, alone, low, low + added)


@torch.inference_mode()
def frame_ms(contestant: Contestant, height_px: int, width_px: int) -> float:
    """The median time of one frame of noise, network and upsampling, on the contestant's device.

    The picture is there, at all the sizes that are asked for: resizing it is not in this. On a GPU the network is
    played back from a recording, as the renderer does.
    """
    network, device = contestant.network, contestant.network.device.torch_device
    noise = torch.rand(1, 3, height_px, width_px, generator=torch.Generator().manual_seed(0))
    canvas = canvas_of(network.config, height_px, width_px, contestant.working_px(noise))
    picture = noise[0].permute(1, 2, 0).contiguous().numpy()
    seen = Seen(picture, to_network(picture, canvas.window, canvas), canvas)
    to_plate = contestant.upsample(noise)(seen, device)
    pixels = seen.pixels.to(device)

    def frame() -> None:
        to_plate(network.runner(pixels, None)[0][0])

    return _median_ms(frame, device)


def _gflops(net: nn.Module, *shapes: tuple[int, ...]) -> float:
    """What `net` does with tensors of these shapes, by the operations that it asks for."""
    net.eval()
    given = [torch.zeros(shape) for shape in shapes]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(*given)
    return float(counter.get_total_flops()) / 1e9


def _median_ms(work: Callable[[], None], device: torch.device) -> float:
    seconds: list[float] = []
    for turn in range(_WARMUP + _REPEATS):
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if turn >= _WARMUP:
            seconds.append(time.perf_counter() - began)
        if sum(seconds) > _ENOUGH_SECONDS:
            break
    return 1000.0 * statistics.median(seconds)
