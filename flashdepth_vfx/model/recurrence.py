"""Transformer recurrence: a fixed number of tokens that each frame is written into, and then read out of.

Symbols: B batch, T frames of L tokens, D channels of a token, M tokens of the state; s `(B, M, D)`. Of each frame:
s' = g s + (1 - g) u, u = what s attends to in the frame, g = sigmoid of both; then the frame attends to s'. What is
carried is s minus the s that every shot begins with, which is learned: zeros are the first frame's state.

Source: the recurrence of state tokens by cross-attention, write and then read, of the research code of FlashDepth
(`use_transformer_rnn`) and of Wang et al., "Continuous 3D Perception Model with Persistent State" (2025); the gate of
Hutchins et al., "Block-Recurrent Transformers" (2022), section 3.2, without which a state that only adds up grows
with the shot. The published module works at the state's width, and what it adds to a path of another fails: here
both are D. Its places are a learned picture; here they are waves, which fit any grid.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from flashdepth_vfx.model.fusion import CrossAttention
from flashdepth_vfx.model.mixer import BlockState, Grid
from flashdepth_vfx.model.temporal_config import TemporalConfig

__all__ = ["RecurrenceMixer", "places"]

_SPREAD = 0.02
#: sigmoid(2) is 0.88: at first what was written eight frames ago counts a third.
_KEPT = 2.0
#: From one wave over the frame to this many.
_MOST_WAVES = 16.0


class RecurrenceMixer(nn.Module):
    """State tokens that attend to each frame, and that it attends to. `width` is D."""

    def __init__(self, width: int, config: TemporalConfig) -> None:
        super().__init__()
        heads = width // config.head_dim
        self.initial = nn.Parameter(_SPREAD * torch.randn(config.state_dim, width, device="cpu"))
        self.state_norm = nn.LayerNorm(width)
        self.write = CrossAttention(width, heads)
        self.read = CrossAttention(width, heads)
        self.gate = nn.Linear(2 * width, width)
        nn.init.constant_(self.gate.bias, _KEPT)

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Of s."""
        return ((batch, *self.initial.shape),)

    def forward(
        self, tokens: Tensor, state: BlockState | None, grid: Grid, *, quick: bool = False
    ) -> tuple[Tensor, BlockState]:
        """`(B, T L, D)` and s `(B, M, D)` or None to `(B, T L, D)` and s after the last frame."""
        exact = torch.promote_types(self.initial.dtype, torch.float32)
        initial = self.initial.to(exact)
        s = initial.expand(tokens.shape[0], -1, -1)
        s = s if state is None else s + state[0]
        placed = tokens + places(grid.rows, grid.columns, tokens).repeat(grid.frames, 1)
        found = []
        for frame in placed.chunk(grid.frames, dim=1):
            seen = self.state_norm(s)
            written = self.write(seen, frame)
            kept = torch.sigmoid(self.gate(torch.cat((seen, written.to(seen.dtype)), dim=-1)))
            kept, written = kept.to(exact), written.to(exact)
            s = kept * s + (1.0 - kept) * written
            found.append(self.read(frame, self.state_norm(s)))
        return torch.cat(found, dim=1), (s - initial,)


def places(rows: int, columns: int, like: Tensor) -> Tensor:
    """Where in the frame each token is, as waves: `(rows x columns, D)`, D of `like`.

    A frame is as wide at every resolution: a place has one code whatever the grid.
    """
    quarter = like.shape[-1] // 4
    powers = torch.arange(quarter, device=like.device, dtype=torch.float32) / max(quarter - 1, 1)
    waves = 2.0 * math.pi * _MOST_WAVES**powers

    def along(count: int) -> Tensor:
        middles = (torch.arange(count, device=like.device, dtype=torch.float32) + 0.5) / count
        turns = middles.unsqueeze(-1) * waves
        return torch.cat((turns.sin(), turns.cos()), dim=-1)

    down = along(rows).unsqueeze(1).expand(-1, columns, -1)
    across = along(columns).unsqueeze(0).expand(rows, -1, -1)
    return torch.cat((down, across), dim=-1).flatten(0, 1).to(like.dtype)
