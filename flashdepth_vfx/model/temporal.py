"""The state that passes from frame to frame, and the temporal module that reads and writes it.

Only the state-space matrices are carried: no clock, no position, no convolution tail. Their size
does not depend on the frame's, so a resolution may change inside a shot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashdepth_vfx.model.config import TemporalConfig
from flashdepth_vfx.model.precision import fitted
from flashdepth_vfx.model.scan_kernel import Scan
from flashdepth_vfx.model.ssm import MambaMixer
from flashdepth_vfx.model.steps import fused, resize_bilinear

__all__ = ["TemporalModule", "TemporalState"]

_MLP_EXPAND = 4


@dataclass(frozen=True, eq=False)
class TemporalState:
    """What one frame leaves to the next: `ssm`, one float32 `(B, heads, head_dim, state_dim)` for
    each Mamba block.

    A value: the network takes one and returns another, and changes none. Two are equal when every
    number is.
    """

    ssm: tuple[Tensor, ...]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TemporalState) or len(self.ssm) != len(other.ssm):
            return False
        pairs = zip(self.ssm, other.ssm, strict=True)
        return all(a.device == b.device and torch.equal(a, b) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]

    def to(self, device: torch.device | str) -> TemporalState:
        """The same state on another device; itself where it is there."""
        moved = tuple(tensor.to(device) for tensor in self.ssm)
        here = all(new is old for new, old in zip(moved, self.ssm, strict=True))
        return self if here else TemporalState(moved)

    def cpu(self) -> TemporalState:
        """The same state in host memory."""
        return self.to("cpu")

    def detach(self) -> TemporalState:
        """The same numbers, through which no gradient flows."""
        return TemporalState(tuple(tensor.detach() for tensor in self.ssm))

    def clone(self) -> TemporalState:
        """A copy that shares no memory."""
        return TemporalState(tuple(tensor.clone() for tensor in self.ssm))

    def require(self, shapes: Sequence[tuple[int, ...]], device: torch.device) -> None:
        """Raises ValueError, saying what differs, unless the tensors have these shapes, at least
        float32, and this device.
        """
        found = tuple(tuple(tensor.shape) for tensor in self.ssm)
        if found != tuple(shapes):
            raise ValueError(f"the state does not fit this network: {found} for {tuple(shapes)}")
        for tensor in self.ssm:
            if tensor.dtype not in (torch.float32, torch.float64):
                raise ValueError(f"a state is float32, not {tensor.dtype}: less drifts over a shot")
            if tensor.device != device:
                raise ValueError(f"the state is on {tensor.device} and the frame on {device}")


class MambaBlock(nn.Module):
    """x + mixer(norm(x)), then x + mlp(norm(x)), over `(B, L, D)`."""

    def __init__(self, width: int, config: TemporalConfig, scan: Scan) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.mamba = MambaMixer(width, config, scan)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, _MLP_EXPAND * width),
            nn.GELU(),
            nn.Linear(_MLP_EXPAND * width, width),
        )

    def forward(
        self, x: Tensor, state: Tensor | None, frames: int, *, quick: bool
    ) -> tuple[Tensor, Tensor]:
        mixed, state = self.mamba(self.norm1(x), state, frames, quick=quick)
        x = x + mixed
        return x + self.mlp(self.norm2(x)), state


class TemporalModule(nn.Module):
    """Pools a decoder path to a few hundred tokens, scans them with the state, and adds what it
    found.

    Its last layer starts at zero, so that an untrained module changes nothing. It is small, and what it rounds stays
    in the state: it is never held in half precision.
    """

    not_in = frozenset({"fp16", "bf16"})

    def __init__(self, width: int, config: TemporalConfig, scan: Scan) -> None:
        super().__init__()
        blocks = nn.ModuleList(MambaBlock(width, config, scan) for _ in range(config.blocks))
        # One group: the published names have a place for several placements, and the released
        # models use one.
        self.blocks = nn.ModuleList([blocks])
        last = nn.Linear(width, width)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.final_layer = nn.Sequential(nn.GELU(), last)
        self.config = config

    def state_shapes(self, batch: int) -> tuple[tuple[int, int, int, int], ...]:
        """The shapes of the state's tensors for a batch."""
        shape = (batch, self.config.heads, self.config.head_dim, self.config.state_dim)
        return (shape,) * self.config.blocks

    def forward(self, path: Tensor, state: TemporalState | None) -> tuple[Tensor, TemporalState]:
        """`(B, D, h, w)` and the state before to `(B, D, h, w)` and the state after."""
        path, state = self.over_clip(path.unsqueeze(1), state)
        return path.squeeze(1), state

    def over_clip(self, paths: Tensor, state: TemporalState | None) -> tuple[Tensor, TemporalState]:
        """T frames of each clip, `(B, T, D, h, w)`: what frame after frame gives, up to rounding.

        A block needs of a frame only what the block before made of it: each takes the whole clip at once.
        """
        batch, frames, _, height, width = paths.shape
        size = (height // self.config.pool, width // self.config.pool)
        pooled = F.adaptive_avg_pool2d(paths.flatten(0, 1), size)
        tokens = torch.unflatten(pooled.flatten(2).transpose(1, 2), 0, (batch, frames))
        tokens = fitted(tokens.flatten(1, 2), self.final_layer)
        after = []
        # where the network around it runs our kernels, so does this, in float32 as ever
        quick = fused(paths)
        for index, block in enumerate(self.blocks[0].children()):
            before = None if state is None else state.ssm[index]
            tokens, ssm = block(tokens, before, frames, quick=quick)
            after.append(ssm)
        grid = torch.unflatten(tokens, 1, (frames, *size)).flatten(0, 1).permute(0, 3, 1, 2)
        grown = resize_bilinear(grid, (height, width), like=paths).permute(0, 2, 3, 1)
        found: Tensor = self.final_layer(grown)
        found = found.permute(0, 3, 1, 2).view_as(paths).to(paths.dtype)
        return paths + found, TemporalState(tuple(after))
