"""Where the renderer is, and the environment that it is started with."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from .errors import WorkerMissing

__all__ = ["COMMAND_VARIABLE", "SETTINGS_FILE", "clean_environment", "find_command"]

#: Names the command, with arguments if need be; goes before all else.
COMMAND_VARIABLE = "FLASHDEPTH_COMMAND"
#: Lies beside an installed plugin: {"command": ["/show/tools/bin/flashdepth"]}.
SETTINGS_FILE = "flashdepth_host.json"

# A host puts its own libraries in front of everybody's: its Python, its Qt, its OpenColorIO, its libtorch.
_OF_THE_HOST = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PYTHONNOUSERSITE",
    "PYTHONEXECUTABLE",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "DYLD_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH",
    "DYLD_INSERT_LIBRARIES",
    "QT_PLUGIN_PATH",
    "QT_QPA_PLATFORM_PLUGIN_PATH",
)
#: What a facility wants back of them, as FLASHDEPTH_ENV_LD_LIBRARY_PATH=/show/driver/lib.
_GIVEN_BACK = "FLASHDEPTH_ENV_"


def find_command(beside: Path, environment: Mapping[str, str] | None = None) -> list[str]:
    """The renderer's command: by `$FLASHDEPTH_COMMAND`, by the file that an installation left in `beside`, by the
    virtual environment of a checkout, or by the path.

    Raises `WorkerMissing`, which says what to set.
    """
    environment = os.environ if environment is None else environment
    named = environment.get(COMMAND_VARIABLE, "").strip()
    if named:
        return _required(_words(named), f"${COMMAND_VARIABLE}")
    settled = beside / SETTINGS_FILE
    if settled.is_file():
        return _required(_settled(settled), str(settled))
    in_checkout = _in_checkout(beside)
    if in_checkout is not None:
        return [str(in_checkout)]
    on_path = shutil.which("flashdepth", path=environment.get("PATH"))
    if on_path is not None:
        return [on_path]
    raise WorkerMissing(
        f"flashdepth is not found: set {COMMAND_VARIABLE} to its command, as /show/tools/bin/flashdepth, "
        f"or install the plugin again with flashdepth itself, which leaves {SETTINGS_FILE} in {beside}"
    )


def clean_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without what is the host's own, and with what `FLASHDEPTH_ENV_NAME` gives back."""
    found = dict(os.environ if environment is None else environment)
    for name in _OF_THE_HOST:
        found.pop(name, None)
    for name in [name for name in found if name.startswith(_GIVEN_BACK)]:
        found[name[len(_GIVEN_BACK) :]] = found[name]
    return found


def _words(text: str) -> list[str]:
    """A command line as its words. One that is a file's name, with blanks or without, is that file."""
    if Path(text).is_file():
        return [text]
    # Backslashes are no escapes where they part folders.
    return shlex.split(text, posix=sys.platform != "win32")


def _settled(path: Path) -> list[str]:
    try:
        command = json.loads(path.read_text(encoding="utf-8"))["command"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkerMissing(f"{path} cannot be read ({error}): install the plugin again") from error
    if (
        not isinstance(command, list)
        or not command
        or not all(isinstance(word, str) for word in command)
    ):
        raise WorkerMissing(f"{path}: 'command' is no list of words: install the plugin again")
    return command


def _required(command: list[str], where: str) -> list[str]:
    program = shutil.which(command[0])
    if program is None:
        raise WorkerMissing(f"{where} names {command[0]}, which is not there or not executable")
    return [program, *command[1:]]


def _in_checkout(beside: Path) -> Path | None:
    """The command in a checkout's virtual environment, where `beside` is a folder of that checkout."""
    root = beside.resolve().parent
    if not (root / "flashdepth_vfx" / "host").is_dir():
        return None
    for name in ("bin/flashdepth", "Scripts/flashdepth.exe"):
        if (root / ".venv" / name).is_file():
            return root / ".venv" / name
    return None
