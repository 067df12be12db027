"""PDG: work items, the scripts of a processor, and a scheduler whose items are processes. There are no stubs to hold
this to: what it has is what `assumptions` takes for granted, and all else is an error.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .nodes import TopNode

#: What a scheduler's own module is, as a process of an item finds it.
_PDGCMD = """
import json, os
def _tell(**what):
    with open(os.environ["FAKE_PDG_TOLD"], "a") as file:
        file.write(json.dumps(what) + "\\n")
def workItemSetCookPercent(cook_percent, workitem_id=None, subindex=-1, server_addr=None, to_stdout=True):
    assert 0.0 <= cook_percent <= 100.0
    _tell(percent=cook_percent)
def addOutputFiles(output_file_array, workitem_id=None, server_addr=None, output_file_tag="", subindex=-1,
                   to_stdout=True):
    assert all(os.path.isfile(path) for path in output_file_array)
    _tell(files=output_file_array, tag=output_file_tag)
def workItemSetCustomState(custom_state, workitem_id=None, subindex=-1, server_addr=None, to_stdout=True):
    assert isinstance(custom_state, str)
    _tell(state=custom_state)
"""
#: In front of everything in a host's Python: whoever imports it has not cleaned his environment.
_TRAP = "raise ImportError('the host has put its own torch here')\n"
_SLOTS = 2


@dataclass(frozen=True)
class File:
    """A file of an item."""

    path: str
    tag: str = "file/image"


class WorkItem:
    """One item, with what was set on it. `state` is waiting, done, failed or cancelled."""

    def __init__(self, name: str, parent: WorkItem | None, index: int) -> None:
        self.name, self.parent, self.index = name, parent, index
        self.outputFiles: list[File] = []
        self.expected: list[File] = []
        self.command, self.folder = "", ""
        self.environment: dict[str, str] = {}
        self.waits_for: list[WorkItem] = []
        self.state, self.log, self.told = "waiting", "", ""
        self._attribs: dict[str, tuple[type, dict[int, Any]]] = {}

    def localizePath(self, path: str) -> str:
        return path.replace("__PDG_DIR__", self.folder)

    def setCommand(self, command: str) -> None:
        if not isinstance(command, str):
            raise TypeError(f"command {command!r}: no text")
        self.command = command

    def setStringAttrib(self, name: str, value: str, index: int = 0) -> None:
        self._set(str, name, value, index)

    def setIntAttrib(self, name: str, value: int, index: int = 0) -> None:
        self._set(int, name, value, index)

    def setFloatAttrib(self, name: str, value: float, index: int = 0) -> None:
        self._set(float, name, value, index)

    def hasAttrib(self, name: str) -> bool:
        return name in self._attribs

    def stringAttribValue(self, name: str) -> str:
        return str(self._attribs[name][1][0])

    def stringAttribArray(self, name: str) -> list[str]:
        return [value for _, value in sorted(self._attribs[name][1].items())]

    def addEnvironmentVar(self, name: str, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"{name}={value!r}: no text")
        self.environment[name] = value

    def addExpectedOutputFiles(self, files: list[str], tag: str) -> None:
        if not all(isinstance(one, str) for one in files) or not tag.startswith("file/"):
            raise TypeError(f"{files!r}, {tag!r}: no files with a tag")
        self.expected += [File(one, tag) for one in files]

    def value(self, name: str) -> Any:
        """For tests."""
        return self._attribs[name][1][0]

    def _set(self, kind: type, name: str, value: Any, index: int) -> None:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise TypeError(f"{name}: {value!r} is no {kind.__name__}")
        if self._attribs.setdefault(name, (kind, {}))[0] is not kind:
            raise TypeError(f"{name} is of another kind")
        self._attribs[name][1][index] = value


class Graph:
    """Generates and cooks one node's items. `cancel_when` is asked all the time; it is given the items that run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.items: list[WorkItem] = []
        self.cancel_when: Callable[[list[WorkItem]], bool] = lambda running: False
        self.kill = False

    def cook(self, node: TopNode) -> None:
        above = node.input_node(0)
        upstream = above.items if above is not None else []
        self.generate(node, upstream)
        self._run()

    def generate(self, node: TopNode, upstream: list[WorkItem]) -> None:
        processor = node.node("shots")
        assert processor is not None
        output = node.node("output0")
        assert output is not None
        assert output.input_node(0) is processor
        assert processor.parm("pdg_workitemgeneration").evalAsString() == "2"
        assert processor.parm("pdg_cachemode").evalAsString() == "2"
        self.items = []
        scope: dict[str, Any] = {"self": SimpleNamespace(topNode=lambda: processor)}
        holder = SimpleNamespace(addWorkItem=self._add)
        run = node.session.run_script
        code = processor.evalParm("generate")
        run(code, {**scope, "item_holder": holder, "upstream_items": upstream})
        between = SimpleNamespace(addDependency=self._depend)
        code = processor.evalParm("addinternaldependencies")
        run(code, {**scope, "dependency_holder": between, "internal_items": list(self.items)})

    def _add(self, *, name: str, parent: WorkItem | None, inProcess: bool) -> WorkItem:
        if inProcess or not name.isidentifier() or any(one.name == name for one in self.items):
            raise ValueError(f"{name}: in process, or no name, or one that is there")
        self.items.append(WorkItem(name, parent, len(self.items)))
        return self.items[-1]

    def _depend(self, item: WorkItem, on: WorkItem) -> None:
        if item not in self.items or on not in self.items:
            raise ValueError("no items of this node")
        item.waits_for.append(on)

    def _run(self) -> None:
        scripts = self.folder / "pdg scripts"
        scripts.mkdir(parents=True, exist_ok=True)
        (scripts / "pdgcmd.py").write_text(_PDGCMD)
        (self.folder / "torch.py").write_text(_TRAP)
        running: dict[int, subprocess.Popen[bytes]] = {}
        cancelled = False
        while True:
            for index, process in list(running.items()):
                if process.poll() is not None:
                    del running[index]
                    self._ended(self.items[index], process, cancelled=cancelled)
            ready = [one for one in self.items if self._is_ready(one) and one.index not in running]
            if not running and (cancelled or not ready):
                return
            if not cancelled:
                for item in ready[: _SLOTS - len(running)]:
                    running[item.index] = self._start(item, scripts)
            if not cancelled and self.cancel_when([self.items[n] for n in running]):
                cancelled = True
                for process in running.values():
                    (process.kill if self.kill else process.terminate)()
            time.sleep(0.02)

    @staticmethod
    def _is_ready(item: WorkItem) -> bool:
        return item.state == "waiting" and all(one.state == "done" for one in item.waits_for)

    def _start(self, item: WorkItem, scripts: Path) -> subprocess.Popen[bytes]:
        told, log = self.folder / f"{item.name}.told", self.folder / f"{item.name}.log"
        told.write_text("")
        line = shlex.split(item.command)
        line = [sys.executable if word == "__PDG_PYTHON__" else word for word in line]
        host = {"PDG_SCRIPTDIR": str(scripts), "FAKE_PDG_TOLD": str(told)}
        # As a host does: its own libraries in front of everybody's.
        host |= {"PYTHONPATH": str(self.folder), "LD_LIBRARY_PATH": str(self.folder)}
        with log.open("wb") as output:
            return subprocess.Popen(
                line,
                env={**os.environ, **host, **item.environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )

    def _ended(self, item: WorkItem, process: subprocess.Popen[bytes], *, cancelled: bool) -> None:
        item.log = (self.folder / f"{item.name}.log").read_text(encoding="utf-8")
        item.told = (self.folder / f"{item.name}.told").read_text(encoding="utf-8")
        if process.returncode == 0:
            told = [json.loads(line) for line in item.told.splitlines()]
            added = [
                File(path, one["tag"]) for one in told if "files" in one for path in one["files"]
            ]
            item.state, item.outputFiles = "done", item.expected + added
        else:
            item.state = "cancelled" if cancelled else "failed"

    def told_of(self, item: WorkItem) -> str:
        """What a running item has told by now."""
        path = self.folder / f"{item.name}.told"
        return path.read_text(encoding="utf-8") if path.is_file() else ""


def files_above(node: TopNode, items: list[tuple[str, str]], folder: str) -> None:
    """Let a node above have one item for each (path, tag); in paths its folder is a word."""
    above: Any = node
    above.items = []
    for index, (path, tag) in enumerate(items):
        item = WorkItem(f"file_{index}", None, index)
        item.folder = folder
        item.outputFiles = [File(path.replace(folder, "__PDG_DIR__"), tag)]
        item.state = "done"
        above.items.append(item)
