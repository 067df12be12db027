"""The Submit button: the node's shot as a job of the farm's engine, by the renderer's own command."""

from __future__ import annotations

from pathlib import Path

from flashdepth_host.errors import Refusal
from flashdepth_host.shot import output_of, request_of
from flashdepth_host.submit import submit_shot

import nuke

from . import assumptions as nuke_has
from .knobs import anchors_of, values_of
from .plates import connected_to, with_frames
from .reading import made_of, point_at
from .rendering import PLUGIN, frames_asked
from .saying import said
from .threads import has_screen, one_undo_step

__all__ = ["submit"]

#: Renders a comp to its plates on another machine, with the licence that `nuke -t` takes there.
PLATES_SCRIPT = "write_plates.py"
PLATES_LICENCE = "nuke_r"


@said
def submit(node: nuke.Group) -> None:
    """Write the job, and say where it is and how it is started."""
    told = _submitted(node)
    nuke.tprint(told)
    if has_screen():
        nuke.message(told)


def _submitted(node: nuke.Group) -> str:
    values, connected = values_of(node), connected_to(node)
    frames = frames_asked(node, connected)
    step: list[str] = []
    if connected.is_comp:
        connected = with_frames(connected, *frames)
        step = _plates_step(node, frames)
    request = request_of(values, connected.plates, frames, anchors_of(node, connected.offset))
    output = Path(output_of(values, connected.plates))
    folder = (
        str(values["job_dir"])
        or (output.parent / f"{output.name.split('.')[0]}_{values['engine']}").as_posix()
    )
    files = submit_shot(PLUGIN, request, values, folder, step, PLATES_LICENCE)
    # The node shows what the farm renders as it comes: Reload looks again.
    with one_undo_step("FlashDepth submit"):
        point_at(node, connected, values, made_of(connected, values))
    listed = "\n".join(files)
    engine = values["engine"]
    return f"The job for {engine} is written:\n{listed}\nIt is started as that engine's page in the manual says."


def _plates_step(node: nuke.Group, frames: tuple[int, int]) -> list[str]:
    """The command that renders the comp. Raises `Refusal` where a farm would render something else than is shown."""
    root = nuke.root()
    if not Path(root.name()).is_absolute():
        raise Refusal("save the script first: the farm renders the comp from it")
    if root.modified():
        raise Refusal(
            "the script has changes that are not saved: the farm would render the comp without them"
        )
    if root.proxy():
        raise Refusal(
            "the script is in proxy mode: turn it off and save; plates are rendered at full size"
        )
    script = str(PLUGIN / PLATES_SCRIPT)
    return [
        nuke.EXE_PATH,
        *nuke_has.PLATES_COMMAND,
        script,
        root.name(),
        node.fullName(),
        *map(str, frames),
    ]
