"""The Render button, and what stops it. In the GUI a thread talks to the worker; without one this thread does."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flashdepth_host.errors import HostError, Refusal, RenderCancelled, RenderFailed
from flashdepth_host.finding import clean_environment, find_command
from flashdepth_host.paths import frames_there
from flashdepth_host.paths import version_up as next_version
from flashdepth_host.session import Session
from flashdepth_host.shot import frames_of, output_of, request_of

import nuke

from .badge import show_status
from .knobs import anchors_of, values_of
from .plates import Connected, connected_to, with_frames, write_plates
from .reading import made_of, point_at, record_of
from .saying import said, say
from .threads import has_screen, later_on_main, one_undo_step

__all__ = ["PLUGIN", "SESSION", "cancel", "frames_asked", "render", "version_up"]

#: Where the plugin lies, and with it what an installation settled.
# Not resolved: where its files are links, its settings lie beside the links.
PLUGIN = Path(__file__).absolute().parent.parent
#: One worker for all nodes of this Nuke.
SESSION = Session(lambda: (find_command(PLUGIN), clean_environment()))


@dataclass
class _Render:
    """A render under way. `stop` is set by the Cancel button."""

    node: nuke.Group
    connected: Connected
    request: dict[str, Any]
    made_of: dict[str, Any]
    stop: threading.Event = field(default_factory=threading.Event)


_under_way: dict[str, _Render] = {}


@said
def render(node: nuke.Group, *, overwrite: bool = False) -> None:
    """Render what is not there. With a GUI it comes back at once; without, when all is there.

    Raises `RuntimeError` without a GUI; with one, whatever is wrong is said in a message.
    """
    asked = _asked(node, overwrite=overwrite)
    name = node.fullName()
    _under_way[name] = asked
    show_status(node, "starting the renderer")
    if has_screen():
        threading.Thread(
            target=_in_background, args=(name, asked), name=f"flashdepth {name}", daemon=True
        ).start()
    else:
        _without_screen(name, asked)


def cancel(node: nuke.Group) -> None:
    """Stop after the frame in hand. Nothing is lost."""
    asked = _under_way.get(node.fullName())
    if asked is not None:
        asked.stop.set()


@said
def version_up(node: nuke.Group) -> None:
    """The next version in `file`."""
    name = node["file"].value() or output_of(values_of(node), connected_to(node).plates)
    following = next_version(name)
    with one_undo_step("FlashDepth version up"):
        node["file"].setValue(following)


def frames_asked(node: nuke.Group, connected: Connected) -> tuple[int, int]:
    """The numbers of the files that the node's range asks for. Raises `Refusal`."""
    limited = node["use_limit"].value()
    ends = (
        [int(node[name].value()) - connected.offset for name in ("first", "last")]
        if limited
        else [None, None]
    )
    return frames_of(connected.plates, ends[0], ends[1], int(node["handles"].value()))


def _asked(node: nuke.Group, *, overwrite: bool) -> _Render:
    """All that the main thread must look at. Raises `HostError`."""
    if node.fullName() in _under_way:
        raise Refusal("it is being rendered: wait, or press Cancel")
    values, connected = values_of(node), connected_to(node)
    first, last = frames_asked(node, connected)
    if connected.is_comp:
        connected = with_frames(connected, first, last)
        # Depth of plates that are not what they were is depth of nothing.
        overwrite = _renew_plates(node, connected) or overwrite
    anchors = anchors_of(node, connected.offset)
    request = request_of(values, connected.plates, (first, last), anchors, overwrite=overwrite)
    return _Render(node, connected, request, made_of(connected, values))


def _renew_plates(node: nuke.Group, comp: Connected) -> bool:
    """Render the comp where its plates are not those of what is connected now. Whether older ones were replaced."""
    wanted = set(range(comp.plates.first, comp.plates.last + 1))
    there = wanted & set(frames_there(comp.plates.input))
    same = record_of(node).get("fingerprint") == comp.fingerprint
    if same and there == wanted:
        return False
    write_plates(node, comp.plates.first, comp.plates.last)
    return bool(there) and not same


def _in_background(name: str, asked: _Render) -> None:
    try:
        error = _followed(name, asked)
    finally:
        _under_way.pop(name, None)
    later_on_main(_ended, asked, error)


def _followed(name: str, asked: _Render) -> HostError | None:
    """Ask the worker, with a bar that shows how far it is; Nuke closes it when this function is over."""
    task = nuke.ProgressTask(f"FlashDepth: {name}")

    def tell(message: dict[str, Any]) -> None:
        line = _line_of(message)
        if line:
            task.setMessage(line)
        if message.get("steps_total"):
            task.setProgress(100 * message.get("steps_done", 0) // message["steps_total"])

    try:
        SESSION.ask(asked.request, tell, lambda: asked.stop.is_set() or bool(task.isCancelled()))
    except HostError as error:
        return error
    return None


def _without_screen(name: str, asked: _Render) -> None:
    try:
        SESSION.ask(asked.request, lambda message: _print(_line_of(message)), asked.stop.is_set)
    except HostError as error:
        raise RuntimeError(f"{name}: {error}") from error
    finally:
        _under_way.pop(name, None)
    _take_in(asked)


def _ended(asked: _Render, error: HostError | None) -> None:
    """On the main thread: what is there is read back, whether all was rendered or not."""
    try:
        asked.node.fullName()
    except ValueError:
        # The node was deleted meanwhile; its depth is on disk.
        return
    if isinstance(error, RenderFailed) and error.kind == "OutputExistsError":
        if nuke.ask(f"{error}\n\nReplace them? No keeps them: Version Up renders beside them."):
            render(asked.node, overwrite=True)
        return
    if error is None or isinstance(error, RenderCancelled):
        _take_in(asked)
    if isinstance(error, RenderCancelled):
        show_status(asked.node, "stopped; Render goes on from here")
    elif error is not None:
        say(asked.node, error)


def _take_in(asked: _Render) -> None:
    with one_undo_step("FlashDepth render"):
        point_at(asked.node, asked.connected, values_of(asked.node), asked.made_of)
    show_status(asked.node)


def _line_of(message: dict[str, Any]) -> str:
    """What a message says in one line: the header of a render is long, and its last line says how much there is."""
    return str(message.get("text", "")).strip().rpartition("\n")[2]


def _print(line: str) -> None:
    if line:
        nuke.tprint(f"FlashDepth: {line}")
