"""Files that are whole or not there: write under a hidden name, flush, rename.

The hidden name `.<name>.<host>.<pid>.<random>.tmp` lies in the same folder, since a rename is atomic
within one file system only, and ends in a suffix that no frame pattern has.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import re
import secrets
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from flashdepth_vfx.errors import DiskFullError, OutputError

__all__ = [
    "atomic_write",
    "atomic_write_bytes",
    "atomic_write_groups",
    "is_alive",
    "make_folder",
    "process_space",
    "sweep_orphans",
]

#: A temporary of another host, or of a process number that is in use again, is an orphan after this.
ORPHAN_AGE_S = 86_400.0
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
_TEMPORARY = re.compile(
    r"\..*\.(?P<host>[A-Za-z0-9_-]+)\.(?P<pid>\d+)\.[0-9a-f]{8}\.tmp", re.DOTALL
)
_NAME_BYTES = 120
#: What is gathered of small pieces before it goes to the disk.
_BUFFER_BYTES = 1 << 20
#: Groups of files that wait for the disk at once; a file system makes one wait of theirs.
_GROUPS_AT_ONCE = 8


def atomic_write_bytes(path: Path, data: bytes | memoryview) -> int:
    """Put `data` at `path`, as `atomic_write` does, and return its bytes."""

    def fill(file: BinaryIO) -> None:
        file.write(data)

    return atomic_write(path, fill)


def atomic_write_groups(groups: Iterable[Sequence[tuple[Path, bytes]]]) -> None:
    """Write each file as `atomic_write_bytes` does: those of a group in order, the groups side by side.

    Thousands of small files are mostly waits for the disk. Few groups are held at a time, however many are given.
    After a failure no group is begun any more. Raises what the first of the groups that failed raised.
    """
    begun: deque[Future[None]] = deque()
    with ThreadPoolExecutor(_GROUPS_AT_ONCE, thread_name_prefix="write") as pool:
        try:
            for group in groups:
                if len(begun) >= 2 * _GROUPS_AT_ONCE:
                    begun.popleft().result()
                begun.append(pool.submit(_write_group, group))
            while begun:
                begun.popleft().result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _write_group(group: Sequence[tuple[Path, bytes]]) -> None:
    for path, data in group:
        atomic_write_bytes(path, data)


def atomic_write(path: Path, fill: Callable[[BinaryIO], None]) -> int:
    """Put what `fill` writes at `path`, whole or not at all, and return its bytes. Makes the folder.

    `fill` may go back in the file. The file's mode follows the umask. A file that was there is replaced
    in one step; after a failure it is as it was, and nothing else is left. Raises `DiskFullError`,
    `OutputError`, and what `fill` raises of its own.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / _temporary_name(path.name)
        try:
            size = _write_through(temporary, fill)
            os.replace(temporary, path)  # noqa: PTH105 - one system call, named as the man page does
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _as_output_error(path, error) from error
    _sync_folder(path.parent)
    return size


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it, where they are not there yet. Raises `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _as_output_error(folder / "*", error) from error


def sweep_orphans(folder: Path) -> int:
    """Remove the temporaries that dead processes left in `folder`; return how many.

    A temporary is dead when its process is of this `process_space` and not alive, or when it has lain
    untouched for a day.
    A folder that is not there has none. Raises `OutputError` when one cannot be removed.
    """
    here, removed = process_space(), 0
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return 0
    for entry in entries:
        match = _TEMPORARY.fullmatch(entry.name)
        if match is None:
            continue
        # Another process may sweep the same folder, or finish its file, between any two lines here.
        with contextlib.suppress(FileNotFoundError):
            dead = match["host"] == here and not is_alive(int(match["pid"]))
            if dead or time.time() - entry.stat().st_mtime > ORPHAN_AGE_S:
                try:
                    Path(entry.path).unlink()
                except PermissionError as error:
                    raise _as_output_error(Path(entry.path), error) from error
                removed += 1
    return removed


def _temporary_name(name: str) -> str:
    # Cut in bytes: a file name may hold 255 of them, and the rest of ours needs its share.
    kept = name.encode(errors="surrogateescape")[:_NAME_BYTES].decode(errors="ignore")
    return f".{kept}.{process_space()}.{os.getpid()}.{secrets.token_hex(4)}.tmp"


@functools.cache
def process_space() -> str:
    """Where a process number means what it means here: this host, this boot, these process numbers.

    Containers may share a host's name and not its process numbers; a living writer there must not
    look dead here.
    """
    host = re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:40] or "host"
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8")
        numbers = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return host
    return f"{host}-{hashlib.sha256(f'{boot}{numbers}'.encode()).hexdigest()[:8]}"


def _write_through(path: Path, fill: Callable[[BinaryIO], None]) -> int:
    # Mode 0666 less the umask, as any program's new file; tempfile's 0600 would lock out the farm.
    descriptor = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666
    )
    with os.fdopen(descriptor, "wb", buffering=_BUFFER_BYTES) as file:
        fill(file)
        file.flush()
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size


def _sync_folder(folder: Path) -> None:
    # Some network file systems, and Windows, refuse this on a folder; the file itself is safe then.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_alive(pid: int) -> bool:
    """Whether a process of this `process_space` has that number; on Windows it is taken to."""
    if sys.platform == "win32":
        # There, signal 0 is not a question but an interrupt: only age tells.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether it has ended, and its parent has not looked yet: a number that is still taken, and writes nothing."""
    process = Path(f"/proc/{pid}")
    try:
        state = (process / "stat").read_bytes().rpartition(b")")[2].split()[0]
        # A thread that hangs in a disk outlives its process's first one, and may write yet.
        return state == b"Z" and len(list((process / "task").iterdir())) == 1
    except (OSError, IndexError):
        return False


def _as_output_error(path: Path, error: OSError) -> OutputError:
    if error.errno in _FULL:
        return DiskFullError(path)
    said = error.strerror or str(error)
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return OutputError(
            path,
            f"cannot write into {path.parent} ({said}): grant write access or name another folder; "
            "on Windows, also close the file in the program that has it open",
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return OutputError(
            path, f"{path.parent} is not a folder ({said}): name another output folder"
        )
    return OutputError(path, f"cannot be written ({said})")
