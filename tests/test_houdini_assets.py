"""The digital assets as text: what Houdini can take, with the fields of the hosts, and all that Python names."""

from __future__ import annotations

import ast
import json
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_houdini.dialog import Dialog, ParmText, read_dialog
from fake_houdini.hda import Hda, read_hda
from houdini_kit import LIBRARY, PLUGIN

from flashdepth_vfx.host.fields import FIELDS, LICENCES
from flashdepth_vfx.settings import MissingPolicy, RenderSettings

FOLDERS = sorted((PLUGIN / "otls").glob("*.hda"))
ASSETS = {hda.table: hda for hda in map(read_hda, FOLDERS)}
TOP, COP, SOP = ASSETS["Top"], ASSETS["Cop"], ASSETS["Sop"]
PYTHON = sorted((LIBRARY / "flashdepth_houdini").glob("*.py"))
KINDS = {
    "word": "string",
    "text": "string",
    "file": "file",
    "int": "integer",
    "number": "float",
    "flag": "toggle",
}
#: What the TOP has beside the fields, and what Houdini alone reads of it.
OF_THE_TOP = {"plates", "missing", "trange", "f", "licence", "preset", "edge_matte"}
BUTTONS = {"version_up", "submit", "doctor"}


def _default(parm: ParmText) -> object:
    (text,) = parm.default
    return {"integer": int, "toggle": lambda t: bool(int(t)), "float": float}.get(parm.kind, str)(
        text
    )  # type: ignore[operator]


@pytest.mark.parametrize("asset", [TOP, COP], ids=lambda hda: hda.table)
def test_fields_are_parameters_of_their_kind_default_and_choices(asset: Hda) -> None:
    there = {parm.name: parm for parm in asset.dialog.parms}
    fields = [
        field
        for field in FIELDS
        if asset is TOP or field.name in ("layer", "convention", "scene_unit")
    ]
    for field in fields:
        parm = there[field.name]
        assert (parm.kind, parm.label, parm.help) == (KINDS[field.kind], field.label, field.help)
        assert tuple(parm.menu) == field.choices, field.name
        assert _default(parm) == field.default, field.name


def test_the_top_has_nothing_else() -> None:
    names = {parm.name for parm in TOP.dialog.parms}
    assert names == {field.name for field in FIELDS} | OF_THE_TOP | BUTTONS


def test_what_only_the_top_has_is_the_renderers() -> None:
    settings = RenderSettings()
    assert list(TOP.dialog.parm("missing").menu) == [str(policy) for policy in MissingPolicy]
    assert TOP.dialog.parm("missing").default == [str(settings.missing)]
    assert TOP.dialog.parm("edge_matte").default == [str(int(settings.edge_matte))]
    assert TOP.dialog.parm("licence").default == [LICENCES["nano"]]
    assert TOP.dialog.parm("f").default == ["=$FSTART", "=$FEND", "1"]


def test_parameters_are_disabled_where_they_say_nothing() -> None:
    conditions = {parm.name: parm.disablewhen for parm in TOP.dialog.parms if parm.disablewhen}
    assert conditions["weights_file"] == "{ weights != file }"
    assert conditions["chunk"] == "{ mode == whole }"
    assert conditions["f"] == "{ trange == off }"
    free = set(re.findall(r"weights == ([\w-]+)", conditions["accept_license"]))
    assert free == {n for n, text in LICENCES.items() if text.startswith("paid work: yes")}


def _named(asset: Hda) -> set[str]:
    names = {parm.name for parm in asset.dialog.parms}
    of_vectors = {
        f"{parm.name}{n + 1}"
        for parm in asset.dialog.parms
        for n in range(parm.size)
        if parm.size > 1
    }
    counted = {
        f"{one.name.replace('#', '')}" for many in asset.dialog.multiparms.values() for one in many
    }
    return names | of_vectors | set(asset.dialog.multiparms) | counted


