"""`flashdepth`: finds the command, and turns however it ends into one line and an exit code.

Exit codes:

    0    done
    1    failed
    2    asked for something that cannot be
    75   try again later (no space left, another render has the frames, a plate did not come, nothing moved)
    143  interrupted after saving the state
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

import flashdepth_vfx

from .debug import Manner
from .streams import end_now, hold_standard_streams, say

__all__ = ["command_line", "main", "run"]

_COMMANDS = (
    "render",
    "decide",
    "convert",
    "stream",
    "legacy",
    "info",
    "report",
    "diff",
    "weights",
    "serve",
    "train",
    "evaluate",
    "bench",
    "plan",
    "task",
    "run",
    "submit",
    "nuke",
    "houdini",
)
#: What a shell says of a program that Ctrl-C ended.
_ENDED_BY_KEY = 130

_EXAMPLES = """\b
Examples:
  flashdepth render plate.####.exr -o depth/plate_depth.####.exr
  flashdepth info plate.####.exr
  flashdepth weights list

\b
Exit codes: 0 done, 1 failed, 2 usage, 75 try again, 143 interrupted after saving.
"""


class _Commands(click.Group):
    """Each command lives in a module of its own, imported when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f".{cmd_name}", __package__)
        command: click.Command = module.command
        return command


@click.group(
    cls=_Commands, epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(
    flashdepth_vfx.__version__, prog_name="flashdepth", message="%(prog)s %(version)s"
)
def command_line() -> None:
    """Plates in, float depth EXRs out, with a state that is carried from frame to frame."""


def run() -> NoReturn:
    """The console script."""
    hold_standard_streams()
    sys.exit(main())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (those of the process when None) and return its exit code."""
    manner = Manner()
    try:
        ended = command_line.main(
            None if arguments is None else list(arguments),
            prog_name="flashdepth",
            standalone_mode=False,
            obj=manner,
        )
    except (KeyboardInterrupt, click.Abort):
        say("interrupted")
        return _ENDED_BY_KEY
    except Exception as error:  # noqa: BLE001 - whatever it was, one line and an exit code
        if manner.debug:
            traceback.print_exception(error)
        text, code = _last_words(error)
        say(text)
        if isinstance(error, flashdepth_vfx.StallError):
            end_now(code)
        return code
    return ended if isinstance(ended, int) else 0


def _last_words(error: Exception) -> tuple[str, int]:
    """The one line, and the exit code."""
    match error:
        case click.UsageError():
            asked = error.ctx.command_path if error.ctx is not None else "flashdepth"
            said = error.format_message().rstrip(".")
            return f"error: {said} ({asked} --help lists the options)", 2
        case click.ClickException():
            return f"error: {error.format_message()}", error.exit_code
        case flashdepth_vfx.Interrupted():
            return f"interrupted: {error}", error.exit_code
        case flashdepth_vfx.FlashDepthError():
            return f"error: {error}", error.exit_code
    return (
        f"error: unexpected {type(error).__name__}: {error}; this is a defect: run again with "
        f"--debug, and send what it prints with the command line",
        1,
    )
