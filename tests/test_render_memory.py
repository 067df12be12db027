"""Memory does not depend on the length of a shot; `benchmarks/memory.py` measures the long one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[1] / "benchmarks" / "memory.py"


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peaks are read from /proc")
def test_peak_memory_does_not_grow_with_the_shot(nano_weights: Path, tmp_path: Path) -> None:
    result = tmp_path / "memory.json"
    arguments = ["--frames", "16", "116", "--size", "384x224", "--resolution", "native"]
    arguments += ["--weights", str(nano_weights), "--json", str(result)]
    told = subprocess.run(
        [sys.executable, str(BENCHMARK), *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    measured = json.loads(result.read_text())
    assert [row["frames"] for row in measured["rows"]] == [16, 116]
    assert measured["ratio"] <= 1.05
