"""A training as a configuration file (TOML): every key known, every value checked, every path the reader's own.

    network = "s"                # a preset of the model
    checkpoint = "stage1-s.pt"
    encoder = "depth_anything_v2_vits.pth"
    [data]                       # SetsSettings
    root = "sets"                # a folder of data sets
    [data.strides]               # which sets take turns
    mvs-synth = 1
    [train]                      # TrainSettings
    [train.optimizer]            # OptimizerSettings
    [train.loss]                 # LossWeights

Relative paths are relative to the file that they stand in. `key=value` goes over a file, as `train.steps=100`.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from flashdepth_vfx.errors import SettingsError, UsageError
from flashdepth_vfx.model import ModelConfig
from flashdepth_vfx.training.datasets import DATASETS
from flashdepth_vfx.training.losses import LossWeights
from flashdepth_vfx.training.paper.sets import SetOfStage, SetsSettings
from flashdepth_vfx.training.run import StageJob
from flashdepth_vfx.training.settings import OptimizerSettings, TrainSettings

__all__ = ["RANDOM", "SHIPPED", "read_config", "shipped_text"]

RANDOM = "random"
"""What `encoder` says where a network begins from nothing."""

_FOLDER = Path(__file__).parents[2] / "data" / "paper"
SHIPPED = ("stage1-s", "stage1-l", "stage2-full")
"""The paper's stages, by the names that `read_config` takes in place of a file."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class _Top:
    """The keys of the file itself, and of [data] what says where sets lie."""

    network: str
    checkpoint: Path
    encoder: str | None = None
    start: Path | None = None
    teacher: Path | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class _Places:
    strides: dict[str, int]
    root: Path | None = None
    roots: dict[str, Path] = dataclasses.field(default_factory=dict)


