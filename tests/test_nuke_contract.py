"""The fake of Nuke is held to Nuke's published type stubs: what they lack is an assumption, and is listed as one."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_nuke import FakeNuke, knobs, nodes
from fake_nuke.module import ProgressTask
from nuke_kit import PLUGIN

_FOUND = importlib.util.find_spec("nuke-stubs")
pytestmark = pytest.mark.skipif(_FOUND is None, reason="types-nuke is not installed")

#: What is faked, by the stubs' name of it.
CLASSES = {
    "Node": nodes.Node,
    "Group": nodes.Group,
    "Root": nodes.Root,
    "FrameRange": nodes.FrameRange,
    "ProgressTask": ProgressTask,
    **{
        name: getattr(knobs, name)
        for name in vars(knobs)
        if name.endswith(("Knob", "_Knob")) and inspect.isclass(getattr(knobs, name))
    },
}
#: What a test asks of a fake, and no Nuke has.
OF_TESTS = {"add", "at", "checked"}
SOURCES = sorted(PLUGIN.rglob("*.py"))


def _stub_folder() -> Path:
    assert _FOUND is not None
    assert _FOUND.submodule_search_locations is not None
    return Path(next(iter(_FOUND.submodule_search_locations)))


def _bodies() -> Iterator[ast.stmt]:
    for path in sorted(_stub_folder().glob("*.pyi")):
        yield from ast.parse(path.read_text(encoding="utf-8")).body


STUBS = list(_bodies()) if _FOUND else []
FUNCTIONS: dict[str, list[ast.FunctionDef]] = {}
for _node in STUBS:
    if isinstance(_node, ast.FunctionDef):
        FUNCTIONS.setdefault(_node.name, []).append(_node)
STUB_CLASSES = {node.name: node for node in STUBS if isinstance(node, ast.ClassDef)}
VALUES = {
    node.target.id
    for node in STUBS
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
}


def _method(kind: str, name: str) -> list[ast.FunctionDef]:
    """The stub's own, or that of a class it is made from; several where it is overloaded."""
    body = STUB_CLASSES[kind]
    own = [n for n in body.body if isinstance(n, ast.FunctionDef) and n.name == name]
    if own:
        return own
    parents = [b.id for b in body.bases if isinstance(b, ast.Name)]
    return next((found for parent in parents if (found := _method(parent, name))), [])


def _takes(stub: ast.FunctionDef, call: Callable[..., object], *, bound: bool) -> bool:
    """Whether it can be called as the fake is: in number, and by name where the fake's may be given by name."""
    asked = list(inspect.signature(call).parameters.values())[bound:]
    listed = [a.arg for a in (*stub.args.posonlyargs, *stub.args.args)][bound:]
    if stub.args.vararg is not None:
        return True
    in_order = [(n, p.name) for n, p in enumerate(asked) if p.kind is p.POSITIONAL_OR_KEYWORD]
    by_name = {p.name for p in asked if p.kind is p.KEYWORD_ONLY}
    enough = len(asked) <= len(listed) and by_name <= set(listed)
    return enough and all(listed[n] == name for n, name in in_order)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_faked_method_is_nukes(kind: str) -> None:
    assert kind in STUB_CLASSES, f"Nuke has no class {kind}"
    for name, method in inspect.getmembers(CLASSES[kind], inspect.isfunction):
        if name.startswith("_") or name in OF_TESTS:
            continue
        stubs = _method(kind, name)
        assert stubs, f"Nuke's {kind} has no {name}"
        takes = any(_takes(stub, method, bound=True) for stub in stubs)
        assert takes, f"{kind}.{name}{inspect.signature(method)}"


def test_every_faked_function_is_nukes() -> None:
    module = FakeNuke(PLUGIN, gui=True).module
    for name, value in vars(module).items():
        if name.startswith("__"):
            continue
        assert name in FUNCTIONS or name in STUB_CLASSES or name in VALUES, f"Nuke has no {name}"
        if name in FUNCTIONS:
            takes = any(_takes(stub, value, bound=False) for stub in FUNCTIONS[name])
            assert takes, f"nuke.{name}{inspect.signature(value)}"


def test_what_the_plugin_asks_of_nuke_is_faked_and_so_held_to_the_stubs() -> None:
    module = FakeNuke(PLUGIN, gui=True).module
    asked = {name for path in SOURCES for name in _asked_of_nuke(path)}
    assert asked
    assert {name for name in asked if not hasattr(module, name)} == set()


def test_undo_and_menus_are_as_the_stubs_have_them() -> None:
    for name in ("begin", "end", "disable", "enable"):
        assert _method("Undo", name)
    assert _method("Menu", "addCommand")


def test_what_no_stub_knows_is_named_in_one_file_alone() -> None:
    """Knobs of Nuke's own nodes and their values are in `assumptions`; all else takes them from there."""
    of_nodes = {
        "origfirst",
        "origlast",
        "origset",
        "on_error",
        "frame_mode",
        "colorManagement",
        "OCIO_config",
    }
    of_nodes |= {
        "customOCIOConfigPath",
        "project_directory",
        "nearest frame",
        "start at",
        "checkerboard",
    }
    for path in SOURCES:
        text = {
            n.value
            for n in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(n, ast.Constant)
        }
        found = of_nodes & {value for value in text if isinstance(value, str)}
        assert (found == of_nodes) if path.name == "assumptions.py" else not found, path


def _asked_of_nuke(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "nuke"
        ):
            yield node.attr
