"""Mamba-2: the mixer of one block, and the scan inside it.

Symbols: B batch, L tokens of a frame, D channels of a token, E inner channels = H heads x P
channels of a head, N state dimension. x (B, L, H, P), delta (B, L, H), a (H,) negative, b and c (B,
L, N) shared by all heads, S (B, H, P, N) the state. Source: Dao & Gu, "Transformers are SSMs"
(2024), the state-space duality of section 6.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashdepth_vfx.model.mixer import BlockState, Grid, convolved
from flashdepth_vfx.model.mixing import MixerWeights, fits, mixed
from flashdepth_vfx.model.scan_kernel import Scan, kernel_scan, wants_kernel
from flashdepth_vfx.model.temporal_config import TemporalConfig

__all__ = [
    "GatedRmsNorm",
    "MambaMixer",
    "chunked_scan",
    "inclusive_sum",
    "initial_dt_bias",
    "initial_log_a",
]

_RMS_EPS = 1e-5
_DELTA_MIN, _DELTA_MAX = 1e-3, 1e-1
_A_MIN, _A_MAX = 1.0, 16.0


def chunked_scan(
    x: Tensor,
    delta: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    state: Tensor | None,
    chunk_tokens: int,
) -> tuple[Tensor, Tensor]:
    """The recurrence S_t = exp(delta_t a) S_{t-1} + delta_t x_t b_t^T, y_t = S_t c_t, over all L
    tokens.

    Returns y `(B, L, H, P)` and the last S `(B, H, P, N)`, both in at least float32 whatever the
    inputs and autocast are. `state` is S before the first token; None is zeros. A chunk is one set
    of matrix products (the quadratic form of the paper), and S passes from chunk to chunk, so
    memory grows with L x chunk_tokens, not with L squared.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    x, delta, a, b, c = (tensor.to(dtype) for tensor in (x, delta, a, b, c))
    if state is None:
        state = x.new_zeros(x.shape[0], x.shape[2], x.shape[3], b.shape[-1])
    outputs = []
    with torch.autocast(x.device.type, enabled=False):
        for start in range(0, x.shape[1], chunk_tokens):
            part = slice(start, start + chunk_tokens)
            y, state = _scan_chunk(x[:, part], delta[:, part], a, b[:, part], c[:, part], state)
            outputs.append(y)
    return torch.cat(outputs, dim=1), state


