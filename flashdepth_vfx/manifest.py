"""What a render says of itself: the `flashdepth/*` block of each file, and the manifest of a range."""

from __future__ import annotations

import datetime
import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flashdepth_vfx.depth import DepthCode
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.settings import RenderSettings
from flashdepth_vfx.version import VERSION

if TYPE_CHECKING:
    from flashdepth_vfx.state import ShotIdentity

__all__ = [
    "FrameRecord",
    "Tally",
    "WeightsRecord",
    "code_of",
    "frame_block",
    "manifest_of",
    "other_settings",
    "own_block",
    "record_of",
    "settings_hash",
]

FORMAT = "flashdepth-manifest/1"
#: Of the block of a frame, what is the same for all frames of a render and decides pixels.
_OF_PIXELS = (
    "weightsSha256",
    "networkSize",
    "canvas",
    "color",
    "exposureStops",
    "upsampling",
    "convention",
    "sceneUnit",
    "infiniteSky",
    "cuts",
    "beside",
    "stabilised",
    "matte",
    "empty",
    "besidePlate",
    "prerollFrames",
)


@dataclass(frozen=True)
class WeightsRecord:
    """What an output says of the weights that made it. `relative`: their disparity has no unit."""

    name: str
    sha256: str
    license: str
    commercial_use: str
    relative: bool


@dataclass(frozen=True)
class FrameRecord:
    """What is worth saying of one frame. `held_from` is the frame that a hole repeats; `widened`, that half precision
    did not hold it, so that it was computed in float32. `cut`: the state was reset because a take begins here.

    `past` is the digest of the plates that the state had seen by then (`ShotState.plates_digest`).
    """

    frame: int
    reset: bool = False
    cut: bool = False
    held_from: int | None = None
    nan_count: int = 0
    inf_count: int = 0
    past: str = ""
    widened: bool = False

    @property
    def remarkable(self) -> bool:
        """Whether the manifest lists it."""
        odd = self.reset or self.widened or self.held_from is not None
        return odd or self.nan_count + self.inf_count > 0


@dataclass
class Tally:
    """What a render counts while it runs; `stage_seconds` are summed over threads."""

    frames_written: list[int] = field(default_factory=list)
    frames_kept: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    records: list[FrameRecord] = field(default_factory=list)
    stage_seconds: dict[str, float] = field(default_factory=dict)
    bytes_written: int = 0
    frames_seen: int = 0

    def spend(self, stage: str, seconds: float) -> None:
        """Add time to a stage."""
        self.stage_seconds[stage] = self.stage_seconds.get(stage, 0.0) + seconds


def code_of(settings: RenderSettings) -> DepthCode:
    """What the pixels of a render say. Raises `SettingsError` for a convention that needs the whole shot."""
    return DepthCode(settings.convention, settings.scene_unit, settings.infinite_sky)


def settings_hash(identity: ShotIdentity, settings: RenderSettings) -> str:
    """One short text for everything that decides pixels, device and kernels apart.

    Frames with the same hash belong together; a frame with another was made with other settings.
    """
    facts = msgspec.to_builtins(identity)
    del facts["device"], facts["kernels"]
    facts |= {
        "convention": settings.convention,
        "scene_unit": settings.scene_unit,
        "infinite_sky": settings.infinite_sky,
        "upsampling": settings.upsampling,
        "channel": settings.depth_channel,
        "compression": settings.compression,
        "beside": settings.beside,
    }
    if settings.append_part:
        facts["append_part"] = True
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def frame_block(
    identity: ShotIdentity,
    settings: RenderSettings,
    weights: WeightsRecord,
    color_sentence: str,
    record: FrameRecord,
) -> dict[str, Any]:
    """The `flashdepth/*` attributes of one frame. Nothing in it changes when a render is repeated."""
    canvas = identity.canvas
    block: dict[str, Any] = {
        "version": VERSION,
        "weights": weights.name,
        "weightsSha256": weights.sha256,
        "weightsLicense": weights.license,
        "weightsCommercialUse": weights.commercial_use,
        "device": identity.device,
        "kernels": identity.kernels,
        "color": color_sentence,
        "exposureStops": identity.exposure_stops,
        "networkSize": f"{canvas.width}x{canvas.height}",
        "canvas": str(canvas.window),
        "upsampling": settings.upsampling.value,
        "convention": settings.convention.value,
        "sceneUnit": settings.scene_unit.value,
        "infiniteSky": int(settings.infinite_sky),
        "unit": code_of(settings).unit_text(relative=weights.relative, calibrated=False),
        "calibrated": 0,
        "cuts": identity.cuts,
        "beside": ",".join(settings.beside) or "none",
        "stabilised": identity.stabilised or "none",
        "matte": identity.matte or "none",
        "empty": identity.empty,
        "settings": settings_hash(identity, settings),
    }
    if settings.append_part:
        block["besidePlate"] = 1
    if identity.preroll_frames is not None:
        block["prerollFrames"] = identity.preroll_frames
    return {f"flashdepth/{name}": value for name, value in block.items()} | own_block(record)


