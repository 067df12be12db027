"""Weights from the hub or a mirror: checked, and there only when whole."""

from __future__ import annotations

import contextlib
import errno
import os
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit

from flashdepth_vfx.errors import DiskFullError, WeightsError
from flashdepth_vfx.weights.download import DROPPED, Progress, download, forget
from flashdepth_vfx.weights.folders import (
    FileRecord,
    find_file,
    sha256_of,
    weights_folders,
    write_record,
)
from flashdepth_vfx.weights.lock import held
from flashdepth_vfx.weights.registry import WeightsEntry, find_entry

__all__ = ["FetchResult", "fetch", "require_published", "url_of", "where_to_put"]

_HUB = "https://huggingface.co"


@dataclass(frozen=True)
class FetchResult:
    """`was_here`: nothing was fetched. `verified`: the hash is the published one.

    Where no hash was published, the file's own is kept from now on: trust on first use.
    """

    name: str
    path: str
    sha256: str
    size_bytes: int
    verified: bool
    was_here: bool


def fetch(
    name: str, *, progress: Progress | None = None, folder: Path | None = None
) -> FetchResult:
    """Bring the weights called `name` into `folder`, else the first writable weights folder.

    A dropped connection is taken up again, by this call and by the next. Raises `WeightsError`,
    `DiskFullError`; what was fetched so far stays for the next try, unless it is wrong.
    """
    entry = find_entry(name)
    url = url_of(entry)
    folders = weights_folders() if folder is None else (folder,)
    target = find_file(entry, folders)
    was_here = target is not None
    if target is None:
        target = _first_writable(folders) / entry.file
        sha256 = _bring(entry, url, target, progress or _no_progress)
    else:
        sha256 = sha256_of(target)
        require_published(entry, target, sha256)
    size_bytes = target.stat().st_size
    return FetchResult(name, str(target), sha256, size_bytes, entry.sha256 is not None, was_here)


def url_of(entry: WeightsEntry) -> str:
    """Where `entry` comes from: `$FLASHDEPTH_WEIGHTS_URL`/file, else `$HF_ENDPOINT`, else the hub.

    A mirror keeps the files by `WeightsEntry.file`. Raises `WeightsError`: not on the network.
    """
    if entry.repository is None:
        raise WeightsError(f"the weights '{entry.name}' come with the package: nothing to fetch")
    mirror = os.environ.get("FLASHDEPTH_WEIGHTS_URL", "").rstrip("/")
    hub = os.environ.get("HF_ENDPOINT", "").rstrip("/") or _HUB
    url = f"{mirror}/{quote(entry.file)}"
    if not mirror:
        url = f"{hub}/{entry.repository}/resolve/main/{quote(entry.file)}"
    if urlsplit(url).scheme not in ("http", "https"):
        raise WeightsError(
            f"{url}: not an http or https address (a folder goes into $FLASHDEPTH_WEIGHTS)"
        )
    return url


def where_to_put(entry: WeightsEntry, folder: Path | None = None) -> str:
    """What to do to have `entry`, in a sentence or two."""
    if entry.repository is None:
        return f"The package should hold data/{entry.file}: install it again"
    target = (folder or weights_folders()[0]) / entry.file
    return (
        f"Run `flashdepth weights fetch {entry.name}`, or put {url_of(entry)} there by hand, "
        f"as {target}"
    )


def require_published(entry: WeightsEntry, path: Path, sha256: str) -> None:
    """Raise `WeightsError` when a hash was published and `sha256` is another."""
    if entry.sha256 is not None and sha256 != entry.sha256:
        raise WeightsError(
            f"{path}: not the published '{entry.name}': its sha256 is {sha256}, "
            f"not {entry.sha256}. Remove it, and fetch it again"
        )


def _no_progress(_done: int, _total: int | None) -> None:
    return


def _first_writable(folders: tuple[Path, ...]) -> Path:
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue  # the next may do; that none does is said below
        if os.access(folder, os.W_OK):
            return folder
    listed = ", ".join(map(str, folders))
    raise WeightsError(f"no weights folder can be written: {listed} (set $FLASHDEPTH_WEIGHTS)")


def _bring(entry: WeightsEntry, url: str, target: Path, progress: Progress) -> str:
    """Fetch into a part, check it, and give it its name. Returns the hash."""
    part = target.with_name(target.name + ".part")
    with _explained(entry, url, part):
        part.parent.mkdir(parents=True, exist_ok=True)
        with held(part):
            download(url, part, hash_is_known=entry.sha256 is not None, progress=progress)
            sha256 = sha256_of(part)
            forget(part)
            try:
                require_published(entry, part, sha256)
            except WeightsError:
                part.unlink()
                raise
            part.replace(target)
            status = target.stat()
            record = FileRecord(status.st_size, status.st_mtime_ns, sha256, url)
            write_record(target, record)
    return sha256


@contextlib.contextmanager
def _explained(entry: WeightsEntry, url: str, part: Path) -> Iterator[None]:
    """Errors of the network and the disk as ours, with what to do."""
    folder = part.parents[len(Path(entry.file).parts) - 1]

    def fail(reason: str, error: Exception) -> NoReturn:
        raise WeightsError(f"{url}: {reason}. {where_to_put(entry, folder)}") from error

    try:
        yield
    except urllib.error.HTTPError as error:
        fail(f"the server answers {error.code} {error.reason}", error)
    except urllib.error.URLError as error:
        fail(f"cannot be reached ({error.reason})", error)
    except DROPPED as error:
        fail(f"{error or type(error).__name__}; the next try continues there", error)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(part) from error
        raise WeightsError(f"{part}: cannot be written: {error.strerror or error}") from error
