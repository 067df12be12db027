"""Weights by name or by path, ready for a network: found, consented to, hashed, read, held strict."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from flashdepth_vfx.errors import WeightsError
from flashdepth_vfx.weights.architecture import config_in, fit, guess_preset, is_per_frame
from flashdepth_vfx.weights.fetching import require_published, where_to_put
from flashdepth_vfx.weights.folders import file_sha256, find_file, weights_folders
from flashdepth_vfx.weights.license import require_license
from flashdepth_vfx.weights.reading import SUFFIXES, read_tensors
from flashdepth_vfx.weights.registry import ENTRIES, CommercialUse, WeightsEntry, find_entry

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LoadedWeights", "load", "locate"]

_OWN_LICENSE = "unknown (your own file)"


@dataclass(frozen=True)
class LoadedWeights:
    """Weights, ready for `load_state_dict`. `config` is a `ModelConfig` as plain values.

    `state_dict` is float32, and may be a view of the file: it is as lasting as the file is.
    """

    entry: WeightsEntry
    path: Path
    sha256: str
    config: dict[str, Any]
    state_dict: dict[str, Tensor]


def load(
    name_or_path: str | os.PathLike[str],
    *,
    accept: Collection[str] = (),
    cache: Path | None = None,
) -> LoadedWeights:
    """Read weights by their registered name, or from a file of the user's own.

    `accept` are names whose licence was accepted; `cache` stands in for `weights_folders()`. Raises
    `LicenseError` before any tensor is read, `WeightsError`: unknown, absent, changed, damaged, of
    another architecture.
    """
    entry, path = locate(name_or_path, cache=cache)
    # whoever names a file of their own has it, and knows its terms
    if entry.name in ENTRIES:
        require_license(entry, accept)
    if path is None:
        raise WeightsError(f"the weights '{entry.name}' are not here. {where_to_put(entry, cache)}")
    sha256 = file_sha256(path)
    require_published(entry, path, sha256)
    return _read(entry, path, sha256)


def locate(
    name_or_path: str | os.PathLike[str], *, cache: Path | None = None
) -> tuple[WeightsEntry, Path | None]:
    """What `name_or_path` means: its entry, and its file if it is here.

    A path to a file that is called as a published one stands under the published one's terms,
    unless its hash says that it is another. Raises `WeightsError`: no such name, no such file.
    """
    text = os.fspath(name_or_path)
    path = Path(text).expanduser()
    if text in ENTRIES or (path.suffix not in SUFFIXES and len(path.parts) == 1):
        entry = find_entry(text)
        return entry, find_file(entry, weights_folders() if cache is None else (cache,))
    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    namesakes = (e for e in ENTRIES.values() if e.repository and Path(e.file).name == path.name)
    for entry in namesakes:
        if entry.sha256 in (None, file_sha256(path)):
            return entry, path
    own = WeightsEntry(
        name=path.name,
        architecture="",
        repository=None,
        file=str(path),
        license=_OWN_LICENSE,
        commercial_use="not stated",
        base="",
    )
    return own, path


def _read(entry: WeightsEntry, path: Path, sha256: str) -> LoadedWeights:
    from flashdepth_vfx.model import ModelConfig

    content = read_tensors(path)
    tensors = content.tensors
    config = config_in(str(path), content.metadata)
    if config is None:
        config = ModelConfig.preset(entry.architecture or guess_preset(tensors))
    if entry.name not in ENTRIES:
        # a network that was made without one is whole, and its disparity as good as any
        lacking = config.temporal.kind != "none" and is_per_frame(tensors)
        entry = replace(entry, architecture=config.name, per_frame=lacking)
    if entry.repository is None:
        entry = _as_the_file_says(entry, content.metadata)
    state_dict = fit(str(path), config, tensors, per_frame=entry.per_frame)
    return LoadedWeights(entry, path, sha256, config.to_dict(), state_dict)


def _as_the_file_says(entry: WeightsEntry, said: Mapping[str, str]) -> WeightsEntry:
    """The working size, and the terms of a file that nobody has registered."""
    side = said.get("default_long_side_px", "")
    if side.isdecimal():
        entry = replace(entry, default_long_side_px=int(side))
    if entry.name in ENTRIES:
        return entry
    uses: dict[str, CommercialUse] = {use: use for use in get_args(CommercialUse)}
    return replace(
        entry,
        license=said.get("license", entry.license),
        commercial_use=uses.get(said.get("commercial_use", ""), entry.commercial_use),
        base=said.get("base", entry.base),
        notes=said.get("notes", entry.notes),
    )