def _asked(path: Path) -> Iterator[str]:
    """Names of parameters that a file reads or sets: `parm("x")`, `evalParm("x")`, `setParms({"x": ...})`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        if name in ("parm", "evalParm", "pattern_of", "_word", "_plane"):
            yield from (
                a.value
                for a in node.args
                if isinstance(a, ast.Constant) and isinstance(a.value, str)
            )
        if name == "setParms":
            yield from (
                key.value
                for argument in node.args
                if isinstance(argument, ast.Dict)
                for key in argument.keys
                if isinstance(key, ast.Constant)
            )


def test_every_parameter_that_the_python_names_is_there_and_back() -> None:
    asked = {name for path in PYTHON if path.name != "assumptions.py" for name in _asked(path)}
    inside = set(
        re.findall(r'chs?\("\.\./(\w+)"\)', (LIBRARY / "flashdepth_houdini/nodes.py").read_text())
    )
    there = {name for asset in ASSETS.values() for name in _named(asset)}
    presets = {"convention", "upsampling", "edge_matte", "stabilise"}
    # Outputs of the COP are named beside its parameters.
    assert asked - {"edge", "color", "reload"} | inside | presets <= there
    used = asked | inside | presets | {field.name for field in FIELDS} | {"f1", "f2", "f3", "f"}
    assert there - {"outputs", "outputlabel", "outputtype"} <= used | BUTTONS


def test_buttons_call_what_is_there() -> None:
    module = ast.parse((LIBRARY / "flashdepth_houdini/buttons.py").read_text(encoding="utf-8"))
    public = next(
        ast.literal_eval(node.value)
        for node in module.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    )
    called = []
    for asset in ASSETS.values():
        assert asset.sections["PythonModule"] == "from flashdepth_houdini import buttons\n"
        for parm in asset.dialog.parms:
            script = parm.tags.get("script_callback")
            assert (parm.kind != "button") or script, parm.name
            if script:
                assert parm.tags["script_callback_language"] == "python"
                called += re.fullmatch(r"hou\.phm\(\)\.buttons\.(\w+)\(kwargs\)", script).groups()  # type: ignore[union-attr]
    assert set(called) == set(public)


@pytest.mark.parametrize("asset", ASSETS.values(), ids=lambda hda: hda.table)
def test_sections_are_what_they_are_called(asset: Hda) -> None:
    options = dict(
        line.rstrip(";").split(" := ")
        for line in asset.sections["TypePropertiesOptions"].splitlines()
    )
    # Their contents are made when a node is.
    assert (options["LockContents"], options["UnlockOnCreate"]) == ("0", "1")
    assert asset.sections["OnCreated"].startswith(
        "from flashdepth_houdini import nodes; nodes.fill_"
    )
    extra = json.loads(asset.sections["ExtraFileOptions"])
    for section in ("OnCreated", "PythonModule"):
        assert extra[f"{section}/IsPython"] == {"type": "bool", "value": True}
    shelf = ET.fromstring(asset.sections["Tools.shelf"])
    assert shelf.find("tool/script").get("scriptType") == "python"  # type: ignore[union-attr]
    compile(shelf.findtext("tool/script") or "", "tool", "exec")
    help_text = asset.sections["Help"]
    assert help_text.startswith(f"= {asset.label} =\n")
    assert f"#internal: {asset.operator}\n" in help_text
    documented = set(re.findall(r"#id: (\w+)", help_text))
    assert documented == {parm.name for parm in asset.dialog.parms}


def test_shelf_and_package_are_readable_and_name_what_is_there() -> None:
    shelf = ET.parse(PLUGIN / "toolbar/flashdepth.shelf").getroot()
    tools = {tool.get("name"): tool.findtext("script") or "" for tool in shelf.findall("tool")}
    assert {member.get("name") for member in shelf.findall("toolshelf/memberTool")} == set(tools)
    for script in tools.values():
        module, call = re.fullmatch(
            r"from flashdepth_houdini import (\w+)\n(\w+\.\w+)\(.*\)", script
        ).groups()  # type: ignore[union-attr]
        tree = ast.parse((LIBRARY / f"flashdepth_houdini/{module}.py").read_text(encoding="utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert call.removeprefix(f"{module}.") in names
    package = json.loads((PLUGIN / "packages/flashdepth.json").read_text(encoding="utf-8"))
    assert package["hpath"] == "$FLASHDEPTH_HOUDINI"
    assert {"FLASHDEPTH_HOUDINI": "$HOUDINI_PACKAGE_PATH/.."} in package["env"]
    assert package["enable"] == "houdini_version >= '20.5'"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("Sections.list", "INDEX__SECTION\t", "INDEX_SECTION\t"),
        ("INDEX__SECTION", "Table:        Top", "Table:        Sop"),
        ("INDEX__SECTION", "Path:         oplib:/Top/", "Path:         oplib:/Sop/"),
        ("Top_1flashdepth/Sections.list", "Help\tHelp\n", ""),
        ("Top_1flashdepth/DialogScript", "type    float", "type    number"),
        ("Top_1flashdepth/DialogScript", 'default { "nano" }', 'default { "nono" }'),
        ("Top_1flashdepth/DialogScript", "{ weights != file }", "{ weight != file }"),
        ("Top_1flashdepth/DialogScript", "{ mode == whole }", "{ mode == hole }"),
        ("Top_1flashdepth/DialogScript", "    help {", "    helps {"),
        ("Top_1flashdepth/DialogScript", 'name    "far"', 'name    "near"'),
    ],
)
def test_a_damaged_asset_is_refused(tmp_path: Path, file: str, old: str, new: str) -> None:
    damaged = tmp_path / "flashdepth_top.hda"
    shutil.copytree(PLUGIN / "otls/flashdepth_top.hda", damaged)
    text = (damaged / file).read_text(encoding="utf-8")
    assert old in text
    (damaged / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises((ValueError, StopIteration)):
        read_hda(damaged)


def test_a_dialog_that_ends_too_early_is_refused() -> None:
    assert isinstance(read_dialog(TOP.sections["DialogScript"]), Dialog)
    with pytest.raises(ValueError, match="too early"):
        read_dialog(TOP.sections["DialogScript"].rstrip().rstrip("}"))
