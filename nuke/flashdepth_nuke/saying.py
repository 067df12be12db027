"""What goes wrong is said to the person at the screen, and ends a script where there is none."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from flashdepth_host.errors import HostError

import nuke

from .threads import has_screen

__all__ = ["said", "say"]

Button = TypeVar("Button", bound=Callable[..., Any])


def say(node: nuke.Group, error: HostError) -> None:
    """In a message, and in the node's panel. Raises `RuntimeError` without a GUI: a message nobody sees is lost."""
    if not has_screen():
        raise RuntimeError(f"{node.fullName()}: {error}") from error
    node["status"].setValue(str(error).partition("\n")[0])
    nuke.message(f"{node.name()}: {error}")


def said(button: Button) -> Button:
    """A button whose errors are said."""

    @functools.wraps(button)
    def pressed(node: nuke.Group, *args: Any, **kwargs: Any) -> Any:
        try:
            return button(node, *args, **kwargs)
        except HostError as error:
            say(node, error)

    return pressed  # type: ignore[return-value]
