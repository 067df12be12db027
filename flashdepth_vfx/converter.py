"""Depth of ours in one convention -> the same depth in another: files in, files out, no network.

What needs the whole shot is decided here, once the shot is rendered: the range of a normalised pass, and the scale
that measured distances give. Both are the same for every frame, and in the header of each.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from flashdepth_vfx.calibration import (
    Anchor,
    Calibration,
    calibrate,
    calibrate_against,
    read_anchor_value,
)
from flashdepth_vfx.depth import DepthCode, DepthRange
from flashdepth_vfx.errors import (
    Interrupted,
    OutputExistsError,
    PlateError,
    SettingsError,
)
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.io.exr_writer import ExrDepthWriter, is_ours
from flashdepth_vfx.job import ConvertJob
from flashdepth_vfx.outputs import output_sequence, refuse_plates
from flashdepth_vfx.pipeline import WriteBehind, read_ahead
from flashdepth_vfx.plate import DepthFrame, FloatArray, Plate, PlateHeader, Window
from flashdepth_vfx.rangefile import RangeFile, read_range, write_range
from flashdepth_vfx.reference import open_reference, sampled_pairs
from flashdepth_vfx.settings import NORMALISED, Convention, SceneUnit
from flashdepth_vfx.workers import usable_cores, worker_count

__all__ = ["ConvertResult", "convert_depth"]

_T = TypeVar("_T")

#: Of the pixels of a frame that are no sky: a speck in front of the lens is not what the shot spans.
_PERCENTILES = (0.1, 99.9)
_SETTINGS, _PAST = "flashdepth/settings", "flashdepth/past"


@dataclass(frozen=True)
class ConvertResult:
    """What a conversion did. `span` and `calibration` are None where there was none to find."""

    frames: tuple[int, ...]
    span: DepthRange | None
    calibration: Calibration | None


def convert_depth(
    job: ConvertJob,
    *,
    tell: Callable[[str], None] = lambda text: None,
    stop: threading.Event | None = None,
) -> ConvertResult:
    """Convert every frame of `job.input`. `tell` is given lines for a person, on this thread.

    Setting `stop` ends it between two frames by raising `Interrupted`; the frames that are there are whole. Raises
    `UsageError` and its kinds for what cannot be, `CalibrationError` among them, `PlateError` for input that is not
    depth of ours, `OutputExistsError`, `OutputError`: all but the last before anything is written.
    """
    reader = open_plates(job.input, channels=(job.channel,))
    try:
        return _Conversion(job, reader, tell, stop or threading.Event()).run()
    finally:
        reader.close()


class _Conversion:
    """One conversion in progress."""

    def __init__(
        self,
        job: ConvertJob,
        reader: PlateReader,
        tell: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self._job, self._reader, self._tell, self._stop = job, reader, tell, stop
        self._source = ExrDepthWriter(reader.sequence, channel=job.channel)
        output = output_sequence(job.output, reader, None, f"_{job.convention}")
        self._writer = ExrDepthWriter(output, channel=job.channel, compression=job.compression)
        refuse_plates(reader, reader.frames, map(self._writer.path, reader.frames))
        self._given = {frame: self._attributes(frame) for frame in reader.frames}
        self._workers = worker_count(len(usable_cores()), network_on_cpu=False)

    def run(self) -> ConvertResult:
        """Decide what holds for the shot, then convert it."""
        job = self._job
        calibration = self._calibration()
        span, to_keep = self._span(calibration)
        code = DepthCode(job.convention, job.scene_unit, job.infinite_sky, span)
        facts = self._facts(code, calibration)
        left = [frame for frame in self._reader.frames if not self._is_there(frame, facts)]
        for said in (calibration, to_keep):
            if said is not None:
                self._tell(str(said))
        if to_keep is not None:
            write_range(self._writer.sequence, to_keep)
        with (
            contextlib.closing(self._read_ahead(left, self._reader.read)) as frames,
            WriteBehind[int](workers=self._workers, behind=2 * self._workers) as writes,
        ):
            for frame, plate in frames:
                if self._stop.is_set():
                    break
                for _ in writes.submit(frame, self._task(plate, code, calibration, facts)):
                    pass
            for _ in writes.drain():
                pass
        if self._stop.is_set():
            raise Interrupted("stopped; the same command goes on")
        return ConvertResult(tuple(left), span, calibration)

    def _task(
        self,
        plate: Plate,
        code: DepthCode,
        calibration: Calibration | None,
        facts: Mapping[str, Any],
    ) -> Callable[[], int]:
        def task() -> int:
            header = plate.header
            ours = {
                k: v for k, v in self._given[header.frame].items() if k.startswith("flashdepth/")
            }
            frame = DepthFrame(
                frame=header.frame,
                depth=code.encode(self._calibrated(plate, calibration)),
                data_window=header.data_window,
                display_window=header.display_window,
                pixel_aspect=header.pixel_aspect,
                attributes={**header.attributes, **ours, **facts},
            )
            return self._writer.write(frame)

        return task

    def _disparity(self, plate: Plate) -> FloatArray:
        """A frame's disparity in 100/m, by what its own header says."""
        told = self._given[plate.header.frame]
        code = _code_said_by(told, plate.header.path)
        return code.decode(np.ascontiguousarray(plate.rgb[..., 0]))

    def _calibrated(self, plate: Plate, calibration: Calibration | None) -> FloatArray:
        disparity = self._disparity(plate)
        return disparity if calibration is None else calibration.apply(disparity)

    def _attributes(self, frame: int) -> Mapping[str, Any]:
        found = self._source.attributes(frame)
        if found is None or not is_ours(found):
            raise PlateError(self._reader.path(frame), "is not depth of ours; render it first")
        return found

    def _calibration(self) -> Calibration | None:
        metres = self._job.scene_unit.metres
        if self._job.reference is not None:
            return self._against(self._job.reference, metres)
        anchors = [Anchor.parse(text) for text in self._job.anchors]
        if not anchors:
            return None
        values = []
        for anchor in anchors:
            if anchor.frame not in self._given:
                raise SettingsError(f"anchor {anchor}: frame {anchor.frame} is not in the input")
            plate = self._reader.read(anchor.frame)
            header: PlateHeader = plate.header
            windows = header.data_window, header.display_window
            values.append(read_anchor_value(anchor, self._disparity(plate), *windows))
        return calibrate(values, [anchor.distance * metres for anchor in anchors])

    def _against(self, pattern: str, metres: float) -> Calibration:
        def disparity_of(frame: int) -> tuple[FloatArray, Window]:
            plate = self._reader.read(frame)
            return self._disparity(plate), plate.header.data_window

        reference = open_reference(pattern, self._job.reference_layer, self._job.reference_view)
        try:
            ours, theirs = sampled_pairs(self._reader.frames, disparity_of, reference)
        finally:
            reference.close()
        return calibrate_against(ours, theirs * np.float32(metres))

    def _span(self, calibration: Calibration | None) -> tuple[DepthRange | None, RangeFile | None]:
        """The range, and its file where the output has none yet."""
        job = self._job
        if job.convention not in NORMALISED:
            return None, None
        kept = None if job.overwrite else read_range(self._writer.sequence)
        if job.near is not None and job.far is not None:
            metres = job.scene_unit.metres
            span = DepthRange(1.0 / (job.near * metres), 1.0 / (job.far * metres))
        elif job.range_file is not None:
            span = RangeFile.read(Path(job.range_file)).of(self._reader.sequence)
        elif kept is not None:
            span = kept.of(self._reader.sequence)
        else:
            span = self._measured(calibration)
        if kept is None:
            return span, RangeFile.made(self._reader.sequence, span)
        if kept.of(self._reader.sequence) != span:
            raise OutputExistsError(
                self._writer.sequence.folder,
                f"holds frames of another range ({kept}); --overwrite replaces it",
            )
        return span, None

    def _measured(self, calibration: Calibration | None) -> DepthRange:
        near, far = 0.0, np.inf
        with contextlib.closing(
            self._read_ahead(self._reader.frames, self._limits(calibration))
        ) as frames:
            for _, (low, high) in frames:
                near, far = max(near, high), min(far, low)
        if not near > 0.0:
            raise SettingsError(f"{self._reader.name}: all of it is sky: it has no range")
        # one flat thing is a range too, of no width: then all of it is near
        return DepthRange(near, far if far < near else 0.0)

    def _read_ahead(
        self, frames: Iterable[int], load: Callable[[int], _T]
    ) -> Generator[tuple[int, _T], None, None]:
        return read_ahead(frames, load, workers=self._workers, ahead=2 * self._workers)

    def _limits(self, calibration: Calibration | None) -> Callable[[int], tuple[float, float]]:
        def limits(frame: int) -> tuple[float, float]:
            disparity = self._calibrated(self._reader.read(frame), calibration)
            seen = disparity[disparity > 0]
            if not seen.size:
                return np.inf, 0.0
            low, high = np.percentile(seen, _PERCENTILES) / 100.0
            return float(low), float(high)

        return limits

    def _facts(self, code: DepthCode, calibration: Calibration | None) -> dict[str, Any]:
        """What the converted frames say that their sources do not."""
        first = self._given[self._reader.frames[0]]
        calibrated = calibration is not None or bool(first.get("flashdepth/calibrated"))
        relative = str(first.get("flashdepth/unit", "")).startswith("relative")
        facts: dict[str, Any] = {
            "convention": code.convention.value,
            "sceneUnit": code.unit.value,
            "infiniteSky": int(code.infinite_sky),
            "unit": code.unit_text(relative=relative, calibrated=calibrated),
            "calibrated": int(calibrated),
        }
        if calibration is not None:
            facts["calibration"] = str(calibration)
        if code.span is not None:
            facts["rangeNearPerMetre"] = code.span.near_per_m
            facts["rangeFarPerMetre"] = code.span.far_per_m
        said = json.dumps([first.get(_SETTINGS), facts, self._job.channel, self._job.compression])
        facts["settings"] = hashlib.sha256(said.encode()).hexdigest()[:16]
        return {f"flashdepth/{name}": value for name, value in facts.items()}

    def _is_there(self, frame: int, facts: Mapping[str, Any]) -> bool:
        """Whether a frame of this very conversion is whole on disk. Raises `OutputExistsError` for another one."""
        if self._job.overwrite:
            return False
        found, path = self._writer.attributes(frame), self._writer.path(frame)
        if found is None and self._writer.standing(frame) in ("absent", "torn"):
            return False
        if found is None or found.get(_SETTINGS) != facts[_SETTINGS]:
            raise OutputExistsError(
                path, "is another file, or depth converted otherwise; --overwrite replaces it"
            )
        # the source was rendered again, of other plates, since
        return bool(found.get(_PAST) == self._given[frame].get(_PAST))


def _code_said_by(told: Mapping[str, Any], path: Path) -> DepthCode:
    """How a file of ours is to be read. Raises `PlateError` where it does not say, or cannot be turned back."""
    try:
        convention = Convention(told.get("flashdepth/convention", ""))
        unit = SceneUnit(told.get("flashdepth/sceneUnit", "m"))
    except ValueError as unknown:
        raise PlateError(
            path, f"its header does not say what its pixels are ({unknown})"
        ) from unknown
    if convention in NORMALISED:
        raise PlateError(
            path, f"is {convention}, which cannot be turned back; convert what it was made from"
        )
    return DepthCode(convention, unit)
