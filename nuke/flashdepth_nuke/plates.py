"""What is connected to the node: a Read, which is used as it is, or a comp, which is rendered to plates first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from flashdepth_host.errors import Refusal
from flashdepth_host.paths import frames_there, numbered
from flashdepth_host.shot import Plates

import nuke

from . import assumptions as nuke_has
from .knobs import file_of, inside, script_folder, values_of

__all__ = ["Connected", "connected_to", "write_plates"]


@dataclass(frozen=True)
class Connected:
    """The plates, and how a script's frames are theirs: a file `f` is seen at `f + offset`. `read` is the Read, or
    None for a comp, whose state is `fingerprint`.
    """

    plates: Plates
    offset: int = 0
    read: nuke.Node | None = None
    fingerprint: str = ""

    @property
    def is_comp(self) -> bool:
        """Whether its plates have to be rendered."""
        return self.read is None


def connected_to(node: nuke.Group) -> Connected:
    """What the node's input is. Raises `Refusal` for none, or one that cannot be used, in words for the artist."""
    source = node.input(0)
    while source is not None and source.Class() == "Dot":
        source = source.input(0)
    if source is None:
        raise Refusal("nothing is connected: connect a plate, or any comp")
    if source.Class() == "Read" and _is_plain(source):
        return _from_read(source)
    return _from_comp(node, source)


def write_plates(node: nuke.Group, first: int, last: int) -> None:
    """Render the comp that is connected to its plates, frames of the script. Raises `Refusal`."""
    comp = connected_to(node)
    if not comp.is_comp:
        return
    if nuke.root().proxy():
        raise Refusal("the script is in proxy mode: turn it off; plates are rendered at full size")
    write = inside(node, "plate_write")
    # No step for Undo: a name that a render makes for itself is nothing that an artist did.
    nuke.Undo.disable()
    try:
        write["file"].setValue(comp.plates.input)
        write["disable"].setValue(False)
        nuke.execute(write, first, last, 1)
    except RuntimeError as error:
        raise Refusal(f"the comp cannot be rendered: {error}") from error
    finally:
        write["disable"].setValue(True)
        nuke.Undo.enable()
    absent = set(range(first, last + 1)) - set(frames_there(comp.plates.input))
    if absent:
        raise Refusal(f"frame {min(absent)} of the comp was not rendered to {comp.plates.input}")


def _is_plain(read: nuke.Node) -> bool:
    """Whether a Read shows files that the renderer can read, at frames that can be counted back."""
    suffix = Path(file_of(read, nuke_has.READ_FILE)).suffix.lower()
    return (
        suffix in nuke_has.STILLS | nuke_has.MOVIES
        and not read["disable"].value()
        and (
            read[nuke_has.READ_FRAME_MODE].value() != nuke_has.FRAME_EXPRESSION
            or not read[nuke_has.READ_FRAME].value().strip()
        )
    )


def _from_read(read: nuke.Node) -> Connected:
    """By its knobs: proxies have no say, and neither has the Read's own `proxy` file."""
    name = file_of(read, nuke_has.READ_FILE)
    first, last = int(read[nuke_has.READ_FIRST].value()), int(read[nuke_has.READ_LAST].value())
    mode, frame = read[nuke_has.READ_FRAME_MODE].value(), read[nuke_has.READ_FRAME].value()
    try:
        offset = nuke_has.offset_of(mode, frame, first)
    except ValueError:
        raise Refusal(f"{read.fullName()}: its frame, {mode} '{frame}', is no number") from None
    if not numbered(name) and Path(name).suffix.lower() not in nuke_has.MOVIES:
        first = last = 1
    colorspace, ocio = _color(read)
    views = ",".join(nuke.views()) if "%V" in name or "%v" in name else ""
    missing = nuke_has.HOLES[read[nuke_has.READ_ON_ERROR].value()]
    return Connected(Plates(name, first, last, colorspace, ocio, views, missing), offset, read)


def _from_comp(node: nuke.Group, source: nuke.Node) -> Connected:
    """Its plates lie beside the depth, in a folder of their own, in the colours that Nuke works in."""
    asked = str(values_of(node)["file"])
    if not asked:
        folder = script_folder()
        if not folder:
            raise Refusal(
                "save the script, or say in file where the depth goes: a comp has no folder"
            )
        asked = f"{folder}/depth/{node.name()}_depth_v001.####.exr"
    output = Path(asked)
    name = f"{output.name.split('.')[0]}_plate.####.exr"
    working, ocio = _working_space()
    found = source.frameRange()
    plates = Plates(
        (output.parent / "plates" / name).as_posix(),
        int(found.first()),
        int(found.last()),
        working,
        ocio,
    )
    fingerprint = " ".join(str(number) for number in source.opHashes())
    return Connected(plates, fingerprint=fingerprint)


def _color(read: nuke.Node) -> tuple[str, str]:
    """The colour space of a Read's files, and the OCIO config that has it; empty where the file itself says."""
    working, ocio = _working_space()
    if read[nuke_has.READ_RAW].value():
        return working, ocio
    named = nuke_has.colorspace_name(read[nuke_has.READ_COLORSPACE].value())
    if named == "default":
        return "", ocio
    if working == nuke_has.WORKING_OCIO:
        return named, ocio
    known = nuke_has.COLORSPACES.get(named.lower())
    if known is None:
        raise Refusal(
            f"{read.fullName()}: the renderer has no name for Nuke's colour space '{named}'; type one of its own into"
            " colour space, or use OCIO in the script's settings"
        )
    return known, ""


def _working_space() -> tuple[str, str]:
    """The space of pixels inside of Nuke, and the OCIO config that has it; empty for the renderer's own."""
    root = nuke.root()
    if root[nuke_has.ROOT_MANAGEMENT].value() != nuke_has.ROOT_OCIO:
        return nuke_has.WORKING_NUKE, ""
    if root[nuke_has.ROOT_CONFIG].value() != nuke_has.ROOT_CONFIG_IS_A_FILE:
        return nuke_has.WORKING_OCIO, ""
    return nuke_has.WORKING_OCIO, file_of(root, nuke_has.ROOT_CONFIG_FILE)


def with_frames(connected: Connected, first: int, last: int) -> Connected:
    """The same with other frames."""
    return replace(connected, plates=replace(connected.plates, first=first, last=last))