def shipped_text(name: str) -> str:
    """The file of one of `SHIPPED`, to begin one's own from. Raises UsageError for another name."""
    if name not in SHIPPED:
        raise UsageError(f"no configuration is called '{name}'; there are: {', '.join(SHIPPED)}")
    return (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def read_config(config: str, changes: Sequence[str] = ()) -> StageJob:
    """The job of a file, or of one of `SHIPPED`, with `changes` ("key=value") over it.

    Raises SettingsError for a key that nobody knows (it names the nearest), a value of another kind and one that is
    missing; UsageError for a file that is not there.
    """
    table = _read(config)
    for change in changes:
        _put(table, change)
    told = dict(table)
    data, train = _table(told, "data"), _table(told, "train")
    places = _built(_Places, _taken(data, _names(_Places)), config, "data", _names(SetsSettings))
    # a name that nobody knows is told before one that is missing
    settings = _settings(config, places, data, train)
    top = _built(_Top, told, config, "")
    if top.encoder is None and top.start is None:
        raise SettingsError(
            f"{config}: it does not say what to begin from: give encoder=FILE, encoder={RANDOM} or start=FILE"
        )
    return StageJob(
        checkpoint=top.checkpoint,
        settings=settings,
        preset=ModelConfig.preset(top.network),
        encoder=None if top.encoder in (None, RANDOM) else Path(str(top.encoder)),
        start=top.start,
        teacher=top.teacher,
        roots=_roots(config, places),
        device=top.device,
    )


def _settings(
    config: str, places: _Places, data: dict[str, Any], train: dict[str, Any]
) -> TrainSettings:
    """Of the parts [data], without its places, and [train]."""
    sets = tuple(SetOfStage(name, stride) for name, stride in places.strides.items())
    loss, optimizer = _table(train, "train.loss"), _table(train, "train.optimizer")
    parts = {
        "data": _built(SetsSettings, data, config, "data", _names(_Places), {"sets": sets}),
        "loss": _built(LossWeights, loss, config, "train.loss"),
        "optimizer": _built(OptimizerSettings, optimizer, config, "train.optimizer"),
    }
    return _built(TrainSettings, train, config, "train", given=parts)


def _read(config: str) -> dict[str, Any]:
    if config in SHIPPED:
        return tomllib.loads(shipped_text(config))
    path = Path(config)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        known = ", ".join(SHIPPED)
        raise UsageError(
            f"{config}: {problem.strerror}; give a file, or one of {known}"
        ) from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{config}: not TOML: {problem}") from problem
    _resolve(table, path.parent)
    return table


def _resolve(table: dict[str, Any], folder: Path) -> None:
    """The paths of a file, in place."""
    data = table.get("data")
    rooted = data if isinstance(data, dict) else {}
    roots = rooted.get("roots")
    inner = roots if isinstance(roots, dict) else {}
    of_top = ("checkpoint", "encoder", "start", "teacher")
    for part, names in ((table, of_top), (rooted, ("root",)), (inner, tuple(inner))):
        for name in names:
            if isinstance(part.get(name), str) and part[name] != RANDOM:
                part[name] = str(folder / part[name])


def _put(table: dict[str, Any], change: str) -> None:
    """`a.b=value` in place; the value as TOML, or else as it stands."""
    key, sign, text = change.partition("=")
    *way, last = key.split(".")
    if not sign or not last:
        raise SettingsError(f"'{change}': a change is written key=value, as train.steps=100")
    for name in way:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise SettingsError(f"'{change}': {name} holds a value, and no further keys")
    try:
        table[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        table[last] = text


def _table(table: dict[str, Any], way: str) -> dict[str, Any]:
    """The part under the last name of `way`, taken out; empty where there is none."""
    part = table.pop(way.rpartition(".")[2], {})
    if not isinstance(part, dict):
        raise SettingsError(f"{way} is {part!r}; it is a part of the file, written [{way}]")
    return dict(part)


def _taken(table: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: table.pop(name) for name in list(table) if name in names}


def _names(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def _built(
    kind: type[_T],
    table: Mapping[str, Any],
    config: str,
    where: str,
    beside: set[str] | frozenset[str] = frozenset(),
    given: Mapping[str, Any] | None = None,
) -> _T:
    """A dataclass of a part of the file. `given` are fields that the file does not say, `beside` other known keys."""
    given = given or {}
    dots = f"{where}." if where else ""
    fields = {f.name: f for f in dataclasses.fields(kind) if f.name not in given}  # type: ignore[arg-type]
    for name in table:
        _require_known(name, {*fields, *beside}, config, where)
    hints = get_type_hints(kind)
    values = {
        name: _value(value, hints[name], config, dots + name) for name, value in table.items()
    }
    for name, field in fields.items():
        unsaid = field.default is field.default_factory is dataclasses.MISSING
        if name in values or not unsaid:
            continue
        if type(None) not in get_args(hints[name]):
            raise SettingsError(f"{config}: {dots}{name} is missing; give {dots}{name}=VALUE")
        values[name] = None
    return kind(**values, **given)


def _value(value: Any, hint: Any, config: str, name: str) -> Any:
    try:
        return msgspec.convert(value, hint, dec_hook=lambda kind, v: kind(v))
    except (msgspec.ValidationError, TypeError) as problem:
        raise SettingsError(f"{config}: {name} cannot be {value!r}: {problem}") from problem


def _roots(config: str, places: _Places) -> dict[str, Path]:
    """Where each set lies: at its own place, or below the one for all."""
    for name in places.strides:
        _require_known(name, DATASETS, config, "data.strides")
    for name in places.roots:
        _require_known(name, places.strides, config, "data.roots")
    roots = {}
    for name in places.strides:
        root = places.roots.get(name, places.root)
        if root is None:
            raise SettingsError(f"{config}: where {name} lies is missing; give data.root=FOLDER")
        roots[name] = root
    return roots


def _require_known(name: str, known: Collection[str], config: str, where: str) -> None:
    if name not in known:
        dots = f"{where}." if where else ""
        close = difflib.get_close_matches(name, sorted(known), 1, 0.0) or ["none"]
        raise SettingsError(f"{config}: nobody knows {dots}{name}; the nearest is {dots}{close[0]}")
