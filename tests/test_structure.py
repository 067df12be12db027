"""The house holds: who may import whom, how large a room may be, and what no file may say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from house import MAY_IMPORT

import flashdepth_vfx

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = sorted((ROOT / "flashdepth_vfx").rglob("*.py"))
COMMAND = sorted((ROOT / "batch").rglob("*.py"))
#: What runs in a host's Python: the plugins, and what they share.
IN_HOSTS = sorted(
    p for name in ("nuke", "houdini", "flashdepth_vfx/host") for p in (ROOT / name).rglob("*.py")
)
AROUND = sorted(
    p for name in ("tests", "examples", "benchmarks") for p in (ROOT / name).rglob("*.py")
)
MAX_FILE_LINES = 300
#: With their signatures and docstrings.
MAX_FUNCTION_LINES = 40
#: Read and write pictures, or know what they are.
FILE_LIBRARIES = {"OpenEXR", "OpenImageIO", "PyOpenColorIO", "av", "fileseq", "cv2", "PIL"}


def name_of(path: Path) -> str:
    """`flashdepth_vfx.io.exr` of its file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Every module that a file imports, wherever in it, with `from a import b` as `a` and `a.b`."""
    return frozenset(_imports(ast.parse(path.read_text(encoding="utf-8"))))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_of(path: Path) -> set[str]:
    """The rooms of ours that a file imports: `io`, `model`, `errors`."""
    ours = {m.split(".")[1] for m in imports_of(path) if m.startswith("flashdepth_vfx.")}
    return ours | ({"flashdepth_vfx"} if "flashdepth_vfx" in imports_of(path) else set())


def strangers_of(path: Path) -> set[str]:
    """The top-level packages, not of ours, that a file imports."""
    return {m.partition(".")[0] for m in imports_of(path)} - {"flashdepth_vfx", ""}


def room(name: str) -> list[Path]:
    """The files of a room: a package's, or the one module."""
    found = [p for p in LIBRARY if name_of(p).split(".")[1:2] == [name]]
    assert found, f"there is no room '{name}'"
    return found


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_arrows_point_one_way(name: str) -> None:
    for path in room(name):
        assert rooms_of(path) - {name} <= MAY_IMPORT[name], path


@pytest.mark.parametrize(
    "name",
    ["model", "preprocess", "upsample", "edges", "stability", "engine", "device", "state", "cuts"],
)
def test_what_computes_reads_no_files(name: str) -> None:
    for path in room(name):
        assert not strangers_of(path) & FILE_LIBRARIES, path


def test_model_needs_torch_alone() -> None:
    for path in room("model"):
        alien = strangers_of(path) - set(sys.stdlib_module_names)
        assert alien <= {"torch", "mamba_ssm", "triton"}, path


@pytest.mark.parametrize(
    "name", ["io", "camera", "color", "frames", "masks", "plate", "job", "settings", "events"]
)
def test_what_reads_files_knows_no_torch(name: str) -> None:
    for path in room(name):
        assert "torch" not in strangers_of(path), path


def test_what_runs_in_a_host_needs_the_standard_library_and_the_host_alone() -> None:
    for path in IN_HOSTS:
        alien = strangers_of(path) - set(sys.stdlib_module_names)
        plugin = path.relative_to(ROOT).parts[0]
        ours = {
            "nuke": {"nuke", "flashdepth_host", "flashdepth_nuke"},
            # Houdini's Python has numpy.
            "houdini": {"hou", "flashdepth_host", "flashdepth_houdini", "numpy"},
        }.get(plugin, set())
        assert alien <= ours, path
        assert not rooms_of(path), f"{path}: the rest of the package is not there in a host"


@pytest.mark.parametrize("path", IN_HOSTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_runs_in_a_host_runs_in_python_3_9(path: Path) -> None:
    vermin = pytest.importorskip("vermin")
    text = path.read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 9))
    found = vermin.visit(text)
    assert found.minimum_versions()[1] <= (3, 9), found.output_text()


def test_state_takes_of_io_only_how_to_write_whole_files() -> None:
    (path,) = room("state")
    taken = {m for m in imports_of(path) if m.startswith("flashdepth_vfx.io")}
    assert taken == {"flashdepth_vfx.io.atomic", "flashdepth_vfx.io.atomic.atomic_write_bytes"}


