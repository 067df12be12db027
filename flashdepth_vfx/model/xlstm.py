"""xLSTM: the mixer of one mLSTM block, and the recurrence inside it, with a matrix for a memory.

Symbols: B batch, L tokens, D channels of a token, E = H heads x P channels of a head. q, k, v `(B, L, H, P)`
queries, keys and values; i and f `(B, L, H)` the input and forget gates before their exponential and sigmoid. State:
C `(B, H, P, P)` the memory (value x key), n `(B, H, P)` the sum of the keys in it, m `(B, H)` the logarithm that both
are scaled down by, so that exponential gates do not overflow. Source: Beck et al., "xLSTM: Extended Long Short-Term
Memory" (2024), section 2.3 and appendix A; gates softly limited as in Beck et al., "xLSTM 7B" (2025). Of its two
kinds of block only the mLSTM is here: the sLSTM takes one token at a time.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashdepth_vfx.model.mixer import BlockState, Grid, convolved
from flashdepth_vfx.model.ssm import inclusive_sum
from flashdepth_vfx.model.temporal_config import TemporalConfig

__all__ = ["MlstmMixer", "chunked_mlstm"]

_UP = 2
_GATE_LIMIT = 15.0
_FORGET_LOW, _FORGET_HIGH = 3.0, 6.0
_INPUT_SPREAD = 0.1
#: Queries, keys and values are made of so many channels at a time.
_SHARE = 4


def chunked_mlstm(
    qkv: tuple[Tensor, Tensor, Tensor],
    gates: tuple[Tensor, Tensor],
    state: BlockState | None,
    chunk_tokens: int,
) -> tuple[Tensor, BlockState]:
    """The stabilised recurrence over all L tokens, of q, k, v and of (i, f).

    m_t = max(log sigmoid(f_t) + m_{t-1}, i_t); i' = exp(i_t - m_t), f' = exp(log sigmoid(f_t) + m_{t-1} - m_t);
    C_t = f' C_{t-1} + i' v_t k_t^T, n_t = f' n_{t-1} + i' k_t; h_t = C_t q_t / max(|n_t . q_t|, exp(-m_t)), with k
    divided by the root of P. Returns h `(B, L, H, P)` and (C, n, m) after the last token, in at least float32
    whatever the inputs and autocast are. Chunks as in `ssm.chunked_scan`.
    """
    dtype = torch.promote_types(qkv[0].dtype, torch.float32)
    q, k, v = (tensor.to(dtype).transpose(1, 2) for tensor in qkv)  # (B, H, L, P)
    k = k / math.sqrt(k.shape[-1])
    gain, decay = (gate.to(dtype).transpose(1, 2) for gate in gates)  # (B, H, L)
    if state is None:
        memory = q.new_zeros(*q.shape[:2], q.shape[-1], q.shape[-1])
        state = (memory, memory[..., 0], memory[..., 0, 0])
    outputs = []
    with torch.autocast(q.device.type, enabled=False):
        kept = F.logsigmoid(decay)
        for start in range(0, q.shape[2], chunk_tokens):
            part = slice(start, start + chunk_tokens)
            found, state = _chunk(
                (q[:, :, part], k[:, :, part], v[:, :, part]),
                gain[..., part],
                kept[..., part],
                state,
            )
            outputs.append(found)
    return torch.cat(outputs, dim=2).transpose(1, 2), state


def _chunk(
    qkv: tuple[Tensor, Tensor, Tensor], gain: Tensor, kept: Tensor, state: BlockState
) -> tuple[Tensor, BlockState]:
    """One chunk of Q tokens: h `(B, H, Q, P)` and the state after it."""
    (q, k, v), (memory, norm, scale) = qkv, state
    cumulative = inclusive_sum(kept)  # (B, H, Q)
    # their differences stay near zero, and need no more digits
    steps = (cumulative.unsqueeze(-1) - cumulative.unsqueeze(-2)).to(q.dtype) + gain.unsqueeze(-2)
    later = torch.ones(steps.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
    steps = steps.masked_fill(later, -torch.inf)  # (B, H, to, from): logarithms
    carried = (cumulative + scale.unsqueeze(-1)).to(q.dtype)  # (B, H, Q)
    # of each token the m that its own step would have left
    scales = torch.maximum(carried, steps.amax(-1))
    weights = (steps - scales.unsqueeze(-1)).exp()
    from_start = (carried - scales).exp()
    attended = (q @ k.transpose(-1, -2)) * weights
    read = attended @ v + from_start.unsqueeze(-1) * (q @ memory.transpose(-1, -2))
    own = attended.sum(-1) + from_start * (q @ norm.unsqueeze(-1)).squeeze(-1)
    least = (-scales).exp()
    found = read / torch.maximum(own.abs(), least).unsqueeze(-1)
    # what the last token's row says of every token before it
    to_end, whole = weights[..., -1, :].unsqueeze(-1), from_start[..., -1:]
    memory = whole.unsqueeze(-1) * memory + (v * to_end).transpose(-1, -2) @ k
    norm = whole * norm + (k * to_end).sum(-2)
    return found, (memory, norm, scales[..., -1])


class SharedLinear(nn.Module):
    """A product over four channels at a time, `(B, L, E)`, without a bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # as a product over so many channels begins in PyTorch; on the host, as in `ssm`
        bound = 1.0 / math.sqrt(_SHARE)
        drawn = torch.empty(width // _SHARE, _SHARE, _SHARE, device="cpu").uniform_(-bound, bound)
        self.weight = nn.Parameter(drawn)

    def forward(self, x: Tensor) -> Tensor:
        shares = torch.unflatten(x, -1, (-1, _SHARE))
        return torch.einsum("blgi,goi->blgo", shares, self.weight).flatten(-2)


class MlstmMixer(nn.Module):
    """mLSTM block over the tokens of frames, with the memory of the frame before. `width` is D."""

    def __init__(self, width: int, config: TemporalConfig) -> None:
        super().__init__()
        self.heads, self.head_dim = config.heads, config.head_dim
        self.chunk_tokens = config.chunk_tokens
        inner, taps = self.heads * self.head_dim, config.conv_taps
        self.in_proj = nn.Linear(width, _UP * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, taps, groups=inner, padding=taps - 1)
        self.q_proj, self.k_proj, self.v_proj = (SharedLinear(inner) for _ in range(3))
        self.input_gate = nn.Linear(3 * inner, self.heads)
        self.forget_gate = nn.Linear(3 * inner, self.heads)
        self.norm = nn.Parameter(torch.ones(inner))
        self.skip = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, width, bias=False)
        for gate in (self.input_gate, self.forget_gate):
            nn.init.zeros_(gate.weight)
        with torch.no_grad():
            spread = torch.empty(self.heads, device="cpu").normal_(std=_INPUT_SPREAD)
            self.input_gate.bias.copy_(spread)
            slow = torch.linspace(_FORGET_LOW, _FORGET_HIGH, self.heads, device="cpu")
            self.forget_gate.bias.copy_(slow)

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Of C, n and m."""
        norm = (batch, self.heads, self.head_dim)
        return ((*norm, self.head_dim), norm, norm[:2])

    def forward(
        self, tokens: Tensor, state: BlockState | None, grid: Grid, *, quick: bool = False
    ) -> tuple[Tensor, BlockState]:
        """`(B, L, D)` and (C, n, m) or None to `(B, L, D)` and (C, n, m) after the last token."""
        x, z = self.in_proj(tokens).chunk(2, dim=-1)
        near = F.silu(convolved(x, self.conv1d, grid.frames))
        q, k, v = self.q_proj(near), self.k_proj(near), self.v_proj(x)
        seen = torch.cat((q, k, v), dim=-1)
        gates = _limited(self.input_gate(seen)), _limited(self.forget_gate(seen))
        heads = (self.heads, self.head_dim)
        split = torch.unflatten(q, -1, heads), torch.unflatten(k, -1, heads)
        found, after = chunked_mlstm(
            (*split, torch.unflatten(v, -1, heads)), gates, state, self.chunk_tokens
        )
        # every head by itself
        level = F.layer_norm(found, (self.head_dim,)).flatten(-2) * self.norm
        out: Tensor = self.out_proj(((level + self.skip * near) * F.silu(z)).to(tokens.dtype))
        return out, after


def _limited(gate: Tensor) -> Tensor:
    """Between -15 and 15, in at least float32, and the same near zero."""
    exact = gate.to(torch.promote_types(gate.dtype, torch.float32))
    return _GATE_LIMIT * torch.tanh(exact / _GATE_LIMIT)
