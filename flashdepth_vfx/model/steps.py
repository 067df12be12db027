"""The small steps between a frame's large products: plain PyTorch, or one kernel each where that can run.

A kernel runs on half precision on CUDA, without gradients. On everything else, and in
training, the plain version is the only one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashdepth_vfx.model.kernels import (
    kernels_problem,
    patches,
    resize,
    stream_norm,
    sum_biased,
    weighed,
)
from flashdepth_vfx.model.precision import fitted

__all__ = [
    "convolved_relu",
    "convolved_resized",
    "fused",
    "grown",
    "normed",
    "patched",
    "pointwise",
    "residual_normed",
    "resize_bilinear",
    "summed",
    "weighed_relu",
]

_HALF = (torch.float16, torch.bfloat16)
#: Numbers of half precision in 16 bytes.
_ROW = 8


def fused(x: Tensor) -> bool:
    """Whether a kernel takes this one."""
    if not x.is_cuda or x.dtype not in _HALF or torch.is_grad_enabled():
        return False
    return not torch.is_autocast_enabled("cuda") and kernels_problem() is None


def normed(x: Tensor, norm: nn.LayerNorm, like: Tensor) -> Tensor:
    """`norm(x)`, in the precision of `like` where a kernel runs: of the weights that take it."""
    if fused(like):
        return stream_norm(x, None, None, norm, like.dtype)
    out: Tensor = norm(x)
    return out


def residual_normed(
    x: Tensor, added: Tensor, gain: Tensor | None, norm: nn.LayerNorm
) -> tuple[Tensor, Tensor]:
    """`x + gain * added`, and the norm of it. `x` is used up: its memory may be the sum's."""
    if fused(added):
        return x, stream_norm(x, added.contiguous(), gain, norm, added.dtype)
    x = x + (added if gain is None else added * gain)
    return x, norm(x)


def convolved_relu(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """relu(conv(x)), of a convolution with a bias."""
    if fused(x) and fused(conv.weight):
        out: Tensor = torch.cudnn_convolution_relu(
            x, conv.weight, conv.bias, conv.stride, _padding(conv), conv.dilation, conv.groups
        )
        return out
    return F.relu(conv(x))


def summed(x: Tensor, conv: nn.Conv2d, *added: Tensor) -> Tensor:
    """conv(x) and one or two more."""
    if fused(x) and all(_is_flat(tensor) for tensor in added):
        out = F.conv2d(
            x, conv.weight, None, conv.stride, _padding(conv), conv.dilation, conv.groups
        )
        if _is_flat(out):
            return sum_biased(out, conv.bias, added)
    total: Tensor = conv(x)
    for tensor in added:
        total = total + tensor
    return total


def pointwise(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """A 1x1 convolution: a matrix product over the pixels, whose bias costs nothing then."""
    if fused(x) and _is_flat(x):
        flat = F.linear(x.permute(0, 2, 3, 1), conv.weight.flatten(1), conv.bias)
        return flat.permute(0, 3, 1, 2)
    out: Tensor = conv(x)
    return out


def resize_bilinear(x: Tensor, size: tuple[int, int], like: Tensor | None = None) -> Tensor:
    """`(B, C, h, w)` to `(B, C, *size)`, corners aligned, as everywhere in the network.

    A float32 one runs in a kernel where one like `like` does.
    """
    if fused(x if like is None else like) and _is_flat(x):
        return x if x.shape[-2:] == size else resize(x, size)
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


def convolved_resized(x: Tensor, conv: nn.Conv2d, size: tuple[int, int]) -> Tensor:
    """conv(x) at another size. Bilinear weights sum to one: the bias may come after them, in the same pass."""
    if fused(x) and fused(conv.weight):
        out = F.conv2d(
            x, conv.weight, None, conv.stride, _padding(conv), conv.dilation, conv.groups
        )
        if _is_flat(out):
            return resize(out, size, conv.bias)
    return resize_bilinear(conv(x), size)


def grown(x: Tensor, conv: nn.ConvTranspose2d) -> Tensor:
    """A transposed convolution whose stride is its side: a matrix product, whose rows are laid out as squares."""
    side = conv.kernel_size[0]
    if not fused(x) or not _is_flat(x):
        out: Tensor = conv(x)
        return out
    batch, _, height, width = x.shape
    weight = conv.weight.permute(2, 3, 1, 0).flatten(0, 2)
    bias = None if conv.bias is None else conv.bias.repeat(side * side)
    cells = F.linear(x.permute(0, 2, 3, 1), weight, bias)
    cells = cells.view(batch, height, width, side, side, -1).permute(0, 1, 3, 2, 4, 5)
    flat = cells.reshape(batch, height * side, width * side, -1)
    return flat.permute(0, 3, 1, 2)


def patched(frame: Tensor, conv: nn.Conv2d) -> Tensor:
    """A convolution whose stride is its side, `(B, 3, H, W)` float32 to `(B, N, D)` row by row."""
    if frame.dtype is not torch.float32 or not fused(conv.weight):
        out: Tensor = conv(fitted(frame, conv))
        return out.flatten(2).transpose(1, 2)
    weight = conv.weight.permute(0, 2, 3, 1).flatten(1)
    # products of half precision are fast where rows begin at 16 bytes
    padded = -(-weight.shape[1] // _ROW) * _ROW
    rows = patches(frame.contiguous(), conv.kernel_size[0], padded, weight.dtype)
    return F.linear(rows, F.pad(weight, (0, padded - weight.shape[1])), conv.bias)


def weighed_relu(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """relu(conv(x)) in at least float32, of a 1x1 convolution to one channel: `(B, h, w)`."""
    if fused(x) and _is_flat(x) and conv.bias is not None:
        return weighed(x, conv.weight.float(), conv.bias.float())
    return F.relu(conv(x)).squeeze(1)


def _is_flat(x: Tensor) -> bool:
    """Whether the channels of a pixel lie side by side, and the pixels row by row."""
    return x.is_contiguous(memory_format=torch.channels_last)


def _padding(conv: nn.Conv2d) -> tuple[int, ...]:
    assert not isinstance(conv.padding, str)
    return tuple(conv.padding)
