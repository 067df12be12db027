"""Results as files: the report of a command, and the tables of `benchmarks/`."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flashdepth_vfx.bench.machine import Machine
from flashdepth_vfx.bench.report import BenchReport
from flashdepth_vfx.bench.tables import report_to_plain
from flashdepth_vfx.io.atomic import atomic_write_bytes, make_folder

__all__ = ["make_folder", "write_record", "write_report"]

_FORMAT = "flashdepth-benchmark/1"


def write_report(path: Path, report: BenchReport) -> None:
    """As JSON, whole or not at all. Raises `OutputError`."""
    _write(path, report_to_plain(report))


def write_record(
    path: Path,
    benchmark: str,
    machine: Machine,
    settings: Mapping[str, Any],
    rows: Iterable[Mapping[str, Any]],
) -> None:
    """One table of `benchmarks/`, with the machine and the time. Raises `OutputError`."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    record = {
        "format": _FORMAT,
        "benchmark": benchmark,
        "measured_at": now,
        "machine": dataclasses.asdict(machine),
        "settings": dict(settings),
        "rows": [dict(row) for row in rows],
    }
    _write(path, record)


def _write(path: Path, plain: Mapping[str, Any]) -> None:
    atomic_write_bytes(path, (json.dumps(plain, indent=2) + "\n").encode())
