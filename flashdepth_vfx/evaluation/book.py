"""What an evaluation has measured so far: numbers only, however many clips it has seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from flashdepth_vfx.evaluation.contestants import Contestant
from flashdepth_vfx.evaluation.job import EvaluationJob
from flashdepth_vfx.evaluation.report import Measures, Report, Row, Speed, Unrest
from flashdepth_vfx.evaluation.sheet import draw_sheet
from flashdepth_vfx.evaluation.steady import Drift
from flashdepth_vfx.version import VERSION

__all__ = ["Book"]


@dataclass
class Book:
    """One evaluation on its way. `tell` hears lines that are kept, `show` what is being measured."""

    job: EvaluationJob
    contestants: Sequence[Contestant]
    tell: Callable[[str], None]
    show: Callable[[str], None]
    sets: dict[str, str] = field(default_factory=dict)
    films: list[Unrest] = field(default_factory=list)
    speeds: list[Speed] = field(default_factory=list)
    drift: Drift | None = None
    skipped: list[str] = field(default_factory=list)
    _measured: dict[tuple[str, str, int | None], dict[str, Measures]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def add(
        self, set_: str, model: str, clip: str, measures: Measures, size: int | None = None
    ) -> None:
        """A clip's measures; `size` is the long side asked for, where sizes are compared."""
        self._measured[set_, model, size][clip] = measures

    def skip(self, what: str, error: Exception) -> None:
        """Something that was asked for is not measured, and everybody hears of it."""
        line = f"{what}: {error}"
        self.skipped.append(line)
        self.tell(f"not measured: {line}")

    def draw(self, set_: str, clip: str, rgb: Tensor, model: str, disparity: Tensor) -> None:
        """The sheet of a model on a clip."""
        name = f"{clip}_{model}" if set_ == clip else f"{set_}_{clip}_{model}"
        draw_sheet(f"{clip} {model}", rgb, disparity, self.job.output / "sheets" / f"{name}.png")

    def rows(self, sized: bool) -> tuple[Row, ...]:
        """Of the sets, or of the comparison of sizes."""
        return tuple(
            Row(set_, model, dict(clips), size)
            for (set_, model, size), clips in self._measured.items()
            if (size is not None) == sized
        )

    def report(self, seconds: float) -> Report:
        """What there is, as a value."""
        job, first = self.job, self.contestants[0]
        sizes = self.rows(sized=True)
        if sizes:
            models = {contestant.model.name for contestant in self.contestants}
            among = {row.set for row in sizes}
            # every table has the baselines
            rows = self.rows(sized=False)
            sizes = (*(r for r in rows if r.set in among and r.model not in models), *sizes)
        return Report(
            first=first.model.name,
            models=tuple(contestant.facts for contestant in self.contestants),
            sets=dict(self.sets),
            rows=self.rows(sized=False),
            sizes=sizes,
            films=tuple(self.films),
            speeds=tuple(self.speeds),
            drift_percent=self.drift.percent if self.drift else None,
            drift_medians=self.drift.medians if self.drift else {},
            per_frame=job.per_frame,
            seeds=job.seeds,
            hybrid=job.hybrid,
            skipped=tuple(self.skipped),
            device=first.network.device.name,
            kernels=first.network.device.kernels,
            version=VERSION,
            seconds=seconds,
        )
