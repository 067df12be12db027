"""Putting a plugin where a host looks for it, and taking it away again. Nothing is put anywhere unasked."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from .errors import Refusal
from .finding import SETTINGS_FILE

__all__ = ["MARK", "install", "uninstall"]

#: What is in a folder that was installed: no other folder is ever taken away.
MARK = ".flashdepth_plugin"
#: As plugins import what both hosts share.
_SHARED = "flashdepth_host"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")


def install(plugin: Path, into: Path, command: Sequence[str], *, link: bool = False) -> Path:
    """Put a copy of `plugin`, or links to its files, into the folder `into`, with what both hosts share beside it and
    `command` in its settings. Made anew where it was installed before. Returns `into`.

    Raises `Refusal` for a folder that holds something else, or that cannot be written.
    """
    if into.exists() and any(into.iterdir()) and not (into / MARK).is_file():
        raise Refusal(
            f"{into}: holds something else than this plugin; name an empty folder, or one to be made"
        )
    beside = into.with_name(f".{into.name}.{os.getpid()}.new")
    try:
        beside.mkdir(parents=True)
        for part in sorted(plugin.iterdir()):
            if part.name != "__pycache__":
                _put(part, beside / part.name, link=link)
        _put(Path(__file__).resolve().parent, beside / _SHARED, link=link)
        settled = json.dumps({"command": list(command)}, indent=2)
        (beside / SETTINGS_FILE).write_text(settled + "\n", encoding="utf-8")
        (beside / MARK).write_text(
            "Made by flashdepth; taken away by its uninstall.\n", encoding="utf-8"
        )
        _take_away(into)
        beside.rename(into)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise Refusal(f"cannot be written ({error.strerror or error})") from error
    return into


def uninstall(into: Path) -> None:
    """Take an installed plugin away. Raises `Refusal` for a folder that is none."""
    if not (into / MARK).is_file():
        raise Refusal(f"no plugin was installed there (it has no {MARK})")
    try:
        _take_away(into)
    except OSError as error:
        raise Refusal(f"cannot be taken away ({error.strerror or error})") from error


def _put(source: Path, target: Path, *, link: bool) -> None:
    if link:
        target.symlink_to(source.resolve(), target_is_directory=source.is_dir())
    elif source.is_dir():
        shutil.copytree(source, target, ignore=_LEFT_OUT)
    else:
        shutil.copy2(source, target)


def _take_away(into: Path) -> None:
    if into.is_dir():
        shutil.rmtree(into)
