"""How long a frame and a start take, as `flashdepth bench -o FILE` measured it on some machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from flashdepth_vfx.errors import PlanError

__all__ = ["MeasuredTimes", "TimesRow"]

#: Of the codecs' work, what does not get faster with more cores: 1 core against 16 (benchmarks/speed_end_to_end.py).
_SERIAL = 0.086
#: Of what its slowest part allows, what a render reaches, by the same measurement.
_REACHED = 0.77
_FILES = ("decode", "prepare", "finish", "write")
_DRAWN = "random:"


@dataclass(frozen=True)
class TimesRow:
    """One network at one size. `network_ms` and `files_ms`, on one core, are of one frame; `start_seconds` are from
    nothing to the first depth.
    """

    weights: str
    plate_pixels: int
    network_pixels: int
    network_ms: float
    files_ms: float
    start_seconds: float
    memory_bytes: int
    device_memory_bytes: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> TimesRow:
        """From a row of the report. Raises `KeyError`, `TypeError` or `ValueError` for one that lacks something."""
        stages, fresh = row["stages"]["ms"], row["fresh"]
        return cls(
            weights=str(row["weights"]).removeprefix(_DRAWN),
            plate_pixels=_pixels(row["size"]),
            network_pixels=_pixels(row["network_size"]),
            network_ms=float(row["rate"]["network_ms"]),
            files_ms=sum(float(stages[name]) for name in _FILES),
            start_seconds=float(fresh["first_depth_s"]),
            memory_bytes=int(fresh["process_peak_bytes"]),
            device_memory_bytes=int(fresh["device_peak_bytes"] or 0),
        )


@dataclass(frozen=True)
class MeasuredTimes:
    """Rows, and the machine that they are of."""

    rows: tuple[TimesRow, ...]
    machine: str
    measured_at: str
    on_gpu: bool

    @classmethod
    def load(cls, path: Path | None = None) -> MeasuredTimes:
        """From a file of `flashdepth bench -o`, or what comes with the package. Raises `PlanError` that names it."""
        name = "the package's own times" if path is None else str(path)
        try:
            text = _own() if path is None else path.read_text(encoding="utf-8")
            plain = json.loads(text)
            machine = plain["machine"]
            gpus = machine["gpus"]
            rows = tuple(TimesRow.of(row) for row in plain["rows"])
        except OSError as error:
            raise PlanError(f"{path}: cannot be read ({error.strerror or error})") from error
        except (ValueError, KeyError, TypeError) as wrong:
            raise PlanError(
                f"{name}: are no times with stages, as flashdepth bench -o FILE leaves them ({wrong!r})"
            ) from wrong
        if not rows:
            raise PlanError(f"{name}: has no row; measure with flashdepth bench -o FILE")
        what = gpus[0] if gpus else f"{machine['processor']}, {machine['cores']} cores"
        return cls(rows, what, str(plain["measured_at"]), bool(gpus))

    def row(self, weights: str, network_pixels: int) -> TimesRow:
        """That of `weights` whose network is nearest in size. Raises `PlanError` where there is none."""
        alike = [
            row for row in self.rows if row.weights == Path(weights).name or row.weights == weights
        ]
        if not alike:
            known = ", ".join(dict.fromkeys(row.weights for row in self.rows))
            raise PlanError(
                f"no times of weights {weights}; there are: {known}. Measure with flashdepth bench --weights"
                f" {weights} -o FILE, and give --times FILE"
            )
        return min(alike, key=lambda row: abs(row.network_pixels - network_pixels))

    def frame_seconds(
        self, row: TimesRow, plate_pixels: int, network_pixels: int, cores: int
    ) -> float:
        """Of one frame in the middle of a shot: reading, network and writing overlap on a GPU, and take turns on a
        CPU, whose cores both want.
        """
        network = row.network_ms * network_pixels / row.network_pixels
        files = row.files_ms * plate_pixels / row.plate_pixels
        spread = files * (_SERIAL + (1 - _SERIAL) / cores)
        if self.on_gpu:
            return max(network, spread / _REACHED) / 1000
        return (network + spread) / 1000


def _own() -> str:
    return (resources.files("flashdepth_vfx") / "data" / "times.json").read_text(encoding="utf-8")


def _pixels(size: str | Sequence[int]) -> int:
    width, height = size.split("x") if isinstance(size, str) else size
    return int(width) * int(height)
