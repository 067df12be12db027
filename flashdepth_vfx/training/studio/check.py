"""What is on disk, before anything trains on it: every shot opened, looked at, and reported."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from flashdepth_vfx.color import ColorTransform, plan_color
from flashdepth_vfx.errors import FlashDepthError, PlateError, PlateSizeError, UsageError
from flashdepth_vfx.frames import FrameRange, FrameSequence
from flashdepth_vfx.io import PlateReader, open_plates
from flashdepth_vfx.io.exr_channels import list_channels
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.io.exr_layout import check_whole, read_layout
from flashdepth_vfx.io.sequence import os_errors_name
from flashdepth_vfx.measures.metrics import HORIZON_M
from flashdepth_vfx.plate import PlateHeader
from flashdepth_vfx.preprocess import shot_window
from flashdepth_vfx.training.channels import choose_depth_channel
from flashdepth_vfx.training.studio.find import FoundShot, find_shots
from flashdepth_vfx.training.studio.reading import StudioReading
from flashdepth_vfx.training.studio.shot import StudioShot

__all__ = ["ShotReport", "check_shots", "open_shots"]

#: Headers are small and on slow disks: more threads than cores pay.
_HEADER_THREADS = 8
_FRAMES_LOOKED_AT = 5
_PLAUSIBLE_M = (0.02, 5000.0)
_MUCH_UNKNOWN = 0.5


@dataclass(frozen=True)
class ShotReport:
    """One shot as training would see it. Nothing trains on it when `problems` says anything.

    `frames` are those whole in plate and depth; `width_px` x `height_px` is the plate's window with overscan.
    The range of depth is from the nearest to the farthest hundredth of its pixels, shares are of all pixels,
    both of up to five frames; None where no frame could be read.
    """

    name: str
    frames: int = 0
    holes: str = ""
    width_px: int = 0
    height_px: int = 0
    near_m: float | None = None
    far_m: float | None = None
    unknown_share: float | None = None
    sky_share: float | None = None
    color: str = ""
    depth_channel: str = ""
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether training may use it."""
        return not self.problems


def check_shots(
    folder: Path, reading: StudioReading | None = None, clip_frames: int = 6
) -> list[ShotReport]:
    """Every shot of `folder`, usable or not, by name: headers of all frames, pixels of a few.

    Raises UsageError when `folder` is not there or holds no shot.
    """
    return [report for report, _ in _inspect_all(folder, reading or StudioReading(), clip_frames)]


def open_shots(
    folder: Path, reading: StudioReading, clip_frames: int
) -> tuple[list[ShotReport], list[StudioShot]]:
    """`check_shots`, and the usable shots. Raises UsageError when there is none, naming what is wrong with each."""
    inspected = _inspect_all(folder, reading, clip_frames)
    shots = [shot for report, shot in inspected if shot is not None and report.usable]
    reports = [report for report, _ in inspected]
    if not shots:
        wrong = "; ".join(f"{r.name}: {r.problems[0]}" for r in reports[:3])
        more = f"; and {len(reports) - 3} more" if len(reports) > 3 else ""
        raise UsageError(f"{folder}: no shot to train on: {wrong}{more}")
    return reports, shots


def _inspect_all(
    folder: Path, reading: StudioReading, clip_frames: int
) -> list[tuple[ShotReport, StudioShot | None]]:
    found = find_shots(folder, reading)
    if not found:
        what = (
            "EXR file"
            if reading.plate is None
            else f"EXR sequence that fits --plate {reading.plate}"
        )
        raise UsageError(
            f"{folder}: no shot to train on: no {what} in it, nor in a folder below it"
        )
    return [_inspect(one, clip_frames) for one in found]


def _inspect(found: FoundShot, clip_frames: int) -> tuple[ShotReport, StudioShot | None]:
    report = ShotReport(found.name)
    if found.problem or found.plate is None or found.depth is None:
        return replace(report, problems=(found.problem,)), None
    try:
        shot, report = _open(report, found.reading, found.plate, found.depth)
        if not shot.starts(clip_frames):
            reason = f"no {clip_frames} frames in a row are whole in plate and depth"
            return replace(report, problems=(reason,)), None
        return _with_depth(report, shot), shot
    except FlashDepthError as problem:
        return replace(report, problems=(str(problem),)), None


def _open(
    report: ShotReport, reading: StudioReading, plate: FrameSequence, depth: FrameSequence
) -> tuple[StudioShot, ShotReport]:
    plates = open_plates(plate.pattern)
    channel = _depth_channel(open_plates(depth.pattern), reading, own_file=plate != depth)
    depths = open_plates(depth.pattern, channels=(channel,))
    plate_headers, torn = _headers(plates)
    depth_headers, torn_depth = _headers(depths)
    both = {h.frame for h in plate_headers} & {h.frame for h in depth_headers}
    if not both:
        reason = (torn + torn_depth or [f"no frame number of it has a plate in {plates.name}"])[0]
        raise PlateError(depths.name, reason)
    plate_headers = [h for h in plate_headers if h.frame in both]
    _require_same_display(plate_headers, [h for h in depth_headers if h.frame in both])
    window = shot_window(plate_headers)
    plan = plan_color(plate_headers[0], colorspace=reading.colorspace, ocio=reading.ocio)
    shot = StudioShot(
        name=report.name,
        plates=plates,
        depths=depths,
        frames=tuple(sorted(both)),
        window=window,
        pixel_aspect=plate_headers[0].pixel_aspect,
        color=ColorTransform(plan),
        reading=reading,
    )
    holes = set(range(shot.frames[0], shot.frames[-1] + 1, shot.step)) - both
    report = replace(
        report,
        frames=len(both),
        holes=str(FrameRange.of(holes)),
        width_px=window.width,
        height_px=window.height,
        color=plan.sentence(),
        depth_channel=channel,
        warnings=tuple(_doubts(plates, depths, torn + torn_depth)),
    )
    return shot, report


