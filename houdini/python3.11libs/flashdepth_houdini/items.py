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
from .shots import Asked, planned
from .tasks import Task

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
    names = _Names()
    for sequence in sequences:
        try:
            tasks = planned(sequence, asked)
        except HostError as error:
            plates = sequence.plates.input.rpartition("/")[2]
            item = _added(item_holder, sequence, names.free(f"refused_{plates}"))
            item.addEnvironmentVar(REFUSED, str(error))
            item.setCommand(f'{houdini_has.PYTHON} "{_script()}"')
            continue
        for task in tasks:
            item = _added(item_holder, sequence, names.free(task.id))
            item.setCommand(f'{houdini_has.PYTHON} "{_script()}" "{task.plan}" "{task.id}"')
            _describe(item, task, asked)


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
    files = [(path, item) for item in upstream_items for path in houdini_has.files_of(item)]
    if files:
        return grouped(files)
    views = str(asset.parm("views").evalAsString())
    return [plates_at(pattern_of(asset, "plates"), views)]


class _Names:
    """Names of items: plates of two shots may be called alike."""

    def __init__(self) -> None:
        self._count: dict[str, int] = {}

    def free(self, text: str) -> str:
        name = re.sub(r"\W+", "_", text).strip("_")
        self._count[name] = self._count.get(name, 0) + 1
        return name if self._count[name] == 1 else f"{name}_{self._count[name]}"


def _added(item_holder: Any, sequence: Sequence, name: str) -> Any:
    item = item_holder.addWorkItem(name=name, parent=sequence.owner, inProcess=False)
    item.setStringAttrib("plates", sequence.plates.input)
    return item


def _describe(item: Any, task: Task, asked: Asked) -> None:
    for name, text in (
        ("task", task.id),
        ("plan", task.plan),
        ("kind", task.kind),
        ("view", task.view),
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


def _script() -> str:
    return (PLUGIN / _SCRIPT).as_posix()
