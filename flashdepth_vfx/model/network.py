"""FlashDepth: a frame and the state before it to disparity and the state after it."""

from __future__ import annotations

from torch import Tensor, nn

from flashdepth_vfx.model.attention import AttentionCall
from flashdepth_vfx.model.config import ModelConfig, VitConfig
from flashdepth_vfx.model.convnet import EfficientNetLite
from flashdepth_vfx.model.decoder import DptDecoder
from flashdepth_vfx.model.encoder import VisionTransformer
from flashdepth_vfx.model.fusion import HybridFusion, Teacher, teacher_size
from flashdepth_vfx.model.scan_kernel import Scan
from flashdepth_vfx.model.streams import beside
from flashdepth_vfx.model.temporal import TemporalState, temporal_module

__all__ = ["FlashDepthNet"]


class FlashDepthNet(nn.Module):
    """The network of one ModelConfig. Its state_dict has the names and the order of the published
    weights.

    `scan` says how the state-space recurrence runs, see `Scan`; it changes no weight. Source: Chou
    et al., "FlashDepth" (2025).
    """

    def __init__(self, config: ModelConfig, *, scan: Scan = "auto") -> None:
        super().__init__()
        self.config = config
        width = config.decoder.width
        self.teacher_model = None if config.teacher is None else Teacher(config.teacher)
        self.hybrid_fusion = None if config.teacher is None else HybridFusion(width, config.teacher)
        is_vit = isinstance(config.encoder, VitConfig)
        self.pretrained = (
            VisionTransformer(config.encoder)
            if isinstance(config.encoder, VitConfig)
            else EfficientNetLite(config.encoder)
        )
        # Every temporal module is in this one's place, and so is called in the weights.
        self.mamba = temporal_module(width, config.temporal, scan)
        self.depth_head = DptDecoder(config.encoder.channels, config.decoder, one_grid=is_vit)

    def forward(
        self, frame: Tensor, state: TemporalState | None = None
    ) -> tuple[Tensor, TemporalState]:
        """One frame: `(B, 3, H, W)` RGB, ImageNet-normalised, and the state before it (None for the
        first frame).

        Returns disparity `(B, H, W)` float32 in 100/m, never negative, and the state after it. H
        and W are multiples of `config.multiple`, from `config.min_side_px`. Raises ValueError where
        the frame or the state does not fit.
        """
        self.require(frame, state)
        path, skips = self.before(frame)
        path, after = self.mamba(path, state)
        return self.after(path, skips, (frame.shape[-2], frame.shape[-1])), after

    def before(self, frame: Tensor, seen: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """What comes before the temporal module and knows no other frame: the path that it acts on, and the skips.

        Training runs it for all frames of a clip at once, and so `after`. `seen` is the teacher's path of this frame,
        where that is known.
        """
        teacher, taught = self.teacher_model, None
        if teacher is not None:
            # it is the smaller half of the work, and needs nothing of the other
            taught = beside(lambda: teacher(frame) if seen is None else seen, frame.device)
        skips = [self.depth_head.skip(i, f) for i, f in enumerate(self.pretrained(frame))]
        path = self.depth_head.coarsest(skips[3], (skips[2].shape[-2], skips[2].shape[-1]))
        if taught is not None and self.hybrid_fusion is not None:
            path = self.hybrid_fusion(path, taught())
        for number in range(3, self.config.temporal.path - 1, -1):
            path = self.depth_head.refine(number, path, skips)
        return path, skips

    def after(self, path: Tensor, skips: list[Tensor], size: tuple[int, int]) -> Tensor:
        """From the temporal module's path to disparity `(B, *size)`."""
        for number in range(self.config.temporal.path - 1, 0, -1):
            path = self.depth_head.refine(number, path, skips)
        return self.depth_head.head(path, size)

    def attention_calls(self, height: int, width: int) -> list[AttentionCall]:
        """The encoders' own for a frame `(height, width)`; none for a convolutional one."""
        seen = [(self.config.encoder, (height, width))]
        if self.config.teacher is not None:
            teacher = self.config.teacher
            seen.append((teacher.encoder, teacher_size(teacher, height, width)))
        calls = []
        for encoder, (high, wide) in seen:
            if isinstance(encoder, VitConfig):
                tokens = 1 + (high // encoder.patch_px) * (wide // encoder.patch_px)
                head_dim, layers = encoder.width // encoder.heads, encoder.taps[-1] + 1
                calls.append(AttentionCall(encoder.heads, tokens, head_dim, layers))
        return calls

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """The shapes of TemporalState.tensors for a batch, whatever the resolution."""
        return self.mamba.state_shapes(batch)

    def require(self, frame: Tensor, state: TemporalState | None) -> None:
        """Raises ValueError, saying what is wrong, where `forward` would."""
        if frame.ndim != 4 or frame.shape[1] != 3 or not frame.is_floating_point():
            raise ValueError(
                f"a frame is (B, 3, H, W) of floats, not {tuple(frame.shape)} {frame.dtype}"
            )
        height, width = frame.shape[-2:]
        multiple, least = self.config.multiple, self.config.min_side_px
        if height % multiple or width % multiple:
            raise ValueError(f"{width}x{height} is not a multiple of {multiple} on both sides")
        if min(height, width) < least:
            raise ValueError(f"{width}x{height} is too small: each side needs {least} pixels")
        if state is not None:
            state.require(self.state_shapes(frame.shape[0]), frame.device)
