"""Hydra: a mixer that sees a frame's tokens from both ends, and of the frames before what the state brings.

Symbols as in `ssm`: B batch, T frames of L tokens, D channels of a token, E = H x P inner channels, N state
dimension. Of each of b, c and delta there are two: f for the forward direction, r for the reverse one.

A mixer is a matrix over the tokens. The paper's is quasiseparable: below its diagonal stand the products of a
state-space model that runs forward, above it those of one that runs in reverse, and on it whatever the network
likes. Where frames stream, the future is not there to be seen. So the reverse model begins at the last token of each
frame and ends at its first, and only the forward state goes on to the next frame: both ways inside a frame, forward
alone from frame to frame.

Source: Hwang, Lahoti, Dao & Gu, "Hydra: Bidirectional State Space Models Through Generalized Matrix Mixers" (2024),
section 3. The published module of FlashDepth gives its centred convolution an even number of taps, after which there
is one token too many, and fails.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashdepth_vfx.model.mixer import BlockState, Grid, apart, convolved, joined
from flashdepth_vfx.model.ssm import (
    GatedRmsNorm,
    chunked_scan,
    initial_dt_bias,
    initial_log_a,
)
from flashdepth_vfx.model.temporal_config import TemporalConfig

__all__ = ["HydraMixer"]


class HydraMixer(nn.Module):
    """Hydra's mixer over the tokens of frames, with the forward state of the frame before. `width` is D."""

    def __init__(self, width: int, config: TemporalConfig) -> None:
        super().__init__()
        self.heads, self.head_dim, self.state_dim = config.heads, config.head_dim, config.state_dim
        self.chunk_tokens = config.chunk_tokens
        self.inner = self.heads * self.head_dim
        conv_width = self.inner + 4 * self.state_dim
        # one for both directions, as in the paper
        self.dt_bias = nn.Parameter(initial_dt_bias(self.heads))
        self.A_log = nn.Parameter(initial_log_a(self.heads))
        self.D = nn.Parameter(torch.ones(self.heads))
        self.diagonal = nn.Linear(self.inner, self.heads, bias=False)
        self.in_proj = nn.Linear(width, self.inner + conv_width + 2 * self.heads, bias=False)
        taps = config.conv_taps
        # as many tokens ahead as back
        self.conv1d = nn.Conv1d(conv_width, conv_width, taps, groups=conv_width, padding=taps // 2)
        self.norm = GatedRmsNorm(self.inner)
        self.out_proj = nn.Linear(self.inner, width, bias=False)

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Of the forward S."""
        return ((batch, self.heads, self.head_dim, self.state_dim),)

    def forward(
        self, tokens: Tensor, state: BlockState | None, grid: Grid, *, quick: bool = False
    ) -> tuple[Tensor, BlockState]:
        """`(B, T L, D)` and the forward S `(B, H, P, N)` or None to `(B, T L, D)` and S after the last token."""
        frames, n, heads = grid.frames, self.state_dim, self.heads
        conv_width = self.inner + 4 * n
        projected: Tensor = self.in_proj(tokens)
        z, xbc, dt_f, dt_r = torch.split(projected, [self.inner, conv_width, heads, heads], dim=-1)
        xbc = F.silu(convolved(xbc, self.conv1d, frames))
        flat, b_f, c_f, b_r, c_r = torch.split(xbc, [self.inner, n, n, n, n], dim=-1)
        exact = torch.promote_types(self.A_log.dtype, torch.float32)
        a = -self.A_log.to(exact).exp()
        delta_f, delta_r = (
            F.softplus(dt.to(exact) + self.dt_bias.to(exact)) for dt in (dt_f, dt_r)
        )
        x = torch.unflatten(flat, -1, (heads, self.head_dim))
        before = None if state is None else state[0]
        y, after = self._off_diagonal((x, delta_f, b_f, c_f), a, before)
        turned = tuple(apart(part, frames).flip(1) for part in (x, delta_r, b_r, c_r))
        # what it ends with knows this frame from its end: nothing that a later frame could go on from
        y_r, _ = self._off_diagonal(turned, a, None)
        diagonal = (self.diagonal(flat) + self.D).to(exact)  # (B, T L, H)
        y = y + joined(y_r.flip(1), frames) + x * diagonal.unsqueeze(-1)
        out: Tensor = self.out_proj(self.norm(y.flatten(-2), z).to(tokens.dtype))
        return out, (after,)

    def _off_diagonal(
        self, given: tuple[Tensor, ...], a: Tensor, state: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """`chunked_scan` without what a token finds of itself, of (x, delta, b, c)."""
        x, delta, b, c = given
        y, after = chunked_scan(x, delta, a, b, c, state, self.chunk_tokens)
        own = (b.to(y.dtype) * c.to(y.dtype)).sum(-1, keepdim=True) * delta  # (B, L, H)
        return y - own.unsqueeze(-1) * x.to(y.dtype), after
