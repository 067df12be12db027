"""What the published code calls things: its configuration folders and keys, and the files of each frame."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flashdepth_vfx.errors import OutputExistsError, SettingsError
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.live.loop import LiveFrame
from flashdepth_vfx.live.published_module import require_published_module

__all__ = ["NumberedFiles", "PublishedConfig"]

#: Published folders of a configuration, and the weights that each was for.
_WEIGHTS = {"flashdepth": "full", "flashdepth-l": "l", "flashdepth-s": "s"}
_CHECKPOINT = re.compile(r"iter_(\d+)\.pth")


@dataclass(frozen=True)
class PublishedConfig:
    """A `config.yaml` of the published code: its folder, and what it says. Raises `SettingsError`."""

    file: Path
    values: dict[str, Any]

    @classmethod
    def read(cls, path: str | Path, overrides: Sequence[str] = ()) -> PublishedConfig:
        """The folder with a `config.yaml`, or the file; `overrides` as `eval.outfolder=output` go over it."""
        file = Path(path)
        file = file / "config.yaml" if file.is_dir() else file
        try:
            found = yaml.safe_load(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{file}: cannot be read ({error.strerror or error})") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SettingsError(f"{file}: is no YAML ({error})") from error
        if not isinstance(found, dict):
            raise SettingsError(f"{file}: is no configuration: it has no keys")
        for text in overrides:
            _set(found, text)
        for part in ("eval", "model"):
            if not isinstance(found.get(part) or {}, dict):
                raise SettingsError(f"{file}: is no configuration: its '{part}' has no keys in it")
        require_published_module(found, file)
        return cls(file, found)

    @property
    def folder(self) -> Path:
        """Where results and checkpoints lie."""
        return self.file.parent

    @property
    def name(self) -> str:
        """Of the folder: flashdepth, flashdepth-l, flashdepth-s."""
        return self.folder.resolve().name

    def of_eval(self, key: str, default: Any = None) -> Any:
        """What stands under `eval`; `default` where nothing does."""
        value = (self.values.get("eval") or {}).get(key)
        return default if value is None else value

    def weights(self) -> str:
        """A file, or a name: `load`, the folder's latest `iter_N.pth`, or the weights that the folder was for.

        Raises `SettingsError` where none are named.
        """
        load = self.values.get("load")
        if load and load is not True:
            return str(load)
        latest = max(self._checkpoints(), default=None)
        if latest is not None:
            return str(latest[1])
        named = _WEIGHTS.get(self.name)
        if named is None:
            raise SettingsError(
                f"{self.file}: names no weights: set load, put an iter_N.pth beside it, or call its folder "
                f"{', '.join(_WEIGHTS)}"
            )
        return named

    def step(self) -> int:
        """How long the weights were trained, by their file's name; 0 where it does not say."""
        match = _CHECKPOINT.fullmatch(Path(self.weights()).name)
        return int(match[1]) if match else 0

    def unused(self, used: Collection[str]) -> list[str]:
        """The keys that say nothing here: all but `load`, and those of `eval` that are `used`."""
        of_eval = [f"eval.{key}" for key in self.values.get("eval") or {} if key not in used]
        return [*(str(key) for key in self.values if key not in ("eval", "load")), *of_eval]

    def _checkpoints(self) -> list[tuple[int, Path]]:
        found = ((_CHECKPOINT.fullmatch(path.name), path) for path in self.folder.glob("iter_*"))
        return [(int(match[1]), path) for match, path in found if match]


class NumberedFiles:
    """A file of each frame, numbered from 0, called `name` with the number in it: `frame_{}.npy`.

    Raises `OutputExistsError` where such files are there already.
    """

    def __init__(
        self, folder: Path, name: str, encode: Callable[[LiveFrame], bytes | memoryview]
    ) -> None:
        if there := next(folder.glob(name.format("*")), None):
            raise OutputExistsError(there, "is there already; name another folder, or move it away")
        self._folder, self._name, self._encode = folder, name, encode

    def write(self, frame: LiveFrame) -> None:
        """One frame, whole or not at all. Raises `OutputError`."""
        path = self._folder / self._name.format(frame.number - 1)
        atomic_write_bytes(path, self._encode(frame))

    def close(self) -> None:
        """Every file is whole already."""


def _set(values: dict[str, Any], text: str) -> None:
    """`eval.outfolder=output` in `values`, as the published command line has it; '+' adds a key there."""
    key, equals, value = text.removeprefix("+").partition("=")
    names = key.split(".")
    if not equals or not all(names):
        raise SettingsError(f"'{text}': write it as KEY=VALUE, as eval.outfolder=output")
    for name in names[:-1]:
        inner = values.get(name)
        values[name] = values = dict(inner) if isinstance(inner, dict) else {}
    try:
        values[names[-1]] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise SettingsError(f"'{text}': its value is no YAML ({error})") from error
