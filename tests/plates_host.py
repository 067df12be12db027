"""A host that makes plates, as a process of its own: it copies those of one folder to another, one by one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["command", "gone", "wait_for"]


def command(made: Path, plates: Path, *more: str) -> tuple[str, ...]:
    """The command that copies all of `made` to `plates`.

    `more`: `without=NAME` leaves a file out, `code=N` is its exit code, `waits=NOTE` leaves its process number and
    that of a child in a file and waits, `deaf` takes no SIGTERM.
    """
    return (sys.executable, str(Path(__file__)), str(made), str(plates), *more)


def gone(pid: int) -> bool:
    """Whether no process of that number runs; one that nobody has waited for runs no more."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def wait_for(note: Path, seconds: float = 60.0) -> list[int]:
    """The process numbers that a host of `waits=NOTE` has left."""
    limit = time.monotonic() + seconds
    while not note.exists():
        assert time.monotonic() < limit
        time.sleep(0.02)
    return [int(word) for word in note.read_text().split()]


def main(made: str, plates: str, *more: str) -> int:
    asked = dict(one.partition("=")[::2] for one in more)
    if "deaf" in asked:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "waits" in asked:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        note = Path(asked["waits"])
        note.with_suffix(".part").write_text(f"{os.getpid()} {child.pid}")
        note.with_suffix(".part").rename(note)
        print("waiting", flush=True)  # noqa: T201
        time.sleep(300)
    Path(plates).mkdir(parents=True, exist_ok=True)
    for path in sorted(Path(made).iterdir()):
        if path.name == asked.get("without"):
            continue
        time.sleep(0.05)
        half = Path(plates, f".{path.name}")
        shutil.copyfile(path, half)
        half.rename(Path(plates, path.name))
        print(f"wrote {path.name}", flush=True)  # noqa: T201
    return int(asked.get("code", 0))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
