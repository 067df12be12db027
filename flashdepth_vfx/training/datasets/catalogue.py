"""Which sets there are, and which of them lie in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flashdepth_vfx.errors import UsageError
from flashdepth_vfx.training.datasets.contract import VideoDepthDataset
from flashdepth_vfx.training.datasets.dynamic_replica import DynamicReplica
from flashdepth_vfx.training.datasets.eth3d import Eth3d
from flashdepth_vfx.training.datasets.folders import FolderDataset, folders_in
from flashdepth_vfx.training.datasets.mvs_synth import MvsSynth
from flashdepth_vfx.training.datasets.names import DATASETS, STUDIO
from flashdepth_vfx.training.datasets.pointodyssey import PointOdyssey
from flashdepth_vfx.training.datasets.sintel import Sintel
from flashdepth_vfx.training.datasets.spring import Spring
from flashdepth_vfx.training.datasets.tartanair import TartanAir
from flashdepth_vfx.training.datasets.unreal4k import UnrealStereo4K
from flashdepth_vfx.training.datasets.urbansyn import UrbanSyn
from flashdepth_vfx.training.datasets.waymo import Waymo

if TYPE_CHECKING:
    from flashdepth_vfx.training.studio.dataset import StudioRenders

__all__ = ["find_datasets", "open_dataset"]

_READERS: dict[str, type[FolderDataset]] = {
    reader.name: reader
    for reader in (
        *(MvsSynth, Spring, TartanAir, PointOdyssey, DynamicReplica),
        *(Eth3d, Sintel, Waymo, UnrealStereo4K, UrbanSyn),
    )
}


def open_dataset(
    name: str, root: Path, *, held_out: bool = False, cameras: bool = True
) -> VideoDepthDataset:
    """The set `name`, in `root` or in a folder of it.

    `held_out` opens the scenes that training never sees. Without `cameras` samples have none, and their files, some
    of which are large, are not read. Raises `UsageError` for a name that is none, and where the set is not there.
    """
    if name not in DATASETS:
        raise UsageError(f"there is no data set '{name}'; known are {', '.join(DATASETS)}")
    reader = _reader(name)
    for place in _places(root):
        folder = reader.find(place)
        if folder is not None:
            return reader(folder, held_out=held_out, cameras=cameras)
    raise UsageError(f"{root}: {name} is not in it, nor in a folder of it; see docs/datasets.md")


def find_datasets(root: Path) -> list[str]:
    """The names of the sets in `root` or its folders. Raises `UsageError` where there is no such folder."""
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder")
    places = list(_places(root))
    return [n for n in DATASETS if any(_reader(n).find(place) is not None for place in places)]


def _reader(name: str) -> type[FolderDataset] | type[StudioRenders]:
    if name != STUDIO:
        return _READERS[name]
    # it takes colour and torch, which the others need not wait for
    from flashdepth_vfx.training.studio.dataset import StudioRenders

    return StudioRenders


def _places(root: Path) -> Iterator[Path]:
    """Where a set may lie: the folder itself, and one deeper."""
    yield root
    yield from folders_in(root)
