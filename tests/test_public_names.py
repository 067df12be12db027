"""The public names: listed once, all there, and light to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import flashdepth_vfx

ROOT = Path(__file__).resolve().parents[1]
#: CI shares its cores: the import itself is held to a third of this.
IMPORT_SECONDS = 0.6
#: Those whose public names load on first use.
PACKAGES = (
    flashdepth_vfx,
    flashdepth_vfx.training,
    flashdepth_vfx.evaluation,
    flashdepth_vfx.review,
)


def test_all_is_the_table_sorted() -> None:
    table = {**flashdepth_vfx._HOME, **dict.fromkeys(flashdepth_vfx._MODULES, "")}
    assert flashdepth_vfx.__all__ == [*sorted(table), "__version__"]
    assert len(set(flashdepth_vfx.__all__)) == len(flashdepth_vfx.__all__)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_what_type_checkers_see_is_the_table(package: ModuleType) -> None:
    tree = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
    guarded = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name: (node.module or "").removeprefix(package.__name__).lstrip(".")
        for block in guarded
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    modules = flashdepth_vfx._MODULES if package is flashdepth_vfx else ()
    assert seen == {**package._HOME, **dict.fromkeys(modules, "")}
    assert dir(package) == sorted(package.__all__)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_every_public_name_loads(package: ModuleType) -> None:
    for name in package.__all__:
        assert getattr(package, name) is not None


@pytest.mark.parametrize("name", flashdepth_vfx._HOME)
def test_a_public_name_is_public_at_home(name: str) -> None:
    home = f"flashdepth_vfx.{flashdepth_vfx._HOME[name]}"
    getattr(flashdepth_vfx, name)
    assert name in sys.modules[home].__all__


def test_no_module_shadows_a_public_name() -> None:
    modules = {path.stem for path in (ROOT / "flashdepth_vfx").iterdir()}
    assert not modules & set(flashdepth_vfx._HOME)
    assert all(isinstance(getattr(flashdepth_vfx, n), ModuleType) for n in flashdepth_vfx._MODULES)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_an_unknown_name_is_an_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"'{package.__name__}' has no attribute 'nothing'"):
        _ = package.nothing


def loaded_by(statement: str) -> tuple[set[str], float]:
    """The modules that a fresh interpreter has after `statement`, and the seconds that it took."""
    code = (
        "import sys, time; began = time.perf_counter()\n"
        f"{statement}\n"
        "print(time.perf_counter() - began, *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    seconds, *modules = done.stdout.split()
    return set(modules), float(seconds)


def test_importing_the_package_is_quick_and_loads_nothing_heavy() -> None:
    modules, seconds = loaded_by("import flashdepth_vfx")
    assert seconds < IMPORT_SECONDS
    assert not {m.partition(".")[0] for m in modules} & {
        "torch", "numpy", "OpenEXR", "OpenImageIO", "PyOpenColorIO", "av", "fileseq", "msgspec",
    }  # fmt: skip


@pytest.mark.parametrize(
    "names",
    [
        "RenderJob, Shot, RenderSettings, job_schema",
        "run_worker",
        "to_line",
        *flashdepth_vfx._MODULES,
    ],
)
def test_what_front_ends_need_first_loads_no_torch(names: str) -> None:
    modules, _ = loaded_by(f"from flashdepth_vfx import {names}")
    assert "torch" not in modules


def test_inspecting_a_shot_needs_no_torch() -> None:
    modules, _ = loaded_by("from flashdepth_vfx import inspect_shot, Plate, FrameSequence")
    assert "torch" not in modules
