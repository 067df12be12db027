"""What is inside of the nodes. It is made when a node is, by calls that are in Houdini's documentation: a digital
asset's contents are in a format that only Houdini writes.
"""

from __future__ import annotations

from typing import Any

import hou

from . import assumptions as houdini_has

__all__ = ["OUTPUTS", "fill_cop", "fill_sop", "fill_top"]

#: The outputs of the COP, in their order.
OUTPUTS = ("depth", "normalised", "edge", "color", "position")
_IMPORT = "from flashdepth_houdini import {module}\n"


def fill_top(node: Any) -> None:
    """A Python processor whose scripts are ours, between the input and the output."""
    node.allowEditingOfContents()
    inside = node.createNode(houdini_has.PROCESSOR, "shots")
    inside.parm(houdini_has.PROCESSOR_GENERATE).set(
        _IMPORT.format(module="items") + "items.generate(self, item_holder, upstream_items)\n"
    )
    inside.parm(houdini_has.PROCESSOR_DEPENDENCIES).set(
        _IMPORT.format(module="items") + "items.depend(dependency_holder, internal_items)\n"
    )
    inside.setInput(0, node.indirectInputs()[0])
    output = node.node(houdini_has.TOP_OUTPUT) or node.createNode(
        houdini_has.TOP_OUTPUT_KIND, houdini_has.TOP_OUTPUT
    )
    output.setInput(0, inside)
    node.layoutChildren()
    houdini_has.menu_index(inside.parm(houdini_has.GENERATE_WHEN), houdini_has.ALL_UPSTREAM_COOKED)
    # Files that are there may have been made with other settings. The renderer knows, and PDG does not: an item is
    # always cooked, and one that has nothing to do is over at once.
    houdini_has.menu_index(inside.parm(houdini_has.CACHE_MODE), houdini_has.ALWAYS_COOK)


def fill_cop(node: Any) -> None:
    """A file node for each layer, one that normalises, and the outputs. Files keep their windows."""
    node.allowEditingOfContents()
    layer = 'chs("../layer")'
    depth = _file(node, "depth", 'chs("../file")', f'strcat({layer}, ".Z")')
    edge = _file(node, "edge", 'chs("../file")', f'strcat({layer}, ".edge")')
    color = _file(node, "color", 'chs("../plates")', f'"{houdini_has.COLOR_LAYER}"')
    position = _file(node, "position", 'chs("../position_file")', f'"{houdini_has.POSITION_LAYER}"')
    normalise = _normalise(node)
    normalise.setInput(0, depth)
    outputs = houdini_has.cop_outputs(node, OUTPUTS)
    for index, made in enumerate((depth, normalise, edge, color, position)):
        outputs.setInput(index, made)
    node.layoutChildren()


def fill_sop(node: Any) -> None:
    """A Python SOP that makes the points."""
    node.allowEditingOfContents()
    inside = node.createNode(houdini_has.SOP_PYTHON, "points")
    inside.parm(houdini_has.SOP_PYTHON_CODE).set(
        _IMPORT.format(module="points") + "points.cook(hou.pwd())\n"
    )
    inside.setDisplayFlag(True)
    inside.setRenderFlag(True)


def _file(node: Any, name: str, file: str, layer: str) -> Any:
    made = node.createNode(houdini_has.COP_FILE, name)
    made.parm(houdini_has.COP_FILE_NAME).setExpression(file, hou.exprLanguage.Hscript)
    made.parm(houdini_has.COP_LAYERS).set(1)
    made.parm(houdini_has.COP_LAYER).setExpression(layer, hou.exprLanguage.Hscript)
    return made


def _normalise(node: Any) -> Any:
    made = node.createNode(houdini_has.COP_PYTHON, "normalise")
    made.parm(houdini_has.COP_PYTHON_CODE).set(
        _IMPORT.format(module="layers") + "return layers.normalised_layer(kwargs)\n"
    )
    houdini_has.cop_signature(made, "depth", "normalised")
    for index, (name, kind, value, expression) in enumerate(
        (
            ("near", "float", houdini_has.COP_BINDING_NUMBER, 'ch("../near")'),
            ("far", "float", houdini_has.COP_BINDING_NUMBER, 'ch("../far")'),
            ("convention", "string", houdini_has.COP_BINDING_TEXT, 'chs("../convention")'),
            ("unit", "string", houdini_has.COP_BINDING_TEXT, 'chs("../scene_unit")'),
        ),
        start=1,
    ):
        made.parm(houdini_has.COP_BINDINGS).set(index)
        made.parm(houdini_has.COP_BINDING_NAME.format(index)).set(name)
        made.parm(houdini_has.COP_BINDING_TYPE.format(index)).set(kind)
        made.parm(value.format(index)).setExpression(expression, hou.exprLanguage.Hscript)
    return made
