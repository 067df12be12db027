"""Opening an OCIO config, with the variables it depends on. A bad one is an error."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import PyOpenColorIO

from flashdepth_vfx.color.plan import ConfigOrigin
from flashdepth_vfx.errors import ColorError

__all__ = [
    "BUILT_IN",
    "OCIO_ERRORS",
    "OpenConfig",
    "context_values",
    "make_context",
    "open_config",
]

#: Pinned: "default" and "latest" name different configs in different OCIO releases.
BUILT_IN = "ocio://studio-config-v4.0.0_aces-v2.0_ocio-v2.5"
#: OCIO's own two; in Python neither is a subclass of the other.
OCIO_ERRORS = (PyOpenColorIO.Exception, PyOpenColorIO.ExceptionMissingFile)
_BUILT_IN_SCHEME = "ocio://"
# $NAME, ${NAME} and %NAME%, as OCIO's contexts write them
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?|%([A-Za-z_]\w*)%")


@dataclass(frozen=True)
class OpenConfig:
    """An OCIO config and where it came from. `uri` is an `ocio://` name or an absolute path."""

    config: Any
    uri: str
    name: str
    origin: ConfigOrigin

    @property
    def is_built_in(self) -> bool:
        """Whether OCIO itself carries the config, whoever named it."""
        return self.uri.startswith(_BUILT_IN_SCHEME)


def open_config(asked: str | os.PathLike[str] | None) -> OpenConfig:
    """The config asked for, else `$OCIO`, else the pinned built-in one.

    Raises `ColorError` when the one that is named cannot be read; it never goes on to the next.
    """
    if asked is not None:
        return _open(os.fspath(asked), "asked for")
    from_environment = os.environ.get("OCIO", "")
    if from_environment:
        return _open(from_environment, "$OCIO")
    return _open(BUILT_IN, "built in")


def _open(text: str, origin: ConfigOrigin) -> OpenConfig:
    if text.startswith(_BUILT_IN_SCHEME):
        uri = PyOpenColorIO.ResolveConfigPath(text)
        return OpenConfig(_built_in(uri, origin), uri, uri.removeprefix(_BUILT_IN_SCHEME), origin)
    path = Path(text).expanduser().absolute()
    if not path.is_file():
        raise ColorError(f"OCIO config {path} ({origin}): no such file")
    # OCIO keeps LUTs by path: a resident process would go on using one that was edited since
    PyOpenColorIO.ClearAllCaches()
    try:
        config = PyOpenColorIO.Config.CreateFromFile(str(path))
    except OCIO_ERRORS as error:
        raise ColorError(f"OCIO config {path} ({origin}): {error}") from error
    return OpenConfig(config, str(path), config.getName() or path.name, origin)


@lru_cache(maxsize=8)
def _built_in(uri: str, origin: ConfigOrigin) -> Any:
    try:
        return PyOpenColorIO.Config.CreateFromFile(uri)
    except OCIO_ERRORS as error:
        known = ", ".join(PyOpenColorIO.BuiltinConfigRegistry())
        raise ColorError(f"OCIO config {uri} ({origin}): {error} It has: {known}") from error


def context_values(
    opened: OpenConfig, given: Mapping[str, str] | None
) -> tuple[tuple[str, str], ...]:
    """The variables that the config mentions, with their values: `given`, else the environment's.

    Only those: an environment may hold secrets, and a plan is written to manifests.
    """
    text = "" if opened.is_built_in else opened.config.serialize()
    mentioned = {plain or percent for plain, percent in _VARIABLE.findall(text)}
    current = dict(opened.config.getCurrentContext().getStringVars())
    values = {name: current.get(name, "") for name in mentioned} | dict(given or {})
    return tuple(sorted((name, value) for name, value in values.items() if value))


def make_context(config: Any, values: tuple[tuple[str, str], ...]) -> Any:
    """The config's context with `values` put into it."""
    context = copy.deepcopy(config.getCurrentContext())
    for name, value in values:
        context[name] = value
    return context
