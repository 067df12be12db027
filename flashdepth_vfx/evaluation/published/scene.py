"""One scene by the paper's protocol, in the memory of two frames however long it is.

Predictions go to a file without a name as they come: the scale and shift that they are judged with are known at the
last frame alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from flashdepth_vfx.errors import DiskFullError, PlateError
from flashdepth_vfx.evaluation.published.report import SceneFigures
from flashdepth_vfx.measures.clip import Cameras, TruthClip
from flashdepth_vfx.measures.published import Alignment, Judged, at_size
from flashdepth_vfx.measures.temporal import alignment_errors, follow
from flashdepth_vfx.model import TemporalState
from flashdepth_vfx.training.datasets import DepthSample, SceneRef, VideoDepthDataset

__all__ = ["SceneJob", "judge_scene"]

#: Of a pixel, how far from the middle the axis may be for the measure to hold, which has it there.
_OFF_THE_MIDDLE_PX = 1.0
_ONE_FOCAL = 1e-3


@dataclass(frozen=True)
class SceneJob:
    """A scene, and how it is seen: `size` is rows and columns. `damaged` hears of frames that cannot be read.

    Figures are computed on `device`, where predictions come from.
    """

    data: VideoDepthDataset
    scene: SceneRef
    size: tuple[int, int]
    device: torch.device
    carry_state: bool = True
    frames: int | None = None
    damaged: Callable[[PlateError], None] = lambda error: None


def judge_scene(
    job: SceneJob, predict: Callable[[Tensor, TemporalState | None], tuple[Tensor, TemporalState]]
) -> SceneFigures:
    """Figures of the whole scene under one scale and one shift.

    `predict` takes a picture `(3, H, W)` and the state before it. A frame that cannot be read is left out, and the
    state goes on. Raises `SettingsError` where there is nothing to judge, `DiskFullError` where predictions find no
    room among the system's temporary files, `PlateError` for a frame that goes away meanwhile.
    """
    with tempfile.TemporaryFile() as file:
        alignment = Alignment()
        read = _predicted(job, predict, alignment, file)
        scale, shift = alignment.solved
        file.seek(0)
        judged, steady = Judged(edges=not job.data.sparse), _Steadiness(job.data.metric)
        for index in read:
            sample = job.data.frame(job.scene, index)
            truth = _tensor(sample.disparity_per_m).to(job.device)
            predicted = at_size(
                _next(file, job.size).to(job.device), (truth.shape[0], truth.shape[1])
            )
            aligned = predicted.double() * scale + shift
            judged.add(aligned, truth)
            steady.add(sample, aligned, truth)
    return SceneFigures(
        judged.frames, judged.delta1, judged.abs_rel, judged.boundary_f1, steady.percent
    )


def _predicted(
    job: SceneJob,
    predict: Callable[[Tensor, TemporalState | None], tuple[Tensor, TemporalState]],
    alignment: Alignment,
    file: BinaryIO,
) -> list[int]:
    """The first pass: predictions into the file, and which frames they are of."""
    read, state = [], None
    for index in range(len(job.scene.frames))[: job.frames]:
        try:
            sample = job.data.frame(job.scene, index)
        except PlateError as error:
            job.damaged(error)
            continue
        predicted, after = predict(_tensor(sample.rgb).permute(2, 0, 1), state)
        state = after if job.carry_state else None
        truth = _tensor(sample.disparity_per_m).to(job.device)
        alignment.add(at_size(predicted, (truth.shape[0], truth.shape[1])), truth)
        _append(file, predicted)
        read.append(index)
    return read


def _tensor(values: np.ndarray) -> Tensor:
    """An array as a tensor, without a copy where its memory allows."""
    return torch.from_numpy(np.ascontiguousarray(values))


@dataclass
class _Steadiness:
    """TAE of the frames so far, each followed into the next by the true cameras."""

    metric: bool
    _errors: list[float] = field(default_factory=list)
    _before: tuple[DepthSample, Tensor, Tensor] | None = None

    def add(self, sample: DepthSample, aligned_per_m: Tensor, truth_per_m: Tensor) -> None:
        """A frame; `(H, W)` each."""
        before, self._before = self._before, (sample, aligned_per_m, truth_per_m)
        if before is None or not self.metric or before[2].shape != truth_per_m.shape:
            return
        cameras = _cameras(before[0], sample, truth_per_m.device)
        if cameras is None:
            return
        truth = 100.0 * torch.stack([before[2], truth_per_m]).double()
        # the measure looks at no picture
        clip = TruthClip("two frames", torch.empty(2, 3, 0, 0), truth, cameras)
        pair = 100.0 * torch.stack([before[1], aligned_per_m])
        self._errors += alignment_errors(pair, follow(clip))

    @property
    def percent(self) -> float | None:
        """None where nothing could be followed."""
        return 100.0 * sum(self._errors) / len(self._errors) if self._errors else None


def _cameras(one: DepthSample, two: DepthSample, device: torch.device) -> Cameras | None:
    """Of two frames, where both have a pose, and one lens that is a pinhole with its axis in the middle."""
    lens, poses = one.intrinsics, (one.world_from_camera, two.world_from_camera)
    if lens is None or two.intrinsics is None or poses[0] is None or poses[1] is None:
        return None
    height, width = one.disparity_per_m.shape
    focal_px = float(lens[0, 0])
    same = np.allclose(lens, two.intrinsics, rtol=_ONE_FOCAL)
    square = abs(float(lens[1, 1]) - focal_px) <= _ONE_FOCAL * focal_px
    # a set may count from the centre of the first pixel or from its corner: half a pixel, which this allows
    aside = np.abs(lens[:2, 2] - (width / 2 - 0.25, height / 2 - 0.25)).max()
    if not (same and square and aside <= _OFF_THE_MIDDLE_PX):
        return None
    placed = torch.from_numpy(np.stack([poses[0], poses[1]])).to(device)
    # the measure's y is up
    turn = placed[:, :3, :3] * placed.new_tensor([1.0, -1.0, 1.0])
    return Cameras(placed[:, :3, 3], turn, placed.new_tensor(focal_px))


def _append(file: BinaryIO, predicted: Tensor) -> None:
    try:
        file.write(predicted.float().cpu().contiguous().numpy().tobytes())
    except OSError as error:
        raise DiskFullError(
            tempfile.gettempdir(),
            f"no room for the predictions of a scene ({error.strerror}); set TMPDIR to a larger disk",
        ) from error


def _next(file: BinaryIO, size: tuple[int, int]) -> Tensor:
    height, width = size
    content = file.read(4 * height * width)
    return torch.from_numpy(np.frombuffer(content, np.float32).reshape(size).copy())
