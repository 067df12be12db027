"""The module `hou` itself: its nodes, its UI, its thread, what it interrupts."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from . import errors
from .hda import Hda, read_hda
from .images import ImageLayer
from .nodes import Node, TopNode
from .pdg import Graph


class Enum:
    """Values that are only themselves."""

    def __init__(self, *names: str) -> None:
        for name in names:
            setattr(self, name, f"{id(self)}.{name}")


class FakeHoudini:
    """One session. `module` is what `import hou` gives; `said` and `printed` are what a person would have seen."""

    def __init__(self, plugin: Path, *, ui: bool, variables: dict[str, str], folder: Path) -> None:
        self.ui, self.variables, self.frame = ui, variables, 1001
        self.main = threading.current_thread()
        self.said: list[str] = []
        self.files: list[str] = []
        self.operations: list[str] = []
        self.interrupt_when: Callable[[], bool] = lambda: False
        self.cooked: Node | None = None
        #: The last cook of work items.
        self.graph = Graph(folder)
        self._phm: list[Any] = []
        self.assets: dict[tuple[str, str], Hda] = {}
        for asset in sorted((plugin / "otls").glob("*.hda")):
            found = read_hda(asset)
            self.assets[found.table, found.operator] = found
        self.module = self._module()
        ImageLayer.storage = self.module.imageLayerStorageType
        self.root = Node(self, "obj", "obj", None, "Object")
        self.root.kind = "obj"

    # What a test does.

    def set(self, node: Node, name: str, value: Any) -> None:
        """As a person does in a panel."""
        parm = node.parm(name)
        assert parm is not None, name
        parm.set(value)
        parm.changed()

    def press(self, node: Node, name: str) -> None:
        parm = node.parm(name)
        assert parm is not None, name
        parm.pressButton()

    # What nodes ask.

    def check_thread(self, what: str) -> None:
        if threading.current_thread() is not self.main:
            raise errors.Refused(f"{what} on another thread than Houdini's")

    def expanded(self, text: str) -> str:
        """Variables as Houdini expands them; one that it has not becomes nothing."""

        def value(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            if frame := re.fullmatch(r"F(\d*)", name):
                return str(self.frame).zfill(int(frame[1] or 1))
            return self.variables.get(name, "")

        return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, text)

    def call_back(self, node: Node, code: str) -> None:
        assert node.hda is not None
        phm = ModuleType("phm")
        exec(node.hda.sections["PythonModule"], phm.__dict__)
        self._phm.append(phm)
        try:
            self.run_script(code, {"hou": self.module, "kwargs": {"node": node}})
        finally:
            self._phm.pop()

    def run_script(self, code: str, scope: dict[str, Any]) -> None:
        exec(compile(code, "<script>", "exec"), dict(scope))

    @contextlib.contextmanager
    def cooking(self, node: Node) -> Iterator[None]:
        before, self.cooked = self.cooked, node
        try:
            yield
        finally:
            self.cooked = before

    def cook_top(self, node: TopNode) -> None:
        self.graph.cook(node)

    # The module.

    def _module(self) -> ModuleType:
        module = ModuleType("hou")
        fake = self

        class InterruptableOperation:
            def __init__(self, operation_name: str, *, open_interrupt_dialog: bool = False) -> None:
                fake.check_thread("an operation begins")
                if open_interrupt_dialog and not fake.ui:
                    raise errors.Refused("a dialog without a UI")
                fake.operations.append(operation_name)

            def __enter__(self) -> InterruptableOperation:
                return self

            def __exit__(self, *_: object) -> None:
                return None

            def updateProgress(self, percentage: float = -1.0) -> None:
                fake.check_thread("progress is shown")
                if fake.interrupt_when():
                    raise errors.OperationInterrupted("Escape")

        module.__dict__.update(
            {kind.__name__: kind for kind in errors.OF_HOU},
            InterruptableOperation=InterruptableOperation,
            ImageLayer=ImageLayer,
            imageLayerStorageType=Enum("Float32", "Float16"),
            attribType=Enum("Point", "Prim"),
            numericData=Enum("Float32", "Float64"),
            exprLanguage=Enum("Hscript", "Python"),
            severityType=Enum("Error", "Message"),
            isUIAvailable=lambda: self.ui,
            applicationVersionString=lambda: "0.0 (the tests')",
            text=SimpleNamespace(expandString=lambda str: self.expanded(str)),  # noqa: A006
            ui=SimpleNamespace(displayMessage=self._message, selectFile=self._select),
            getenv=lambda name: self.variables.get(name),
            pwd=lambda: self.cooked,
            phm=lambda: self._phm[-1],
            node=self._node,
            setFrame=self._set_frame,
            frame=lambda: float(self.frame),
        )
        return module

    def _message(self, text: str, *, severity: Any = None, title: str | None = None) -> None:
        self.check_thread("a dialog")
        if not self.ui:
            raise errors.Refused(f"a dialog without a UI: {text}")
        self.said.append(text)

    def _select(self, *, title: str | None = None) -> str:
        self.check_thread("a dialog")
        if not self.ui:
            raise errors.Refused("a dialog without a UI")
        return self.files.pop(0)

    def _set_frame(self, frame: float) -> None:
        self.check_thread("the frame is set")
        self.frame = int(frame)

    def _node(self, path: str) -> Node | None:
        if path == "/obj":
            return self.root
        return self.root.node(path.removeprefix("/obj/")) if path.startswith("/obj/") else None
