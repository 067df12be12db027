"""Everything that a render decides before its first pixel, in the order in which it can fail cheapest.

Nothing is written here: a job that cannot be rendered leaves no trace on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from flashdepth_vfx.assembly import canvas_for, engine_for
from flashdepth_vfx.before import Before
from flashdepth_vfx.beside import beside_writer, expect_frames, require_space
from flashdepth_vfx.color import ColorPlan, plan_color
from flashdepth_vfx.cutplan import CutPlan, cuts_at, plan_cuts
from flashdepth_vfx.engine import DepthEngine
from flashdepth_vfx.exposure import auto_exposure
from flashdepth_vfx.frames import FrameRange, FrameSequence
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.manifest import FrameRecord, frame_block
from flashdepth_vfx.masks import MaskedPlates, mask_plates
from flashdepth_vfx.model.attention import record_of
from flashdepth_vfx.networks import Network, Networks
from flashdepth_vfx.outputs import FramesKept, frames_kept, output_sequence, refuse_input_as_output
from flashdepth_vfx.plate import PlateHeader, Window
from flashdepth_vfx.preprocess import Canvas
from flashdepth_vfx.resume import doubt_about, find_start, pasts_of
from flashdepth_vfx.schedule import Action, Step
from flashdepth_vfx.shotfolder import ShotFolder
from flashdepth_vfx.shotinfo import open_shot
from flashdepth_vfx.shotsteps import steps_of
from flashdepth_vfx.shotwindow import canvas_window, first_readable
from flashdepth_vfx.stability import STABILISER
from flashdepth_vfx.state import ShotIdentity, ShotState
from flashdepth_vfx.viewturn import ViewTurn

__all__ = ["ShotPlan", "plan_shot", "shot_folder"]


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
    def to_write(self) -> FrameRange:
        """The frames that are asked for and not there."""
        return FrameRange.of(
            s.frame for s in self.steps if s.write and s.frame not in self.frames_kept
        )

    @property
    def beyond(self) -> tuple[Step, ...]:
        """What is read after the last step, since it has a say in where its takes begin."""
        after = self.cuts.deciding_after(self.steps[-1].frame) if self.steps else ()
        return tuple(Step(frame, Action.SEE, write=False) for frame in after)


def plan_shot(job: RenderJob, networks: Networks, turn: ViewTurn | None = None) -> ShotPlan:
    """Decide everything about a job, which is one view's `turn` where several are rendered.

    Raises whatever `FlashDepthError` the job deserves.
    """
    reader = open_shot(job.shot)
    try:
        return _plan(job, reader, networks, turn)
    except BaseException:
        reader.close()
        raise


def _plan(job: RenderJob, plates: PlateReader, nets: Networks, turn: ViewTurn | None) -> ShotPlan:
    writer = _writer(job, plates, turn)
    folder = shot_folder(job, plates, turn)
    before = Before.of(job, plates, folder)
    given, settled = before.given, before.settled
    cuts = _cuts(job, plates, turn, before)
    steps = steps_of(job, plates, given, cuts)
    refuse_input_as_output(job, plates, writer, steps)
    notices: list[str] = []
    expected = expect_frames(writer, steps, turn, notices)
    head = first_readable(plates)
    window = canvas_window(job, plates, steps, turn, notices)
    reader = _masked(job, plates, writer, steps, settled)
    color = _color(job, head, reader, settled)
    network = nets.open(job.settings)
    canvas = _canvas(job, network, window, head.pixel_aspect, settled)
    identity = _identity(job, reader, network, canvas, color, cuts, folder, before)
    pasts = pasts_of(reader, cuts, steps, given)
    kept = _kept(job, writer, steps, identity, network, color, pasts)
    require_space(writer, expected, kept.records)
    start = find_start(
        job, folder, steps, identity, given, pasts, kept.records, network.state_shapes, notices
    )
    notices += [*network.notices(identity.canvas), kept.notice, doubt_about(given, reader, cuts)]
    return ShotPlan(
        job=job,
        reader=reader,
        writer=writer,
        folder=folder,
        network=network,
        color=color,
        engine=engine_for(job.settings, network, identity, color),
        cuts=cuts,
        steps=start.steps,
        start=start.state,
        frames_kept=kept.records,
        holes=tuple(step.frame for step in steps if step.action is not Action.SEE),
        asked=str(FrameRange.of(step.frame for step in steps if step.write)),
        notices=tuple(filter(None, notices)),
    )


def shot_folder(job: RenderJob, reader: PlateReader, turn: ViewTurn | None) -> ShotFolder:
    """The folder beside the output, of one view where several share files."""
    return ShotFolder(_output(job, reader), turn.name if turn and turn.one_file else None)


def _output(job: RenderJob, reader: PlateReader) -> FrameSequence:
    return output_sequence(job.output, reader, job.shot.view, "_depth")


def _writer(job: RenderJob, reader: PlateReader, turn: ViewTurn | None) -> ExrDepthWriter:
    settings, output = job.settings, _output(job, reader)
    if settings.append_part or (turn is not None and turn.one_file):
        return beside_writer(job, reader, output, first_readable(reader).kind, turn)
    return ExrDepthWriter(output, channel=settings.depth_channel, compression=settings.compression)


def _cuts(
    job: RenderJob,
    reader: PlateReader,
    turn: ViewTurn | None,
    before: Before,
) -> CutPlan:
    given = before.given
    if before.decided is not None:
        head = given.next_frame - 1 if given else reader.frames[0]
        return cuts_at(before.decided.cuts, reader.frames, head)
    plan = plan_cuts(
        job.settings.cuts,
        reader,
        sparse=job.frame_range if job.settings.sparse else None,
        waits_for=None if given is None else given.next_frame,
    )
    if turn is None or turn.is_hero or not plan.from_pictures:
        return plan
    # What one eye sees a frame earlier than the other must not part their takes.
    hero = open_shot(replace(job.shot, view=turn.hero))
    return replace(plan, watched=hero, text=f"{plan.text} of view {turn.hero}")


def _masked(
    job: RenderJob,
    plates: PlateReader,
    writer: ExrDepthWriter,
    steps: tuple[Step, ...],
    settled: ShotIdentity | None,
) -> MaskedPlates:
    """The plates with what is ignored in them, as was decided for the shot."""
    empty = None if settled is None else settled.empty
    reader = mask_plates(plates, job.shot, job.settings, empty=empty)
    if reader.mattes is not None:
        refuse_input_as_output(job, reader.mattes, writer, steps)
    return reader


def _color(
    job: RenderJob, head: PlateHeader, reader: PlateReader, settled: ShotIdentity | None
) -> ColorPlan:
    settings = job.settings
    plan = partial(plan_color, head, colorspace=settings.colorspace, ocio=settings.ocio)
    view, stops = settings.display_view, settings.exposure_stops
    if stops != "auto":
        return plan(display_view=view, exposure=stops)
    # Where it is settled the plates that settled it may be gone.
    stops = auto_exposure(reader, plan()) if settled is None else settled.exposure_stops
    return replace(plan(display_view=view, exposure=stops), exposure_chosen_by="auto")


def _kept(
    job: RenderJob,
    writer: ExrDepthWriter,
    steps: tuple[Step, ...],
    identity: ShotIdentity,
    network: Network,
    color: ColorPlan,
    pasts: Mapping[int, str],
) -> FramesKept:
    ours = frame_block(identity, job.settings, network.record, color.sentence(), FrameRecord(0))
    return frames_kept(job, writer, steps, identity, ours, pasts)


def _identity(
    job: RenderJob,
    reader: MaskedPlates,
    network: Network,
    canvas: Canvas,
    color: ColorPlan,
    cuts: CutPlan,
    folder: ShotFolder,
    before: Before,
) -> ShotIdentity:
    shot, settings = job.shot, job.settings
    attention = network.attention(canvas, before.attention(folder))
    picture = ",".join(shot.channels) if shot.channels else shot.layer or ""
    identity = ShotIdentity(
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
        preroll_frames=job.preroll_frames,
    )
    if before.decided is not None:
        before.decided.require_fit(folder, identity, settings)
    return identity


def _canvas(
    job: RenderJob, network: Network, window: Window, aspect: float, settled: ShotIdentity | None
) -> Canvas:
    # What is settled holds as long as these plates fit into it.
    if settled is not None and settled.canvas.window.contains(window):
        window = settled.canvas.window
    return canvas_for(network, window, aspect, job.settings.resolution)