def _depth_channel(depths: PlateReader, reading: StudioReading, *, own_file: bool) -> str:
    """Of the first frame that can be read: a default picture, which a reader looks for, a file of Z has not."""
    problem = PlateError(depths.name, "holds no frame")
    for frame in depths.frames:
        path = depths.path(frame)
        try:
            with os_errors_name(path):
                _, channels = list_channels(read_headers(path))
        except PlateError as error:
            problem = error
            continue
        names = [channel.shown for channel in channels]
        return choose_depth_channel(path, names, reading.depth_layer, own_file=own_file)
    raise problem


def _headers(reader: PlateReader) -> tuple[list[PlateHeader], list[str]]:
    """The headers of all frames that are whole, and what is wrong with the others."""

    def look(frame: int) -> PlateHeader | str:
        try:
            header, path = reader.header(frame), reader.path(frame)
            with os_errors_name(path):
                check_whole(path, read_layout(path))
            return header
        except FlashDepthError as problem:
            return str(problem)

    with ThreadPoolExecutor(_HEADER_THREADS) as pool:
        looked = list(pool.map(look, reader.frames))
    return [h for h in looked if not isinstance(h, str)], [t for t in looked if isinstance(t, str)]


def _require_same_display(plates: Sequence[PlateHeader], depths: Sequence[PlateHeader]) -> None:
    """Windows are in full-size pixels of one frame: a proxy's are not the plate's."""
    of_plate = {h.frame: h.display_window for h in plates}
    for depth in depths:
        if depth.display_window != of_plate[depth.frame]:
            raise PlateSizeError(
                depth.path,
                f"its display window is {depth.display_window}, the plate's {of_plate[depth.frame]}: render or "
                "crop the depth at the plate's own size",
            )


def _doubts(plates: PlateReader, depths: PlateReader, torn: Sequence[str]) -> list[str]:
    only_plate, only_depth = (
        set(plates.frames) - set(depths.frames),
        set(depths.frames) - set(plates.frames),
    )
    doubts = []
    if only_plate:
        doubts.append(f"no depth for frames {FrameRange.of(only_plate)}")
    if only_depth:
        doubts.append(f"no plate for frames {FrameRange.of(only_depth)}")
    if torn:
        more = f", and {len(torn) - 1} more like it" if len(torn) > 1 else ""
        doubts.append(f"left out: {torn[0]}{more}")
    return doubts


def _with_depth(report: ShotReport, shot: StudioShot) -> ShotReport:
    """With what the pixels of a few frames, spread over the shot, say."""
    places = np.linspace(0, len(shot.frames) - 1, min(_FRAMES_LOOKED_AT, len(shot.frames)))
    frames = sorted({shot.frames[round(float(place))] for place in places})
    values = np.concatenate([shot.disparity(frame).ravel() for frame in frames])
    unknown, sky = float((values < 0.0).mean()), float((values == 0.0).mean())
    report = replace(report, unknown_share=unknown, sky_share=sky)
    seen = values[values > 0.0]
    if not seen.size:
        reason = "no pixel of its depth is known, sky apart: NaN, 0 and what is below 0 are unknown"
        return replace(report, problems=(reason,))
    far_m, near_m = (100.0 / float(v) for v in np.quantile(seen, (0.01, 0.99)))
    doubts = _depth_doubts(near_m, far_m, unknown, shot.reading.scene_unit_m)
    return replace(report, near_m=near_m, far_m=far_m, warnings=(*report.warnings, *doubts))


def _depth_doubts(near_m: float, far_m: float, unknown: float, scene_unit_m: float) -> list[str]:
    """What no reader can know, and a person may: units and conventions."""
    doubts = []
    if near_m < _PLAUSIBLE_M[0] or far_m > _PLAUSIBLE_M[1]:
        doubts.append(
            f"depth of {near_m:.3g} to {far_m:.3g} m: is --scene-unit-m right, and --depth-is?"
        )
    if far_m <= scene_unit_m:
        doubts.append(
            f"nothing is farther than {far_m / scene_unit_m:.3g} scene units: is its depth 1 / z "
            "(--depth-is inverse_z)? Depth that was normalised to 0..1 is no distance"
        )
    if near_m > HORIZON_M:
        doubts.append(f"nothing is nearer than {HORIZON_M:g} m: it cannot be judged")
    if unknown > _MUCH_UNKNOWN:
        doubts.append(f"{unknown:.0%} of its depth is unknown (NaN, or not above 0)")
    return doubts
