"""How fast scenes are drawn, rendered and filmed, and how fast the network learns from them.

    python benchmarks/training_rates.py [--device cuda] [--compiled]

Prints a table and writes `benchmarks/results/training_rates.json`. On a CPU it takes sizes that end in a minute.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch

from flashdepth_vfx.training.data import DataSettings, held_out
from flashdepth_vfx.training.looks import Look, develop, draw_looks
from flashdepth_vfx.training.losses import LossWeights, clip_loss
from flashdepth_vfx.training.passes import predict, predict_frames
from flashdepth_vfx.training.scenes import Scene, draw_scenes, render
from flashdepth_vfx.training.start import new_network

RESULTS = Path(__file__).parent / "results" / "training_rates.json"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compiled", action="store_true")
    asked = parser.parse_args()
    device = torch.device(asked.device)
    on_gpu = device.type == "cuda"
    torch.backends.cudnn.benchmark = True
    rows = _Rows()
    rows["scenes drawn on one core"] = drawn(64)
    cores = multiprocessing.cpu_count()
    rows[f"scenes drawn on {cores} cores"] = drawn_together(cores, 64)
    sizes = ((256, 256), (224, 384)) if on_gpu else ((128, 224),)
    clips = 64 if on_gpu else 2
    for size in sizes:
        name = f"{size[1]}x{size[0]}"
        rows[f"frames rendered, {name}"] = rendered(clips, size, device, False)
        if asked.compiled:
            rows[f"frames rendered, {name}, compiled"] = rendered(clips, size, device, True)
        rows[f"frames filmed, {name}"] = filmed(clips, size, device)
    size = sizes[-1]
    for batch in (64, 128) if on_gpu else (2,):
        for compiled in (False, True) if asked.compiled else (False,):
            word = ", compiled" if compiled else ""
            rows[f"stage 1, batch of {batch}{word}"] = learned(batch, 1, size, device, compiled)
            rows[f"stage 2, batch of {batch} in clips of 8{word}"] = learned(
                max(1, batch // 8), 8, size, device, compiled
            )
    write(rows, device)


class _Rows(dict[str, float]):
    """What was measured, told as it comes: a rented GPU may be gone before the last one."""

    def __setitem__(self, name: str, value: float) -> None:
        super().__setitem__(name, value)
        print(f"{name:60} {value:10.0f} /s", flush=True)


def rate(count: int, work: Callable[[], Any], device: torch.device, repeats: int) -> float:
    """How many a second: the median of several runs, after two that are not counted."""
    seconds = []
    for turn in range(repeats + 2):
        wait(device)
        began = time.perf_counter()
        work()
        wait(device)
        if turn > 1:
            seconds.append(time.perf_counter() - began)
    return count / sorted(seconds)[len(seconds) // 2]


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def drawn(count: int) -> float:
    """On one core, with its look."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    began = time.perf_counter()
    draw_scenes(range(count), 1)
    draw_looks(range(count), 1, 0.5)
    seconds = time.perf_counter() - began
    # what is measured next on a CPU has all of its cores
    torch.set_num_threads(threads)
    return count / seconds


def drawn_together(cores: int, each: int) -> float:
    """On all cores at once, as data workers do."""
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        pool.map(drawn, [2] * cores)
        began = time.perf_counter()
        pool.map(drawn, [each] * cores, chunksize=1)
        return cores * each / (time.perf_counter() - began)


def rendered(clips: int, size: tuple[int, int], device: torch.device, compiled: bool) -> float:
    scene = Scene.from_arrays(draw_scenes(range(clips), 1), device)
    return rate(clips, lambda: render(scene, *size, compiled=compiled), device, 5)


def filmed(clips: int, size: tuple[int, int], device: torch.device) -> float:
    scene = Scene.from_arrays(draw_scenes(range(clips), 1), device)
    look = Look.from_arrays(draw_looks(range(clips), 1, 0.5), device)
    clip = render(scene, *size)
    return rate(clips, lambda: develop(clip.rgb_linear, clip.disparity_100_per_m, look), device, 5)


def learned(
    clips: int, frames: int, size: tuple[int, int], device: torch.device, compiled: bool
) -> float:
    """Forward, loss and back; encoder fixed in clips, as in stage 2."""
    net = new_network("nano", None, 0).to(device)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    net.pretrained.requires_grad_(frames == 1)
    batch = held_out(DataSettings(0, clips, frames, *size, 0.5), device)
    net.train()

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            if frames == 1:
                disparity = predict_frames(net, batch.rgb, compiled)
            else:
                disparity, _ = predict(net, batch.rgb, None, compiled)
        loss, _ = clip_loss(disparity, batch.disparity_100_per_m, LossWeights(steady=frames - 1.0))
        net.zero_grad(set_to_none=True)
        loss.backward()

    return rate(clips * frames, step, device, 5)


def write(rows: dict[str, float], device: torch.device) -> None:
    """The file, with the machine and the day."""
    machine = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor()
    memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0.0
    print(f"{machine}, {multiprocessing.cpu_count()} cores, peak {memory:.1f} GiB on the device")
    record = {
        "machine": machine,
        "cores": multiprocessing.cpu_count(),
        "torch": torch.__version__,
        "date": date.today().isoformat(),
        "per_second": {name: round(value, 1) for name, value in rows.items()},
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
