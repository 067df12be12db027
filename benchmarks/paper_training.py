"""The paper's two stages on one GPU and on two: rates, loss, whether the ranks agree, and a run that is killed.

    python benchmarks/paper_training.py [--ranks 2] [--steps 30] [--folder FOLDER]

It needs no data and no weights: it draws scenes in the form of MVS-Synth, and random weights under the names of Depth
Anything V2. What is run is the command itself, `torchrun -m flashdepth_batch train paper`. Prints a table and writes
`benchmarks/results/paper_training.json`. On a CPU networks and pictures are small.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from made_sets import write_scenes

from flashdepth_vfx.training import load_checkpoint, read_config
from flashdepth_vfx.training.datasets import open_dataset
from flashdepth_vfx.training.paper.sets import set_batches
from flashdepth_vfx.training.ranks import joined_ranks
from flashdepth_vfx.training.start import new_network

RESULTS = Path(__file__).parent / "results" / "paper_training.json"
ON_GPU = torch.cuda.is_available()
#: Random weights learn nothing at the paper's rates in a few steps.
FAST = {
    "train.encoder_rate": 5e-5,
    "train.decoder_rate": 3e-4,
    "train.temporal_rate": 3e-4,
    "train.warmup_steps": 5,
}
Line = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A stage as it is asked for: steps of the whole, and what goes over its configuration."""

    name: str
    config: str
    steps: int
    told: dict[str, Any]


def main() -> None:
    """Draw, train, kill, compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30 if ON_GPU else 6)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--sending", type=Path, help="What each rank runs to time its sums.")
    asked = parser.parse_args()
    if asked.sending is not None:
        time_sums(asked.sending)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        record: dict[str, Any] = {"machine": machine(), "torch": torch.__version__}
        began = time.monotonic()
        runs = prepared(folder, asked.steps)
        print(f"scenes and weights made in {time.monotonic() - began:.0f} s", flush=True)
        record["runs"] = [row for run in runs for row in measured(run, folder, asked.ranks)]
        record["killed"] = killed(runs[0], folder, asked.ranks)
        record["reading"] = {run.name: read_alone(run) for run in (runs[0], runs[-1])}
        record["sums"] = sums(folder, asked.ranks)
        record |= {"date": date.today().isoformat(), "seconds": round(time.monotonic() - began)}
    print(
        json.dumps(
            {name: record[name] for name in ("killed", "reading", "sums", "seconds")}, indent=2
        )
    )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def machine() -> str:
    name = torch.cuda.get_device_name() if ON_GPU else "CPU"
    return f"{torch.cuda.device_count()} x {name}, {os.cpu_count()} cores"


def prepared(folder: Path, steps: int) -> list[Run]:
    """Data, weights, and the stages on them, each after what it begins from."""
    small, large = folder / "small", folder / "large"
    if ON_GPU:
        write_scenes(small, 4, (540, 960))
        write_scenes(large, 2, (1080, 1920))
        for preset in ("s", "l"):
            net = new_network(preset, None, 1).state_dict()
            published = {n: t for n, t in net.items() if not n.startswith("mamba.")}
            torch.save(published, folder / f"dav2-{preset}.pth")
        more: dict[str, Any] = {"device": "cuda"}
    else:
        write_scenes(small, 2, (96, 128))
        write_scenes(large, 2, (96, 128))
        size = {"data.height_px": 64, "data.width_px": 64, "data.clips": 1, "data.workers": 0}
        more = {"device": "cpu", "network": "nano", **size}
    common = {
        **FAST,
        **more,
        "data.strides": "{mvs-synth = 1}",
        "train.log_every": max(steps // 6, 1),
    }
    first = common | {"data.root": small}

    def begin(preset: str) -> dict[str, Any]:
        return {"encoder": folder / f"dav2-{preset}.pth" if ON_GPU else "random"}

    s, teacher = folder / "stage1-s-1.pt", folder / "dav2-l.pth"
    full = (
        {"start": s, "teacher": teacher}
        if ON_GPU
        else {"network": "nano-hybrid", "encoder": "random", "teacher": s}
    )
    return [
        Run("stage1-s", "stage1-s", steps, first | begin("s")),
        Run("stage1-l", "stage1-l", max(steps // 2, 2), first | begin("l")),
        Run("stage2-full", "stage2-full", max(steps // 3, 2), common | {"data.root": large} | full),
    ]  # fmt: skip


def command(run: Run, checkpoint: Path, ranks: int) -> list[str]:
    told = {
        **run.told,
        "checkpoint": checkpoint,
        "train.steps": run.steps,
        "train.sample_every": run.steps,
    }
    cores = (os.cpu_count() or 2) // ranks
    if ON_GPU:
        told["data.workers"] = max(min(14, cores - 2), 1)
    changes = [f"{name}={value}" for name, value in told.items()]
    return [*torchrun(ranks), "-m", "flashdepth_batch", "train", "paper", run.config, *changes]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def lines_of(process: subprocess.Popen[str]) -> Iterator[Line]:
    assert process.stdout is not None
    for text in process.stdout:
        line = json.loads(text)
        if "step" in line:
            yield line


def trained(run: Run, checkpoint: Path, ranks: int) -> list[Line]:
    """To its end; raises where it fails."""
    asked = command(run, checkpoint, ranks)
    with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        lines = list(lines_of(process))
    if process.returncode:
        raise SystemExit(f"{run.name} on {ranks} ranks ended with {process.returncode}")
    return lines


def measured(run: Run, folder: Path, most: int) -> list[dict[str, Any]]:
    """On one rank and on all."""
    rows = []
    for ranks in sorted({1, most}):
        checkpoint = folder / f"{run.name}-{ranks}.pt"
        lines = trained(run, checkpoint, ranks)
        record = load_checkpoint(checkpoint).history[-1]
        # the first line has the start in it
        rate = statistics.median(line["frames_per_s"] for line in lines[1:] or lines)
        row = {"stage": run.name, "ranks": ranks, "frames_per_s": rate,
               "gain": round(rate / rows[0]["frames_per_s"], 2) if rows else 1.0,
               "loss_first": lines[0]["loss"], "loss_last": lines[-1]["loss"],
               "peak_gib": lines[-1].get("peak_gib"), "fingerprint_of_all_ranks": record["fingerprint"],
               "steps": record["steps"]}  # fmt: skip
        rows.append(row)
        print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    return rows


def killed(run: Run, folder: Path, ranks: int) -> dict[str, Any]:
    """SIGKILL to every process of a run in the middle, and the same command again, beside the unbroken one."""
    told = run.told | {"train.log_every": 1, "train.checkpoint_seconds": 0}
    # each step is written down
    each = Run(run.name, run.config, min(run.steps, 12), told)
    unbroken = {line["step"]: line["loss"] for line in trained(each, folder / "unbroken.pt", ranks)}
    broken = folder / "broken.pt"
    asked = command(each, broken, ranks)
    with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        for line in lines_of(process):
            if line["step"] >= each.steps // 2:
                break
        for pid in [process.pid, *descendants(process.pid)]:
            os.kill(pid, signal.SIGKILL)
    left = load_checkpoint(broken).step
    after = trained(each, broken, ranks)
    off = max(abs(line["loss"] / unbroken[line["step"]] - 1.0) for line in after)
    prints = [
        load_checkpoint(folder / f"{n}.pt").history[-1]["fingerprint"]
        for n in ("unbroken", "broken")
    ]
    return {"left_at_step": left, "went_on_at": after[0]["step"], "ended_at": after[-1]["step"],
            "loss_off_at_most": off, "same_to_the_bit": prints[0] == prints[1]}  # fmt: skip


def descendants(pid: int) -> list[int]:
    """Of a process, by what Linux says."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, last = [], {pid}
    while last:
        last = {child for child, parent in parents.items() if parent in last}
        found += sorted(last)
    return found


