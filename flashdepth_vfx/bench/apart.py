"""A measurement in a process of its own, on all cores or on some: a ticket of JSON on stdin, an answer on stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from flashdepth_vfx.errors import FlashDepthError

__all__ = ["measured_apart"]

_CHILD = "flashdepth_vfx.bench.child"


def measured_apart(
    task: str, ticket: Mapping[str, Any], cores: Sequence[int] | None = None
) -> dict[str, Any]:
    """What the child answers to `task`. `cores` are the only ones that it may use, and its threads as many.

    The answer has `process_seconds`, from before the process was there. Raises `FlashDepthError` when it fails.
    """
    surroundings = dict(os.environ)
    if cores is not None:
        surroundings |= {"OMP_NUM_THREADS": str(len(cores)), "MKL_NUM_THREADS": str(len(cores))}
    whole = {**ticket, "task": task, "cores": cores, "began": time.time()}
    done = subprocess.run(
        [sys.executable, "-m", _CHILD],
        input=json.dumps(whole),
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise FlashDepthError(
            f"the process that was to be measured ended with {done.returncode}: "
            f"{said[-1] if said else 'it said nothing'}"
        )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
