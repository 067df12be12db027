"""Depth of ours in one convention -> the same depth in another: files in, files out, no network.

What needs the whole shot is decided here, once the shot is rendered: the range of a normalised pass, and the scale
that measured distances give. Both are the same for every frame, and in the header of each. What a camera makes of
calibrated depth goes beside it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flashdepth_vfx.calibration import Calibration
from flashdepth_vfx.carried import CarriedChannels
from flashdepth_vfx.depth import DepthCode, DepthRange
from flashdepth_vfx.depthsource import DepthSource
from flashdepth_vfx.distances import find_calibration
from flashdepth_vfx.errors import Interrupted, OutputExistsError
from flashdepth_vfx.geometry import GEOMETRY_FACTS, Geometry, View, open_geometry
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.job import ConvertJob
from flashdepth_vfx.outputs import output_sequence, refuse_plates
from flashdepth_vfx.pipeline import WriteBehind, each_header
from flashdepth_vfx.plate import DepthFrame, FloatArray, Plate
from flashdepth_vfx.rangefile import write_range
from flashdepth_vfx.settings import BACKGROUND, FOREGROUND
from flashdepth_vfx.shotrange import decided_range
from flashdepth_vfx.workers import usable_cores, worker_count

__all__ = ["ConvertResult", "convert_depth"]

_SETTINGS, _PAST, _VIEW = "flashdepth/settings", "flashdepth/past", "flashdepth/view"


@dataclass(frozen=True)
class ConvertResult:
    """What a conversion did. `output` is the pattern of the files; `frames` are those that were not there before.

    `span`, `calibration` and `camera`, a name, are None where there was none.
    """

    output: str
    frames: tuple[int, ...]
    span: DepthRange | None
    calibration: Calibration | None
    camera: str | None = None

    def to_plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "output": self.output,
            "frames": list(self.frames),
            "span": self.span and asdict(self.span),
            "calibration": self.calibration and self.calibration.to_plain(),
            "camera": self.camera,
        }


def convert_depth(
    job: ConvertJob,
    *,
    tell: Callable[[str], None] = lambda text: None,
    stop: threading.Event | None = None,
) -> ConvertResult:
    """Convert every frame of `job.input`. `tell` is given lines for a person, on this thread.

    Setting `stop` ends it between two frames by raising `Interrupted`; the frames that are there are whole. Raises
    `UsageError` and its kinds for what cannot be, `CalibrationError` among them, `PlateError` for input that is not
    depth of ours, `CameraError`, `OutputExistsError`, `OutputError`: all but the last before anything is written,
    save for an STMap of a later frame that is damaged.
    """
    with contextlib.closing(open_plates(job.input, channels=(job.channel,))) as reader:
        conversion = _Conversion(job, reader, tell, stop or threading.Event())
        with contextlib.closing(conversion.carried):
            return conversion.run()


class _Conversion:
    """One conversion in progress."""

    def __init__(
        self,
        job: ConvertJob,
        reader: PlateReader,
        tell: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self._job, self._tell, self._stop = job, tell, stop
        output = output_sequence(job.output, reader, None, f"_{job.convention}")
        self._writer = ExrDepthWriter(output, channel=job.channel, compression=job.compression)
        refuse_plates(reader, reader.frames, map(self._writer.path, reader.frames))
        self._workers = worker_count(len(usable_cores()), network_on_cpu=False)
        self._source = DepthSource(reader, job.channel, self._workers)
        self.carried = CarriedChannels(job.input, job.channel, self._source.given)

    def run(self) -> ConvertResult:
        """Decide what holds for the shot, then convert it."""
        calibration = find_calibration(self._job, self._source)
        geometry = open_geometry(self._job, self._source, calibrated=calibration is not None)
        with contextlib.closing(geometry) if geometry else contextlib.nullcontext():
            return self._run(calibration, geometry)

    def _run(self, calibration: Calibration | None, geometry: Geometry | None) -> ConvertResult:
        job, source = self._job, self._source
        camera = geometry.track.name if geometry else None
        span, to_keep = decided_range(job, source, self._writer.sequence, calibration)
        code = DepthCode(job.convention, job.scene_unit, job.infinite_sky, span)
        facts = self._facts(code, calibration, geometry)
        there = dict(
            each_header(source.frames, lambda frame: self._is_there(frame, facts, geometry))
        )
        left = [frame for frame in source.frames if not there[frame]]
        for said in (calibration, to_keep, *(geometry.track.notices if geometry else ())):
            if said is not None:
                self._tell(str(said))
        if to_keep is not None:
            write_range(self._writer.sequence, to_keep)
        with (
            contextlib.closing(source.ahead(left, source.reader.read)) as frames,
            WriteBehind[int](workers=self._workers, behind=2 * self._workers) as writes,
        ):
            for frame, plate in frames:
                if self._stop.is_set():
                    break
                task = self._task(plate, code, calibration, geometry, facts)
                for _ in writes.submit(frame, task):
                    pass
            for _ in writes.drain():
                pass
        if self._stop.is_set():
            raise Interrupted("stopped; the same command goes on")
        output = self._writer.sequence.pattern
        return ConvertResult(output, tuple(left), span, calibration, camera)

    def _task(
        self,
        plate: Plate,
        code: DepthCode,
        calibration: Calibration | None,
        geometry: Geometry | None,
        facts: Mapping[str, Any],
    ) -> Callable[[], int]:
        def task() -> int:
            header = plate.header
            view = geometry.view(header) if geometry else None
            seen = {_VIEW: view.digest} if view else {}
            disparity = self._calibrated(self._source.disparity(plate), calibration)
            beside = self.carried.read(header.frame)
            for name in {FOREGROUND, BACKGROUND} & set(beside):
                side = self._source.disparity(plate, beside[name])
                beside[name] = code.encode(
                    self._measured(self._calibrated(side, calibration), view)
                )
            frame = DepthFrame(
                frame=header.frame,
                depth=code.encode(self._measured(disparity, view)),
                data_window=header.data_window,
                display_window=header.display_window,
                pixel_aspect=header.pixel_aspect,
                attributes={**header.attributes, **self._kept(header.frame), **facts, **seen},
                vectors=geometry.vectors(view, disparity) if geometry and view else {},
                beside=beside,
            )
            return self._writer.write(frame)

        return task

    def _calibrated(self, disparity: FloatArray, calibration: Calibration | None) -> FloatArray:
        return disparity if calibration is None else calibration.apply(disparity)

    def _measured(self, disparity: FloatArray, view: View | None) -> FloatArray:
        """Disparity of the distance that is written: planar, unless it was asked for along the ray."""
        return view.along_rays(disparity) if view and self._job.ray_distance else disparity

    def _kept(self, frame: int) -> dict[str, Any]:
        """What a source says of itself that is still true; what its camera made of it is not."""
        gone = {f"flashdepth/{name}" for name in GEOMETRY_FACTS}
        given = self._source.given[frame].items()
        return {k: v for k, v in given if k.startswith("flashdepth/") and k not in gone}

    def _facts(
        self, code: DepthCode, calibration: Calibration | None, geometry: Geometry | None
    ) -> dict[str, Any]:
        """What the converted frames say that their sources do not."""
        first = self._source.given[self._source.frames[0]]
        calibrated = calibration is not None or not self._source.uncalibrated
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
        if geometry is not None:
            facts |= geometry.facts()
        said = json.dumps([first.get(_SETTINGS), facts, self._job.channel, self._job.compression])
        facts["settings"] = hashlib.sha256(said.encode()).hexdigest()[:16]
        return {f"flashdepth/{name}": value for name, value in facts.items()}

    def _is_there(self, frame: int, facts: Mapping[str, Any], geometry: Geometry | None) -> bool:
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
        if found.get(_PAST) != self._source.given[frame].get(_PAST):
            return False
        if geometry is None:
            return True
        # or the camera was tracked again
        return bool(found.get(_VIEW) == geometry.view(self._source.reader.header(frame)).digest)
