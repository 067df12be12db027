"""Nodes of every kind: `node` finds them, `createNode` makes them, and contents may be locked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import errors
from .geometry import Geometry, Matrix4
from .hda import Hda
from .images import ImageLayer, file_layer, snippet_layer
from .kinds import INSIDE, KINDS, MULTI, TABLE_OF
from .parms import Parm

if TYPE_CHECKING:
    from .session import FakeHoudini


class Node:
    """One node. `kind` is its operator; `hda` its definition, where it is a digital asset."""

    def __init__(
        self,
        session: FakeHoudini,
        kind: str,
        name: str,
        parent: Node | None,
        table: str = "",
        hda: Hda | None = None,
    ) -> None:
        self.session, self.kind, self.table, self.hda = session, kind, table, hda
        self._name, self._parent = name, parent
        self._children: dict[str, Node] = {}
        self._inputs: dict[int, Any] = {}
        self._parms: dict[str, Parm] = {}
        self._locked = hda is not None
        if hda is not None:
            self._add_parms_of(hda)
        for parm in KINDS.get(table, {}).get(kind, ()):
            self._add_parm(*parm)

    def name(self) -> str:
        return self._name

    def path(self) -> str:
        return "/" + self._name if self._parent is None else f"{self._parent.path()}/{self._name}"

    def parent(self) -> Node | None:
        return self._parent

    def children(self) -> tuple[Node, ...]:
        return tuple(self._children.values())

    def node(self, node_path: str) -> Node | None:
        first, _, rest = node_path.partition("/")
        found = self._children.get(first)
        return found.node(rest) if rest and found is not None else found

    def parm(self, parm_path: str) -> Parm | None:
        found = self._parms.get(parm_path)
        return found if found is not None else self._of_multiparm(parm_path)

    def evalParm(self, parm_path: str) -> Any:
        found = self.parm(parm_path)
        if found is None:
            raise errors.OperationFailed(f"{self.path()} has no parm {parm_path}")
        return found.eval()

    def setParms(self, parm_dict: dict[str, Any]) -> None:
        for name, value in parm_dict.items():
            parm = self.parm(name)
            if parm is None:
                raise errors.OperationFailed(f"{self.path()} has no parm {name}")
            parm.set(value)

    def inputs(self) -> tuple[Any, ...]:
        return tuple(self._inputs[n] for n in sorted(self._inputs))

    def setInput(self, input_index: int, item_to_become_input: Any, output_index: int = 0) -> None:
        self.check_may_edit("inputs")
        if output_index != 0:
            raise errors.OperationFailed(f"{self.path()}: an output that is not there")
        self._inputs[input_index] = item_to_become_input

    def indirectInputs(self) -> tuple[Any, ...]:
        return tuple(IndirectInput(self, n) for n in range(self.hda.max_inputs if self.hda else 4))

    def allowEditingOfContents(self) -> None:
        self.session.check_thread("contents are unlocked")
        self._locked = False

    def layoutChildren(self) -> None:
        self.check_children_may_be_edited()

    def errors(self) -> tuple[str, ...]:
        return ()

    def createNode(self, node_type_name: str, node_name: str | None = None) -> Any:
        self.check_children_may_be_edited()
        table = self.table if self.hda is not None else TABLE_OF.get(self.kind, "")
        hda = self.session.assets.get((table, node_type_name))
        if hda is None and node_type_name not in KINDS.get(table, {}):
            raise errors.OperationFailed(f"{self.path()}: invalid node type name {node_type_name}")
        name = node_name or f"{node_type_name}1"
        if name in self._children:
            raise errors.OperationFailed(f"{self.path()}: has a {name}")
        made = _CLASSES.get(table, Node)(self.session, node_type_name, name, self, table, hda)
        self._children[name] = made
        if hda is not None:
            for inner, kind in INSIDE[table].items():
                made._children[inner] = _CLASSES[table](self.session, kind, inner, made, table)
            self.session.run_script(hda.sections["OnCreated"], {"kwargs": {"node": made}})
        return made

    # What the rest of the fake asks.

    def check_may_edit(self, what: str) -> None:
        self.session.check_thread(f"{self.path()}: {what} is set")
        if self._parent is not None:
            self._parent.check_children_may_be_edited()

    def check_children_may_be_edited(self) -> None:
        if self._locked:
            raise errors.PermissionError(f"{self.path()}: its contents are locked")

    def input_node(self, index: int) -> Any:
        found = self._inputs.get(index)
        return found.behind() if isinstance(found, IndirectInput) else found

    def _add_parm(
        self, name: str, kind: str, menu: Any = None, default: Any = None, callback: str = ""
    ) -> None:
        self._parms[name] = Parm(self, name, kind, default, menu, callback)

    def _add_parms_of(self, hda: Hda) -> None:
        for text in hda.dialog.parms:
            names = (
                [text.name] if text.size == 1 else [f"{text.name}{n + 1}" for n in range(text.size)]
            )
            for name, default in zip(names, text.default, strict=True):
                given = default if default.startswith("=") else _typed(text.kind, default)
                callback = text.tags.get("script_callback", "")
                self._add_parm(name, text.kind, text.menu, given, callback)
        for name in hda.dialog.multiparms:
            self._add_parm(name, "integer")

    def _of_multiparm(self, name: str) -> Parm | None:
        """One of as many as its multiparm has."""
        many = dict(MULTI.get(self.kind, {})) if self.hda is None else {}
        if self.hda is not None:
            for counter, texts in self.hda.dialog.multiparms.items():
                many[counter] = [(one.name, one.kind, None) for one in texts]
        for counter, parms in many.items():
            for number in range(1, int(self._parms[counter].eval()) + 1):
                for pattern, kind, menu in parms:
                    if pattern.replace("#", str(number)) == name:
                        self._add_parm(name, kind, menu)
                        return self._parms[name]
        return None


class IndirectInput:
    """An input of a subnet, seen from its inside."""

    def __init__(self, subnet: Node, index: int) -> None:
        self._subnet, self._index = subnet, index

    def behind(self) -> Any:
        return self._subnet.input_node(self._index)


class ObjNode(Node):
    """An object; cameras have a place."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.matrix = Matrix4()

    def worldTransform(self) -> Matrix4:
        return self.matrix


