"""Our Triton kernels, called: what lies between the large products of a frame, each in one pass over memory.

They run on CUDA where Triton is installed and can build; `steps` and `ssm` hold the plain version of each and say
when a kernel takes its place.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn

__all__ = [
    "kernels_problem",
    "kernels_version",
    "patches",
    "resize",
    "stream_norm",
    "sum_biased",
    "weighed",
]

#: Numbers that one program handles, about: enough loads in flight, few enough registers.
_PER_PROGRAM = 4096
_PER_NORM = 2048


@functools.cache
def kernels_problem() -> str | None:
    """Why the kernels cannot run on this machine's GPU, in a few words; None when they can."""
    try:
        # a build needs a C compiler, and a card that this Triton knows
        one = torch.ones(1, 8, 1, 1, dtype=torch.float16, device="cuda")
        sum_biased(one, torch.zeros(8, device="cuda"), ())
    except ImportError as problem:
        return f"Triton is not installed ({problem})"
    except Exception as problem:  # noqa: BLE001 - the compiler's own classes are not part of its interface
        words = str(problem).strip().splitlines() or [type(problem).__name__]
        return f"Triton does not build here ({words[0]})"
    return None


def kernels_version() -> str:
    """Of Triton, for the record: another build of it rounds otherwise."""
    import triton

    return str(triton.__version__)


def stream_norm(
    x: Tensor, added: Tensor | None, gain: Tensor | None, norm: nn.LayerNorm, out: torch.dtype
) -> Tensor:
    """`x += gain * added`, in place, and its norm in `out`, over the last axis of float32 `x`."""
    width = x.shape[-1]
    rows = x.numel() // width
    normed = torch.empty(x.shape, dtype=out, device=x.device)
    block = _power_of_2(width)
    at_once = max(1, _PER_NORM // block)
    _programs().stream_norm_program[(_parts(rows, at_once),)](
        x, x if added is None else added, x if gain is None else gain, norm.weight, norm.bias,
        normed, rows, width, norm.eps, added is not None, gain is not None, at_once, block,
        num_warps=4,
    )  # fmt: skip
    return normed


def sum_biased(x: Tensor, bias: Tensor | None, added: tuple[Tensor, ...]) -> Tensor:
    """`x + bias + added[0] (+ added[1])` of channels-last `(B, C, h, w)`, in one pass, into `x`."""
    count, channels = x.numel(), x.shape[1]
    first = added[0] if added else x
    second = added[1] if len(added) > 1 else x
    _programs().sum_biased_program[(_parts(count, _PER_PROGRAM),)](
        x, x if bias is None else bias, first, second, count, channels,
        bias is not None, len(added), _PER_PROGRAM, num_warps=8,
    )  # fmt: skip
    return x


def resize(x: Tensor, size: tuple[int, int], bias: Tensor | None = None) -> Tensor:
    """Bilinear, corners aligned, of channels-last `(B, C, h, w)`, and a bias to each channel."""
    batch, channels, height, width = x.shape
    out = torch.empty(
        (batch, channels, *size), dtype=x.dtype, device=x.device, memory_format=torch.channels_last
    )
    pixels = batch * size[0] * size[1]
    block_c = min(_power_of_2(channels), 64)
    block_p = max(1, _PER_PROGRAM // block_c)
    down = (height - 1) / (size[0] - 1) if size[0] > 1 else 0.0
    across = (width - 1) / (size[1] - 1) if size[1] > 1 else 0.0
    _programs().resize_program[(_parts(pixels, block_p), _parts(channels, block_c))](
        x, x if bias is None else bias, out, pixels, channels, height, width, size[0], size[1],
        down, across, bias is not None, block_p, block_c, num_warps=8,
    )  # fmt: skip
    return out


def weighed(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """relu(x . weight + bias) over the channels of channels-last `(B, C, h, w)`: `(B, h, w)` float32."""
    batch, channels, height, width = x.shape
    out = torch.empty((batch, height, width), dtype=torch.float32, device=x.device)
    block_c = _power_of_2(channels)
    block_p = max(1, _PER_PROGRAM // block_c)
    _programs().weighed_program[(_parts(out.numel(), block_p),)](
        x, weight, bias, out, out.numel(), channels, block_p, block_c, num_warps=4
    )
    return out


def patches(frame: Tensor, side_px: int, padded: int, dtype: torch.dtype) -> Tensor:
    """`(B, C, H, W)` to `(B, N, padded)`: a patch a row, (row, column, channel) in it, and zeros."""
    batch, depth, height, width = frame.shape
    across = width // side_px
    tokens = height // side_px * across
    out = torch.empty((batch, tokens, padded), dtype=dtype, device=frame.device)
    block = _power_of_2(padded)
    at_once = max(1, _PER_NORM // block)
    _programs().patches_program[(_parts(batch * tokens, at_once),)](
        frame, out, batch, tokens, across, height, width, side_px, depth, padded, at_once, block,
        num_warps=4,
    )  # fmt: skip
    return out


def _parts(count: int, size: int) -> int:
    return -(-count // size)


def _power_of_2(count: int) -> int:
    """The first one that is not below `count`."""
    return 1 << (count - 1).bit_length()


@functools.cache
def _programs() -> Any:
    # on first use: Triton comes with PyTorch's CUDA builds and with no other
    from flashdepth_vfx.model import programs

    return programs
