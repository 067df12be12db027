"""How a shot is rendered: `RenderSettings`, a frozen value that reads from and prints as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from flashdepth_vfx.errors import SettingsError

__all__ = [
    "BACKGROUND",
    "COVERAGE",
    "EDGE",
    "FOREGROUND",
    "LAYERS",
    "NORMALISED",
    "Convention",
    "Empty",
    "MissingPolicy",
    "RenderSettings",
    "Resolution",
    "SceneUnit",
    "Space",
    "Upsampling",
    "channel_beside",
    "channel_of",
    "chosen",
]

#: Long side of what the network sees, in pixels; "native" is the plate's own; None is the weights'.
Resolution: TypeAlias = int | Literal["native"] | None

#: Beyond it no network here has a use for the pixels, and no machine the memory.
_LONGEST_SIDE_PX = 16_384


class Convention(StrEnum):
    """What a depth pixel says."""

    #: 1/Z of planar distance, in 1/unit: larger is nearer, the sky is 0.
    INVERSE_Z = "inverse_z"
    #: Planar distance in units: smaller is nearer, the sky is 10 km.
    Z = "z"
    #: What the network gives: 100/m, the sky is 0.
    DISPARITY = "disparity"
    #: Linear in 1/Z over the shot's range: 1 is near, 0 is far and the sky.
    NORMALISED_NEAR_WHITE = "normalised_near_white"
    #: The other way round.
    NORMALISED_NEAR_BLACK = "normalised_near_black"


NORMALISED = frozenset((Convention.NORMALISED_NEAR_WHITE, Convention.NORMALISED_NEAR_BLACK))
"""Those that need the range of the whole shot."""


class SceneUnit(StrEnum):
    """What a length of 1 is in the scene."""

    MM = "mm"
    CM = "cm"
    DM = "dm"
    M = "m"
    KM = "km"
    IN = "in"
    FT = "ft"
    YD = "yd"

    @property
    def metres(self) -> float:
        """Of one unit."""
        return _METRES[self]


EDGE = "edge"
"""The channel beside Z that is 1 where depth is not to be trusted."""
FOREGROUND, BACKGROUND, COVERAGE = "fg", "bg", "coverage"
LAYERS = (FOREGROUND, BACKGROUND, COVERAGE)
"""The channels beside Z that hold the two depths of a pixel, as Z has it, and the near one's share of it."""

_METRES = {
    SceneUnit.MM: 0.001,
    SceneUnit.CM: 0.01,
    SceneUnit.DM: 0.1,
    SceneUnit.M: 1.0,
    SceneUnit.KM: 1000.0,
    SceneUnit.IN: 0.0254,
    SceneUnit.FT: 0.3048,
    SceneUnit.YD: 0.9144,
}


class Space(StrEnum):
    """Whose axes a point or a normal is in."""

    #: x right, y up, and the camera looks along -z from 0.
    CAMERA = "camera"
    #: The world's, as the camera's file has it.
    WORLD = "world"


class Upsampling(StrEnum):
    """How the network's disparity reaches plate size."""

    BILINEAR = "bilinear"
    NEAREST = "nearest"
    #: Bilinear, and at edges the one side or the other, as the plate's colours say.
    GUIDED = "guided"


class MissingPolicy(StrEnum):
    """What becomes of a hole in the sequence on disk."""

    ERROR = "error"
    #: The last depth and its windows again, tagged; the state is unchanged.
    HOLD = "hold"
    #: No file; the state is carried over the hole.
    SKIP = "skip"


