"""DINOv2 vision transformer: a frame to four grids of features.

Symbols: B frames, D width, (gh, gw) the grid of patches, N = 1 + gh*gw tokens, the class token
first. Source: Oquab et al., "DINOv2" (2023), as Depth Anything V2 uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashdepth_vfx.model.attention import attended
from flashdepth_vfx.model.config import VitConfig
from flashdepth_vfx.model.precision import fitted
from flashdepth_vfx.model.steps import normed, patched, residual_normed

__all__ = ["VisionTransformer"]

_LAYER_NORM_EPS = 1e-6
_GRID_OFFSET = 0.1


class Attention(nn.Module):
    """Multi-head self-attention over `(B, N, D)`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        packed = self.qkv(fitted(x, self.qkv))
        packed = packed.view(batch, tokens, 3, self.heads, width // self.heads)
        out: Tensor = self.proj(attended(packed))
        return out


class Mlp(nn.Module):
    """Two linear layers with the exact GELU between, over `(B, N, D)`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(fitted(x, self.fc1))))
        return out


class LayerScale(nn.Module):
    """A learned gain for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))


class Block(nn.Module):
    """One transformer block over `(B, N, D)`.

    It takes its input twice, as it is and through `norm1`, and gives its output so, through the norm of what follows:
    a sum and the norm of it are one pass over memory then.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_LAYER_NORM_EPS)
        self.attn = Attention(width, heads)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=_LAYER_NORM_EPS)
        self.mlp = Mlp(width)
        self.ls2 = LayerScale(width)

    def forward(self, x: Tensor, seen: Tensor, following: nn.LayerNorm) -> tuple[Tensor, Tensor]:
        x, seen = residual_normed(x, self.attn(seen), self.ls1.gamma, self.norm2)
        return residual_normed(x, self.mlp(seen), self.ls2.gamma, following)


class PatchEmbed(nn.Module):
    """`(B, 3, H, W)` to `(B, gh*gw, D)`, row by row."""

    def __init__(self, width: int, patch_px: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=patch_px, stride=patch_px)

    def forward(self, frame: Tensor) -> Tensor:
        return patched(frame, self.proj)


class VisionTransformer(nn.Module):
    """DINOv2 without register tokens."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.config = config
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        # on the host, as `ssm` says
        places = torch.randn(1, 1 + config.grid**2, config.width, device="cpu")
        self.pos_embed = nn.Parameter(places * 0.02)
        # Present in the published weights, used only by DINOv2's own training.
        self.mask_token = nn.Parameter(torch.zeros(1, config.width))
        self.patch_embed = PatchEmbed(config.width, config.patch_px)
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=_LAYER_NORM_EPS)
        self._kept_position: tuple[Tensor, tuple[int, int, int], Tensor] | None = None

    def forward(self, frame: Tensor, taps: tuple[int, ...] | None = None) -> list[Tensor]:
        """`(B, 3, H, W)` to one `(B, D, gh, gw)` for each tap, every one through the same last
        norm.

        `taps` are the configuration's unless given; no block after the last one is computed.
        """
        taps = self.config.taps if taps is None else taps
        gh, gw = frame.shape[-2] // self.config.patch_px, frame.shape[-1] // self.config.patch_px
        patches = self.patch_embed(frame).to(self.cls_token.dtype)
        cls = self.cls_token.expand(frame.shape[0], -1, -1)
        x = torch.cat((cls, patches), dim=1) + self._position(gh, gw)
        features = []
        needed = [cast(Block, block) for block in self.blocks[: taps[-1] + 1]]
        norms = [*(block.norm1 for block in needed), self.norm]
        kind = self.patch_embed.proj.weight
        seen = normed(x, norms[0], kind)
        for index, block in enumerate(needed):
            x, seen = block(x, seen, norms[index + 1])
            if index in taps:
                tapped = seen if index == taps[-1] else normed(x, self.norm, kind)
                grid = tapped[:, 1:].transpose(1, 2)
                features.append(grid.reshape(x.shape[0], -1, gh, gw))
        return features

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Every move to a device or precision comes through here, and changes neither identity nor
        # version.
        self._kept_position = None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _position(self, gh: int, gw: int) -> Tensor:
        """The positional embedding for a grid, `(1, 1 + gh*gw, D)`.

        The last one is kept, because a shot has one size. It is used only for the very parameter it
        was made from, at the same version, so that loading weights or a training step cannot leave
        an old one behind.
        """
        source = self.pos_embed
        if torch.is_grad_enabled() or torch.compiler.is_compiling() or source.is_inference():
            return self._interpolated_position(gh, gw)
        kept = self._kept_position
        key = (gh, gw, source._version)
        if kept is None or kept[0] is not source or kept[1] != key:
            kept = (source, key, self._interpolated_position(gh, gw))
            self._kept_position = kept
        return kept[2]

    def _interpolated_position(self, gh: int, gw: int) -> Tensor:
        side = self.config.grid
        if gh == gw == side:
            return self.pos_embed
        stored = self.pos_embed[:, 1:].float()
        grid = stored.reshape(1, side, side, -1).permute(0, 3, 1, 2)
        # DINOv2 was trained with these scale factors, not with a size: the offset moves every
        # sample a little.
        scale = ((gh + _GRID_OFFSET) / side, (gw + _GRID_OFFSET) / side)
        grid = F.interpolate(grid, scale_factor=scale, mode="bicubic", align_corners=False)
        grid = grid.flatten(2).transpose(1, 2).to(self.pos_embed.dtype)
        return torch.cat((self.pos_embed[:, :1], grid), dim=1)
