"""The fake of Houdini is held to Houdini's type stubs: what they lack is an assumption, and is listed as one."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fake_houdini import FakeHoudini, errors, geometry, images, nodes, parms
from houdini_kit import LIBRARY, PLUGIN

_FOUND = importlib.util.find_spec("hou-stubs")
pytestmark = pytest.mark.skipif(_FOUND is None, reason="types-houdini is not installed")

#: What is faked, by the stubs' name of it.
CLASSES: dict[str, type] = {
    "OpNode": nodes.Node,
    "ObjNode": nodes.ObjNode,
    "TopNode": nodes.TopNode,
    "CopNode": nodes.CopNode,
    "SopNode": nodes.SopNode,
    "Parm": parms.Parm,
    "Geometry": geometry.Geometry,
    "Matrix4": geometry.Matrix4,
    "ImageLayer": images.ImageLayer,
    "BoundingRect": images.BoundingRect,
}
#: What a test or the rest of the fake asks, and no Houdini has.
OF_TESTS = {"changed", "check_may_edit", "check_children_may_be_edited", "input_node", "clear_all"}
SOURCES = sorted((LIBRARY / "flashdepth_houdini").glob("*.py"))
#: What is asked of work items, of their files, of what holds them, and of `pdgcmd`: as `dir()` of Houdini 21's `_pdg`
#: and the text of its `pdgcmd` have them. There are no stubs.
OF_PDG = {
    "topNode", "addWorkItem", "addDependency", "setCommand", "setStringAttrib", "setIntAttrib", "setFloatAttrib",
    "hasAttrib", "stringAttribValue", "stringAttribArray", "addEnvironmentVar", "addExpectedOutputFiles",
    "outputFiles", "tag", "localizePath", "workItemSetCookPercent", "workItemSetCustomState", "addOutputFiles",
}  # fmt: skip


@cache
def _body() -> list[ast.stmt]:
    assert _FOUND is not None
    assert _FOUND.submodule_search_locations is not None
    folder = Path(next(iter(_FOUND.submodule_search_locations)))
    return ast.parse((folder / "__init__.pyi").read_text(encoding="utf-8")).body


def _classes(body: list[ast.stmt] | None = None) -> dict[str, ast.ClassDef]:
    found = _body() if body is None else body
    return {node.name: node for node in found if isinstance(node, ast.ClassDef)}


def _functions(body: list[ast.stmt]) -> dict[str, list[ast.FunctionDef]]:
    found: dict[str, list[ast.FunctionDef]] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
    return found


def _method(kind: str, name: str) -> list[ast.FunctionDef]:
    """The stub's own, or that of a class it is made from."""
    stub = _classes()[kind]
    own = _functions(stub.body).get(name, [])
    if own:
        return own
    parents = [base.id for base in stub.bases if isinstance(base, ast.Name)]
    return next((f for p in parents if p in _classes() and (f := _method(p, name))), [])


def _takes(stub: ast.FunctionDef, call: Callable[..., object], *, bound: bool) -> bool:
    """Whether it can be called as the fake is: in number, and by name where the fake's may be given by name."""
    if stub.args.vararg is not None:
        return True
    static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in stub.decorator_list)
    asked = list(inspect.signature(call).parameters.values())[bound:]
    listed = [a.arg for a in (*stub.args.posonlyargs, *stub.args.args)][bound and not static :]
    in_order = [(n, p.name) for n, p in enumerate(asked) if p.kind is p.POSITIONAL_OR_KEYWORD]
    by_name = {p.name for p in asked if p.kind is p.KEYWORD_ONLY}
    needed = len(listed) - len(stub.args.defaults)
    enough = len(asked) <= len(listed) and by_name <= set(listed) and len(asked) >= needed
    return enough and all(listed[n] == name for n, name in in_order)


@pytest.fixture
def module(tmp_path: Path) -> Any:
    return FakeHoudini(PLUGIN, ui=True, variables={}, folder=tmp_path).module


@pytest.mark.parametrize("kind", CLASSES)
def test_every_faked_method_is_houdinis(kind: str) -> None:
    for name, method in inspect.getmembers(CLASSES[kind], inspect.isfunction):
        if name.startswith("_") or name in OF_TESTS:
            continue
        stubs = _method(kind, name)
        assert stubs, f"hou.{kind} has no {name}"
        fits = any(_takes(stub, method, bound=True) for stub in stubs)
        assert fits, f"{kind}.{name}{inspect.signature(method)}"


def test_every_faked_function_is_houdinis(module: Any) -> None:
    functions, classes = _functions(_body()), _classes()
    for name, value in vars(module).items():
        if name.startswith("__"):
            continue
        assert name in functions or name in classes, f"hou has no {name}"
        if name in functions:
            fits = any(_takes(stub, value, bound=False) for stub in functions[name])
            assert fits, f"hou.{name}{inspect.signature(value)}"
        elif type(value).__name__ == "SimpleNamespace":
            for inner, call in vars(value).items():
                (stub, *_) = _functions(classes[name].body)[inner]
                assert _takes(stub, call, bound=False), f"hou.{name}.{inner}"


def test_every_value_of_an_enumeration_is_houdinis(module: Any) -> None:
    checked = 0
    for name, value in vars(module).items():
        if type(value).__name__ != "Enum":
            continue
        stub = _classes()[name]
        there = {
            node.target.id
            for node in stub.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
        assert set(vars(value)) <= there, f"hou.{name}"
        checked += 1
    assert checked == 5


def test_errors_and_the_operation_are_houdinis(module: Any) -> None:
    for name in (kind.__name__ for kind in errors.OF_HOU):
        bases = [ast.unparse(base) for base in _classes()[name].bases]
        assert bases == ["Exception" if name == "Error" else "Error"], name
    operation = module.InterruptableOperation
    stub = _method("InterruptableOperation", "updateProgress")[0]
    assert _takes(stub, operation.updateProgress, bound=True)
    begins = _method("InterruptableOperation", "__init__")[0]
    assert begins.args.vararg or _takes(begins, operation.__init__, bound=True)


def test_what_the_plugin_asks_of_hou_is_faked_and_so_held_to_the_stubs(module: Any) -> None:
    asked = {name for path in SOURCES for name in _of_hou(path)}
    assert asked
    assert {name for name in asked if not hasattr(module, name)} == set()


def test_every_method_that_the_plugin_calls_is_faked_or_pdgs() -> None:
    faked = {
        name
        for kind in (*CLASSES.values(), nodes.IndirectInput)
        for name, _ in inspect.getmembers(kind, inspect.isfunction)
    }
    # Houdini's names have humps, and nobody else's here.
    called = {
        node.func.attr
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    humps = {
        name for name in called if not name.islower() and "_" not in name and name[0].islower()
    }
    of_modules = {"isUIAvailable", "displayMessage", "selectFile", "expandString", "setFrame"}
    of_modules |= {"applicationVersionString", "updateProgress"}
    assert humps - of_modules <= faked | OF_PDG


def test_what_no_stub_knows_is_named_in_one_file_alone() -> None:
    """Kinds of Houdini's own nodes, their parameters and PDG's words are in `assumptions` alone."""
    words = {
        "pythonprocessor",
        "pythonsnippet",
        "addinternaldependencies",
        "pdg_workitemgeneration",
    }
    words |= {"pdg_cachemode", "__PDG_PYTHON__", "PDG_SCRIPTDIR", "file/image", "output0", "aov1"}
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        found = words & {text for text in texts if isinstance(text, str)}
        assert found == (words if path.name == "assumptions.py" else set()), path


def _of_hou(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "hou":
            yield node.attr
