"""A measurement in a process of its own, on all cores or on some: a ticket of JSON on stdin, an answer on stdout.

python -m flashdepth_vfx.bench.child < ticket.json
"""

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
        [sys.executable, "-m", __name__],
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


def _main() -> int:
    ticket = json.loads(sys.stdin.read())
    # Before PyTorch is there: it counts cores once.
    if ticket["cores"] is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, ticket["cores"])
    if ticket["task"] == "fresh":
        from flashdepth_vfx.bench.fresh import in_the_child
    else:
        from flashdepth_vfx.bench.cores import in_the_child
    try:
        answer = in_the_child(ticket)
    except FlashDepthError as error:
        sys.stderr.write(f"{' '.join(str(error).split())}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