def _scan_chunk(
    x: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """One chunk of Q tokens: y `(B, Q, H, P)` and the state after it."""
    cumulative = inclusive_sum((delta * a).transpose(1, 2))  # (B, H, Q)
    steps = cumulative.unsqueeze(-1) - cumulative.unsqueeze(-2)  # (B, H, to, from)
    later = torch.ones(steps.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
    # Masked before the exponential: above the diagonal the sums are positive, and their exp
    # overflows.
    decay = steps.masked_fill(later, -torch.inf).exp().to(x.dtype)
    inputs = (x * delta.unsqueeze(-1)).transpose(1, 2)  # (B, H, Q, P)
    weights = (c @ b.transpose(1, 2)).unsqueeze(1) * decay
    from_start = cumulative.exp().to(x.dtype).unsqueeze(-1)  # (B, H, Q, 1)
    carried = c.unsqueeze(1) @ state.transpose(-1, -2)  # (B, H, Q, P)
    y = weights @ inputs + from_start * carried
    to_end = (cumulative[..., -1:] - cumulative).exp().to(x.dtype).unsqueeze(-1)
    state = from_start[..., -1:, :] * state + (inputs * to_end).transpose(-1, -2) @ b.unsqueeze(1)
    return y.transpose(1, 2), state


def inclusive_sum(log_decay: Tensor) -> Tensor:
    """Running sums along the last axis, in float64 where the device has it.

    The sums reach hundreds while their differences, which matter, stay near zero. As a product with
    a triangle of ones it is fast on GPUs and deterministic, which their own cumulative sum is not.
    """
    dtype = torch.float32 if log_decay.device.type == "mps" else torch.float64
    size = log_decay.shape[-1]
    ones = torch.ones(size, size, dtype=dtype, device=log_decay.device).triu()
    return log_decay.to(dtype) @ ones


class GatedRmsNorm(nn.Module):
    """RMSNorm(y * silu(z)) * weight over the last axis, in at least float32: the gate comes before
    the norm.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, y: Tensor, z: Tensor) -> Tensor:
        dtype = torch.promote_types(y.dtype, torch.float32)
        gated = y.to(dtype) * F.silu(z.to(dtype))
        scale = torch.rsqrt(gated.square().mean(dim=-1, keepdim=True) + _RMS_EPS)
        return gated * scale * self.weight.to(dtype)


class MambaMixer(nn.Module):
    """Mamba-2 mixer over the tokens of one frame, with the state of the frame before.

    `width` is D. The scan runs as plain PyTorch on any device or, by `scan`, in mamba-ssm's kernel;
    the weights are the same.
    """

    def __init__(self, width: int, config: TemporalConfig, scan: Scan) -> None:
        super().__init__()
        self.heads, self.head_dim, self.state_dim = config.heads, config.head_dim, config.state_dim
        self.chunk_tokens, self.scan = config.chunk_tokens, scan
        self.inner = self.heads * self.head_dim
        conv_width = self.inner + 2 * self.state_dim
        self.dt_bias = nn.Parameter(initial_dt_bias(self.heads))
        self.A_log = nn.Parameter(initial_log_a(self.heads))
        self.D = nn.Parameter(torch.ones(self.heads))
        self.in_proj = nn.Linear(width, self.inner + conv_width + self.heads, bias=False)
        taps = config.conv_taps
        self.conv1d = nn.Conv1d(conv_width, conv_width, taps, groups=conv_width, padding=taps - 1)
        self.norm = GatedRmsNorm(self.inner)
        self.out_proj = nn.Linear(self.inner, width, bias=False)

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Of S."""
        return ((batch, self.heads, self.head_dim, self.state_dim),)

    def forward(
        self, tokens: Tensor, state: BlockState | None, grid: Grid, *, quick: bool = False
    ) -> tuple[Tensor, BlockState]:
        """`(B, L, D)` and S `(B, H, P, N)` or None to `(B, L, D)` and S after the last token.

        `quick` allows our kernels, for one frame in float32 on CUDA.
        """
        frames, before = grid.frames, None if state is None else state[0]
        conv_width = self.inner + 2 * self.state_dim
        projected: Tensor = self.in_proj(tokens)
        kernels = self._quick if quick and frames == 1 and self.scan != "mamba_ssm" else None
        if kernels is not None:
            y, after = mixed(projected, before, kernels)
            gated: Tensor = self.out_proj(y)
            return gated, (after,)
        z, xbc, dt = torch.split(projected, [self.inner, conv_width, self.heads], dim=-1)
        # Of the frame before only S is carried, and nothing of the convolution: the weights were trained so.
        xbc = F.silu(convolved(xbc, self.conv1d, frames))
        x, b, c = torch.split(xbc, [self.inner, self.state_dim, self.state_dim], dim=-1)
        x = torch.unflatten(x, -1, (self.heads, self.head_dim))
        exact = torch.promote_types(self.A_log.dtype, torch.float32)
        delta = F.softplus(dt.to(exact) + self.dt_bias.to(exact))
        a = -self.A_log.to(exact).exp()
        run = kernel_scan if wants_kernel(self.scan, x) else chunked_scan
        y, after = run(x, delta, a, b, c, before, self.chunk_tokens)
        y = y + x * self.D.to(exact).unsqueeze(-1)
        out: Tensor = self.out_proj(self.norm(y.flatten(-2), z).to(tokens.dtype))
        return out, (after,)

    @property
    def _quick(self) -> MixerWeights | None:
        """What our kernels need, or None where they do not take these sizes."""
        if not fits(self.heads, self.head_dim, self.state_dim):
            return None
        return MixerWeights(
            self.conv1d, self.dt_bias, self.A_log, self.D, self.norm.weight, _RMS_EPS,
            self.heads, self.head_dim, self.state_dim, self.chunk_tokens,
        )  # fmt: skip


def initial_log_a(heads: int) -> Tensor:
    """`(H,)`, of decays spread evenly."""
    return _drawn(heads, _A_MIN, _A_MAX).log()


def initial_dt_bias(heads: int) -> Tensor:
    """`(H,)`: the inverse softplus of time steps spread evenly in log space."""
    low, high = math.log(_DELTA_MIN), math.log(_DELTA_MAX)
    delta = (low + (high - low) * _drawn(heads, 0.0, 1.0)).exp()
    return delta + (-torch.expm1(-delta)).log()


def _drawn(count: int, low: float, high: float) -> Tensor:
    # on the host, since drawing on the meta device makes PyTorch load its compiler, which takes a second
    return torch.empty(count, device="cpu").uniform_(low, high)
