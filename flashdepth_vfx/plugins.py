"""The plugins for Nuke and Houdini: where they lie, and putting them where a host looks for them.

In a checkout they are the folders `nuke` and `houdini` beside this package; in a wheel they came along as data.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path

from flashdepth_vfx.errors import OutputError, UsageError
from flashdepth_vfx.host.doctor import Finding, examine
from flashdepth_vfx.host.errors import Refusal
from flashdepth_vfx.host.finding import clean_environment, find_command
from flashdepth_vfx.host.install import install, uninstall
from flashdepth_vfx.host.session import Session

__all__ = ["Host", "examine_plugin", "install_plugin", "plugin_folder", "uninstall_plugin"]

#: As setup.py calls the folders' place in a wheel.
_IN_WHEEL = "flashdepth_plugins"


class Host(StrEnum):
    """An application that has a plugin."""

    NUKE = "nuke"
    HOUDINI = "houdini"


def plugin_folder(host: Host) -> Path:
    """Where the plugin came with this package. Raises `UsageError` for an installation without it."""
    around = Path(__file__).resolve().parent.parent
    for place in (around / _IN_WHEEL / host, around / host):
        if place.is_dir():
            return place
    raise UsageError(
        f"the plugin for {host} did not come with this installation: install the wheel again"
    )


def install_plugin(host: Host, into: Path, *, link: bool = False) -> Path:
    """Put a copy, or links, into `into`, with this Python's renderer in its settings. Raises `OutputError`."""
    command = [sys.executable, "-m", "flashdepth_batch"]
    try:
        return install(plugin_folder(host), into.absolute(), command, link=link)
    except Refusal as error:
        raise OutputError(into, str(error)) from error


def uninstall_plugin(into: Path) -> None:
    """Take one away that was installed. Raises `OutputError` for a folder that is none."""
    try:
        uninstall(into.absolute())
    except Refusal as error:
        raise OutputError(into, str(error)) from error


def examine_plugin(host: Host, installed: Path | None = None) -> list[Finding]:
    """What the host's own doctor finds: of the plugin in `installed`, or of the one that came along."""
    folder = installed.absolute() if installed is not None else plugin_folder(host)
    session = Session(lambda: (find_command(folder), clean_environment()))
    try:
        return examine(folder, session, writes_to=None)
    finally:
        session.close()