def own_block(record: FrameRecord) -> dict[str, Any]:
    """The part of the block that is one frame's own; what is rare is there only where it is so."""
    block: dict[str, Any] = {
        "frame": record.frame,
        "reset": int(record.reset),
        "nanCount": record.nan_count,
        "infCount": record.inf_count,
        "past": record.past,
    }
    if record.held_from is not None:
        block["heldFrom"] = record.held_from
    if record.cut:
        block["cut"] = 1
    if record.widened:
        block["widened"] = 1
    return {f"flashdepth/{name}": value for name, value in block.items()}


def other_settings(ours: Mapping[str, Any], found: Mapping[str, object]) -> str:
    """What a frame on disk was made with that is not `ours`, in words; "" when all of it is."""
    of_pixels = [f"flashdepth/{name}" for name in _OF_PIXELS]
    differ = [name for name in of_pixels if ours.get(name) != found.get(name)]
    told = [f"{name[11:]} {found.get(name)}, not {ours.get(name)}" for name in differ]
    if told or found["flashdepth/settings"] == ours["flashdepth/settings"]:
        return "; ".join(told)
    return "of the channel, compression, picture or plates"


def record_of(frame: int, attributes: Mapping[str, object]) -> FrameRecord:
    """The record that a frame on disk carries in its `flashdepth/*` block."""

    def number(name: str) -> int | None:
        value = attributes.get(f"flashdepth/{name}")
        return value if isinstance(value, int) else None

    past = attributes.get("flashdepth/past")
    return FrameRecord(
        frame=frame,
        reset=bool(number("reset")),
        cut=bool(number("cut")),
        held_from=number("heldFrom"),
        nan_count=number("nanCount") or 0,
        inf_count=number("infCount") or 0,
        past=past if isinstance(past, str) else "",
        widened=bool(number("widened")),
    )


def manifest_of(
    job: RenderJob,
    identity: ShotIdentity,
    weights: WeightsRecord,
    color: Mapping[str, Any],
    tally: Tally,
    *,
    outcome: str,
    error: str,
    warnings: list[str],
    seconds: float,
    kept: Mapping[int, FrameRecord],
    holes: Sequence[int],
) -> dict[str, Any]:
    """The manifest of one range: from what, by what, and what happened.

    `kept` are the frames of an earlier run, as their files have them. `working_folder` is where relative paths start.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "written_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "outcome": outcome,
        "error": error,
        "working_folder": str(Path.cwd()),
        "job": job.to_dict(),
        "settings_hash": settings_hash(identity, job.settings),
        "identity": msgspec.to_builtins(identity),
        "weights": msgspec.to_builtins(weights),
        "color": dict(color),
        "unit": code_of(job.settings).unit_text(relative=weights.relative, calibrated=False),
        **_frame_facts(tally, kept),
        "holes": list(holes),
        "warnings": warnings,
        "seconds": round(seconds, 3),
        "stage_seconds": {k: round(v, 3) for k, v in sorted(tally.stage_seconds.items())},
        "bytes_written": tally.bytes_written,
        "frames_seen": tally.frames_seen,
    }


def _frame_facts(tally: Tally, kept: Mapping[int, FrameRecord]) -> dict[str, Any]:
    remarkable = [r for r in (*kept.values(), *tally.records) if r.remarkable]
    records = sorted(remarkable, key=lambda r: r.frame)
    return {
        "frames_written": tally.frames_written,
        "frames_kept": sorted(kept),
        "resets": [r.frame for r in records if r.reset],
        "cuts": sorted({*tally.cuts, *(r.frame for r in kept.values() if r.cut)}),
        "nan_count": sum(r.nan_count for r in records),
        "inf_count": sum(r.inf_count for r in records),
        "frames": msgspec.to_builtins(records),
    }
