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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from flashdepth_vfx.beside import depth_writer
from flashdepth_vfx.calibration import Calibration
from flashdepth_vfx.carried import CarriedChannels
from flashdepth_vfx.depth import DepthCode, DepthRange
from flashdepth_vfx.depthfile import views_in
from flashdepth_vfx.depthsource import DepthSource
from flashdepth_vfx.distances import find_calibration
from flashdepth_vfx.errors import Interrupted, OutputExistsError, SettingsError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.geometry import GEOMETRY_FACTS, Geometry, View, open_geometry
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.job import ConvertJob
from flashdepth_vfx.outputs import output_sequence, refuse_plates
from flashdepth_vfx.pipeline import WriteBehind, each_header
from flashdepth_vfx.plate import DepthFrame, FloatArray, Plate
from flashdepth_vfx.rangefile import RangeFile, range_to_keep, write_range
from flashdepth_vfx.settings import BACKGROUND, FOREGROUND
from flashdepth_vfx.shotrange import decided_range
from flashdepth_vfx.viewturn import ViewTurn, stands_for_view, turns_of, view_names
from flashdepth_vfx.workers import usable_cores, worker_count

__all__ = ["ConvertResult", "convert_depth"]

_SETTINGS, _PAST, _VIEW = "flashdepth/settings", "flashdepth/past", "flashdepth/view"


@dataclass(frozen=True)
class ConvertResult:
    """What a conversion did. `output` is the pattern of the files; `frames` are those that were not there before, of
    several views the hero's, and `views` has those of each.

    `span`, `calibration` and `camera`, a name, are None where there was none.
    """

    output: str
    frames: tuple[int, ...]
    span: DepthRange | None
    calibration: Calibration | None
    camera: str | None = None
    views: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "output": self.output,
            "frames": list(self.frames),
            "span": self.span and asdict(self.span),
            "calibration": self.calibration and self.calibration.to_plain(),
            "camera": self.camera,
            "views": {name: list(frames) for name, frames in self.views.items()},
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
    stop = stop or threading.Event()
    names = view_names(job.view, job.input, lambda: views_in(FrameSequence.parse(job.input)))
    turns: tuple[ViewTurn | None, ...] = (None,)
    if len(names) > 1:
        turns = turns_of(names, job.input, job.output, job.depth_layer)
    with contextlib.ExitStack() as stack:
        views = []
        for turn, name in zip(turns, names or (None,), strict=True):
            reader = open_plates(job.input, channels=(job.channel,), view=name)
            stack.callback(reader.close)
            views.append(_Conversion(replace(job, view=name), reader, turn, tell, stop))
            stack.callback(views[-1].carried.close)
        return _convert_alike(views, names, stack)


def _convert_alike(
    views: Sequence[_Conversion], names: tuple[str, ...], stack: contextlib.ExitStack
) -> ConvertResult:
    """Every view with one scale, by the distances in the first, and one range, which is that of all."""
    hero, sources = views[0], [view.source for view in views]
    calibration = find_calibration(hero.job, sources)
    span = decided_range(hero.job, sources, hero.output, calibration)
    plans = [view.plan(calibration, span, stack) for view in views]
    for said in (calibration, plans[0].to_keep, *plans[0].notices):
        if said is not None:
            hero.tell(str(said))
    frames = [view.run(plan) for view, plan in zip(views, plans, strict=True)]
    by_view = dict(zip(names, frames, strict=True)) if len(names) > 1 else {}
    pattern, camera = hero.output.pattern, plans[0].camera
    return ConvertResult(pattern, frames[0], span, calibration, camera, by_view)


@dataclass(frozen=True)
class _Plan:
    """What holds for all frames of a view."""

    code: DepthCode
    calibration: Calibration | None
    geometry: Geometry | None
    to_keep: RangeFile | None
    facts: Mapping[str, Any]

    @property
    def camera(self) -> str | None:
        return self.geometry.track.name if self.geometry else None

    @property
    def notices(self) -> Sequence[str]:
        return self.geometry.track.notices if self.geometry else ()


