"""What the parameters of the nodes call, each with Houdini's `kwargs`."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any, Callable, TypeVar

import hou
from flashdepth_host.doctor import examine
from flashdepth_host.errors import HostError, Refusal
from flashdepth_host.finding import clean_environment, find_command
from flashdepth_host.paths import version_up as next_version
from flashdepth_host.session import Session
from flashdepth_host.shot import output_of
from flashdepth_host.submit import submit_shot

from .items import asked_of, sequences_of
from .loading import PLUGIN
from .parms import pattern_of, with_preset
from .shots import request_for
from .waiting import wait_for

__all__ = ["doctor", "preset", "reload", "submit", "version_up", "weights"]

Button = TypeVar("Button", bound=Callable[..., Any])


def _said(button: Button) -> Button:
    """A button whose errors are said: in a dialog where somebody sees it, else as an error that ends a script."""

    @functools.wraps(button)
    def pressed(kwargs: dict[str, Any]) -> Any:
        try:
            return button(kwargs)
        except HostError as error:
            node = kwargs.get("node")
            text = f"{node.path()}: {error}" if node is not None else str(error)
            if not hou.isUIAvailable():
                raise hou.OperationFailed(text) from error
            hou.ui.displayMessage(text, severity=hou.severityType.Error, title="FlashDepth")

    return pressed  # type: ignore[return-value]


@_said
def doctor(kwargs: dict[str, Any]) -> None:
    """Look whether everything that a render needs is there, and say it."""
    node = kwargs.get("node")
    writes_to = (pattern_of(node, "file") if node is not None else "") or None

    def look(_stop: Callable[[], bool]) -> str:
        session = Session(lambda: (find_command(PLUGIN), clean_environment()))
        try:
            findings = examine(PLUGIN, session, writes_to=writes_to)
        finally:
            session.close()
        return "\n".join(map(str, findings))

    _tell(wait_for("FlashDepth doctor", look))


@_said
def submit(kwargs: dict[str, Any]) -> None:
    """Write the node's own plates as a job of the farm's engine, and say where it is."""
    node = kwargs["node"]
    if any(above is not None for above in node.inputs()):
        raise Refusal(
            "Submit is for the node's own plates: what comes from the node above is known when it is cooked."
            " Cook with the farm's scheduler, or give its tasks to the farm by the plans that a cook has written"
        )
    asked = asked_of(node)
    (sequence,) = sequences_of(node, ())
    request = request_for(sequence, asked)
    output = Path(output_of(asked.values, sequence.plates))
    engine = asked.values["engine"]
    folder = str(asked.values["job_dir"] or output.parent / f"{output.name.split('.')[0]}_{engine}")
    files = wait_for(
        "FlashDepth submit",
        lambda _stop: submit_shot(PLUGIN, request, asked.values, folder),
    )
    listed = "\n".join(files)
    _tell(
        f"{engine}: {len(files)} files\n{listed}\nHow it is started: the engine's page in the documentation"
    )


@_said
def version_up(kwargs: dict[str, Any]) -> None:
    """The next version in `file`."""
    node = kwargs["node"]
    # As it was typed: $F4 and $JOB stay what they are.
    parm = node.parm("file")
    named = parm.unexpandedString()
    if not named:
        (sequence,) = sequences_of(node, ())
        named = output_of(asked_of(node).values, sequence.plates)
    parm.set(next_version(named))


@_said
def preset(kwargs: dict[str, Any]) -> None:
    """Set what the preset sets."""
    with_preset(kwargs["node"], kwargs["node"].parm("preset").evalAsString())


def weights(kwargs: dict[str, Any]) -> None:
    """Say what the chosen weights may be used for."""
    with_preset(kwargs["node"], "")


def reload(kwargs: dict[str, Any]) -> None:
    """Look again at what is on disk."""
    for child in kwargs["node"].children():
        parm = child.parm("reload")
        if parm is not None:
            parm.pressButton()


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    if hou.isUIAvailable():
        hou.ui.displayMessage(text, title="FlashDepth")
