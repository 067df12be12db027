"""The hybrid: a teacher that sees a small frame guides the student's coarsest path by cross-
attention.

Symbols: B frames, D the student's decoder width, M and K the pixels of the student's and the
teacher's coarsest path.
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashdepth_vfx.model.config import TeacherConfig, VitConfig
from flashdepth_vfx.model.convnet import EfficientNetLite
from flashdepth_vfx.model.decoder import DptDecoder
from flashdepth_vfx.model.encoder import VisionTransformer
from flashdepth_vfx.model.precision import fitted
from flashdepth_vfx.model.steps import normed, residual_normed, resize_bilinear

__all__ = ["HybridFusion", "Teacher", "teacher_size"]

_MLP_EXPAND = 2


def teacher_size(config: TeacherConfig, height: int, width: int) -> tuple[int, int]:
    """(height, width) in pixels at which the teacher sees a frame of this size; the frame's own if
    it is small, to the nearest multiple that the teacher's encoder takes.
    """
    multiple = config.encoder.multiple
    fixed, other = height, width
    portrait = config.side == "short" and width < height
    if portrait:
        fixed, other = width, height
    if fixed <= config.side_px:
        return (_nearest(height, multiple), _nearest(width, multiple))
    if isinstance(config.encoder, VitConfig):
        # The weights were trained with this order of operations: its rounding loses a patch in
        # some sizes, as at 700x700.
        scaled = max(int((config.side_px / fixed) * other) // multiple * multiple, multiple)
    else:
        scaled = _nearest(config.side_px * other / fixed, multiple)
    return (scaled, config.side_px) if portrait else (config.side_px, scaled)


def _nearest(side_px: float, multiple: int) -> int:
    """The multiple nearest to `side_px`, the larger of two, and never none."""
    return max(math.floor(side_px / multiple + 0.5), 1) * multiple


class Teacher(nn.Module):
    """A large encoder and decoder, of which only the coarsest path is computed. The rest is in the
    weights, unused.
    """

    def __init__(self, config: TeacherConfig) -> None:
        super().__init__()
        self.config = config
        is_vit = isinstance(config.encoder, VitConfig)
        self.pretrained = (
            VisionTransformer(config.encoder)
            if isinstance(config.encoder, VitConfig)
            else EfficientNetLite(config.encoder)
        )
        self.depth_head = DptDecoder(config.encoder.channels, config.decoder, one_grid=is_vit)

    def forward(self, frame: Tensor) -> Tensor:
        """`(B, 3, H, W)` normalised to the teacher's coarsest path `(B, C, h, w)`."""
        size = teacher_size(self.config, frame.shape[-2], frame.shape[-1])
        encoder = self.config.encoder
        if isinstance(encoder, VitConfig):
            if size != tuple(frame.shape[-2:]):
                frame = resize_bilinear(frame, size)
            feature = grid = self.pretrained(frame, encoder.taps[-1:])[0]
        else:
            # A pyramid's last feature has half the size of path 4, which is that of the one before.
            grid, feature = self.pretrained(_filtered(frame, size))[2:]
        at = (grid.shape[-2], grid.shape[-1])
        return self.depth_head.coarsest(self.depth_head.skip(3, feature), at)


def _filtered(frame: Tensor, size: tuple[int, int]) -> Tensor:
    """`frame` at `size`, without the aliasing that its weights, trained on whole small frames, never saw."""
    if size == tuple(frame.shape[-2:]):
        return frame
    # in at least float32: the filter has no half precision
    exact = frame.to(torch.promote_types(frame.dtype, torch.float32))
    return F.interpolate(exact, size=size, mode="bilinear", antialias=True).to(frame.dtype)


class CrossAttention(nn.Module):
    """Queries `(B, M, D)` over a context `(B, K, D)`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        q = self.q(fitted(x, self.q)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = (
            self.kv(fitted(context, self.kv))
            .unflatten(-1, (2, self.heads, -1))
            .permute(2, 0, 3, 1, 4)
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return out


class FusionBlock(nn.Module):
    """x + attention(norm(x), norm(context)), then x + mlp(norm(x)), with x in and out as in the encoder's blocks."""

    def __init__(self, width: int, context_width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = CrossAttention(width, heads)
        self.context_norm = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        last = nn.Linear(_MLP_EXPAND * width, width)
        self.mlp = nn.Sequential(nn.Linear(width, _MLP_EXPAND * width), nn.GELU(), last)
        self.context_proj = nn.Linear(context_width, width)
        for layer in (self.attention.proj, last):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, x: Tensor, seen: Tensor, context: Tensor, following: nn.LayerNorm | None
    ) -> tuple[Tensor, Tensor]:
        seen_context = normed(context, self.context_norm, like=self.attention.kv.weight)
        x, seen = residual_normed(x, self.attention(seen, seen_context), None, self.norm2)
        added: Tensor = self.mlp(fitted(seen, self.mlp[0]))
        if following is None:
            return x + added, seen
        return residual_normed(x, added, None, following)


class HybridFusion(nn.Module):
    """Cross-attention blocks from the student's coarsest path to the teacher's. Untrained, it
    changes nothing.
    """

    def __init__(self, width: int, config: TeacherConfig) -> None:
        super().__init__()
        group = nn.ModuleList(
            FusionBlock(width, config.decoder.width, config.fusion_heads)
            for _ in range(config.fusion_blocks)
        )
        self.blocks = nn.ModuleList([group])

    def forward(self, path: Tensor, teacher_path: Tensor) -> Tensor:
        """`(B, D, h, w)` and the teacher's `(B, C, h', w')` to `(B, D, h, w)`."""
        # Every block owns a projection in the weights, and only the first one's is used, once,
        # before any norm.
        project = self.get_submodule("blocks.0.0.context_proj")
        norm = self.get_submodule("blocks.0.0.norm1")
        context = project(fitted(teacher_path.flatten(2).transpose(1, 2), project))
        x, context = fitted(path.flatten(2).transpose(1, 2), norm), fitted(context, norm)
        blocks = [cast(FusionBlock, block) for block in self.blocks[0].children()]
        norms = [*(block.norm1 for block in blocks[1:]), None]
        # its own memory, since the blocks add to it
        x = x.contiguous()
        seen = normed(x, blocks[0].norm1, like=blocks[0].attention.q.weight)
        for block, following in zip(blocks, norms, strict=True):
            x, seen = block(x, seen, context, following)
        return x.transpose(1, 2).reshape(path.shape).to(path.dtype)