class _Conversion:
    """The conversion of one view."""

    def __init__(
        self,
        job: ConvertJob,
        reader: PlateReader,
        turn: ViewTurn | None,
        tell: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self.job, self.tell, self._stop = job, tell, stop
        if turn is not None and turn.one_file and (job.position or job.normals):
            raise SettingsError(
                f"{job.output}: points and normals of several views need a file each; write %V into its name"
            )
        output = output_sequence(job.output, reader, job.view, f"_{job.convention}")
        self._writer = depth_writer(
            output, reader, turn, layer=job.depth_layer, compression=job.compression
        )
        refuse_plates(reader, reader.frames, map(self._writer.path, reader.frames))
        self._workers = worker_count(len(usable_cores()), network_on_cpu=False)
        inner = None if stands_for_view(job.input) else job.view
        self.source = DepthSource(reader, job.channel, self._workers, inner)
        self.carried = CarriedChannels(job.input, job.channel, self.source.given, job.view)

    @property
    def output(self) -> FrameSequence:
        """Where this view's depth goes."""
        return self._writer.sequence

    def plan(
        self,
        calibration: Calibration | None,
        span: DepthRange | None,
        stack: contextlib.ExitStack,
    ) -> _Plan:
        """Decide all, and raise for what stands in the way, before anything is written."""
        job, source = self.job, self.source
        geometry = open_geometry(job, source, calibrated=calibration is not None)
        if geometry is not None:
            stack.callback(geometry.close)
        to_keep = None
        if span is not None:
            to_keep = range_to_keep(
                self.output, source.reader.sequence, span, overwrite=job.overwrite
            )
        code = DepthCode(job.convention, job.scene_unit, job.infinite_sky, span)
        facts = self._facts(code, calibration, geometry)
        plan = _Plan(code, calibration, geometry, to_keep, facts)
        self._left(plan)
        return plan

    def run(self, plan: _Plan) -> tuple[int, ...]:
        """Convert what is not there yet, and give its frames."""
        # Looked for anew: in a file of several views, what the views before wrote over is gone.
        left, source = self._left(plan), self.source
        if plan.to_keep is not None:
            write_range(self.output, plan.to_keep)
        with (
            contextlib.closing(source.ahead(left, source.reader.read)) as frames,
            WriteBehind[int](workers=self._workers, behind=2 * self._workers) as writes,
        ):
            for frame, plate in frames:
                if self._stop.is_set():
                    break
                for _ in writes.submit(frame, self._task(plate, plan)):
                    pass
            for _ in writes.drain():
                pass
        if self._stop.is_set():
            raise Interrupted("stopped; the same command goes on")
        return left

    def _left(self, plan: _Plan) -> tuple[int, ...]:
        """The frames that are still to be converted. Raises `OutputExistsError`."""
        frames, facts, geometry = self.source.frames, plan.facts, plan.geometry
        there = dict(each_header(frames, lambda frame: self._is_there(frame, facts, geometry)))
        return tuple(frame for frame in frames if not there[frame])

    def _task(self, plate: Plate, plan: _Plan) -> Callable[[], int]:
        code, calibration, geometry = plan.code, plan.calibration, plan.geometry

        def task() -> int:
            header = plate.header
            view = geometry.view(header) if geometry else None
            seen = {_VIEW: view.digest} if view else {}
            disparity = self._calibrated(self.source.disparity(plate), calibration)
            beside = self.carried.read(header.frame)
            for name in {FOREGROUND, BACKGROUND} & set(beside):
                side = self.source.disparity(plate, beside[name])
                beside[name] = code.encode(
                    self._measured(self._calibrated(side, calibration), view)
                )
            frame = DepthFrame(
                frame=header.frame,
                depth=code.encode(self._measured(disparity, view)),
                data_window=header.data_window,
                display_window=header.display_window,
                pixel_aspect=header.pixel_aspect,
                attributes={**header.attributes, **self._kept(header.frame), **plan.facts, **seen},
                vectors=geometry.vectors(view, disparity) if geometry and view else {},
                beside=beside,
            )
            return self._writer.write(frame)

        return task

    def _calibrated(self, disparity: FloatArray, calibration: Calibration | None) -> FloatArray:
        return disparity if calibration is None else calibration.apply(disparity)

    def _measured(self, disparity: FloatArray, view: View | None) -> FloatArray:
        """Disparity of the distance that is written: planar, unless it was asked for along the ray."""
        return view.along_rays(disparity) if view and self.job.ray_distance else disparity

    def _kept(self, frame: int) -> dict[str, Any]:
        """What a source says of itself that is still true; what its camera made of it is not."""
        gone = {f"flashdepth/{name}" for name in GEOMETRY_FACTS}
        given = self.source.given[frame].items()
        return {k: v for k, v in given if k.startswith("flashdepth/") and k not in gone}

    def _facts(
        self, code: DepthCode, calibration: Calibration | None, geometry: Geometry | None
    ) -> dict[str, Any]:
        """What the converted frames say that their sources do not."""
        first = self.source.given[self.source.frames[0]]
        calibrated = calibration is not None or not self.source.uncalibrated
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
        said = json.dumps([first.get(_SETTINGS), facts, self.job.channel, self.job.compression])
        facts["settings"] = hashlib.sha256(said.encode()).hexdigest()[:16]
        return {f"flashdepth/{name}": value for name, value in facts.items()}

    def _is_there(self, frame: int, facts: Mapping[str, Any], geometry: Geometry | None) -> bool:
        """Whether a frame of this very conversion is whole on disk. Raises `OutputExistsError` for another one."""
        if self.job.overwrite:
            return False
        found, path = self._writer.attributes(frame), self._writer.path(frame)
        if found is None and self._writer.standing(frame) in ("absent", "torn"):
            return False
        if found is None or found.get(_SETTINGS) != facts[_SETTINGS]:
            raise OutputExistsError(
                path, "is another file, or depth converted otherwise; --overwrite replaces it"
            )
        # the source was rendered again, of other plates, since
        if found.get(_PAST) != self.source.given[frame].get(_PAST):
            return False
        if geometry is None:
            return True
        # or the camera was tracked again
        return bool(found.get(_VIEW) == geometry.view(self.source.reader.header(frame)).digest)
