"""Which temporal module a network has, where it acts, and how large it is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal, get_args

from flashdepth_vfx.errors import SettingsError

__all__ = ["TEMPORAL_KINDS", "TemporalConfig", "TemporalKind"]

TemporalKind = Literal["mamba2", "hydra", "xlstm", "transformer", "none"]
"""The published models have "mamba2"; "none" makes every frame a guess of its own."""

TEMPORAL_KINDS: tuple[TemporalKind, ...] = get_args(TemporalKind)
_CAUSAL_TAPS, _CENTRED_TAPS = 4, 7


@dataclass(frozen=True)
class TemporalConfig:
    """Blocks of one kind placed on one decoder path (4 is the coarsest, 1 the finest).

    The published files of weights do not tell the path: it must be known for each model. `state_dim` is N of a
    Mamba-2 or Hydra, the width of an xLSTM's keys, and how many tokens a transformer's state has; `conv_taps` are of
    the convolution before the first three. Raises SettingsError for values that the kind cannot have.
    """

    path: int
    heads: int
    head_dim: int
    expand: int
    state_dim: int = 256
    conv_taps: int = _CAUSAL_TAPS
    blocks: int = 4
    pool: int = 10
    chunk_tokens: int = 256
    kind: TemporalKind = "mamba2"

    def __post_init__(self) -> None:
        if self.kind not in TEMPORAL_KINDS:
            known = ", ".join(TEMPORAL_KINDS)
            raise SettingsError(f"no temporal module '{self.kind}'; there are: {known}")
        if not 1 <= self.path <= 4:
            raise SettingsError(f"temporal path must be 1, 2, 3 or 4, not {self.path}")
        if self.kind == "hydra" and self.conv_taps % 2 == 0:
            raise SettingsError(
                f"hydra's convolution looks as far ahead as back: conv_taps must be odd, not {self.conv_taps}"
            )
        if self.kind == "xlstm" and (self.state_dim != self.head_dim or self.head_dim % 4):
            raise SettingsError(
                "an xlstm's keys are as wide as its values, a multiple of 4: state_dim must equal head_dim"
            )

    def of_kind(self, kind: TemporalKind) -> TemporalConfig:
        """Another module in this one's place, as wide and as deep, otherwise as its paper has it."""
        if kind == self.kind:
            return self
        return dataclasses.replace(
            self,
            kind=kind,
            conv_taps=_CENTRED_TAPS if kind == "hydra" else _CAUSAL_TAPS,
            state_dim=self.head_dim if kind == "xlstm" else self.state_dim,
        )

    def on_path(self, path: int) -> TemporalConfig:
        """The same module on another path, which is pooled to about as many tokens."""
        finer = 2.0 ** (self.path - path)
        return dataclasses.replace(self, path=path, pool=max(1, round(self.pool * finer)))
