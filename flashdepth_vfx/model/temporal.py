"""The state that passes from frame to frame, and the temporal modules that read and write it.

There are several, behind one contract: `path, state = module(path, state)`. What is carried is what their mixers
carry: no clock, no convolution tail. Its size does not depend on the frame's, so a resolution may change inside a
shot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.model.hydra import HydraMixer
from flashdepth_vfx.model.mixer import BlockState, Grid, Mixer
from flashdepth_vfx.model.precision import fitted
from flashdepth_vfx.model.recurrence import RecurrenceMixer
from flashdepth_vfx.model.scan_kernel import Scan
from flashdepth_vfx.model.ssm import MambaMixer
from flashdepth_vfx.model.steps import fused, resize_bilinear
from flashdepth_vfx.model.temporal_config import TemporalConfig
from flashdepth_vfx.model.xlstm import MlstmMixer

__all__ = ["NoTemporalModule", "TemporalModule", "TemporalState", "temporal_module"]

_MLP_EXPAND = 4


@dataclass(frozen=True, eq=False)
class TemporalState:
    """What one frame leaves to the next: `tensors`, float32, those of each block after those of the one before it.

    Of a Mamba-2 block that is one `(B, heads, head_dim, state_dim)`. All zeros are the same as no frame before.

    A value: the network takes one and returns another, and changes none. Two are equal when every
    number is.
    """

    tensors: tuple[Tensor, ...]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TemporalState) or len(self.tensors) != len(other.tensors):
            return False
        pairs = zip(self.tensors, other.tensors, strict=True)
        return all(a.device == b.device and torch.equal(a, b) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]

    def to(self, device: torch.device | str) -> TemporalState:
        """The same state on another device; itself where it is there."""
        moved = tuple(tensor.to(device) for tensor in self.tensors)
        here = all(new is old for new, old in zip(moved, self.tensors, strict=True))
        return self if here else TemporalState(moved)

    def cpu(self) -> TemporalState:
        """The same state in host memory."""
        return self.to("cpu")

    def detach(self) -> TemporalState:
        """The same numbers, through which no gradient flows."""
        return TemporalState(tuple(tensor.detach() for tensor in self.tensors))

    def clone(self) -> TemporalState:
        """A copy that shares no memory."""
        return TemporalState(tuple(tensor.clone() for tensor in self.tensors))

    def require(self, shapes: Sequence[tuple[int, ...]], device: torch.device) -> None:
        """Raises ValueError, saying what differs, unless the tensors have these shapes, at least
        float32, and this device.
        """
        found = tuple(tuple(tensor.shape) for tensor in self.tensors)
        if found != tuple(shapes):
            raise ValueError(f"the state does not fit this network: {found} for {tuple(shapes)}")
        for tensor in self.tensors:
            if tensor.dtype not in (torch.float32, torch.float64):
                raise ValueError(f"a state is float32, not {tensor.dtype}: less drifts over a shot")
            if tensor.device != device:
                raise ValueError(f"the state is on {tensor.device} and the frame on {device}")


class TemporalBlock(nn.Module):
    """x + mixer(norm(x)), then x + mlp(norm(x)), over `(B, L, D)`."""

    def __init__(self, width: int, config: TemporalConfig, scan: Scan) -> None:
        super().__init__()
        self._mixer, mixer = _mixer(width, config, scan)
        self.norm1 = nn.LayerNorm(width)
        self.add_module(self._mixer, mixer)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, _MLP_EXPAND * width),
            nn.GELU(),
            nn.Linear(_MLP_EXPAND * width, width),
        )

    @property
    def mixer(self) -> Mixer:
        """Under its own name in the weights."""
        return cast(Mixer, self.get_submodule(self._mixer))

    def forward(
        self, x: Tensor, state: BlockState | None, grid: Grid, *, quick: bool
    ) -> tuple[Tensor, BlockState]:
        mixed, state = self.mixer(self.norm1(x), state, grid, quick=quick)
        x = x + mixed
        return x + self.mlp(self.norm2(x)), state


def _mixer(width: int, config: TemporalConfig, scan: Scan) -> tuple[str, nn.Module]:
    """The mixer of a block, and its name in the weights: of Mamba-2 the published one."""
    if config.kind == "hydra":
        return "hydra", HydraMixer(width, config)
    if config.kind == "xlstm":
        return "mlstm", MlstmMixer(width, config)
    if config.kind == "transformer":
        return "recurrence", RecurrenceMixer(width, config)
    return "mamba", MambaMixer(width, config, scan)


class TemporalModule(nn.Module):
    """Pools a decoder path to a few hundred tokens, scans them with the state, and adds what it
    found.

    Its last layer starts at zero, so that an untrained module changes nothing. It is small, and what it rounds stays
    in the state: it is never held in half precision.
    """

    not_in = frozenset({"fp16", "bf16"})

    def __init__(self, width: int, config: TemporalConfig, scan: Scan) -> None:
        super().__init__()
        blocks = nn.ModuleList(TemporalBlock(width, config, scan) for _ in range(config.blocks))
        # One group: the published names have a place for several placements, and the released
        # models use one.
        self.blocks = nn.ModuleList([blocks])
        last = nn.Linear(width, width)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.final_layer = nn.Sequential(nn.GELU(), last)
        self.config = config

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """The shapes of the state's tensors for a batch."""
        return tuple(shape for block in self._blocks for shape in block.mixer.state_shapes(batch))

    @property
    def _blocks(self) -> list[TemporalBlock]:
        return [cast(TemporalBlock, block) for block in self.blocks[0].children()]

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
        grid = Grid(frames, *size)
        after: list[Tensor] = []
        # where the network around it runs our kernels, so does this, in float32 as ever
        quick = fused(paths)
        for block in self._blocks:
            count = len(block.mixer.state_shapes(batch))
            before = None if state is None else state.tensors[len(after) : len(after) + count]
            tokens, left = block(tokens, before, grid, quick=quick)
            after.extend(left)
        coarse = torch.unflatten(tokens, 1, (frames, *size)).flatten(0, 1).permute(0, 3, 1, 2)
        grown = resize_bilinear(coarse, (height, width), like=paths).permute(0, 2, 3, 1)
        found: Tensor = self.final_layer(grown)
        found = found.permute(0, 3, 1, 2).view_as(paths).to(paths.dtype)
        return paths + found, TemporalState(tuple(after))


class NoTemporalModule(nn.Module):
    """In a temporal module's place: every frame is a guess of its own, and the state is empty."""

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """None."""
        return ()

    def forward(self, path: Tensor, state: TemporalState | None) -> tuple[Tensor, TemporalState]:
        """The path as it is."""
        return path, TemporalState(())

    def over_clip(self, paths: Tensor, state: TemporalState | None) -> tuple[Tensor, TemporalState]:
        """The paths as they are."""
        return paths, TemporalState(())


def temporal_module(
    width: int, config: TemporalConfig, scan: Scan
) -> TemporalModule | NoTemporalModule:
    """The module that `config` names, for a path of `width` channels.

    Raises SettingsError for mamba-ssm's scan in a module that has none.
    """
    if scan == "mamba_ssm" and config.kind != "mamba2":
        raise SettingsError(
            f"the mamba_ssm scan is Mamba-2's, and these weights' temporal module is '{config.kind}': use --scan auto"
        )
    return NoTemporalModule() if config.kind == "none" else TemporalModule(width, config, scan)