class TopNode(Node):
    """Work items are made and cooked by what the test puts into the session."""

    def cookWorkItems(self, block: bool) -> None:
        if not block:
            raise errors.Refused("the fake cooks to the end")
        self.session.cook_top(self)


class CopNode(Node):
    """Layers come from files, from Python, and through the outputs of a subnet."""

    def layer(self, output_index: int = 0) -> ImageLayer | None:
        if self.hda is not None:
            source = self._children["outputs"].input_node(output_index)
            return source.layer() if source is not None else None
        if self.kind == "file":
            return file_layer(self)
        if self.kind == "pythonsnippet":
            return snippet_layer(self)
        return None


class SopNode(Node):
    """Its geometry is that of what is displayed inside of it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.flags: set[str] = set()
        self._geometry = Geometry(self.session)

    def setDisplayFlag(self, on: bool) -> None:
        self._flag("display", on)

    def setRenderFlag(self, on: bool) -> None:
        self._flag("render", on)

    def _flag(self, name: str, on: bool) -> None:
        self.check_may_edit(f"the {name} flag")
        (self.flags.add if on else self.flags.discard)(name)

    def geometry(self) -> Geometry:
        if self.hda is None:
            return self._geometry
        (shown,) = [child for child in self.children() if "display" in child.flags]
        with self.session.cooking(shown):
            self.session.run_script(shown.evalParm("python"), {"hou": self.session.module})
        return shown.geometry()


_CLASSES: dict[str, type[Node]] = {
    "Object": ObjNode,
    "Top": TopNode,
    "Cop": CopNode,
    "Sop": SopNode,
}


def _typed(kind: str, text: str) -> Any:
    if kind in ("integer", "toggle", "button"):
        return int(text)
    return float(text) if kind == "float" else text
