"""The module `nuke` itself: its functions, its threads, its Undo, its menus."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from .gizmo import Gizmo, UserKnob, read_gizmo
from .knobs import USER_KNOBS, Enumeration_Knob, Knob, Script_Knob
from .nodes import Group, Node, Root
from .pictures import picture_of, write_pictures

_TAB = 20


class Refused(AssertionError):
    """What would hang or break a real Nuke."""


class ProgressTask:
    """The bar of one task: closed when nothing holds it."""

    def __init__(self, name: str) -> None:
        self.name, self.progress, self.message = name, 0, ""
        FakeNuke.bars.append(self)

    def setProgress(self, i: int) -> None:
        if not isinstance(i, int) or not 0 <= i <= 100:
            raise TypeError(f"progress {i!r}: a whole number from 0 to 100")
        self.progress = i

    def setMessage(self, s: str) -> None:
        if not isinstance(s, str):
            raise TypeError(f"message {s!r}: no text")
        self.message = s

    def isCancelled(self) -> bool:
        return FakeNuke.cancel_when(self)


class FakeNuke:
    """One session. `module` is what `import nuke` gives; `said` and `printed` are what a person would have seen."""

    bars: list[ProgressTask] = []  # noqa: RUF012 - of the session that runs
    cancel_when: Callable[[ProgressTask], bool] = staticmethod(lambda task: False)

    def __init__(self, plugin: Path, *, gui: bool) -> None:
        type(self).bars, type(self).cancel_when = [], staticmethod(lambda task: False)
        self.plugin, self.gui = plugin, gui
        self.main = threading.current_thread()
        self.tcl: dict[str, str] = {}
        self.said: list[str] = []
        self.printed: list[str] = []
        self.answers: list[bool] = []
        self.undo_steps: list[str] = []
        self.menus: dict[str, str] = {}
        self.labels: list[Callable[[], str | None]] = []
        self.changes: list[Callable[[], None]] = []
        self.frame = 1
        self.view_names = ["main"]
        self.root = Root(self)
        self.nodes: dict[str, Node] = {}
        self._this: list[tuple[Node, Knob | None]] = []
        self._calls: queue.Queue[tuple[Callable[..., Any], tuple[Any, ...]]] = queue.Queue()
        self._group: str | None = None
        self._disabled = 0
        self.module = self._module()

    # What a test does.

    def create(self, kind: str, name: str, *above: Node, **knobs: Any) -> Any:
        """A node in the script, connected, with its knobs set."""
        node = self._gizmo(name) if kind == "FlashDepth" else Node(self, kind, name)
        self.nodes[name] = node
        node._inputs = list(above)
        for knob, value in knobs.items():
            node[knob]._value = node[knob].checked(value)
        return node

    def press(self, node: Node, button: str) -> None:
        node[button].execute()

    def pump(self, until: Callable[[], bool], seconds: float = 60.0) -> None:
        """Be the main thread's loop until then."""
        import time

        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                raise TimeoutError("the main thread waited for nothing")
            with contextlib.suppress(queue.Empty):
                call, args = self._calls.get(timeout=0.02)
                call(*args)

    def label_of(self, node: Node) -> str | None:
        with self.this(node):
            return next((said for label in self.labels if (said := label()) is not None), None)

    def set(self, node: Node, knob: str, value: Any) -> None:
        """As a person does in a panel."""
        node[knob]._value = node[knob].checked(value)
        with self.this(node, node[knob]):
            for call in self.changes:
                call()

    @contextlib.contextmanager
    def this(self, node: Node, knob: Knob | None = None) -> Iterator[None]:
        self._this.append((node, knob))
        try:
            yield
        finally:
            self._this.pop()

    # What nodes and knobs ask.

    def edit(self, what: str) -> None:
        if threading.current_thread() is not self.main:
            raise Refused(f"{what} is edited from another thread than the main one")
        if not self._disabled and self._group is None:
            self.undo_steps.append(what)

    def edit_of_panel(self) -> None:
        if threading.current_thread() is not self.main:
            raise Refused("a panel is edited from another thread than the main one")

    # The module.

    def _module(self) -> ModuleType:
        module = ModuleType("nuke")
        module.__dict__.update(
            GUI=self.gui,
            EXE_PATH="Nuke",
            Node=Node,
            Group=Group,
            Knob=Knob,
            XY_Knob=USER_KNOBS[12],
            File_Knob=USER_KNOBS[2],
            Script_Knob=Script_Knob,
            ProgressTask=self._progress,
            Undo=SimpleNamespace(
                begin=self._undo_begin,
                end=self._undo_end,
                disable=self._undo_off,
                enable=self._undo_on,
            ),
            nodes=SimpleNamespace(
                Read=lambda **knobs: self._made("Read", knobs),
                Copy=lambda **knobs: self._made("Copy", knobs),
            ),
            root=lambda: self.root,
            views=lambda: list(self.view_names),
            frame=self._frame,
            sample=lambda node, channel, x, y: picture_of(node, self.frame).at(channel, x, y),
            createNode=self._create_node,
            NUKE_VERSION_STRING="a fake",
            tprint=lambda text, /: self.printed.append(text),
            message=self._message,
            ask=self._ask,
            execute=self._execute,
            executeInMainThread=self._in_main,
            thisNode=lambda: self._this[-1][0],
            thisKnob=lambda: self._this[-1][1],
            toNode=lambda s: self.nodes.get(s),
            scriptOpen=self._open,
            addAutolabel=lambda call, *, nodeClass: self.labels.append(call),
            addKnobChanged=lambda call, *, nodeClass: self.changes.append(call),
            menu=self._menu,
        )
        return module

    def _progress(self, name: str) -> ProgressTask:
        if not self.gui:
            raise Refused("a progress bar without a GUI")
        return ProgressTask(name)

    def _undo_begin(self, name: str) -> None:
        self.edit_of_panel()
        if self._group is not None:
            raise Refused(f"'{name}' begins inside of '{self._group}'")
        self._group = name

    def _undo_end(self) -> None:
        assert self._group is not None
        self.undo_steps.append(self._group)
        self._group = None

    def _undo_off(self) -> None:
        self._disabled += 1

    def _undo_on(self) -> None:
        self._disabled -= 1
        assert self._disabled >= 0

    def _frame(self, f: int | None = None) -> int:
        self.frame = self.frame if f is None else f
        return self.frame

    def _create_node(self, typ: str, *, inpanel: bool) -> Node:
        return self._made(typ, {})

    def _made(self, kind: str, knobs: dict[str, Any]) -> Node:
        self.edit(f"new {kind}")
        name = f"{kind}{sum(n.Class() == kind for n in self.nodes.values()) + 1}"
        return self.create(kind, name, **knobs)

    def _message(self, prompt: str) -> None:
        if not self.gui:
            raise Refused(f"a dialog without a GUI: {prompt}")
        self.said.append(prompt)

    def _ask(self, prompt: str) -> bool:
        self._message(prompt)
        return self.answers.pop(0)

    def _execute(self, nameOrNode: Node, start: int, end: int, incr: int) -> None:
        if threading.current_thread() is not self.main:
            raise Refused("nodes are executed on the main thread")
        if nameOrNode["disable"].value():
            raise RuntimeError(f"{nameOrNode.name()} is disabled")
        write_pictures(nameOrNode, start, end, incr)

    def _in_main(self, call: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if threading.current_thread() is self.main:
            raise Refused("executeInMainThread from the main thread: Nuke hangs")
        if not isinstance(args, tuple):
            raise TypeError(f"args {args!r}: no tuple")
        self._calls.put((call, args))

    def _open(self, filename: str) -> None:
        if filename != self.root.path:
            raise RuntimeError(f"{filename}: no such script")

    def _menu(self, name: str) -> Any:
        if not self.gui:
            raise Refused("a menu without a GUI")
        return SimpleNamespace(
            addCommand=lambda path, script: self.menus.update({f"{name}/{path}": script})
        )

    def _gizmo(self, name: str) -> Group:
        """The node, from the gizmo's own text."""
        text = read_gizmo(self.plugin / "FlashDepth.gizmo")
        group = Group(self, text.kind, name)
        for user in text.user_knobs:
            if user.kind != _TAB:
                group.add(_user_knob(group, user, text))
        for inner, found in text.inside.items():
            node = Node(self, found.kind, inner, group)
            group.inside[inner] = node
            for knob, value in found.knobs.items():
                if knob not in ("xpos", "ypos"):
                    node[knob]._value = node[knob].checked(_typed(node[knob], value))
        for inner, found in text.inside.items():
            group.inside[inner]._inputs = [group.inside[one] for one in found.inputs]
        group.inside["Input"].input = group.input  # type: ignore[method-assign]
        return group


def _user_knob(node: Group, user: UserKnob, text: Gizmo) -> Knob:
    given = text.knobs.get(user.name)
    if user.choices:
        return Enumeration_Knob(node, user.name, user.choices, given)
    knob = USER_KNOBS[user.kind](node, user.name)
    if user.text:
        knob._value = user.text
    elif given is not None:
        knob._value = knob.checked(_typed(knob, given))
    return knob


def _typed(knob: Knob, text: str) -> Any:
    """A knob's value in a script, as its kind has it."""
    if isinstance(knob.default, bool):
        return {"true": True, "false": False}[text]
    return type(knob.default)(text) if isinstance(knob.default, int | float) else text
