"""Public names that load on first use: importing a package that has them imports nothing else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

__all__ = ["public_names"]


def public_names(
    package: str, home: Mapping[str, str], rooms: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package by that name, which lists its public names in `__all__`.

    `home` says which module of the package a name is in, `rooms` are modules that are public themselves. For any
    other name `__getattr__` raises `AttributeError`.
    """

    def load(name: str) -> Any:
        if name in rooms:
            return importlib.import_module(f"{package}.{name}")
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{home[name]}"), name)
        # from now on it is found without this
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return list(sys.modules[package].__all__)

    return load, listed
