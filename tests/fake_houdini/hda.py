"""A digital asset as an expanded folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .dialog import Dialog, read_dialog

_NEEDED = {"DialogScript", "CreateScript", "TypePropertiesOptions", "PythonModule", "OnCreated"}


@dataclass
class Hda:
    """One operator. `sections` are its texts by name."""

    table: str
    operator: str
    label: str
    max_inputs: int
    sections: dict[str, str]
    dialog: Dialog


def read_hda(folder: Path) -> Hda:
    """The one operator in a folder. Raises `ValueError` for a folder that Houdini could not take."""
    listed = _listed(folder)
    if listed.pop("INDEX__SECTION", None) != "INDEX_SECTION" or "houdini.hdalibrary" not in listed:
        raise ValueError(f"{folder}: its Sections.list lacks what makes it a library")
    del listed["houdini.hdalibrary"]
    ((inner, full),) = listed.items()
    index = _index(folder)
    table, operator = full.split("/")
    encoded = f"{table}_1{operator.replace('_', '__')}"
    if inner != encoded:
        raise ValueError(f"{folder}: {full} is in {inner}, and should be in {encoded}")
    path = f"oplib:/{full}?{full}"
    if (index["Operator"], index["Table"], index["Path"]) != (operator, table, path):
        raise ValueError(f"{folder}: INDEX__SECTION is about another operator than {full}")
    sections = {
        name: (folder / inner / file).read_text(encoding="utf-8")
        for file, name in _listed(folder / inner).items()
    }
    if lacking := _NEEDED - set(sections):
        raise ValueError(f"{folder}: lacks {', '.join(sorted(lacking))}")
    dialog = read_dialog(sections["DialogScript"])
    if dialog.name != operator:
        raise ValueError(f"{folder}: DialogScript is about {dialog.name}")
    if index["Python"] != "false" or index["Subnet"] != "true":
        raise ValueError(f"{folder}: is no subnet")
    inputs = int(index["Inputs"].rpartition(" ")[2])
    return Hda(table, operator, index["Label"], inputs, sections, dialog)


def _listed(folder: Path) -> dict[str, str]:
    """Sections.list: files and what they are; what is listed is there, and what is there is listed."""
    first, *lines = (folder / "Sections.list").read_text(encoding="utf-8").splitlines()
    if first != '""':
        raise ValueError(f"{folder}/Sections.list: begins with {first}")
    listed = dict(line.split("\t") for line in lines)
    there = {path.name for path in folder.iterdir()} - {"Sections.list"}
    if there != set(listed):
        raise ValueError(f"{folder}: has {sorted(there)}, and lists {sorted(listed)}")
    return listed


def _index(folder: Path) -> dict[str, str]:
    text = (folder / "INDEX__SECTION").read_text(encoding="utf-8")
    if not text.endswith("\n\n"):
        raise ValueError(f"{folder}/INDEX__SECTION: has no empty line at its end")
    return {
        name: value.strip() for name, _, value in (line.partition(":") for line in text.split("\n"))
    }
