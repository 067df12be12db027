"""The scripts of the processor inside a TOP: its work items, and what each of them waits for.

A work item is a process of its own that asks the renderer's worker for one task of a plan. Why so, and not the
command `flashdepth task` itself: PDG shows how far an item is only if its process tells it through `pdgcmd`, which is
in Houdini's Python and not in the renderer's. And not a cook inside of Houdini: a render takes minutes, and Houdini's
libraries are not the renderer's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import hou
from flashdepth_host.errors import HostError

from . import assumptions as houdini_has
from .cook import REFUSED
from .loading import PLUGIN
from .parms import pattern_of, range_of, values_of
from .sequences import Sequence, grouped, plates_at
from .shots import Asked, Task, planned

__all__ = ["asked_of", "depend", "generate", "sequences_of"]

_SCRIPT = "run_task.py"


def generate(processor: Any, item_holder: Any, upstream_items: Iterable[Any]) -> None:
    """Add a work item for each task of each sequence. One that cannot be planned fails when it is cooked, by itself:
    the others are rendered. Raises `hou.NodeError` where nothing can be.
    """
    asset = processor.topNode().parent()
    try:
        asked, sequences = asked_of(asset), sequences_of(asset, upstream_items)
    except HostError as error:
        raise hou.NodeError(str(error)) from error
    for sequence in sequences:
        try:
            tasks = planned(sequence, asked)
        except HostError as error:
            _add_refused(item_holder, sequence, str(error))
            continue
        for task in tasks:
            _add(item_holder, sequence, task, asked)


def depend(dependency_holder: Any, internal_items: Iterable[Any]) -> None:
    """Let each item wait for those that its task needs."""
    items = {
        (item.stringAttribValue("plan"), item.stringAttribValue("task")): item
        for item in internal_items
        if item.hasAttrib("task")
    }
    for (plan, _), item in items.items():
        for needed in item.stringAttribArray("needs"):
            if needed:
                dependency_holder.addDependency(item, items[plan, needed])


def asked_of(asset: Any) -> Asked:
    """What a node asks for. Raises `Refusal`."""
    return Asked(
        values=values_of(asset),
        range=range_of(asset),
        edge_matte=bool(asset.evalParm("edge_matte")),
        missing=str(asset.parm("missing").evalAsString()),
    )


def sequences_of(asset: Any, upstream_items: Iterable[Any]) -> list[Sequence]:
    """Of the files of upstream items; of the node's own plates where it has none above it. Raises `Refusal`."""
    files = [
        (str(file.path), item)
        for item in upstream_items
        for file in item.outputFiles
        if str(file.tag).startswith("file")
    ]
    return grouped(files) if files else [plates_at(pattern_of(asset, "plates"))]


def _add(item_holder: Any, sequence: Sequence, task: Task, asked: Asked) -> None:
    item = item_holder.addWorkItem(name=_name(task.id), parent=sequence.owner, inProcess=False)
    item.setCommand(f'{houdini_has.PYTHON} "{_script()}" "{task.plan}" "{task.id}"')
    for name, text in (
        ("task", task.id),
        ("plan", task.plan),
        ("kind", task.kind),
        ("view", task.view),
        ("plates", sequence.plates.input),
        ("weights", str(asked.values["weights"])),
        ("convention", str(asked.values["convention"])),
    ):
        item.setStringAttrib(name, text)
    for index, needed in enumerate(task.needs or ("",)):
        item.setStringAttrib("needs", needed, index)
    if task.frames:
        item.setIntAttrib("first", task.frames[0])
        item.setIntAttrib("last", task.frames[-1])
    item.setFloatAttrib("near", float(asked.values["near"]))
    item.setFloatAttrib("far", float(asked.values["far"]))
    houdini_has.declare_outputs(item, list(task.outputs))


def _add_refused(item_holder: Any, sequence: Sequence, why: str) -> None:
    name = _name(f"refused_{sequence.plates.input.rpartition('/')[2]}")
    item = item_holder.addWorkItem(name=name, parent=sequence.owner, inProcess=False)
    item.setStringAttrib("plates", sequence.plates.input)
    item.addEnvironmentVar(REFUSED, why)
    item.setCommand(f'{houdini_has.PYTHON} "{_script()}"')


def _name(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_")


def _script() -> str:
    return (PLUGIN / _SCRIPT).as_posix()
