"""Which sets there are, and which of them lie in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flashdepth_vfx.errors import UsageError
from flashdepth_vfx.training.datasets.contract import VideoDepthDataset
from flashdepth_vfx.training.datasets.folders import FolderDataset, folders_in
from flashdepth_vfx.training.datasets.mvs_synth import MvsSynth

__all__ = ["DATASETS", "TESTED_ON", "TRAINED_ON", "find_datasets", "open_dataset"]

_READERS: dict[str, type[FolderDataset]] = {reader.name: reader for reader in (MvsSynth,)}

TRAINED_ON = ("mvs-synth", "spring", "tartanair", "pointodyssey", "dynamic-replica")
"""What the paper's models are trained on; the second stage on the first two alone."""

TESTED_ON = ("eth3d", "sintel", "waymo", "unreal4k", "urbansyn")
"""What the paper's tables are of."""

DATASETS = tuple(_READERS)
"""The names that `open_dataset` takes."""


def open_dataset(name: str, root: Path, *, held_out: bool = False) -> VideoDepthDataset:
    """The set `name`, in `root` or in a folder of it.

    `held_out` opens the scenes that training never sees. Raises `UsageError` for a name that is none, and where the
    set is not there.
    """
    if name not in _READERS:
        raise UsageError(f"there is no data set '{name}'; known are {', '.join(DATASETS)}")
    for place in _places(root):
        folder = _READERS[name].find(place)
        if folder is not None:
            return _READERS[name](folder, held_out=held_out)
    raise UsageError(f"{root}: {name} is not in it, nor in a folder of it; see docs/datasets.md")


def find_datasets(root: Path) -> list[str]:
    """The names of the sets in `root` or its folders. Raises `UsageError` where there is no such folder."""
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder")
    places = list(_places(root))
    return [n for n in DATASETS if any(_READERS[n].find(place) is not None for place in places)]


def _places(root: Path) -> Iterator[Path]:
    """Where a set may lie: the folder itself, and one deeper."""
    yield root
    yield from folders_in(root)
