"""What a work item's process does: one task of a plan, with its progress told to PDG."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flashdepth_host.client import Worker
from flashdepth_host.errors import HostError, RenderCancelled, RenderFailed
from flashdepth_host.finding import clean_environment, find_command

from . import assumptions as houdini_has
from .loading import PLUGIN
from .tasks import made_by

__all__ = ["REFUSED", "main"]

#: Set by the node in place of a task: why there is none.
REFUSED = "FLASHDEPTH_REFUSED"
_USAGE, _FAILED, _CANCELLED = 2, 1, 143


def main(arguments: Sequence[str]) -> int:
    """Do the task ID of the plan FILE; the exit code is the renderer's."""
    telling = Telling()
    refused = os.environ.get(REFUSED)
    if refused:
        return telling.fail(refused, _USAGE)
    if len(arguments) != 2:
        return telling.fail("usage: run_task.py PLAN ID", _USAGE)
    stop = threading.Event()
    # A scheduler that cancels asks before it kills. A worker whose client was killed ends by itself, and saves.
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    plan, task = arguments
    try:
        _do(plan, task, telling, stop)
    except RenderCancelled as error:
        return telling.fail(str(error), _CANCELLED)
    except RenderFailed as error:
        return telling.fail(str(error), error.exit_code)
    except HostError as error:
        return telling.fail(str(error), _FAILED)
    return 0


def _do(plan: str, task: str, telling: Telling, stop: threading.Event) -> None:
    try:
        known = json.loads(Path(plan).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RenderFailed("PlanError", f"{plan}: cannot be read ({error})", _FAILED) from error
    worker = Worker(find_command(PLUGIN), clean_environment())
    try:
        request = {"type": "task", "id": "1", "plan": known, "task": task}
        telling.done(worker.ask(request, telling.tell, stop.is_set), made_by(known, task))
    finally:
        worker.close()


class Telling:
    """Lines for the item's log; what a scheduler can show goes to it as well, if there is one."""

    def __init__(self) -> None:
        self._pdgcmd = _pdgcmd()

    def tell(self, message: dict[str, Any]) -> None:
        """A message of the worker."""
        text = str(message.get("text", "")).strip()
        if text:
            _say(sys.stdout, text)
        if message.get("steps_total"):
            self._show(
                houdini_has.show_percent,
                100.0 * message.get("steps_done", 0) / message["steps_total"],
            )
            self._show(houdini_has.show_state, text.rpartition("\n")[2])

    def done(self, result: Any, files: list[str]) -> None:
        """What came of the task, and the files that the node could not name."""
        if files:
            self._show(houdini_has.add_files, files)
        self._show(houdini_has.show_percent, 100.0)
        _say(sys.stdout, json.dumps(result))

    def fail(self, text: str, code: int) -> int:
        """The renderer's own line, the last in the log. Returns the exit code."""
        self._show(houdini_has.show_state, text.partition("\n")[0])
        _say(sys.stderr, f"error: {text}")
        return code

    def _show(self, show: Any, what: Any) -> None:
        if self._pdgcmd is None:
            return
        try:
            show(self._pdgcmd, what)
        except Exception as error:  # noqa: BLE001 - a scheduler that cannot be told must not stop a render
            _say(sys.stderr, f"progress is shown no longer: {error}")
            self._pdgcmd = None


def _pdgcmd() -> Any:
    """Houdini's module that talks to the scheduler; None where no scheduler started this."""
    folder = os.environ.get(houdini_has.SCRIPTS_VARIABLE)
    if not folder:
        return None
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("pdgcmd")
    except ImportError as error:
        _say(sys.stderr, f"progress is not shown: {error}")
        return None


def _say(stream: Any, text: str) -> None:
    stream.write(f"{text}\n")
    stream.flush()
