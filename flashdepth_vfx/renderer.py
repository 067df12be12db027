"""The one joint: plates -> colour -> network -> depth -> files, overlapped, in order, resumable.

    read_ahead (threads) ─▶ in_takes ─▶ engine.infer (this thread, in order) ─▶ WriteBehind (threads)

A checkpoint is written only when every frame before it is whole on disk, so that whatever ends a
render, its state never runs ahead of its frames.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from flashdepth_vfx.errors import Interrupted, LeaseError
from flashdepth_vfx.events import Observer
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.io.atomic import make_folder, sweep_orphans
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.lease import Lease
from flashdepth_vfx.loading import Loaded, load_step
from flashdepth_vfx.manifest import FrameRecord
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.pipeline import WriteBehind, one_ahead, read_ahead
from flashdepth_vfx.plate import DepthFrame, PlateHeader
from flashdepth_vfx.reporter import Reporter
from flashdepth_vfx.schedule import Action, Step
from flashdepth_vfx.shotplan import ShotPlan, plan_shot
from flashdepth_vfx.stall import StallWatch
from flashdepth_vfx.state import ShotState, save_state
from flashdepth_vfx.takes import MEMORY, Turn, in_takes
from flashdepth_vfx.viewturn import ViewTurn
from flashdepth_vfx.workers import one_core_an_operation, usable_cores, worker_count
from flashdepth_vfx.writing import Written, write_frame

__all__ = ["RenderResult", "render"]

#: Frames in flight on either side, for each of its threads.
_IN_FLIGHT = 2


@dataclass(frozen=True)
class RenderResult:
    """What a render did. `state` is the one after its last frame; `manifest` the file that says all."""

    frames_written: tuple[int, ...]
    frames_kept: tuple[int, ...]
    manifest: Path
    seconds: float
    state: ShotState | None = field(repr=False)


def render(
    job: RenderJob,
    *,
    observer: Observer | None = None,
    stop: threading.Event | None = None,
    networks: Networks | None = None,
    turn: ViewTurn | None = None,
) -> RenderResult:
    """Render one view of a shot, or the part of it that is asked for and not there yet.

    `observer` is told what happens, on this thread. Setting `stop` ends the render after the frame in
    hand, with the state saved, by raising `Interrupted`. `networks` keeps weights loaded between calls;
    `turn` says which others the view has to agree with. Raises every `FlashDepthError`; what was written
    by then is whole, and `resume` goes on from there.
    """
    with StallWatch(job.stall_timeout_seconds) as watch:
        plan = plan_shot(job, networks or Networks(), turn)
        watch.count_frames()
        try:
            with Lease(plan.writer.sequence.beside, plan.to_write) as lease:
                plan.folder.require = lease.require
                report = Reporter(plan, observer)
                return _Run(plan, report, stop or threading.Event(), lease, watch).to_the_end()
        finally:
            # A thread that hangs may still be in there.
            if not watch.gave_up:
                plan.reader.close()


class _Run:
    """One run of a plan: the state as it goes along, and the checkpoints that wait for their frames."""

    def __init__(
        self,
        plan: ShotPlan,
        report: Reporter,
        stop: threading.Event,
        lease: Lease,
        watch: StallWatch,
    ) -> None:
        self._plan = plan
        self._report = report
        self._stop = stop
        self._lease = lease
        self._watch = watch
        self._there = frozenset(plan.writer.sequence.frames_on_disk())
        self._state = plan.start
        self._checkpoints: deque[ShotState] = deque()
        self._checkpointed = plan.start
        self._last_seen: tuple[PlateHeader, Callable[[], DepthFrame]] | None = None
        self._on_cpu = plan.network.device.torch_device.type == "cpu"
        self._workers = worker_count(len(usable_cores()), network_on_cpu=self._on_cpu)

    def to_the_end(self) -> RenderResult:
        """Run, and report how it ended."""
        self._report.started()
        try:
            if self._is_untold:
                self._settle_in()
            workers, behind = self._workers, _IN_FLIGHT * self._workers
            with (
                one_core_an_operation(network_on_cpu=self._on_cpu),
                WriteBehind[Written](workers=workers, behind=behind, waits=self._watch) as writes,
            ):
                self._go(writes)
            self._hand_on()
        except BaseException as error:
            self._report.close("failed", str(error) or type(error).__name__)
            raise
        if not self._report.all_done:
            self._report.close("interrupted")
            waits = "the first frame" if self._state is None else f"{self._state.next_frame}"
            raise Interrupted(f"stopped; the state waits for {waits} (--resume goes on from there)")
        end = self._report.close("done")
        return RenderResult(
            frames_written=tuple(self._report.tally.frames_written),
            frames_kept=tuple(self._report.tally.frames_kept),
            manifest=Path(end.manifest),
            seconds=end.seconds,
            state=self._state,
        )

    def _go(self, writes: WriteBehind[Written]) -> None:
        plan = self._plan
        workers = 1 if plan.reader.sequential else self._workers
        steps = (*plan.steps, *plan.beyond)
        load = self._watch.beating(partial(load_step, plan))
        ahead = _IN_FLIGHT * workers
        read = read_ahead(steps, load, workers=workers, ahead=ahead, waits=self._watch)
        memory = "" if plan.start is None else plan.start.decisions.get(MEMORY, "")
        turns = in_takes(read, plan.cuts, memory, len(plan.steps))
        if not self._on_cpu:
            turns = one_ahead(turns, self._sent)
        try:
            for index, turn in enumerate(turns):
                if index == 0:
                    self._settle_in()
                if self._stop.is_set():
                    break
                self._take(turn, writes)
        finally:
            # After a failure too: the frames before it are finished, and the state kept for them.
            turns.close()
            try:
                self._collect(writes.drain())
            finally:
                self._checkpoint()
                self._commit(writes.oldest)

    def _sent(self, turn: Turn[Loaded]) -> Turn[Loaded]:
        """The same, its frame on the way to the device."""
        loaded = turn.loaded
        if loaded is None:
            return turn
        sent = self._plan.engine.send(loaded.prepared)
        return replace(turn, loaded=replace(loaded, prepared=sent))

    def _take(self, turn: Turn[Loaded], writes: WriteBehind[Written]) -> None:
        """One step, in order: the network sees the frame, or a hole is crossed."""
        step, loaded = turn.step, turn.loaded
        if loaded is None:
            self._cross(step, writes)
            return
        prepared = loaded.prepared
        self._report.tally.spend("read", loaded.read_seconds)
        self._report.tally.spend("prepare", loaded.prepare_seconds)
        before = None if self._state is None else self._state.skip_to(step.frame)
        plan, began = self._plan, time.perf_counter()
        widened_before = plan.network.runner.widened
        disparity, state = plan.engine.infer(prepared, before, cut=turn.cut, parted=turn.parted)
        seconds = time.perf_counter() - began
        self._watch.beat()
        self._state = state.deciding(MEMORY, turn.memory) if turn.memory else state
        header = prepared.header
        finish = partial(
            self._plan.engine.finish, header, disparity, prepared.guide, prepared.ignored
        )
        self._last_seen = (header, finish)
        record = FrameRecord(
            frame=step.frame,
            reset=before is None or turn.cut,
            cut=turn.cut,
            nan_count=prepared.nan_count,
            inf_count=prepared.inf_count,
            past=state.plates_digest,
            widened=plan.network.runner.widened > widened_before,
        )
        self._report.seen(prepared, seconds, record)
        self._deliver(step, record, header, finish, writes)
        if state.frames_seen % self._plan.job.settings.checkpoint_interval_frames == 0:
            self._checkpoint()
        self._commit(writes.oldest)

    def _cross(self, step: Step, writes: WriteBehind[Written]) -> None:
        if self._state is not None:
            self._state = self._state.skip_to(step.frame + 1)
        if step.action is Action.HOLD and self._last_seen is not None and self._state is not None:
            header, finish = self._last_seen
            past = self._state.plates_digest
            record = FrameRecord(step.frame, held_from=header.frame, past=past)
            self._deliver(step, record, header, finish, writes)
        else:
            self._report.passed(step)

    def _deliver(
        self,
        step: Step,
        record: FrameRecord,
        header: PlateHeader,
        finish: Callable[[], DepthFrame],
        writes: WriteBehind[Written],
    ) -> None:
        if not step.write or step.frame in self._plan.frames_kept:
            self._report.passed(step)
        else:
            task = partial(write_frame, self._plan, record, header, finish)
            self._collect(writes.submit(step.frame, self._watch.beating(task)))

    def _collect(self, results: Iterable[Written]) -> None:
        for written in results:
            self._report.tally.spend("finish", written.finish_seconds)
            self._report.tally.spend("write", written.write_seconds)
            self._report.left_out(written.plate, written.left_out)
            self._report.written(written.record, written.size_bytes)

    def _checkpoint(self) -> None:
        if self._state is not None and self._state is not self._checkpointed:
            self._checkpointed = self._state
            self._checkpoints.append(self._state)

    def _commit(self, oldest_unwritten: int | None) -> None:
        """Write the checkpoints whose frames are all on disk."""
        while self._checkpoints and (
            oldest_unwritten is None or oldest_unwritten >= self._checkpoints[0].next_frame
        ):
            self._plan.folder.write_state(self._checkpoints.popleft())

    def _hand_on(self) -> None:
        """Write `--state-out`, once the whole range is on disk."""
        out = self._plan.job.state_out
        if out is not None and self._state is not None and self._report.all_done:
            self._plan.folder.require()
            save_state(Path(out), self._state)

    @property
    def _is_untold(self) -> bool:
        """Whether an earlier run made every frame, and was killed before it wrote the manifest."""
        plan = self._plan
        earlier = plan.folder.read_manifest(plan.asked)
        return bool(plan.frames_kept) and not plan.steps and earlier.get("outcome") != "done"

    def _settle_in(self) -> None:
        """With the first plate in hand: hold the frames, clear what killed renders left, and open the log."""
        self._lease.take()
        self._require_nobody_before()
        folders = [self._plan.writer.sequence.folder, self._plan.folder.path]
        if self._plan.job.state_out is not None:
            folders.append(Path(self._plan.job.state_out).parent)
            # Now, not after hours of frames, is the time to hear that it cannot be written.
            make_folder(folders[-1])
        for folder in folders:
            sweep_orphans(folder)
        self._report.open_log()

    def _require_nobody_before(self) -> None:
        """Raise `LeaseError` for a frame that another render made between our plan and our lease."""
        sequence = self._plan.writer.sequence
        new = set(sequence.frames_on_disk()) - self._there
        made = FrameRange.of(frame for frame in self._plan.to_write if frame in new)
        if made:
            reason = (
                f"another render made frames {made} while this one began: run again with --resume"
            )
            raise LeaseError(sequence.path(made.frames[0]), reason)
