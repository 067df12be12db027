"""The process that `apart.measured_apart` starts: python -m flashdepth_vfx.bench.child < ticket.json"""

from __future__ import annotations

import json
import os
import sys

from flashdepth_vfx.errors import FlashDepthError


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
