"""Peak memory of a render, for shots of different lengths: it must not depend on the length.

    python benchmarks/memory.py --frames 40 400 --size 640x272

Every length is rendered by the public `render` in a process of its own, from made plates, and that
process says its own peak (VmHWM: resident memory, as the kernel counted it). Prints a table, writes
JSON (`benchmarks/results/memory.json` unless `--json` says another file), and exits 1 when the longest
shot took more than `--limit` times what the shortest took.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
FORMAT = "flashdepth-benchmark/1"
#: Plates that differ; a longer shot shows them again, by links, so that the disk is not what is measured.
_DIFFERENT_PLATES = 24


@dataclass(frozen=True)
class Row:
    """One render: `peak_bytes` is the highest resident memory of its process."""

    frames: int
    peak_bytes: int
    seconds: float
    frames_per_second: float


def main() -> int:
    """Measure, print, write; 1 when memory grew with the shot."""
    options = parse_arguments()
    if options.child:
        return render_and_tell(Path(options.child))
    with tempfile.TemporaryDirectory(prefix="flashdepth-memory-") as folder:
        rows = [measure(options, frames, Path(folder)) for frames in sorted(options.frames)]
    ratio = rows[-1].peak_bytes / rows[0].peak_bytes
    say(f"{'frames':>8} {'peak MiB':>10} {'seconds':>9} {'frames/s':>9}")
    for row in rows:
        peak = row.peak_bytes / 2**20
        say(f"{row.frames:>8} {peak:>10.1f} {row.seconds:>9.1f} {row.frames_per_second:>9.2f}")
    say(f"ratio of the longest to the shortest: {ratio:.3f} (at most {options.limit})")
    write_result(options, rows, ratio)
    return int(ratio > options.limit)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--frames", type=int, nargs="+", default=[40, 400], metavar="N")
    parser.add_argument("--size", default="640x272", help="of the plates (default 640x272)")
    parser.add_argument("--weights", default="nano", help="a name or a file (default nano)")
    parser.add_argument(
        "--resolution", help="long side in pixels, or native (default: the weights')"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--limit", type=float, default=1.05, help="highest ratio (default 1.05)")
    result = REPOSITORY / "benchmarks" / "results" / "memory.json"
    parser.add_argument("--json", type=Path, default=result, help="where the result is written")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(options: argparse.Namespace, frames: int, folder: Path) -> Row:
    """Render a shot of `frames` in a process of its own."""
    width, height = (int(side) for side in options.size.split("x"))
    plates = folder / "plates"
    make_plates(plates, frames, width, height)
    resolution = options.resolution
    job = {
        "shot": {"input": str(plates / "plate.####.exr")},
        "output": str(folder / f"depth{frames}" / "depth.####.exr"),
        "frames": f"1-{frames}",
        "settings": {
            "weights": options.weights,
            "device": options.device,
            "resolution": int(resolution) if resolution and resolution.isdigit() else resolution,
        },
    }
    ticket = folder / f"job{frames}.json"
    ticket.write_text(json.dumps(job))
    child = subprocess.run(
        [sys.executable, __file__, "--child", str(ticket)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = json.loads(child.stdout)
    seconds = told["seconds"]
    return Row(frames, told["peak_bytes"], seconds, frames / seconds)


def make_plates(folder: Path, frames: int, width: int, height: int) -> None:
    """Plates `1..frames` of a moving gradient, half float; those that are there stay."""
    import numpy as np
    import OpenEXR

    folder.mkdir(exist_ok=True)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    for frame in range(1, frames + 1):
        path = folder / f"plate.{frame:04d}.exr"
        if path.exists():
            continue
        original = folder / f"plate.{(frame - 1) % _DIFFERENT_PLATES + 1:04d}.exr"
        if original != path:
            os.link(original, path)
            continue
        waves = [
            np.sin((columns + 7 * frame) / 23),
            np.cos(rows / 17),
            np.sin((rows + columns) / 31),
        ]
        rgb = (0.5 + 0.4 * np.stack(waves, axis=-1)).astype(np.float16)
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, {"RGB": rgb}).write(str(path))


def render_and_tell(ticket: Path) -> int:
    """In the child: render, and print the peak of this process."""
    from flashdepth_vfx import RenderJob, render

    began = time.perf_counter()
    render(RenderJob.from_json(ticket.read_bytes()))
    seconds = time.perf_counter() - began
    say(json.dumps({"peak_bytes": peak_bytes(), "seconds": seconds}))
    return 0


def peak_bytes() -> int:
    """The highest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: it also counts what the parent held when it started this process.
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
        if found:
            return int(found[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def write_result(options: argparse.Namespace, rows: list[Row], ratio: float) -> None:
    """The result as JSON: what was measured, on what, and when."""
    result: dict[str, Any] = {
        "format": FORMAT,
        "benchmark": "memory",
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": processor_name(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "settings": {
            name: getattr(options, name) for name in ("size", "weights", "resolution", "device")
        },
        "rows": [asdict(row) for row in rows],
        "ratio": round(ratio, 4),
        "limit": options.limit,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n")


def processor_name() -> str:
    """The processor as the system names it."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.is_file() else None
    return found[1].strip() if found else platform.processor()


def say(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
