"""Our attention, called. Importing this needs Triton."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.nvidia.hopper import TensorDescriptor

from flashdepth_vfx.model.attention_programs import QUERIES, alone_program, shared_program

__all__ = ["hopper_attention"]

#: Keys at a time, tiles of them in flight.
_KEYS, _TILES = 128, 2
#: Three of the `alone` programs fit a multiprocessor with these.
_ALONE_REGISTERS = 168
#: Of each thread when `shared` begins; then its producer gives away what the consumers take.
_SHARED_REGISTERS, _CONSUMER_REGISTERS = 128, 160
_HEAD_DIM = 64


def hopper_attention(packed: Tensor, *, shared: bool) -> Tensor:
    """As `attention.attended`, of half precision. Raises ValueError for what the programs do not take."""
    batch, tokens, _, heads, head_dim = packed.shape
    if torch.cuda.get_device_capability(packed.device)[0] != 9:
        raise ValueError("wgmma is of compute capability 9 alone")
    if head_dim != _HEAD_DIM or tokens <= _KEYS or not packed.is_contiguous():
        raise ValueError(f"no program for {tuple(packed.shape)}")
    rows = packed.view(batch * tokens, 3 * heads * head_dim)
    out = torch.empty((batch, tokens, heads * head_dim), dtype=packed.dtype, device=packed.device)
    layout = gl.NVMMASharedLayout(swizzle_byte_width=128, element_bitwidth=16, rank=2)
    queries = TensorDescriptor.from_tensor(rows, [QUERIES, head_dim], layout)
    keys = TensorDescriptor.from_tensor(rows, [_KEYS, head_dim], layout)
    # exponentials are of two
    scale = head_dim**-0.5 * math.log2(math.e)
    at_once = 3 * QUERIES if shared else QUERIES
    grid = (-(-tokens // at_once), heads, batch)
    given = (queries, keys, out, tokens, scale, heads, head_dim, _KEYS, _TILES)
    with torch.cuda.device(packed.device):
        if shared:
            shared_program[grid](
                *given, _CONSUMER_REGISTERS, num_warps=4, maxnreg=_SHARED_REGISTERS
            )
        else:
            alone_program[grid](*given, num_warps=4, maxnreg=_ALONE_REGISTERS)
    return out
