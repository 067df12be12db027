"""What a network is made of, as plain values: presets, JSON round trip, and the sizes it accepts.

A configuration holds architecture only. How it runs (device, precision, which scan) is not in it,
so that a weights file can carry its configuration and mean the same thing on every machine.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.model.temporal_config import TemporalConfig, TemporalKind

__all__ = [
    "ConvConfig",
    "DecoderConfig",
    "ModelConfig",
    "TeacherConfig",
    "TeacherSide",
    "TemporalConfig",
    "VitConfig",
]

_T = TypeVar("_T")

TeacherSide = Literal["short", "height"]
"""Which side of the frame the teacher's size fixes: "short" suits portrait plates; "height" is the
research code's.
"""


@dataclass(frozen=True)
class VitConfig:
    """DINOv2 vision transformer. `taps` are the 0-based blocks whose outputs feed the decoder."""

    width: int
    depth: int
    heads: int
    taps: tuple[int, int, int, int]
    patch_px: int = 14
    grid: int = 37

    def __post_init__(self) -> None:
        _require(self.width % self.heads == 0, "encoder width must be a multiple of its heads")
        in_order = tuple(sorted(set(self.taps))) == self.taps
        _require(in_order and self.taps[0] >= 0, "encoder taps must rise from 0")
        _require(self.taps[-1] < self.depth, "the last encoder tap must be below the depth")

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of the four features."""
        return (self.width, self.width, self.width, self.width)

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this many pixels: whole patches."""
        return self.patch_px


@dataclass(frozen=True)
class ConvConfig:
    """EfficientNet-Lite: channels of the stem and of its seven stages, and blocks in each stage."""

    stem: int
    widths: tuple[int, int, int, int, int, int, int]
    depths: tuple[int, int, int, int, int, int, int]

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of the features at strides 4, 8, 16 and 32."""
        return (self.widths[1], self.widths[2], self.widths[4], self.widths[6])

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this many pixels: the stride of the last feature."""
        return 32


@dataclass(frozen=True)
class DecoderConfig:
    """DPT decoder: `width` of its paths, and the `channels` that the features are projected to."""

    width: int
    channels: tuple[int, int, int, int]

    def __post_init__(self) -> None:
        _require(self.width % 2 == 0, "decoder width must be even")


@dataclass(frozen=True)
class TeacherConfig:
    """A second, larger encoder that sees the frame at `side_px` and guides the coarsest path."""

    encoder: VitConfig | ConvConfig
    decoder: DecoderConfig
    side_px: int = 490
    side: TeacherSide = "short"
    fusion_blocks: int = 4
    fusion_heads: int = 2

    def __post_init__(self) -> None:
        _require(self.side in ("short", "height"), "teacher side must be 'short' or 'height'")
        multiple = self.encoder.multiple
        whole = self.side_px % multiple == 0
        _require(
            whole, f"teacher side_px must be whole patches or strides: a multiple of {multiple}"
        )


@dataclass(frozen=True)
class ModelConfig:
    """One network. `teacher` is None unless it is the hybrid of two encoders.

    Raises SettingsError when two values contradict each other.
    """

    name: str
    encoder: VitConfig | ConvConfig
    decoder: DecoderConfig
    temporal: TemporalConfig
    teacher: TeacherConfig | None = None

    def __post_init__(self) -> None:
        inner = self.temporal.expand * self.decoder.width
        _require(
            self.temporal.heads * self.temporal.head_dim == inner,
            "temporal heads x head_dim must equal expand x decoder width",
        )
        if self.temporal.kind == "transformer":
            whole = self.decoder.width % self.temporal.head_dim == 0 and self.decoder.width % 4 == 0
            _require(
                whole, "a transformer's decoder width must be a multiple of head_dim, and of 4"
            )
        if self.teacher is not None:
            even = self.decoder.width % self.teacher.fusion_heads == 0
            _require(even, "decoder width must be a multiple of the fusion heads")

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return self.encoder.multiple

    @property
    def min_side_px(self) -> int:
        """The smallest height or width: below it the temporal module has no token to pool."""
        # Path 4 has one row to a patch of a transformer, and two to the 32 pixels of a pyramid.
        finest = 4 if isinstance(self.encoder, VitConfig) else 5
        rows_per_multiple: int = 2 ** (finest - self.temporal.path)
        return math.ceil(self.temporal.pool / rows_per_multiple) * self.multiple

    @classmethod
    def preset(cls, name: str) -> ModelConfig:
        """One of "s", "l", "full", "nano", "nano-lite", "nano-hybrid", "nano-twin".

        Raises SettingsError for another name.
        """
        try:
            return _PRESETS[name]
        except KeyError:
            known = ", ".join(_PRESETS)
            raise SettingsError(f"no model preset '{name}'; there are: {known}") from None

    def with_temporal(
        self, kind: TemporalKind | None = None, path: int | None = None
    ) -> ModelConfig:
        """The same network with another temporal module, or with its own on another path; its name says so.

        None keeps what it has. Raises SettingsError.
        """
        temporal, name = self.temporal, self.name
        if kind is not None and kind != temporal.kind:
            temporal, name = temporal.of_kind(kind), f"{name}-{kind}"
        if path is not None and path != temporal.path:
            temporal, name = temporal.on_path(path), f"{name}-path{path}"
        return dataclasses.replace(self, temporal=temporal, name=name)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` gives an equal configuration back."""
        data = dataclasses.asdict(self)
        data["encoder"]["kind"] = _kind(self.encoder)
        if self.teacher is not None:
            data["teacher"]["encoder"]["kind"] = _kind(self.teacher.encoder)
        return {key: _jsonable(value) for key, value in data.items()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ModelConfig:
        """The configuration that `to_dict` wrote. Raises SettingsError naming what is wrong."""
        data = dict(_table(data, "model"))
        data["encoder"] = _encoder(data.get("encoder"), "encoder")
        data["decoder"] = _build(DecoderConfig, data.get("decoder"), "decoder")
        # Files from before there were other modules do not say which one theirs is.
        temporal = {"kind": "mamba2", **_table(data.get("temporal"), "temporal")}
        data["temporal"] = _build(TemporalConfig, temporal, "temporal")
        if data.get("teacher") is not None:
            teacher = dict(_table(data["teacher"], "teacher"))
            # Files from before a teacher could be a pyramid do not say what theirs is.
            teacher["encoder"] = _encoder(teacher.get("encoder"), "teacher encoder", unsaid="vit")
            teacher["decoder"] = _build(DecoderConfig, teacher.get("decoder"), "teacher decoder")
            data["teacher"] = _build(TeacherConfig, teacher, "teacher")
        return _build(cls, data, "model")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise SettingsError(message)


def _kind(encoder: VitConfig | ConvConfig) -> str:
    return "vit" if isinstance(encoder, VitConfig) else "conv"


def _encoder(value: Any, where: str, unsaid: str | None = None) -> VitConfig | ConvConfig:
    """An encoder from a table that says its kind; `unsaid` is the kind of one that does not."""
    table = dict(_table(value, where))
    kind = table.pop("kind", unsaid)
    if kind not in ("vit", "conv"):
        raise SettingsError(f"{where} kind must be 'vit' or 'conv', not {kind!r}")
    if kind == "vit":
        return _build(VitConfig, table, where)
    return _build(ConvConfig, table, where)


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _jsonable(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{where} configuration is missing or is not a table")
    return value


def _build(kind: type[_T], value: Any, where: str) -> _T:
    """A dataclass from a table that has exactly its fields, each of the field's own type."""
    data = _table(value, where)
    hints = get_type_hints(kind)
    if set(data) != set(hints):
        wrong = ", ".join(sorted(set(data) ^ set(hints)))
        raise SettingsError(f"{where} configuration has unknown or missing values: {wrong}")
    return kind(**{name: _value(data[name], hint, where, name) for name, hint in hints.items()})


def _value(value: Any, hint: Any, where: str, name: str) -> Any:
    """`value` as the field's type: whole numbers from 1 (a tap from 0), lists of them, text, or a
    part built before.
    """
    lowest = 0 if name == "taps" else 1
    if get_origin(hint) is tuple:
        size = len(get_args(hint))
        good = isinstance(value, list | tuple) and len(value) == size
        good = good and all(type(item) is int and item >= lowest for item in value)
        value = tuple(value) if good else value
    elif hint is int:
        good = type(value) is int and value >= lowest
    else:
        good = isinstance(value, str) or dataclasses.is_dataclass(value) or value is None
    if not good:
        raise SettingsError(f"{where} configuration: {name} cannot be {value!r}")
    return value


_VIT_S = VitConfig(width=384, depth=12, heads=6, taps=(2, 5, 8, 11))
_VIT_L = VitConfig(width=1024, depth=24, heads=16, taps=(4, 11, 17, 23))
_LITE0 = ConvConfig(stem=32, widths=(16, 24, 40, 80, 112, 192, 320), depths=(1, 2, 2, 3, 3, 4, 1))
_LITE2 = ConvConfig(stem=32, widths=(16, 24, 48, 88, 120, 208, 352), depths=(1, 3, 3, 4, 4, 5, 1))
_DECODER_S = DecoderConfig(width=64, channels=(48, 96, 192, 384))
_DECODER_L = DecoderConfig(width=256, channels=(256, 512, 1024, 1024))
_TEMPORAL_S = TemporalConfig(path=3, heads=8, head_dim=32, expand=4)
_TEMPORAL_L = TemporalConfig(path=1, heads=8, head_dim=64, expand=2)
# A frame of 384x224 pooled by 10 is 4x2 tokens; by 2 it is 24x14, about what S has at 2K.
_TEMPORAL_NANO = TemporalConfig(path=3, heads=8, head_dim=32, expand=4, pool=2)
_TEACHER_NANO = TeacherConfig(_LITE2, _DECODER_S, side_px=192)

_PRESETS = {
    "s": ModelConfig("s", _VIT_S, _DECODER_S, _TEMPORAL_S),
    "l": ModelConfig("l", _VIT_L, _DECODER_L, _TEMPORAL_L),
    "full": ModelConfig("full", _VIT_S, _DECODER_S, _TEMPORAL_S, TeacherConfig(_VIT_L, _DECODER_L)),
    "nano": ModelConfig("nano", _LITE2, _DECODER_S, _TEMPORAL_NANO),
    "nano-lite": ModelConfig("nano-lite", _LITE0, _DECODER_S, _TEMPORAL_NANO),
    # The teacher is nano, of whose encoder and decoder its weights are.
    "nano-hybrid": ModelConfig("nano-hybrid", _LITE0, _DECODER_S, _TEMPORAL_NANO, _TEACHER_NANO),
    # A nano at the frame's own size, guided by one that sees what nano was trained to see.
    "nano-twin": ModelConfig("nano-twin", _LITE2, _DECODER_S, _TEMPORAL_NANO, _TEACHER_NANO),
}
