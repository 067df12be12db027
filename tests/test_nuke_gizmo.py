"""The gizmo's text: readable, with the fields of the hosts, and every knob that the Python names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from draw_panel import PICTURE, panel
from fake_nuke.gizmo import read_gizmo
from nuke_kit import PLUGIN

from flashdepth_vfx.host.fields import ANCHORS, FIELDS, LICENCES

GIZMO = PLUGIN / "FlashDepth.gizmo"
KINDS = {"text": 1, "file": 2, "int": 3, "word": 4, "flag": 6, "number": 7}
_TAB, _BUTTON, _WORDS, _XY = 20, 22, 26, 12
#: Beside the fields: what only Nuke has.
OF_NUKE = {"use_limit": 6, "first": 3, "last": 3, "missing": 4, "flashdepth_node": 1, "rendered": 1}
BUTTONS = {"render", "cancel", "reload", "version_up", "bake", "submit", "doctor"}
WORDS = {"licence", "status", "known"}


def test_every_field_is_a_knob_of_its_kind_default_and_choices() -> None:
    gizmo = read_gizmo(GIZMO)
    user = {knob.name: knob for knob in gizmo.user_knobs}
    for field in FIELDS:
        knob = user[field.name]
        assert knob.kind == KINDS[field.kind], field.name
        assert (knob.label, knob.tooltip, knob.choices) == (field.label, field.help, field.choices)
        given = gizmo.knobs.get(field.name, "")
        # What is nothing need not be said.
        assert given == (str(field.default) if field.default else ""), field.name


def test_it_has_nothing_else() -> None:
    anchors = {
        f"anchor{n}{part}" for n in range(1, ANCHORS + 1) for part in ("", "_frame", "_distance")
    }
    plain = {
        k.name
        for k in read_gizmo(GIZMO).user_knobs
        if k.kind != _TAB and not k.name.startswith("line_")
    }
    assert plain == {f.name for f in FIELDS} | set(OF_NUKE) | BUTTONS | WORDS | anchors


def test_every_knob_that_the_python_names_is_there_and_back() -> None:
    named: set[str] = set()
    for path in (PLUGIN / "flashdepth_nuke").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                named |= {node.slice.value} if isinstance(node.slice.value, str) else set()
    user = {knob.name for knob in read_gizmo(GIZMO).user_knobs}
    # Values of a record, of a request, and knobs of Nuke's own nodes.
    others = {
        "steps_total",
        "values",
        "plates",
        "file",
        "disable",
        "which",
        "from0",
        "fingerprint",
        "first",
        "last",
    }
    others |= {"engine", "convention", "layer"}
    assert {n for n in named if not re.match(r"anchor", n)} - others <= user
    used = (
        named
        | {field.name for field in FIELDS}
        | BUTTONS
        | {"flashdepth_node", "known", "first", "last"}
    )
    assert {k for k in user if not k.startswith(("line_", "anchor"))} - {
        "FlashDepth",
        "calibrate",
        "farm",
    } <= used


def test_buttons_import_what_they_call() -> None:
    names = ast.parse((PLUGIN / "flashdepth_nuke/__init__.py").read_text(encoding="utf-8"))
    public = next(
        ast.literal_eval(n.value)
        for n in names.body
        if isinstance(n, ast.Assign) and n.targets[0].id == "__all__"
    )
    buttons = {k.name: k for k in read_gizmo(GIZMO).user_knobs if k.kind == _BUTTON}
    assert set(buttons) == BUTTONS
    for name, knob in buttons.items():
        assert knob.text == f"import flashdepth_nuke; flashdepth_nuke.{name}(nuke.thisNode())"
        assert name in public


def test_inside_depth_goes_over_the_input_and_the_input_past_it() -> None:
    inside = read_gizmo(GIZMO).inside
    assert {name: node.kind for name, node in inside.items()} == {
        "Input": "Input",
        "plate_write": "Write",
        "depth_read": "Read",
        "put_depth": "Copy",
        "rendered_or_input": "Switch",
        "Output": "Output",
    }
    assert inside["put_depth"].inputs == ["Input", "depth_read"]
    assert inside["rendered_or_input"].inputs == ["put_depth", "Input"]
    assert inside["Output"].inputs == ["rendered_or_input"]
    assert inside["plate_write"].inputs == ["Input"]
    # A Write that is found enabled is rendered by `nuke -x` with all others.
    assert inside["plate_write"].knobs["disable"] == "true"
    assert inside["depth_read"].knobs["on_error"] == "error"
    assert inside["depth_read"].knobs["raw"] == "true"


def test_licences_are_those_of_the_registry() -> None:
    from flashdepth_vfx.weights import inventory

    for row in inventory():
        assert LICENCES[row.name].startswith(f"paid work: {row.commercial_use}"), row.name
    assert {row.name for row in inventory()} == set(LICENCES)
    first = {k.name: k for k in read_gizmo(GIZMO).user_knobs}["licence"]
    assert first.text == LICENCES["nano"]


def test_another_parser_reads_it() -> None:
    """nkparser takes a group's nodes to be inside of its braces, so each node is given to it by itself; and it has a
    node's inputs the other way round than Nuke, whose first input is the top of the stack.
    """
    nkparser = pytest.importorskip("nkparser")
    text = (
        GIZMO.read_text(encoding="utf-8")
        .replace("Group {", "FlashDepth {", 1)
        .replace("end_group\n", "")
    )
    script = nkparser.Script.from_string(text)
    errors = [d for d in script.diagnostics if d.severity.name == "ERROR"]
    assert errors == []
    assert [node.class_name for node in script.nodes][1:] == [
        "Input",
        "Write",
        "Read",
        "Copy",
        "Switch",
        "Output",
    ]
    outer = script.nodes[0]
    assert len(outer.knobs_named("addUserKnob")) == len(read_gizmo(GIZMO).user_knobs)
    by_theirs = {node.name: [i.name for i in node.inputs if i] for node in script.nodes[1:]}
    ours = {name: node.inputs[::-1] for name, node in read_gizmo(GIZMO).inside.items()}
    assert by_theirs == ours


@pytest.mark.parametrize(
    ("old", "new"),
    [("end_group", ""), ("addUserKnob {4 weights", "addUserKnob {4"), ("push $N1", "pull $N1")],
)
def test_a_damaged_one_is_refused(tmp_path: Path, old: str, new: str) -> None:
    damaged = tmp_path / "FlashDepth.gizmo"
    text = GIZMO.read_text(encoding="utf-8")
    assert old in text
    damaged.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises((ValueError, KeyError)):
        read_gizmo(damaged)


def test_the_panel_in_the_manual_is_that_of_the_gizmo() -> None:
    assert PICTURE.read_text(encoding="utf-8") == panel(read_gizmo(GIZMO)), (
        "run tests/draw_panel.py"
    )
