"""The paper's tables from a job to a report: one scene, one model, one frame at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from flashdepth_vfx.errors import PlateError, SettingsError
from flashdepth_vfx.evaluation.contestants import Contestant, open_model
from flashdepth_vfx.evaluation.published.job import PublishedJob
from flashdepth_vfx.evaluation.published.paper import Scale, input_size, paper_row
from flashdepth_vfx.evaluation.published.report import (
    PublishedReport,
    PublishedRow,
    SceneFigures,
)
from flashdepth_vfx.evaluation.published.scene import SceneJob, judge_scene
from flashdepth_vfx.evaluation.published.tables import published_text, published_to_plain
from flashdepth_vfx.io.atomic import atomic_write_bytes, make_folder
from flashdepth_vfx.measures.predictor import predict_frame
from flashdepth_vfx.training.datasets import (
    Fault,
    SceneRef,
    VideoDepthDataset,
    open_dataset,
)
from flashdepth_vfx.version import VERSION

__all__ = ["evaluate_published"]


def evaluate_published(
    job: PublishedJob,
    tell: Callable[[str], None],
    show: Callable[[str], None] = lambda what: None,
) -> PublishedReport:
    """Measure every model of `job` on every set of it, by the paper's protocol.

    What is left out, files that cannot be read among it, `tell` hears of and the report keeps. Raises `LicenseError`,
    `WeightsError`, `DeviceError`, `OutputError`, `UsageError` for a set that is not there, and `SettingsError` where
    nothing at all could be measured.
    """
    began = time.perf_counter()
    opened = [open_dataset(name, job.data) for name in job.sets]
    models = [open_model(model, job.device, job.accept_license) for model in job.models]
    left_out = _LeftOut(tell)
    for data in opened:
        left_out.begin(data)
    measured = (_row(job, data, model, left_out, show) for data in opened for model in models)
    rows = tuple(row for row in measured if row.scenes)
    if not rows:
        raise SettingsError(f"nothing was measured: {'; '.join(left_out.lines[:3])}")
    report = PublishedReport(
        models=tuple(model.facts for model in models),
        rows=rows,
        left_out=tuple(left_out.lines),
        device=models[0].network.device.name,
        version=VERSION,
        seconds=time.perf_counter() - began,
    )
    if job.output is not None:
        _write(report, job.output)
    return report


def _write(report: PublishedReport, folder: Path) -> None:
    make_folder(folder)
    plain = json.dumps(published_to_plain(report), indent=1)
    atomic_write_bytes(folder / "report.json", f"{plain}\n".encode())
    atomic_write_bytes(folder / "report.txt", f"{published_text(report)}\n".encode())


@dataclass
class _LeftOut:
    """What is in no row, each once: several models stumble over the same file."""

    tell: Callable[[str], None]
    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        """One more, if it is new."""
        if line not in self.lines:
            self.lines.append(line)
            self.tell(f"left out: {line}")

    def begin(self, data: VideoDepthDataset) -> None:
        """Half frames of a set, and figures that its truth does not tell."""
        for fault in data.missing:
            self.add(f"{data.name}: {fault.path}: {fault.reason}")
        if data.sparse:
            self.add(
                f"{data.name}: boundary F1: its depth is known at scattered points, not at edges"
            )
        if not data.metric:
            self.add(f"{data.name}: TAE: its depth has no unit to move points by")


def _row(
    job: PublishedJob,
    data: VideoDepthDataset,
    model: Contestant,
    left_out: _LeftOut,
    show: Callable[[str], None],
) -> PublishedRow:
    """One model on one set."""
    own: Scale = "2k" if model.network.config.teacher is not None else "base"
    scale = job.scale or own
    figures: dict[str, SceneFigures] = {}
    size = (0, 0)
    for scene in data.scenes[: job.scenes]:
        show(f"{data.name} {scene.name} {model.model.name}")
        try:
            seen = _size(data, scene, model, scale)
            figures[scene.name] = _figures(job, data, scene, model, seen, left_out)
            size = seen
        except (PlateError, SettingsError) as error:
            left_out.add(f"{data.name} {scene.name}: {error}")
    paper = paper_row(model.network.entry.name, scale, data.name)
    return PublishedRow(data.name, model.model.name, scale, size[1], size[0], figures, paper)


def _size(
    data: VideoDepthDataset, scene: SceneRef, model: Contestant, scale: Scale
) -> tuple[int, int]:
    """What the network sees of a scene: of the first frame of it that can be read."""
    problem: PlateError | None = None
    for index in range(len(scene.frames)):
        try:
            height, width = data.frame(scene, index).disparity_per_m.shape
        except PlateError as error:
            problem = problem or error
            continue
        config, side = model.network.config, model.model.long_side_px
        return input_size(data.name, scale, (height, width), config, side)
    raise problem or PlateError(scene.name, "it has no frame")


def _figures(
    job: PublishedJob,
    data: VideoDepthDataset,
    scene: SceneRef,
    model: Contestant,
    size: tuple[int, int],
    left_out: _LeftOut,
) -> SceneFigures:
    def damaged(error: PlateError) -> None:
        fault = Fault.of(error)
        left_out.add(f"{data.name} {scene.name}: {fault.path}: {fault.reason}")

    net, there = model.network.net, model.network.device.torch_device
    part = SceneJob(data, scene, size, there, model.model.carry_state, job.frames, damaged)
    return judge_scene(part, lambda rgb, state: predict_frame(net, rgb, size, state))
