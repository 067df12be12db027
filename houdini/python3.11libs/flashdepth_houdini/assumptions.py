"""What is taken for granted about Houdini, and could not be tried in one. To mend any of it is to edit this file.

Functions and methods of `hou` are not here: they are in Houdini's published type stubs, and a test holds them to
those.
What the stubs do not have are kinds of nodes, their parameters and what they mean, and all of `pdg` and `pdgcmd`.
`hython selftest.py` tries each, and docs/houdini.md says how to look by hand.
"""

from __future__ import annotations

from typing import Any

# TOP nodes.

#: The kind of node that is inside of ours, its scripts, and the output of a subnet.
PROCESSOR = "pythonprocessor"
PROCESSOR_GENERATE = "generate"
PROCESSOR_DEPENDENCIES = "addinternaldependencies"
TOP_OUTPUT, TOP_OUTPUT_KIND = "output0", "output"
#: When the processor makes its items, and the value for "once all upstream items are cooked".
GENERATE_WHEN, ALL_UPSTREAM_COOKED = "pdg_workitemgeneration", "All Upstream Items are Cooked"
#: What becomes of an item whose expected files are there, and the value for "cook it all the same".
CACHE_MODE, ALWAYS_COOK = "pdg_cachemode", "Write Files"
#: The scheduler puts its own Python in place of this.
PYTHON = "__PDG_PYTHON__"
#: What files of pictures are tagged as; PDG's own file nodes do so too.
IMAGE_TAG = "file/image"

# What a scheduler says to a work item's process.

#: The folder that `pdgcmd` is in.
SCRIPTS_VARIABLE = "PDG_SCRIPTDIR"

# COP nodes, of Copernicus.

COP_FILE, COP_FILE_NAME = "file", "filename"
COP_LAYERS, COP_LAYER = "aovs", "aov1"
COP_PYTHON, COP_PYTHON_CODE = "pythonsnippet", "python"
#: What a Python snippet is given besides its inputs, numbered from 1.
COP_BINDINGS = "bindings"
COP_BINDING_NAME, COP_BINDING_TYPE = "bindings{}_name", "bindings{}_type"
COP_BINDING_NUMBER, COP_BINDING_TEXT = "bindings{}_fval", "bindings{}_sval"
#: How a file node calls layers: those of R, G and B, and those of P.X, P.Y and P.Z. A channel that is the only one
#: of its layer goes by its whole name, as depth.Z.
COLOR_LAYER, POSITION_LAYER = "C", "P"

# SOP nodes.

SOP_PYTHON, SOP_PYTHON_CODE = "python", "python"


def files_of(item: Any) -> list[str]:
    """Files that an item above has made, as they are called on this machine: PDG writes its own folder as a word."""
    files = [file for file in item.outputFiles if str(file.tag).startswith("file")]
    return [str(item.localizePath(file.path)) for file in files]


def declare_outputs(item: Any, paths: list[str]) -> None:
    """Say which files a work item will have made: those after it get them, and "dirty and delete" takes them."""
    if paths:
        item.addExpectedOutputFiles(paths, IMAGE_TAG)


def menu_index(parm: Any, label: str) -> None:
    """Set a menu by the label that a person reads: its tokens differ from version to version."""
    labels = [str(one) for one in parm.menuLabels()]
    if label not in labels:
        raise ValueError(f"{parm.path()}: has no '{label}' among {', '.join(labels)}")
    parm.set(labels.index(label))


def add_files(pdgcmd: Any, paths: list[str]) -> None:
    """Files that an item has made, where nobody could tell before."""
    pdgcmd.addOutputFiles(paths, output_file_tag=IMAGE_TAG, to_stdout=False)


def show_percent(pdgcmd: Any, percent: float) -> None:
    """How far a work item is, 0 to 100."""
    pdgcmd.workItemSetCookPercent(percent, to_stdout=False)


def show_state(pdgcmd: Any, text: str) -> None:
    """A line about a work item, in its information."""
    pdgcmd.workItemSetCustomState(text, to_stdout=False)


def cop_signature(snippet: Any, given: str, made: str) -> None:
    """One input and one output of a Python snippet, both of one channel."""
    for kind, name in (("input", given), ("output", made)):
        snippet.parm(f"{kind}s").set(1)
        snippet.parm(f"{kind}1_name").set(name)
        snippet.parm(f"{kind}1_type").set("float")


def cop_outputs(subnet: Any, names: tuple[str, ...]) -> Any:
    """The node inside of a subnet that its outputs come from, with its outputs named. Three have one channel."""
    subnet.parm("outputs").set(len(names))
    for index, name in enumerate(names, start=1):
        subnet.parm(f"outputlabel{index}").set(name)
        subnet.parm(f"outputtype{index}").set(_RGB if name in ("color", "position") else _MONO)
    return subnet.node("outputs") or subnet.createNode("outputs", "outputs")


#: Kinds of layers, as a subnet's menu counts them.
_MONO, _RGB = 1, 3
