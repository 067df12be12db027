"""What is measured by the paper's protocol, as plain values. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.evaluation.job import Model, check_models
from flashdepth_vfx.evaluation.published.paper import Scale
from flashdepth_vfx.training.datasets.names import DATASETS, TESTED_ON

__all__ = ["PublishedJob", "published_sets"]

#: What `flashdepth evaluate --fetch` leaves: a folder with any of it is ours.
_OUR_FOLDERS = ("levels", "photos", "films")


@dataclass(frozen=True, kw_only=True)
class PublishedJob:
    """Models on published sets in `data`. With `output`, report.json and report.txt go there.

    `scale` is how large a picture they see: `base`, `2k`, or None for what each model has in the paper: 2k for one
    with a teacher, base for all others. `scenes` and `frames` are the most that are looked at, None all: fewer is no
    figure to compare. Raises `SettingsError`.
    """

    models: tuple[Model, ...]
    data: Path
    sets: tuple[str, ...]
    output: Path | None = None
    scale: Scale | None = None
    scenes: int | None = None
    frames: int | None = None
    device: str = "cpu"
    accept_license: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_models(self.models)
        unknown = [name for name in self.sets if name not in DATASETS]
        if unknown or not self.sets:
            known = ", ".join(DATASETS)
            raise SettingsError(f"data sets {', '.join(unknown) or 'none'}: known are {known}")
        for field in ("scenes", "frames"):
            most = getattr(self, field)
            if most is not None and most < 1:
                raise SettingsError(f"{field} {most}: at least 1")


def published_sets(data: Path) -> tuple[str, ...]:
    """Those of the paper's test sets that lie in a folder; none where it is what `--fetch` filled."""
    if any((data / name).is_dir() for name in _OUR_FOLDERS):
        return ()
    from flashdepth_vfx.training.datasets.catalogue import find_datasets

    return tuple(name for name in find_datasets(data) if name in TESTED_ON)
