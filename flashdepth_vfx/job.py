"""What is rendered and where to: `Shot` and `RenderJob`, frozen values with a JSON form and its schema.

The JSON form is what `flashdepth serve` reads and what farms carry; `job_schema()` publishes it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import msgspec

from flashdepth_vfx.errors import SettingsError, UsageError
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.settings import (
    NORMALISED,
    Convention,
    RenderSettings,
    SceneUnit,
    Space,
    channel_of,
    chosen,
)

__all__ = ["ConvertJob", "RenderJob", "Shot", "job_schema"]


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One continuous take on disk: the life of the state.

    `input` is a pattern, a folder, a still or a movie. `layer`, `channels` and `view` choose among
    what an EXR holds; `view` may name several, as "left,right" or "all", the first being the hero.
    `start_frame` numbers the frames of a movie.
    """

    input: str
    layer: str | None = None
    channels: tuple[str, ...] | None = None
    view: str | None = None
    start_frame: int = 1

    def __post_init__(self) -> None:
        if not self.input:
            raise SettingsError("no input: name a frame pattern, a folder or a movie")
        if self.layer is not None and self.channels is not None:
            raise SettingsError("--layer and --channels both choose the picture: give one of them")


@dataclass(frozen=True, kw_only=True)
class RenderJob:
    """One call of `flashdepth_vfx.render`.

    `output` is the pattern of the depth EXRs. `frames` says what is written, not what the state sees.
    `resume` goes on from the last checkpoint and keeps whole frames; `overwrite` allows frames that
    were made with other settings to be replaced. `preroll_frames` are all that the state sees of what lies
    before `frames`: an approximation, for parts that are rendered at once. `decided` takes what
    `decide_shot` left beside the output. `wait_for_frames_seconds` waits for plates that are on their way, until none
    has come for so long. A render in which no frame moves for `stall_timeout_seconds` stops with a `StallError`, or,
    where it hangs in a file system and cannot, ends its process. Raises `FrameRangeError` for an unreadable range.
    """

    shot: Shot
    output: str
    frames: str | None = None
    settings: RenderSettings = field(default_factory=RenderSettings)
    state_in: str | None = None
    state_out: str | None = None
    resume: bool = False
    overwrite: bool = False
    preroll_frames: int | None = None
    decided: bool = False
    wait_for_frames_seconds: float | None = None
    stall_timeout_seconds: float | None = None

    def __post_init__(self) -> None:
        if not self.output:
            raise SettingsError("no output: name a frame pattern such as depth/shot.####.exr")
        self._check_preroll()
        self._check_times()
        if self.settings.sparse and self.frames is None:
            raise SettingsError("--sparse needs --frames: the frames that the network may see")
        if self.resume and self.overwrite:
            raise SettingsError("--resume keeps frames and --overwrite replaces them: give one")
        _ = self.frame_range

    def _check_preroll(self) -> None:
        if self.preroll_frames is None:
            return
        if self.preroll_frames < 0:
            raise SettingsError(f"--preroll {self.preroll_frames}: give 0 frames or more")
        if self.frames is None:
            raise SettingsError("--preroll needs --frames: the part that it leads into")
        if self.settings.sparse or self.state_in is not None:
            other = "--sparse" if self.settings.sparse else "--state-in"
            raise SettingsError(f"--preroll and {other} both say what the state has seen: give one")

    def _check_times(self) -> None:
        for option, seconds in (
            ("--wait-for-frames", self.wait_for_frames_seconds),
            ("--stall-timeout", self.stall_timeout_seconds),
        ):
            if seconds is not None and not 0.0 < seconds < math.inf:
                raise SettingsError(f"{option} {seconds:g}: give seconds, more than 0")
        if self.wait_for_frames_seconds is not None and self.settings.missing != "error":
            raise SettingsError(
                f"--wait-for-frames waits for every frame, and --missing {self.settings.missing} renders around "
                "those that are not there: give one"
            )

    @property
    def frame_range(self) -> FrameRange | None:
        """The frames to write; None for all that are on disk."""
        return None if self.frames is None else FrameRange.parse(self.frames)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def to_json(self) -> str:
        """As JSON text; `RenderJob.from_json` reads it back equal."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_dict(cls, plain: Any) -> RenderJob:
        """From plain JSON values. Raises `UsageError` that names the field at fault."""
        _refuse_unknown_fields(plain)
        try:
            return msgspec.convert(plain, cls)
        except msgspec.ValidationError as wrong:
            if isinstance(wrong.__cause__, UsageError):
                raise wrong.__cause__ from None
            raise UsageError(f"not a render job: {wrong}") from wrong

    @classmethod
    def from_json(cls, text: str | bytes) -> RenderJob:
        """From JSON text. Raises `UsageError` that names the field at fault."""
        try:
            return cls.from_dict(msgspec.json.decode(text))
        except msgspec.DecodeError as wrong:
            raise UsageError(f"not a render job: {wrong}") from wrong


@dataclass(frozen=True, kw_only=True)
class ConvertJob:
    """One call of `convert_depth`. `input` and `output` are patterns of EXRs, `depth_layer` is that of both.

    `anchors` are texts as `Anchor.parse` reads them; or `reference` are plates that have planar distance in
    `reference_layer`, as CG does. `near` and `far`, in scene units, give a normalised range, or
    `range_file` does, which another conversion left; else it is what the whole input spans. For any other
    convention they calibrate: how far the nearest and the farthest of the whole input are.

    `position` and `normals` add layers, and `ray_distance` makes of `z` the distance along the ray. They take the
    camera that the depth's own headers have, or `camera`, a file (`camera_path` names one of several in USD, its
    lengths are in `camera_unit`); and the lens, `undistorted` or by the maps of `stmap`.

    `view` is that of a file that has several, and may name several, as "left,right" or "all": they are converted
    alike, by what is measured in the first.
    """

    input: str
    output: str
    convention: Convention = Convention.INVERSE_Z
    scene_unit: SceneUnit = SceneUnit.M
    infinite_sky: bool = False
    anchors: tuple[str, ...] = ()
    reference: str | None = None
    reference_layer: str = "Z"
    reference_view: str | None = None
    near: float | None = None
    far: float | None = None
    range_file: str | None = None
    depth_layer: str = "depth"
    compression: str = "zips"
    overwrite: bool = False
    position: Space | None = None
    normals: Space | None = None
    ray_distance: bool = False
    camera: str | None = None
    camera_path: str | None = None
    camera_unit: SceneUnit | None = None
    lens: Literal["undistorted"] | None = None
    stmap: str | None = None
    view: str | None = None

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, chosen(name, kind, value))
        self._require_one_range()
        self._require_one_calibration()
        self._require_a_camera_s_use()

    @property
    def channel(self) -> str:
        """The depth's channel."""
        return channel_of(self.depth_layer)

    @property
    def needs_camera(self) -> bool:
        """Whether anything is asked for that depth alone does not say."""
        return self.position is not None or self.normals is not None or self.ray_distance

    def _require_one_range(self) -> None:
        if (self.near is None) is not (self.far is None):
            raise SettingsError("--near and --far go together")
        if self.near is not None and self.range_file is not None:
            raise SettingsError(
                "--near, --far and --range-file both give the range: give one of them"
            )
        if self.convention not in NORMALISED and self.range_file:
            raise SettingsError(f"{self.convention} has no range; a normalised convention has one")
        if self.near is not None and self.far is not None and not 0.0 < self.near < self.far:
            raise SettingsError(f"--near {self.near:g}, --far {self.far:g}: 0 < near < far")

    def _require_one_calibration(self) -> None:
        ends = self.near is not None and self.convention not in NORMALISED
        if ends and self.far == math.inf:
            raise SettingsError("--far inf calibrates nothing: say how far the farthest is")
        given = {"--anchor": self.anchors, "--reference": self.reference, "--near and --far": ends}
        several = [name for name, value in given.items() if value]
        if len(several) > 1:
            raise SettingsError(f"{' and '.join(several)} both calibrate: give one of them")

    def _require_a_camera_s_use(self) -> None:
        of_cameras = ("camera", "camera_path", "camera_unit", "lens", "stmap")
        if not self.needs_camera:
            idle = [name for name in of_cameras if getattr(self, name) is not None]
            if idle:
                raise SettingsError(
                    f"--{idle[0].replace('_', '-')} is for --position, --normals or --ray-distance"
                )
            return
        if self.lens is None and self.stmap is None:
            raise SettingsError(
                "a camera sees straight lines: say --lens undistorted where the plate has them, or give --stmap"
            )
        if self.lens not in (None, "undistorted"):
            raise SettingsError(
                f"lens '{self.lens}' is unknown; it is: undistorted, or give an STMap"
            )
        if self.lens is not None and self.stmap is not None:
            raise SettingsError("--lens undistorted and --stmap contradict: give one of them")
        if self.camera_path is not None and self.camera is None:
            raise SettingsError("--camera-path names a camera in the file of --camera: give both")
        if self.ray_distance and self.convention is not Convention.Z:
            raise SettingsError(f"--ray-distance is for --convention z, not {self.convention}")
        if self.depth_layer in ("P", "N"):
            raise SettingsError(
                f"--depth-layer {self.depth_layer} is the name of another layer here"
            )


_CHOICES: dict[str, type[StrEnum]] = {
    "convention": Convention,
    "scene_unit": SceneUnit,
    "position": Space,
    "normals": Space,
    "camera_unit": SceneUnit,
}


def job_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of a `RenderJob`."""
    schema = msgspec.json.schema(RenderJob)
    for definition in schema["$defs"].values():
        if "properties" in definition:
            definition["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _refuse_unknown_fields(plain: Any) -> None:
    """A misspelt field must not pass in silence: dataclasses, unlike structs, ignore what they lack."""
    if not isinstance(plain, dict):
        return
    known: dict[str, type] = {"": RenderJob, "shot": Shot, "settings": RenderSettings}
    for name, kind in known.items():
        part = plain if not name else plain.get(name)
        if isinstance(part, dict):
            extra = sorted(set(part) - {f.name for f in dataclasses.fields(kind)})
            if extra:
                where = f" in '{name}'" if name else ""
                raise UsageError(f"not a render job: no field '{extra[0]}'{where}")
