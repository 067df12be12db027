"""Everything that a render decides before its first pixel, in the order in which it can fail cheapest.

Nothing is written here: a job that cannot be rendered leaves no trace on disk.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from flashdepth_vfx.color import ColorPlan, ColorTransform, plan_color
from flashdepth_vfx.cutplan import CutPlan, plan_cuts
from flashdepth_vfx.engine import DepthEngine
from flashdepth_vfx.errors import FlashDepthError, FrameRangeError, NoSuchChannelError, PlateError
from flashdepth_vfx.exposure import auto_exposure
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.manifest import FrameRecord, code_of, frame_block
from flashdepth_vfx.masks import MaskedPlates, mask_plates
from flashdepth_vfx.model.attention import Choice, choice_in, record_of
from flashdepth_vfx.networks import Network, Networks
from flashdepth_vfx.outputs import frames_kept, output_sequence, refuse_input_as_output
from flashdepth_vfx.pipeline import each_header
from flashdepth_vfx.plate import PlateHeader, Window
from flashdepth_vfx.preprocess import Canvas, plan_canvas, shot_window
from flashdepth_vfx.resume import doubt_about, find_start, pasts_of, state_given
from flashdepth_vfx.schedule import Action, Step, plan_steps
from flashdepth_vfx.shotfolder import ShotFolder
from flashdepth_vfx.shotinfo import open_shot
from flashdepth_vfx.stability import STABILISER
from flashdepth_vfx.state import ShotIdentity, ShotState

__all__ = ["ShotPlan", "plan_shot"]


@dataclass(frozen=True)
class ShotPlan:
    """A render that can begin. `steps` start at `start.next_frame`, or at the head of the shot."""

    job: RenderJob
    reader: PlateReader
    writer: ExrDepthWriter
    folder: ShotFolder
    network: Network
    color: ColorPlan
    engine: DepthEngine
    cuts: CutPlan
    steps: tuple[Step, ...]
    start: ShotState | None
    frames_kept: Mapping[int, FrameRecord]
    holes: tuple[int, ...]
    asked: str
    notices: tuple[str, ...]

    @property
    def identity(self) -> ShotIdentity:
        """What every frame and state of this render belongs to."""
        return self.engine.identity

    @property
    def beyond(self) -> tuple[Step, ...]:
        """What is read after the last step, since it has a say in where its takes begin."""
        after = self.cuts.deciding_after(self.steps[-1].frame) if self.steps else ()
        return tuple(Step(frame, Action.SEE, write=False) for frame in after)


def plan_shot(job: RenderJob, networks: Networks) -> ShotPlan:
    """Decide everything about a job. Raises whatever `FlashDepthError` the job deserves."""
    reader = open_shot(job.shot)
    try:
        return _plan(job, reader, networks)
    except BaseException:
        reader.close()
        raise


def _plan(job: RenderJob, plates: PlateReader, networks: Networks) -> ShotPlan:
    writer = _writer(job, plates)
    given = state_given(job, plates)
    steps = _steps(job, plates, given)
    cuts = _cuts(job, plates, given)
    refuse_input_as_output(job, plates, writer, steps)
    notices: list[str] = []
    head = _first_readable(plates)
    needed = {step.frame for step in steps if step.action is Action.SEE}
    window = shot_window(_headers(plates, needed, notices))
    reader = _masked(job, plates, writer, steps, given)
    color = _color(job, head, reader, given)
    network = networks.open(job.settings)
    canvas = _canvas(job, network, window, head.pixel_aspect, given)
    folder = ShotFolder(writer.sequence)
    attention = network.attention(canvas, _attention_before(folder, given))
    identity = _identity(job, reader, network, canvas, color, cuts, attention)
    pasts = pasts_of(reader, cuts, steps, given)
    ours = frame_block(identity, job.settings, network.record, color.sentence(), FrameRecord(0))
    kept = frames_kept(job, writer, steps, identity, ours, pasts)
    done, shapes = frozenset(kept.records), network.state_shapes
    start = find_start(job, folder, steps, identity, given, pasts, done, shapes, notices)
    notices += [network.device.notice, *network.notices(identity.canvas), kept.notice]
    notices.append(doubt_about(given, reader, cuts))
    return ShotPlan(
        job=job,
        reader=reader,
        writer=writer,
        folder=folder,
        network=network,
        color=color,
        engine=_engine(job, network, identity, color, attention),
        cuts=cuts,
        steps=start.steps,
        start=start.state,
        frames_kept=kept.records,
        holes=tuple(step.frame for step in steps if step.action is not Action.SEE),
        asked=str(FrameRange.of(step.frame for step in steps if step.write)),
        notices=tuple(notice for notice in notices if notice),
    )


def _writer(job: RenderJob, reader: PlateReader) -> ExrDepthWriter:
    settings = job.settings
    output = output_sequence(job.output, reader, job.shot.view, "_depth")
    return ExrDepthWriter(output, channel=settings.depth_channel, compression=settings.compression)


def _steps(job: RenderJob, reader: PlateReader, given: ShotState | None) -> tuple[Step, ...]:
    """The schedule. Raises `FrameRangeError` for a range that lies before or after all plates."""
    wanted, first, last = job.frame_range, reader.frames[0], reader.frames[-1]
    if wanted is not None and (wanted.frames[-1] < first or wanted.frames[0] > last):
        raise FrameRangeError(str(wanted), f"{reader.name} holds {first}-{last}")
    return plan_steps(
        reader,
        wanted,
        job.settings.missing,
        sparse=job.settings.sparse,
        first_frame=None if given is None else given.next_frame,
    )


def _cuts(job: RenderJob, reader: PlateReader, given: ShotState | None) -> CutPlan:
    return plan_cuts(
        job.settings.cuts,
        reader,
        sparse=job.frame_range if job.settings.sparse else None,
        waits_for=None if given is None else given.next_frame,
    )


def _masked(
    job: RenderJob,
    plates: PlateReader,
    writer: ExrDepthWriter,
    steps: tuple[Step, ...],
    given: ShotState | None,
) -> MaskedPlates:
    """The plates with what is ignored in them, as the state that was handed on has decided it."""
    empty = None if given is None else given.identity.empty
    reader = mask_plates(plates, job.shot, job.settings, empty=empty)
    if reader.mattes is not None:
        refuse_input_as_output(job, reader.mattes, writer, steps)
    return reader


def _color(
    job: RenderJob, head: PlateHeader, reader: PlateReader, given: ShotState | None
) -> ColorPlan:
    settings = job.settings
    plan = partial(plan_color, head, colorspace=settings.colorspace, ocio=settings.ocio)
    view, stops = settings.display_view, settings.exposure_stops
    if stops != "auto":
        return plan(display_view=view, exposure=stops)
    # A state that was handed on has decided it: its plates may be gone.
    stops = auto_exposure(reader, plan()) if given is None else given.identity.exposure_stops
    return replace(plan(display_view=view, exposure=stops), exposure_chosen_by="auto")


def _first_readable(reader: PlateReader) -> PlateHeader:
    """The first header of the sequence, past frames that are damaged or still on their way."""
    for frame in reader.frames[:-1]:
        with contextlib.suppress(PlateError, NoSuchChannelError):
            return reader.header(frame)
    return reader.header(reader.frames[-1])


def _attention_before(folder: ShotFolder, given: ShotState | None) -> Choice:
    """What an earlier part of this shot ran, so that this one rounds as it did."""
    state = given or next(folder.states(sys.maxsize, []), None)
    return {} if state is None else choice_in(state.identity.kernels)


def _engine(
    job: RenderJob,
    network: Network,
    identity: ShotIdentity,
    color: ColorPlan,
    attention: Choice,
) -> DepthEngine:
    return DepthEngine(
        partial(network.runner, attention=attention) if attention else network.runner,
        identity,
        ColorTransform(color),
        network.device,
        code=code_of(job.settings),
        upsampling=job.settings.upsampling,
        edge_matte=job.settings.edge_matte,
        edge_layers=job.settings.edge_layers,
        stabilise=job.settings.stabilise,
    )


def _headers(reader: PlateReader, needed: set[int], notices: list[str]) -> Iterator[PlateHeader]:
    """The headers of the whole sequence on disk, whatever part of it is rendered."""
    if reader.sequential:
        yield reader.header(reader.frames[0])
        return

    def header_of(frame: int) -> PlateHeader | FlashDepthError:
        try:
            return reader.header(frame)
        except (PlateError, NoSuchChannelError) as error:
            # A frame that this render does not need may still be on its way to the disk.
            if frame in needed:
                raise
            return error

    for _, found in each_header(reader.frames, header_of):
        if isinstance(found, PlateHeader):
            yield found
        else:
            notices.append(f"not counted in the shot's canvas: {found}")


def _identity(
    job: RenderJob,
    reader: MaskedPlates,
    network: Network,
    canvas: Canvas,
    color: ColorPlan,
    cuts: CutPlan,
    attention: Choice,
) -> ShotIdentity:
    shot, settings = job.shot, job.settings
    picture = ",".join(shot.channels) if shot.channels else shot.layer or ""
    return ShotIdentity(
        shot=Path(reader.name).name,
        picture=f"{picture}@{shot.view}" if shot.view else picture,
        architecture=network.config.name,
        weights_sha256=network.record.sha256,
        canvas=canvas,
        color=color.fingerprint(),
        exposure_stops=color.exposure_stops,
        sparse=settings.sparse,
        device=network.device.name,
        kernels=network.device.kernels + record_of(attention),
        cuts=cuts.text,
        stabilised=STABILISER if settings.stabilise else "",
        matte=reader.matte,
        empty=reader.empty,
    )


def _canvas(
    job: RenderJob, network: Network, window: Window, aspect: float, given: ShotState | None
) -> Canvas:
    # A state that was handed on has decided the canvas already, as long as these plates fit into it.
    if given is not None and given.identity.canvas.window.contains(window):
        window = given.identity.canvas.window
    resolution = job.settings.resolution
    if resolution is None and network.default_long_side_px is not None:
        native = max(window.width * aspect, window.height)
        resolution = min(network.default_long_side_px, round(native))
    config = network.config
    return plan_canvas(
        window, aspect, resolution, multiple=config.multiple, minimum=config.min_side_px
    )
