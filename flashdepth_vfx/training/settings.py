"""What a stage of training is told, as plain values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.training.data import DataSettings
from flashdepth_vfx.training.losses import LossWeights

__all__ = ["TrainSettings"]


@dataclass(frozen=True)
class TrainSettings:
    """One stage. It ends at `steps` or after `minutes`, whichever comes first, and its rates with it.

    With `steps` alone the rates do not depend on the clock: minutes hold more steps on a faster machine.
    `temporal` False trains encoder and decoder, each frame by itself and without the temporal module; True trains
    that with gradients through the state, the decoder slowly, and leaves the encoder as it is where its rate is 0.
    `fixed_norms` keeps the encoder's batch statistics as they are.
    Rates are AdamW's, after `warmup_steps`; they fall by half a cosine to `last_rate` of themselves. `compiled` fuses
    the network (CUDA; a minute at the start). Raises SettingsError for a value that cannot be.
    """

    data: DataSettings
    temporal: bool
    steps: int | None
    minutes: float | None
    encoder_rate: float
    decoder_rate: float
    temporal_rate: float
    fixed_norms: bool = False
    warmup_steps: int = 200
    last_rate: float = 0.01
    weight_decay: float = 0.01
    loss: LossWeights = dataclasses.field(default_factory=LossWeights)
    log_every: int = 50
    checkpoint_seconds: float = 60.0
    compiled: bool = False

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
        rates = (self.encoder_rate, self.decoder_rate, self.temporal_rate)
        if not all(rate >= 0.0 for rate in rates) or not any(rates):
            raise SettingsError(
                f"rates of {', '.join(f'{rate:g}' for rate in rates)} for encoder, decoder and temporal module: "
                "none may be below 0, and one has to be above"
            )
