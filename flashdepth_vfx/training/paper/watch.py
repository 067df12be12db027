"""What is watched of a training: curves for TensorBoard, and sample pictures, there and as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from flashdepth_vfx.io.atomic import make_folder
from flashdepth_vfx.sheet import Picture, coloured, draw_contact_sheet, resized, scale_of
from flashdepth_vfx.training.data import Batch
from flashdepth_vfx.training.settings import TrainSettings
from flashdepth_vfx.training.train import Report

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["Watch"]

_CELL_PX = 320
_MISSING = "TensorBoard is not there; pip install 'flashdepth_vfx[training]'"
#: Clips on a sheet.
_ROWS = 4


class Watch:
    """Passes each line of the log on, and draws beside the checkpoint `NAME.pt`.

    `NAME-board/` has curves of all numbers of a line, the rates, and the last frame of some clips as plate, truth and
    prediction, for TensorBoard where it is installed; `NAME-samples/` has those pictures as PNG. Of a run that was
    cut off the curves go on at its last checkpoint.
    """

    def __init__(self, checkpoint: Path, settings: TrainSettings, report: Report) -> None:
        self._board_folder = checkpoint.with_name(f"{checkpoint.stem}-board")
        self._samples_folder = checkpoint.with_name(f"{checkpoint.stem}-samples")
        self._settings, self._report = settings, report
        self._board: SummaryWriter | None = None
        self._opened = False

    def line(self, line: dict[str, Any]) -> None:
        """A line of the log. Raises OutputError."""
        self._report(line)
        board = self._opened_board(line["step"]) if "step" in line else None
        if board is None:
            return
        step = line["step"]
        for name, value in line.items():
            if name not in ("step", "stage", "rate"):
                board.add_scalar(name, value, step)
        for part in ("encoder", "decoder", "temporal", "fusion"):
            rate = getattr(self._settings, f"{part}_rate")
            if rate:
                board.add_scalar(f"rate/{part}", rate * line["rate"], step)

    def show(self, step: int, batch: Batch, predicted: Tensor) -> None:
        """A batch and what the network made of it. Raises OutputError."""
        rows = [
            _row(f"step {step}", batch.rgb[clip, -1], batch.disparity_100_per_m[clip, -1], predicted[clip, -1])
            for clip in range(min(_ROWS, len(batch.rgb)))
        ]  # fmt: skip
        path = self._samples_folder / f"step-{step:07d}.png"
        make_folder(path.parent)
        draw_contact_sheet(rows, path, _CELL_PX)
        board = self._opened_board(step)
        if board is not None:
            board.add_image("plate, truth, prediction", _joined(rows), step, dataformats="HWC")

    def close(self) -> None:
        """Write what TensorBoard has not written yet."""
        if self._board is not None:
            self._board.close()

    def _opened_board(self, step: int) -> SummaryWriter | None:
        """None where it is not installed. Not before a step was taken: of several ranks one alone says so."""
        if not self._opened:
            self._opened = True
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                self._report({"note": f"no curves in {self._board_folder}: {_MISSING}"})
                return None
            # what a run that was cut off had drawn beyond its last checkpoint is drawn anew
            self._board = SummaryWriter(str(self._board_folder), purge_step=step)
        return self._board


def _row(label: str, rgb: Tensor, truth: Tensor, predicted: Tensor) -> list[tuple[str, Picture]]:
    """Plate, truth and prediction of a frame, both depths on the scale of the truth."""
    plate: Picture = rgb.permute(1, 2, 0).float().cpu().numpy()
    known: NDArray[np.float32] = truth.float().cpu().numpy()
    known = np.where(known >= 0.0, known, np.nan)
    given: NDArray[np.float32] = predicted.float().cpu().numpy()
    low, high = scale_of(known)
    return [
        (label, plate),
        (f"truth, from {100.0 / high:.2g} m", coloured(known, low, high)),
        ("prediction", coloured(given, low, high)),
    ]


def _joined(rows: list[list[tuple[str, Picture]]]) -> Picture:
    """The cells of a sheet as one picture without its labels."""
    height = max(round(_CELL_PX * rows[0][0][1].shape[0] / rows[0][0][1].shape[1]), 1)
    cells = [[resized(picture, _CELL_PX, height) for _, picture in row] for row in rows]
    return np.concatenate([np.concatenate(row, axis=1) for row in cells]).clip(0.0, 1.0)
