"""What takes longer than a blink is done on a thread beside, so that Escape stops it and Houdini stays alive."""

from __future__ import annotations

import threading
from typing import Any, Callable

import hou
from flashdepth_host.errors import RenderCancelled

__all__ = ["wait_for"]

_LOOK_SECONDS = 0.1


def wait_for(name: str, work: Callable[[Callable[[], bool]], Any]) -> Any:
    """What comes of `work`, which is given a function that says whether to stop. Raises what it raises, and
    `RenderCancelled` where Escape was pressed.
    """
    stop = threading.Event()
    outcome: list[Any] = []
    error: list[BaseException] = []

    def do() -> None:
        try:
            outcome.append(work(stop.is_set))
        except BaseException as raised:  # noqa: BLE001 - it is raised where it is waited for
            error.append(raised)

    thread = threading.Thread(target=do, name=f"flashdepth {name}", daemon=True)
    try:
        with hou.InterruptableOperation(
            name, open_interrupt_dialog=bool(hou.isUIAvailable())
        ) as operation:
            thread.start()
            while thread.is_alive():
                thread.join(_LOOK_SECONDS)
                operation.updateProgress()
    except hou.OperationInterrupted:
        stop.set()
        raise RenderCancelled(f"{name}: stopped") from None
    if error:
        raise error[0]
    return outcome[0]
