"""What is here, what is not, and whether it is what it should be."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from flashdepth_vfx.errors import WeightsError
from flashdepth_vfx.weights.fetching import where_to_put
from flashdepth_vfx.weights.folders import (
    file_sha256,
    find_file,
    read_record,
    sha256_of,
    weights_folders,
)
from flashdepth_vfx.weights.loading import load, locate
from flashdepth_vfx.weights.registry import ENTRIES, CommercialUse

__all__ = ["InventoryRow", "VerifyResult", "inventory", "path_of", "verify"]

Expected: TypeAlias = Literal["published", "as first fetched", "nothing to compare with"]


@dataclass(frozen=True)
class InventoryRow:
    """One line of the list of weights. `path` and `size_bytes` are None where the file is absent."""

    name: str
    present: bool
    architecture: str
    license: str
    commercial_use: CommercialUse
    base: str
    source: str
    path: str | None
    size_bytes: int | None
    notes: str


@dataclass(frozen=True)
class VerifyResult:
    """A file that is whole and loads.

    `expected` says what its hash was held against: the published one, the one that it had when it
    was fetched, or nothing.
    """

    name: str
    path: str
    architecture: str
    sha256: str
    size_bytes: int
    expected: Expected


def inventory(cache: Path | None = None) -> tuple[InventoryRow, ...]:
    """Every registered set of weights, and whether it is here. Opens no file."""
    folders = weights_folders() if cache is None else (cache,)
    rows = []
    for entry in ENTRIES.values():
        path = find_file(entry, folders)
        rows.append(
            InventoryRow(
                name=entry.name,
                present=path is not None,
                architecture=entry.architecture,
                license=entry.license,
                commercial_use=entry.commercial_use,
                base=entry.base,
                source=f"{entry.repository or 'this package'}: {entry.file}",
                path=None if path is None else str(path),
                size_bytes=entry.size_bytes if path is None else path.stat().st_size,
                notes=entry.notes,
            )
        )
    return tuple(rows)


def path_of(name_or_path: str | os.PathLike[str], *, cache: Path | None = None) -> Path:
    """Where the file is. Raises `WeightsError` that says where it should be."""
    entry, path = locate(name_or_path, cache=cache)
    if path is None:
        raise WeightsError(f"the weights '{entry.name}' are not here. {where_to_put(entry, cache)}")
    return path


def verify(name_or_path: str | os.PathLike[str], *, cache: Path | None = None) -> VerifyResult:
    """Read the file whole, hold its hash and its tensors against what they should be.

    Needs no consent: nothing is rendered. Raises `WeightsError` that says what is wrong.
    """
    import torch

    path = path_of(name_or_path, cache=cache)
    record = read_record(path)
    remembered = file_sha256(path)
    sha256 = sha256_of(path) if record else remembered
    if sha256 != remembered:
        raise WeightsError(f"{path}: damaged: its bytes changed, its size and time did not")
    loaded = load(name_or_path, accept=ENTRIES, cache=cache)
    for name, tensor in loaded.state_dict.items():
        if not bool(torch.isfinite(tensor).all()):
            raise WeightsError(f"{path}: {name} holds NaN or infinity")
    expected: Expected = "nothing to compare with"
    if loaded.entry.sha256:
        expected = "published"
    elif record and record.fetched_from:
        expected = "as first fetched"
    size_bytes = path.stat().st_size
    architecture = loaded.entry.architecture
    return VerifyResult(loaded.entry.name, str(path), architecture, sha256, size_bytes, expected)
