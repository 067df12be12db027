"""Doctor: whether everything that a render needs is there, and what to do where it is not."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import HostError
from .finding import find_command
from .session import Session

__all__ = ["Finding", "examine"]

_OLDEST = (3, 9)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `is_well` is false where a render would fail."""

    what: str
    text: str
    is_well: bool = True

    def __str__(self) -> str:
        return f"{'ok  ' if self.is_well else 'WRONG'} {self.what}: {self.text}"


def examine(plugin: Path, session: Session, writes_to: str | None = None) -> list[Finding]:
    """Look at the host's Python, the command, the worker, its GPU and weights, and the folder of `writes_to`."""
    findings = [_python()]
    try:
        command = find_command(plugin)
        findings.append(Finding("command", " ".join(command)))
        findings += _of_worker(session)
    except HostError as error:
        findings.append(Finding("worker", str(error), is_well=False))
    if writes_to:
        findings.append(_writable(Path(writes_to).parent))
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _OLDEST:
        return Finding(
            "host's Python", f"{version}, and the plugin needs 3.9 or newer", is_well=False
        )
    return Finding("host's Python", version)


def _of_worker(session: Session) -> Iterator[Finding]:
    facts = session.ask({"type": "about"})
    yield Finding(
        "flashdepth", f"{facts['version']}, Python {facts['python']}, torch {facts['torch']}"
    )
    notice = f" ({facts['notice']})" if facts["notice"] else ""
    yield Finding("device", f"{facts['device']}{notice}")
    here = [row["name"] for row in facts["weights"] if row["present"]]
    absent = [row["name"] for row in facts["weights"] if not row["present"]]
    yield Finding("weights", ", ".join(here) or "none", is_well=bool(here))
    if absent:
        yield Finding("weights to fetch", f"{', '.join(absent)} (flashdepth weights fetch NAME)")


def _writable(folder: Path) -> Finding:
    """Tried, not asked: what a file server allows is known when it is done."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        descriptor, name = tempfile.mkstemp(prefix=".flashdepth-", dir=there)
        os.close(descriptor)
        Path(name).unlink()
    except OSError as error:
        return Finding(
            "output", f"{there}: cannot be written to ({error.strerror or error})", is_well=False
        )
    return Finding("output", f"{there} can be written to")