def read_alone(run: Run) -> float:
    """Frames a second that its workers read, crop and resize where nothing is trained."""
    changes = command(run, Path("unused.pt"), 1)
    job = read_config(run.config, changes[changes.index(run.config) + 1 :])
    data: Any = job.settings.data
    sets = {one.name: open_dataset(one.name, job.roots[one.name]) for one in data.sets}
    batches = set_batches(data, sets, 0, torch.device("cpu"), 0, 1, lambda fault: print(fault))
    # what is ready before the clock starts is not counted
    warm, counted = 3 * max(data.workers, 1), 10
    list(islice(batches, warm))
    began = time.monotonic()
    list(islice(batches, counted))
    return round(counted * data.clips * data.frames / (time.monotonic() - began), 1)


def torchrun(ranks: int) -> list[str]:
    """What begins so many processes of this machine."""
    standalone = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return [*standalone, f"--nproc-per-node={ranks}"]


def sums(folder: Path, ranks: int) -> dict[str, float]:
    """Milliseconds that averaging the gradients takes: all that sending them beside the backward pass could save."""
    out = folder / "sums.json"
    told = [*torchrun(ranks), __file__, "--sending", str(out)]
    subprocess.run(told, env=environment(), check=True)
    found: dict[str, float] = json.loads(out.read_text())
    return found


def time_sums(out: Path) -> None:
    kind = "cuda" if ON_GPU else "cpu"
    with joined_ranks(kind) as ranks:
        found = {}
        for preset in ("s", "l") if ON_GPU else ("nano",):
            gradients = [
                torch.rand_like(p, device=kind) for p in new_network(preset, None, 0).parameters()
            ]
            times = []
            for _ in range(12):
                if ON_GPU:
                    torch.cuda.synchronize()
                began = time.perf_counter()
                ranks.average_(gradients)
                if ON_GPU:
                    torch.cuda.synchronize()
                times.append(1000.0 * (time.perf_counter() - began))
            found[preset] = round(statistics.median(times[2:]), 2)
        if ranks.rank == 0:
            out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
