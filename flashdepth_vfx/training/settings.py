"""What a stage of training is told, as plain values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.training.data import ClipSize
from flashdepth_vfx.training.losses import LossWeights

__all__ = ["OptimizerSettings", "TrainSettings"]


@dataclass(frozen=True)
class OptimizerSettings:
    """AdamW beside its rates. Decay takes matrices alone unless `decay_all`.

    Warm-up is a line from `first_rate` (a share; None is one step's part of the way) to the whole rate at the last of
    `warmup_steps`. Gradients longer than `clip_norm` are shortened to it; 0 shortens none. Raises SettingsError.
    """

    beta1: float = 0.9
    beta2: float = 0.99
    decay_all: bool = False
    first_rate: float | None = None
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.beta1 < 1.0 and 0.0 <= self.beta2 < 1.0):
            raise SettingsError(f"betas of {self.beta1:g} and {self.beta2:g}: give 0 to below 1")
        if self.first_rate is not None and not 0.0 <= self.first_rate <= 1.0:
            raise SettingsError(f"a first rate of {self.first_rate:g}: give a share from 0 to 1")
        if not self.clip_norm >= 0.0:
            raise SettingsError(f"gradients clipped to {self.clip_norm:g}: give 0 or more")


@dataclass(frozen=True)
class TrainSettings:
    """One stage. It ends at `steps` or after `minutes`, whichever comes first, and its rates with it.

    With `steps` alone the rates do not depend on the clock: minutes hold more steps on a faster machine.
    `temporal` False trains encoder and decoder, each frame by itself and without the temporal module; True trains
    that with gradients through the state, the decoder slowly, and leaves the encoder as it is where its rate is 0.
    `fixed_norms` keeps the encoder's batch statistics as they are.
    Rates are AdamW's, after `warmup_steps`; they fall by half a cosine to `last_rate` of themselves. `compiled` fuses
    the network (CUDA; a minute at the start). `fusion_rate` is that of a hybrid's fusion, None the decoder's.
    `piece_frames` frames of each clip are held for the gradient at once, and computed anew for it: memory for time
    (activation checkpointing); None holds all. Every `sample_every` steps a batch is shown; 0 shows none. Raises
    SettingsError for a value that cannot be.
    """

    data: ClipSize
    temporal: bool
    steps: int | None
    minutes: float | None
    encoder_rate: float
    decoder_rate: float
    temporal_rate: float
    fusion_rate: float | None = None
    fixed_norms: bool = False
    warmup_steps: int = 200
    last_rate: float = 0.01
    weight_decay: float = 0.01
    optimizer: OptimizerSettings = dataclasses.field(default_factory=OptimizerSettings)
    loss: LossWeights = dataclasses.field(default_factory=LossWeights)
    log_every: int = 50
    checkpoint_seconds: float = 60.0
    compiled: bool = False
    piece_frames: int | None = None
    sample_every: int = 0

    def __post_init__(self) -> None:
        if self.steps is None and self.minutes is None:
            raise SettingsError("training needs an end: give steps, minutes or both")
        for name in ("steps", "minutes"):
            end = getattr(self, name)
            if end is not None and not end > 0:
                raise SettingsError(f"{end:g} {name}: training ends after more than none")
        for name in ("warmup_steps", "log_every"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} of {getattr(self, name)}: give 1 or more")
        if self.piece_frames is not None and (self.piece_frames < 1 or not self.temporal):
            raise SettingsError(
                f"pieces of {self.piece_frames} frames: give 1 or more, of clips (a temporal stage)"
            )
        if self.sample_every < 0:
            raise SettingsError(f"samples every {self.sample_every} steps: give 0 or more")
        rates = (self.encoder_rate, self.decoder_rate, self.temporal_rate)
        if self.fusion_rate is not None and not self.fusion_rate >= 0.0:
            raise SettingsError(f"a fusion rate of {self.fusion_rate:g}: none may be below 0")
        if not all(rate >= 0.0 for rate in rates) or not any(rates):
            raise SettingsError(
                f"rates of {', '.join(f'{rate:g}' for rate in rates)} for encoder, decoder and temporal module: "
                "none may be below 0, and one has to be above"
            )