class Empty(StrEnum):
    """What becomes of letterboxes, the black edges of undistorted plates, and pixels of alpha 0."""

    #: They are found, and no part of the scene.
    IGNORED = "ignored"
    #: The network sees them as they are.
    SEEN = "seen"


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """Everything that decides pixels, apart from the plates themselves.

    `append_part` writes copies of the plates, with the depth as one more part.
    `cuts` is "none", "auto" or a file that lists them; None is auto for movies, none for sequences.
    `matte` is a layer or channel of the plates, or of `matte_input`, a sequence or a still of the plates' format;
    pixels above `matte_threshold` (0..1, after `matte_invert`) are ignored. `exposure_stops` "auto" is one
    number that is measured over the whole shot.
    Raises `SettingsError` for values that no render could use.
    """

    weights: str = "nano"
    accept_license: tuple[str, ...] = ()
    resolution: Resolution = None
    convention: Convention = Convention.INVERSE_Z
    scene_unit: SceneUnit = SceneUnit.M
    infinite_sky: bool = False
    upsampling: Upsampling = Upsampling.BILINEAR
    depth_layer: str = "depth"
    compression: str = "zips"
    colorspace: str | None = None
    ocio: str | None = None
    display_view: str | None = None
    exposure_stops: float | Literal["auto"] = 0.0
    device: str = "auto"
    scan: Literal["auto", "torch", "mamba_ssm"] = "auto"
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    missing: MissingPolicy = MissingPolicy.ERROR
    cuts: str | None = None
    sparse: bool = False
    checkpoint_interval_frames: int = 25
    allow_device_change: bool = False
    edge_matte: bool = False
    edge_layers: bool = False
    stabilise: bool = False
    matte: str | None = None
    matte_input: str | None = None
    matte_invert: bool = False
    matte_threshold: float = 0.1
    empty: Empty = Empty.IGNORED
    append_part: bool = False

    def __post_init__(self) -> None:
        # A plain word, as notebooks give it, is not the enum's member: it would pass for another.
        for name, kind in _CHOICES.items():
            object.__setattr__(self, name, chosen(name, kind, getattr(self, name)))
        if self.cuts is not None and not self.cuts.strip():
            raise SettingsError("cuts: give none, auto, or a file that lists them")
        asked = self.resolution
        in_range = isinstance(asked, int) and 0 < asked <= _LONGEST_SIDE_PX
        if asked is not None and asked != "native" and not in_range:
            raise SettingsError(
                f"resolution {asked}: give the long side in pixels, {_LONGEST_SIDE_PX} at most, "
                "or native"
            )
        if self.edge_layers and self.upsampling is not Upsampling.GUIDED:
            raise SettingsError(
                "edge layers are the two sides that guided upsampling chooses between: add --upsampling guided, "
                "or leave --edge-layers out"
            )
        if self.checkpoint_interval_frames < 1:
            raise SettingsError(
                f"checkpoint interval {self.checkpoint_interval_frames}: at least one frame"
            )
        stops = self.exposure_stops
        in_range = isinstance(stops, int | float) and -30.0 <= stops <= 30.0
        if stops != "auto" and not in_range:
            raise SettingsError(f"exposure {stops}: give stops between -30 and 30, or auto")
        self._check_matte()
        self._check_part()

    def _check_matte(self) -> None:
        if not 0.0 <= self.matte_threshold < 1.0:
            raise SettingsError(f"matte threshold {self.matte_threshold:g}: from 0 to less than 1")
        if "" in (self.matte, self.matte_input):
            raise SettingsError(
                "--matte names a layer or channel, --matte-input a sequence: not ''"
            )
        untold = self.matte is None and self.matte_input is None
        if untold and (self.matte_invert or self.matte_threshold != RenderSettings.matte_threshold):
            raise SettingsError(
                "--matte-invert and --matte-threshold need --matte or --matte-input: the matte"
            )

    def _check_part(self) -> None:
        if self.append_part and not self.depth_layer:
            raise SettingsError("--append-part: a part has a name; give one with --depth-layer")
        if self.append_part and self.missing is MissingPolicy.HOLD:
            raise SettingsError(
                "--append-part: a held frame has no plate to stand beside; use --missing skip"
            )

    @property
    def depth_channel(self) -> str:
        """The channel's full name."""
        return channel_of(self.depth_layer)

    @property
    def beside(self) -> tuple[str, ...]:
        """Names of the channels beside Z in its layer."""
        matte = (EDGE,) if self.edge_matte else ()
        return (*matte, *LAYERS) if self.edge_layers else matte


_CHOICES: dict[str, type[StrEnum]] = {
    "convention": Convention,
    "scene_unit": SceneUnit,
    "upsampling": Upsampling,
    "missing": MissingPolicy,
    "empty": Empty,
}


def channel_of(depth_layer: str) -> str:
    """The depth channel of a layer: `depth.Z`, or `Z` for an empty one."""
    return f"{depth_layer}.Z" if depth_layer else "Z"


def channel_beside(channel: str, name: str) -> str:
    """The channel `name` in the layer of the depth `channel`: `depth.edge` beside `depth.Z`."""
    layer = channel.rpartition(".")[0]
    return f"{layer}.{name}" if layer else name


def chosen(name: str, kind: type[StrEnum], value: str) -> StrEnum:
    """The member of `kind` that a plain word means. Raises `SettingsError`."""
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(kind)
        raise SettingsError(f"{name} '{value}' is unknown; it is one of: {known}") from None
