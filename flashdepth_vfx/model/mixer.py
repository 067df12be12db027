"""What every temporal module has in its blocks: a mixer of tokens that takes a state and gives the next one."""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor, nn

__all__ = ["BlockState", "Grid", "Mixer", "apart", "convolved", "joined"]

BlockState: TypeAlias = tuple[Tensor, ...]
"""What one block leaves to the next frame, float32. All zeros is the first frame's, and the same as None."""


class Grid(NamedTuple):
    """The tokens of a clip: one frame after the other, each of them row by row."""

    frames: int
    rows: int
    columns: int


class Mixer(Protocol):
    """`(B, frames x rows x columns, D)` and the state before to the same shape and the state after.

    The whole clip at once gives what frame after frame gives, up to rounding: a frame sees its own tokens, and of
    those before it the state alone. `quick` allows kernels of our own, and may be ignored.
    """

    def __call__(
        self, tokens: Tensor, state: BlockState | None, grid: Grid, *, quick: bool
    ) -> tuple[Tensor, BlockState]: ...

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """The shapes of the state's tensors, which no size of frame changes."""
        ...


def apart(tokens: Tensor, frames: int) -> Tensor:
    """`(B, T L, C)` of T frames to `(B T, L, C)`: what starts afresh on each frame."""
    return torch.unflatten(tokens, 1, (frames, -1)).flatten(0, 1)


def joined(tokens: Tensor, frames: int) -> Tensor:
    """`(B T, L, C)` to `(B, T L, C)`: what goes on from frame to frame."""
    return torch.unflatten(tokens, 0, (-1, frames)).flatten(1, 2)


def convolved(tokens: Tensor, conv: nn.Conv1d, frames: int) -> Tensor:
    """A convolution over the tokens of each frame by itself, `(B, T L, C)`.

    It starts from zeros on every frame, and what its padding adds at the end is left out.
    """
    channels = apart(tokens, frames).transpose(1, 2)
    out: Tensor = conv(channels)[..., : channels.shape[-1]]
    return joined(out.transpose(1, 2), frames)
