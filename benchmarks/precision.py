"""How far half precision is from float32: of disparity, frame after frame, the state carried.

    python benchmarks/precision.py [--device cuda] [--weights s l full nano]

Prints a table and writes `benchmarks/results/precision.json`: the error at the 50th, 99th and 99.9th percentile of
pixels, in percent of the 99th percentile of disparity. `s`, `l` and `full` have the weights of the golden vectors
(`tests/golden/recipe.py`) and see its frames at 700x518; `nano` is the trained one, on a made clip.
"""

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path

import torch
from torch import Tensor

from flashdepth_vfx import RenderSettings, bench
from flashdepth_vfx.device import Device, open_device
from flashdepth_vfx.model import FlashDepthNet, ModelConfig, TemporalState
from flashdepth_vfx.model.attention import choose
from flashdepth_vfx.model.precision import DTYPES, Precision
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.preprocess import IMAGENET_MEAN, IMAGENET_STD
from flashdepth_vfx.runner import FrameRunner
from flashdepth_vfx.training.made import made_clips

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "precision.json"
GOLDEN = ("s", "l", "full")
HALVES: tuple[Precision, ...] = ("fp16", "bf16")
PERCENTILES = (0.5, 0.99, 0.999)
#: A made clip that no training has seen.
CLIP = 2_000_000


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", nargs="+", default=["nano"], choices=(*GOLDEN, "nano"))
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result is written")
    asked = parser.parse_args()
    rows = []
    print(f"{'':6} {'':5}" + "".join(f"{100 * part:9.1f}%" for part in PERCENTILES))
    for name in asked.weights:
        net, frames = _golden(name, asked.frames) if name in GOLDEN else _nano(asked.frames)
        exact, _ = _all(net, frames, open_device(asked.device, precision="fp32"))
        for half in HALVES:
            found, widened = _all(net, frames, open_device(asked.device, precision=half))
            off = _off_by_percent(found, exact)
            rows.append({"weights": name, "precision": half, "percent": off, "widened": widened})
            print(f"{name:6} {half:5}" + "".join(f"{value:10.4f}" for value in off))
    settings = {"frames": asked.frames, "percentiles": PERCENTILES}
    device = open_device(asked.device)
    settings |= {"device": device.name, "kernels": device.kernels}
    bench.write_record(asked.json, "precision", bench.this_machine(), settings, rows)


def _golden(name: str, count: int) -> tuple[FlashDepthNet, Tensor]:
    sys.path.insert(0, str(ROOT / "tests"))
    from golden import recipe

    with torch.device("meta"):
        net = FlashDepthNet(ModelConfig.preset(name)).eval().requires_grad_(False)
    recipe.fill(net)
    return net, recipe.video(count, 518, 700)


def _nano(count: int) -> tuple[FlashDepthNet, Tensor]:
    net = Networks().open(RenderSettings(weights="nano", device="cpu")).net
    (clip,) = made_clips(CLIP, 1, count, 192, 320, flicker=0.0)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return net, ((clip.rgb - mean) / std).unsqueeze(1)


def _all(net: FlashDepthNet, frames: Tensor, device: Device) -> tuple[Tensor, int]:
    """Disparity of all frames, as a render runs them, and how many were run again in float32."""
    held = copy.deepcopy(net).to(device.torch_device)
    runner = FrameRunner(held.to(memory_format=torch.channels_last), device.precision)
    calls = held.attention_calls(frames.shape[-2], frames.shape[-1])
    choice = choose(calls, device.torch_device, DTYPES[device.precision], {})
    state: TemporalState | None = None
    seen = []
    with torch.inference_mode():
        for frame in frames:
            disparity, state = runner(frame.to(device.torch_device), state, choice)
            seen.append(disparity.cpu())
    return torch.cat(seen), runner.widened


def _off_by_percent(found: Tensor, exact: Tensor) -> list[float]:
    error = (found - exact).abs().flatten().sort().values
    size = exact.flatten().sort().values
    last = error.numel() - 1
    whole = float(size[int(0.99 * last)])
    return [round(100.0 * float(error[int(part * last)]) / whole, 4) for part in PERCENTILES]


if __name__ == "__main__":
    main()
