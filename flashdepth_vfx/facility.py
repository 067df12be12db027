"""What a site, a show and a shot have settled: files of defaults that inherit, and the weights that may be used.

    extends = "../site.toml"         # read first; this file goes over it
    [settings]                       # as in a job: every field of RenderSettings
    colorspace = "ACEScg"
    [shot]                           # and of Shot
    start_frame = 1001
    [policy]
    weights = ["nano", "s"]          # no others are taken

Later files go over earlier ones, a job over all of them, and a command's options over the job. A policy only narrows.
"""

from __future__ import annotations

import copy
import dataclasses
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flashdepth_vfx.errors import SettingsError, UsageError
from flashdepth_vfx.job import RenderJob, Shot
from flashdepth_vfx.settings import RenderSettings

__all__ = ["Facility"]

_EXTENDS, _POLICY, _WEIGHTS = "extends", "policy", "weights"
#: The settings that name files, which are relative to the file that they stand in.
_FILES = ("ocio", "cuts", "matte_input")
_WORDS = ("auto", "none")
_ROOMS: Mapping[str, type] = {"settings": RenderSettings, "shot": Shot}
#: Of a job itself, what a facility may settle.
_OF_JOBS = ("stall_timeout_seconds", "wait_for_frames_seconds")


@dataclass(frozen=True)
class Facility:
    """`defaults` are parts of a job's JSON form; `weights` are the names that may be used, None for all. `told_by`
    is the file that says so.
    """

    defaults: Mapping[str, Any] = field(default_factory=dict)
    weights: frozenset[str] | None = None
    told_by: str = ""

    @classmethod
    def load(cls, paths: Iterable[Path]) -> Facility:
        """Read files in order, each after what it extends. Raises `SettingsError` that names file and field."""
        found = cls()
        for path in paths:
            for one, plain in _with_those_extended(path, ()):
                found = found._under(one, plain)
        return found

    def job_form(self, plain: Mapping[str, Any]) -> dict[str, Any]:
        """A job's JSON form with the defaults where it says nothing."""
        return _over(self.defaults, plain)

    def require(self, job: RenderJob) -> RenderJob:
        """The same job. Raises `SettingsError` where its weights are not among those allowed."""
        if self.weights is not None and job.settings.weights not in self.weights:
            allowed = ", ".join(sorted(self.weights)) or "none"
            raise SettingsError(
                f"weights {job.settings.weights} may not be used here: {self.told_by} allows {allowed}"
            )
        return job

    def _under(self, path: Path, plain: Mapping[str, Any]) -> Facility:
        """With what another file says over it."""
        policy = plain.get(_POLICY, {})
        weights, told_by = self.weights, self.told_by
        if _WEIGHTS in policy:
            named = frozenset(policy[_WEIGHTS])
            # A show cannot allow what its site does not.
            weights = named if weights is None else weights & named
            told_by = str(path)
        defaults = {key: value for key, value in plain.items() if key not in (_EXTENDS, _POLICY)}
        return Facility(_over(self.defaults, defaults), weights, told_by)


def _with_those_extended(
    path: Path, below: tuple[Path, ...]
) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """A file and what it says, after those that it goes over."""
    path = path.expanduser().absolute()
    if path in below:
        raise SettingsError(f"{path}: extends itself, by way of {below[-1]}")
    plain = _read(path)
    if _EXTENDS in plain:
        yield from _with_those_extended(path.parent / plain[_EXTENDS], (*below, path))
    yield path, plain


def _read(path: Path) -> dict[str, Any]:
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as wrong:
        raise SettingsError(f"{path}: is no TOML: {wrong}") from wrong
    _check(path, plain)
    for name in _FILES:
        value = plain.get("settings", {}).get(name)
        if value is not None and value not in _WORDS and "://" not in value:
            plain["settings"][name] = str(path.parent / Path(value).expanduser())
    return plain


def _check(path: Path, plain: Mapping[str, Any]) -> None:
    """Raise for what no job has: a misspelt field must not pass in silence."""
    known = {_EXTENDS, _POLICY, *_ROOMS, *_OF_JOBS}
    for key, value in plain.items():
        if key not in known:
            raise SettingsError(f"{path}: no field '{key}'; there are: {', '.join(sorted(known))}")
        if key in (*_ROOMS, _POLICY) and not isinstance(value, dict):
            raise SettingsError(f"{path}: '{key}' is a table: [{key}]")
    if not isinstance(plain.get(_EXTENDS, ""), str):
        raise SettingsError(f"{path}: extends names one file")
    policy = plain.get(_POLICY, {})
    names = policy.get(_WEIGHTS, [])
    if (
        set(policy) - {_WEIGHTS}
        or not isinstance(names, list)
        or not all(isinstance(n, str) for n in names)
    ):
        raise SettingsError(f"{path}: [policy] has weights alone, a list of names")
    for room, kind in _ROOMS.items():
        fields = {one.name for one in dataclasses.fields(kind)} - {"input"}
        for name in plain.get(room, {}):
            if name not in fields:
                raise SettingsError(f"{path}: no field '{name}' in [{room}]")
    try:
        form = {key: value for key, value in plain.items() if key not in (_EXTENDS, _POLICY)}
        RenderJob.from_dict(_over(form, {"shot": {"input": "plate.exr"}, "output": "depth.exr"}))
    except UsageError as wrong:
        raise SettingsError(f"{path}: {wrong}") from wrong


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`, table by table."""
    both = copy.deepcopy(dict(below))
    for key, value in above.items():
        inner = both.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            both[key] = _over(inner, value)
        else:
            both[key] = copy.deepcopy(value)
    return both
