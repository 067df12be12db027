"""Nodes are edited on the main thread, and the main thread must not ask itself to."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, Callable

import nuke

__all__ = ["has_screen", "later_on_main", "one_undo_step"]


def has_screen() -> bool:
    """Whether anybody is there to look and to click."""
    return bool(nuke.GUI)


def later_on_main(call: Callable[..., Any], *args: Any) -> None:
    """Do `call` on the main thread: now where this is it, or where there is no GUI, else when it has time."""
    if not has_screen() or threading.current_thread() is threading.main_thread():
        call(*args)
    else:
        nuke.executeInMainThread(call, args=args)


@contextlib.contextmanager
def one_undo_step(name: str) -> Iterator[None]:
    """What is done inside is undone by one Undo."""
    nuke.Undo.begin(name)
    try:
        yield
    finally:
        nuke.Undo.end()