def test_files_and_network_meet_in_one_place() -> None:
    def joins(path: Path) -> bool:
        opens = {"flashdepth_vfx.io.open_plates", "flashdepth_vfx.io.exr_writer"}
        return bool(imports_of(path) & opens) and "engine" in rooms_of(path)

    assert [name_of(path) for path in LIBRARY if joins(path)] == ["flashdepth_vfx.shotplan"]


@pytest.mark.parametrize("name", ["measures", "training", "evaluation", "bench"])
def test_no_render_leans_on_training_evaluation_or_measurement(name: str) -> None:
    lazy = ROOT / "flashdepth_vfx" / "__init__.py"
    leaning = {name_of(p).split(".")[1] for p in LIBRARY if name in rooms_of(p) and p != lazy}
    assert name in leaning
    assert leaning <= {"measures", "training", "evaluation"} or leaning == {"bench"}


def test_bench_writes_whole_files_and_opens_none() -> None:
    taken = {m for p in room("bench") for m in imports_of(p) if m.startswith("flashdepth_vfx.io")}
    names = {f"flashdepth_vfx.io.atomic.{name}" for name in ("atomic_write_bytes", "make_folder")}
    assert taken == {"flashdepth_vfx.io.atomic", *names}


def test_front_ends_meet_the_renderer_alone() -> None:
    inner = {"engine", "shotplan", "reporter", "resume", "schedule", "shotfolder", "pipeline"}
    for path in room("serve"):
        assert not rooms_of(path) & inner


def test_the_command_knows_only_public_names() -> None:
    for path in COMMAND:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for module in imports_of(path):
            assert not module.startswith("flashdepth_batch"), f"{path}: imports are relative here"
            if module.startswith("flashdepth_vfx."):
                assert module.removeprefix("flashdepth_vfx.") in flashdepth_vfx.__all__, path
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "flashdepth_vfx":
                assert node.attr in flashdepth_vfx.__all__, f"{path}:{node.lineno}"
        assert strangers_of(path) - set(sys.stdlib_module_names) <= {"click"}, path


def test_no_two_modules_import_each_other() -> None:
    """Not even in a circle of several: of what is imported as a module loads."""
    edges = {name_of(path): _loaded_with(path) for path in LIBRARY}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way, module))
        if module not in done:
            for after in sorted(edges[module]):
                visit(after, (*way, module))
            done.add(module)

    for module in edges:
        visit(module, ())


def _loaded_with(path: Path) -> set[str]:
    """The modules of ours that are imported when this one is, itself left out."""
    names = {name_of(p) for p in LIBRARY}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_load = ast.Module([n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)], [])
    return {module for module in _imports(at_load) if module in names} - {name_of(path)}


@pytest.mark.parametrize(
    "path", sorted({*LIBRARY, *COMMAND, *AROUND, *IN_HOSTS}), ids=lambda p: str(p.relative_to(ROOT))
)
def test_rooms_are_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") < MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and path not in AROUND:
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{path}:{node.lineno} {node.name}: {lines} lines"


def test_examples_take_no_config_that_is_another_one_in_another_ocio() -> None:
    for path in (ROOT / "examples").rglob("*.py"):
        assert not re.search(r"ocio://[\w-]*(latest|default)", path.read_text(encoding="utf-8")), (
            path
        )


def our_texts() -> list[Path]:
    """Every text file that goes into the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout: what belongs to it cannot be told")
    kinds = {".py", ".md", ".toml", ".txt", ".json", ".gizmo", ".sh", ""}
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    return [p for p in paths if p.suffix in kinds and p.is_file() and p != Path(__file__)]


FORBIDDEN = {
    r"(?<![\w.$])/(work|tmp|root|home|opt|Users)/\w": "a path of one machine",
    r"\bNotImplementedError\b": "a stub",
    r"\b(TODO|FIXME|XXX)\b": "work left lying",
    r"\b(MagicMock|unittest\.mock)\b": "a mock where the real thing runs",
    r"except[^\n]*:\s*\n\s*pass\b": "a swallowed error",
    r"(?i)temporally stable": "what the weights in the package do not keep",
}


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_no_file_says(pattern: str) -> None:
    for path in our_texts():
        found = re.search(pattern, path.read_text(encoding="utf-8"))
        assert found is None, f"{path}: {FORBIDDEN[pattern]}: {found[0] if found else ''}"
