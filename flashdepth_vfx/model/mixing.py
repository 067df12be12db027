"""The mixer of a Mamba-2 block in a dozen launches: our kernels around four batched products, in float32.

A frame has a few hundred tokens: in plain PyTorch the scan is a hundred operations that each take less time than to
start them. The arithmetic is that of `ssm`, all chunks at once. Symbols as there; Q tokens of a chunk.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["MixerWeights", "fits", "mixed"]

_ROWS, _TOKENS, _CHANNELS, _STATE = 16, 16, 64, 1024
_GATED_TOKENS = 2


class MixerWeights(NamedTuple):
    """What `mixed` needs of a `MambaMixer`: its small parameters and its sizes."""

    conv: nn.Conv1d
    dt_bias: Tensor
    a_log: Tensor
    skip: Tensor
    norm: Tensor
    norm_eps: float
    heads: int
    head_dim: int
    state_dim: int
    chunk_tokens: int


def fits(heads: int, head_dim: int, state_dim: int) -> bool:
    """Whether `mixed` takes these sizes: Triton's blocks are powers of two."""
    return all(size & (size - 1) == 0 for size in (heads, head_dim, state_dim))


def mixed(projected: Tensor, state: Tensor | None, given: MixerWeights) -> tuple[Tensor, Tensor]:
    """`(B, L, 2 E + 2 N + H)` float32 (z, x, b, c, dt) and S or None to gated `(B, L, E)` and S after the last."""
    batch, tokens, row_width = projected.shape
    heads, head_dim, n = given.heads, given.head_dim, given.state_dim
    # powers of two, as Triton's blocks are, and no longer than they need to be
    q = min(1 << (given.chunk_tokens.bit_length() - 1), 1 << max(4, (tokens - 1).bit_length()))
    chunks = -(-tokens // q)
    units, inner = batch * chunks, heads * head_dim
    programs = _programs()
    projected = projected.contiguous()
    new = functools.partial(torch.empty, dtype=torch.float32, device=projected.device)
    x, b, c = new(units, heads, q, head_dim), new(units, q, n), new(units, q, n)
    grid = (_parts(chunks * q, _TOKENS), _parts(inner + 2 * n, _CHANNELS), batch)
    programs.causal_conv_program[grid](
        projected, given.conv.weight, given.conv.bias, x, b, c, tokens, row_width, inner, inner,
        given.conv.kernel_size[0], heads, head_dim, n, q, chunks, _TOKENS, _CHANNELS,
    )  # fmt: skip
    cb = torch.bmm(c, b.transpose(1, 2))
    weights, to_end_x = new(units, heads, q, q), new(units, heads, head_dim, q)
    from_start, whole = new(units, heads, q), new(units, heads)
    programs.decay_program[(units * heads, _parts(q, _ROWS))](
        projected, given.dt_bias, given.a_log, x, cb, weights, to_end_x, from_start, whole,
        tokens, row_width, row_width - heads, chunks, heads, head_dim, q, _ROWS,
    )  # fmt: skip
    y = torch.bmm(weights.flatten(0, 1), x.flatten(0, 1))
    added = torch.bmm(to_end_x.flatten(1, 2), b)
    before = new(units, inner, n)
    after = new(batch, heads, head_dim, n)
    size = head_dim * n
    programs.pass_on_program[(batch * heads, _parts(size, _STATE))](
        after if state is None else state.contiguous(), added, whole, before, after, chunks,
        state is not None, heads, size, _STATE,
    )  # fmt: skip
    carried = torch.bmm(c, before.transpose(1, 2))
    out = new(batch, tokens, inner)
    programs.gate_program[(_parts(q, _GATED_TOKENS), units)](
        y, carried, from_start, x, given.skip, projected, given.norm, out,
        tokens, row_width, chunks, given.norm_eps, heads, head_dim, q, _GATED_TOKENS,
    )  # fmt: skip
    return out, after


def _parts(count: int, size: int) -> int:
    return -(-count // size)


@functools.cache
def _programs() -> Any:
    from flashdepth_vfx.model import programs

    return programs
