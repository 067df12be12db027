"""What a render says while it runs and when it ends: events to the observer, lines to the log, the manifest.

Log and manifest lie in the shot's folder, which is not made before the render has its first plate: a
job that cannot begin leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from flashdepth_vfx.engine import PreparedFrame
from flashdepth_vfx.errors import OutputError
from flashdepth_vfx.events import (
    Finished,
    FramePassed,
    FrameWritten,
    Observer,
    RenderEvent,
    Started,
    Warned,
    to_line,
)
from flashdepth_vfx.io.atomic import make_folder
from flashdepth_vfx.manifest import FrameRecord, Tally, manifest_of, settings_hash
from flashdepth_vfx.schedule import Action, Step
from flashdepth_vfx.shotplan import ShotPlan
from flashdepth_vfx.version import VERSION

__all__ = ["Reporter"]


class Reporter:
    """The one voice of a render. Called from the ordered side only, so lines never mix."""

    def __init__(self, plan: ShotPlan, observer: Observer | None) -> None:
        self.tally = Tally(frames_kept=sorted(plan.frames_kept))
        self._plan = plan
        self._observer = observer
        self._warnings: list[str] = []
        self._left_out: set[str] = set()
        self._widened = False
        self._began = time.perf_counter()
        self._steps_done = 0
        self._unlogged: list[str] = []
        self._log: BinaryIO | None = None

    @property
    def all_done(self) -> bool:
        """Whether every step of the schedule was made."""
        return self._steps_done >= len(self._plan.steps)

    def started(self) -> None:
        """All is decided."""
        plan = self._plan
        to_write = sum(s.write and s.frame not in plan.frames_kept for s in plan.steps)
        self._tell(Started(self._facts(), len(plan.steps), to_write))
        for notice in plan.notices:
            self.warn(notice)

    def open_log(self) -> None:
        """Begin the log file with what was said so far; later lines follow as they come."""
        path = self._plan.folder.log_path(self._plan.asked)
        make_folder(path.parent)
        try:
            self._log = path.open("ab", buffering=0)
        except OSError as error:
            raise OutputError(path, f"the log cannot be written ({error.strerror})") from error
        self._write_log("\n".join(self._unlogged))
        self._unlogged.clear()

    def seen(self, prepared: PreparedFrame, network_seconds: float, record: FrameRecord) -> None:
        """The network has seen a frame."""
        widened = record.widened
        self.tally.frames_seen += 1
        if record.cut:
            self.tally.cuts.append(record.frame)
        self.tally.spend("network", network_seconds)
        if prepared.nan_count or prepared.inf_count:
            self.warn(
                f"{prepared.header.path}: {prepared.nan_count} NaN and {prepared.inf_count} "
                "infinite values were replaced for the network"
            )
        if widened and not self._widened:
            self._widened = True
            self.warn(
                f"{prepared.header.path}: beyond half precision, so computed in float32, which is slower; other "
                "frames may be too, and the manifest lists them"
            )

    def left_out(self, plate: Path, names: Iterable[str]) -> None:
        """Attributes of a plate are not in its depth, since EXR cannot hold them; each is told once."""
        new = set(names) - self._left_out
        if new:
            self._left_out |= new
            told = ", ".join(sorted(new))
            self.warn(f"{plate}: left out of the depth, as EXR cannot hold it: {told}")

    def passed(self, step: Step) -> None:
        """A step wrote nothing."""
        self._steps_done += 1
        hole = step.action is not Action.SEE
        self._tell(FramePassed(step.frame, self._steps_done, len(self._plan.steps), hole))

    def written(self, record: FrameRecord, size_bytes: int) -> None:
        """A frame is whole on disk."""
        self._steps_done += 1
        self.tally.frames_written.append(record.frame)
        self.tally.records.append(record)
        self.tally.bytes_written += size_bytes
        total = len(self._plan.steps)
        rate = self._steps_done / max(time.perf_counter() - self._began, 1e-9)
        self._tell(
            FrameWritten(
                frame=record.frame,
                path=str(self._plan.writer.path(record.frame)),
                steps_done=self._steps_done,
                steps_total=total,
                frames_per_second=rate,
                seconds_left=(total - self._steps_done) / rate,
                reset=record.reset,
                held_from=record.held_from,
                nan_count=record.nan_count,
                inf_count=record.inf_count,
                cut=record.cut,
            )
        )

    def warn(self, text: str) -> None:
        """Say something that stops nothing."""
        self._warnings.append(text)
        self._tell(Warned(text))

    def close(self, outcome: str, error: str = "") -> Finished:
        """Write the manifest, say the end, and close the log."""
        plan, seconds = self._plan, time.perf_counter() - self._began
        path = plan.folder.manifest_path(plan.asked)
        if self._log is not None:
            manifest = manifest_of(
                plan.job,
                plan.identity,
                plan.network.record,
                plan.color.describe(),
                self.tally,
                outcome=outcome,
                error=error,
                warnings=self._warnings,
                seconds=seconds,
                kept=plan.frames_kept,
                holes=plan.holes,
            )
            self._write_manifest(manifest, after_failure=outcome == "failed")
        written, kept = len(self.tally.frames_written), len(self.tally.frames_kept)
        manifest_path = str(path) if path.is_file() else ""
        end = Finished(outcome, written, kept, seconds, manifest_path, error)
        self._tell(end)
        if self._log is not None:
            self._log.close()
        return end

    def _write_manifest(self, manifest: dict[str, Any], *, after_failure: bool) -> None:
        try:
            self._plan.folder.write_manifest(self._plan.asked, manifest)
        except OutputError as error:
            # What failed first is what a person must read: this would hide it.
            if not after_failure:
                raise
            self.warn(f"no manifest: {error}")

    def _facts(self) -> dict[str, str]:
        plan = self._plan
        identity, record = plan.identity, plan.network.record
        canvas, start, view = identity.canvas, plan.start, plan.job.shot.view
        return {
            "flashdepth": VERSION,
            "host": platform.node(),
            "device": " ".join(t for t in (identity.device, plan.network.device.driver) if t),
            "kernels": identity.kernels,
            "weights": f"{record.name} {record.sha256[:16]} "
            f"({record.license}; commercial use: {record.commercial_use})",
            "settings": settings_hash(identity, plan.job.settings),
            "plates": plan.reader.name + (f", view {view}" if view else ""),
            "frames": plan.asked or "none",
            "canvas": f"{canvas.window} -> {canvas.width}x{canvas.height}",
            "color": plan.color.sentence().removeprefix("colour: "),
            "cuts": identity.cuts,
            "matte": identity.matte or "none",
            "empty": identity.empty,
            "state": "starts at the head of the shot"
            if start is None
            else f"{start.frames_seen} frames seen, waits for {start.next_frame}",
        }

    def _tell(self, event: RenderEvent) -> None:
        self._write_log(to_line(event))
        if self._observer is not None:
            self._observer(event)

    def _write_log(self, text: str) -> None:
        if self._log is None:
            self._unlogged.append(text)
            return
        # A disk that is full for the log is full for the frames: their error says it better.
        with contextlib.suppress(OSError):
            self._log.write(f"{text}\n".encode())
