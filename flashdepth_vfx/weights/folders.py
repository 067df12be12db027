"""Where weights are kept, and what is known of a file there."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import msgspec
import platformdirs

from flashdepth_vfx.errors import OutputError, WeightsError
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.weights.registry import WeightsEntry

__all__ = [
    "FileRecord",
    "file_sha256",
    "find_file",
    "read_record",
    "record_path",
    "sha256_of",
    "weights_folders",
    "write_record",
]

# Below this, hashing takes less than a breath, and a note beside the file would be clutter
_WORTH_RECORDING_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class FileRecord:
    """A note beside a large file: its hash, as long as size and modification time stay the same.

    `fetched_from` is the address when this package fetched the file: the hash is then what the file
    must go on having.
    """

    size_bytes: int
    modified_ns: int
    sha256: str
    fetched_from: str = ""


def weights_folders() -> tuple[Path, ...]:
    """`$FLASHDEPTH_WEIGHTS` (several, separated as in `$PATH`), else the platform's cache folder."""
    named = os.environ.get("FLASHDEPTH_WEIGHTS", "")
    folders = tuple(Path(part).expanduser() for part in named.split(os.pathsep) if part)
    return folders or (platformdirs.user_cache_path("flashdepth", appauthor=False) / "weights",)


def find_file(entry: WeightsEntry, folders: tuple[Path, ...]) -> Path | None:
    """The file of `entry`: in the package, or in the first of `folders` that has it."""
    if entry.repository is None:
        inside = Path(str(resources.files("flashdepth_vfx"))) / "data" / entry.file
        return inside if inside.is_file() else None
    candidates = (folder / entry.file for folder in folders)
    return next((path for path in candidates if path.is_file()), None)


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes, read whole. Raises `WeightsError`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from error


def file_sha256(path: Path) -> str:
    """`sha256_of`, remembered beside a large file. Raises `WeightsError`: changed since fetched."""
    try:
        status = path.stat()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from error
    record = read_record(path)
    if record and (record.size_bytes, record.modified_ns) == (status.st_size, status.st_mtime_ns):
        return record.sha256
    sha256 = sha256_of(path)
    if record and record.fetched_from and record.sha256 != sha256:
        raise WeightsError(
            f"{path}: changed since it was fetched from {record.fetched_from}. Fetch it again, or "
            f"remove {record_path(path).name} if the change is meant"
        )
    if status.st_size >= _WORTH_RECORDING_BYTES or record:
        fetched_from = record.fetched_from if record else ""
        write_record(path, FileRecord(status.st_size, status.st_mtime_ns, sha256, fetched_from))
    return sha256


def record_path(path: Path) -> Path:
    """The note that belongs to `path`."""
    return path.with_name(path.name + ".sha256.json")


def read_record(path: Path) -> FileRecord | None:
    """The note beside `path`; None when there is none, or none that can be read."""
    try:
        return msgspec.json.decode(record_path(path).read_bytes(), type=FileRecord)
    except (OSError, msgspec.DecodeError):
        return None


def write_record(path: Path, record: FileRecord) -> bool:
    """Write the note beside `path`; False where the folder is read-only, and hashing repeats."""
    try:
        atomic_write_bytes(record_path(path), msgspec.json.encode(record))
    except OutputError:
        return False
    return True
