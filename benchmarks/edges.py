"""Edges of depth at plate size: nearest, bilinear and guided upsampling, on made plates of known depth.

    python benchmarks/edges.py

Draws made scenes at plate size and brings disparity to it from a half and a quarter: exact disparity, averaged down,
and what the weights give at that working size. Measures where the occlusion edges lie (boundary F1), how many pixels
near true edges are neither the one side nor the other, and the error of depth; then what grain on a still plate does
to depth, and the time on one core. Takes two to four minutes. Prints tables and writes JSON
(`benchmarks/results/edges.json` unless `--json` says another file); `--sheet FILE.png` draws some of it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.measures.boundary import boundary_f1
from flashdepth_vfx.measures.metrics import aligned, near_depth_m
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.plate import FloatArray, Window
from flashdepth_vfx.preprocess import Canvas, guide_of, plan_canvas, to_network, to_plate
from flashdepth_vfx.settings import RenderSettings, Upsampling
from flashdepth_vfx.sheet import coloured, draw_contact_sheet, scale_of
from flashdepth_vfx.training.data import DataSettings, held_out

REPOSITORY = Path(__file__).resolve().parents[1]
FORMAT = "flashdepth-benchmark/1"
WIDTH, HEIGHT = 640, 384
FIRST_SCENE = 1000
#: How near a true edge is near, and how far around a pixel its two sides are looked for, in plate pixels.
NEAR_PX, AROUND_PX = 4, 8
#: A true edge is where depth grows by this much from one pixel to the next.
STEP = 1.25
#: Standard deviation of the grain, of display-referred 0..1: a fast film.
GRAIN = 0.03


@dataclass(frozen=True)
class Row:
    """Means over the scenes. `between`: of the pixels near true edges; `abs_rel`: mean relative error of depth."""

    source: str
    input_share: float
    upsampling: str
    boundary_f1: float
    between: float
    abs_rel: float


@dataclass(frozen=True)
class GrainRow:
    """What grain on a still plate does to depth: mean change, of its mean, and the share that changes by over 1 %."""

    source: str
    upsampling: str
    mean_change: float
    changed: float


class Network:
    """The weights on one frame by itself."""

    def __init__(self, weights: str) -> None:
        torch.set_num_threads(1)
        self._network = Networks().open(RenderSettings(weights=weights, device="cpu"))

    def canvas(self, long_side_px: int) -> Canvas:
        """The renderer's, for that working size."""
        config = self._network.config
        window = Window(0, 0, WIDTH, HEIGHT)
        return plan_canvas(
            window, 1.0, long_side_px, multiple=config.multiple, minimum=config.min_side_px
        )

    def disparity(self, picture: FloatArray, canvas: Canvas) -> Tensor:
        """`(h, w)` of `picture` `(H, W, 3)`."""
        with torch.inference_mode():
            return self._network.net.eval()(to_network(picture, canvas.window, canvas), None)[0][0]


def main() -> int:
    """Measure, print, write."""
    options = parse_arguments()
    began = time.perf_counter()
    network = Network(options.weights)
    scenes = list(made_scenes(options.scenes))
    say(f"{len(scenes)} scenes of {WIDTH}x{HEIGHT} drawn in {time.perf_counter() - began:.0f} s")
    rows = list(edge_rows(network, scenes))
    say(f"{'from':>6} {'input':>6} {'upsampling':>10} {'F1':>7} {'between':>8} {'AbsRel':>7}")
    truth = sum(between(depth, depth) for _, depth in scenes) / len(scenes)
    for row in rows:
        say(
            f"{row.source:>6} {row.input_share:>6.2f} {row.upsampling:>10} {row.boundary_f1:>7.3f} "
            f"{row.between:>8.3f} {row.abs_rel:>7.4f}"
        )
    say(f"between, of the truth itself: {truth:.3f}")
    grain = list(grain_rows(network, scenes))
    say(f"{'grain':>6} {'upsampling':>10} {'mean':>8} {'over 1 %':>9}")
    for g in grain:
        say(f"{g.source:>6} {g.upsampling:>10} {g.mean_change:>8.5f} {g.changed:>9.4f}")
    speed = {str(way): milliseconds(network, scenes, way) for way in Upsampling}
    say("ms a megapixel, one core: " + ", ".join(f"{k} {v:.0f}" for k, v in speed.items()))
    if options.sheet:
        draw(options.sheet, network, scenes)
    write_result(options, rows, grain, truth, speed)
    say(f"{time.perf_counter() - began:.0f} s in all")
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--weights", default="nano", help="a name or a file (default nano)")
    parser.add_argument("--sheet", type=Path, help="where a contact sheet goes")
    result = REPOSITORY / "benchmarks" / "results" / "edges.json"
    parser.add_argument("--json", type=Path, default=result, help="where the result is written")
    return parser.parse_args()


def made_scenes(count: int) -> Iterator[tuple[FloatArray, Tensor]]:
    """Pictures `(H, W, 3)` and their disparity `(H, W)`, of scenes that no training draws."""
    settings = DataSettings(0, clips=1, frames=1, height_px=HEIGHT, width_px=WIDTH, flicker=0.0)
    for number in range(FIRST_SCENE, FIRST_SCENE + count):
        batch = held_out(settings, torch.device("cpu"), first=number)
        rgb = batch.rgb[0, 0].permute(1, 2, 0).contiguous().numpy()
        yield rgb, batch.disparity_100_per_m[0, 0]


def edge_rows(network: Network, scenes: list[tuple[FloatArray, Tensor]]) -> Iterator[Row]:
    """One for each source of disparity, input size and upsampling."""
    for source in ("exact", "nano"):
        for part in (2, 4):
            canvas = network.canvas(WIDTH // part)
            smalls = [small_disparity(source, network, scene, canvas) for scene in scenes]
            for way in Upsampling:
                found = []
                for (picture, truth), small in zip(scenes, smalls, strict=True):
                    depth = at_plate_size(small, picture, canvas, way)
                    if source != "exact":
                        depth = aligned(depth[None], truth[None])[0]
                    f1 = boundary_f1(depth[None], truth[None])
                    found.append((f1, between(depth, truth), relative_error(depth, truth)))
                means = (sum(column) / len(found) for column in zip(*found, strict=True))
                yield Row(source, 1 / part, str(way), *means)


def small_disparity(
    source: str, network: Network, scene: tuple[FloatArray, Tensor], canvas: Canvas
) -> Tensor:
    """`(h, w)`: the truth averaged down, or what the network sees."""
    picture, truth = scene
    if source == "exact":
        return F.interpolate(truth[None, None], (canvas.height, canvas.width), mode="area")[0, 0]
    return network.disparity(picture, canvas)


def at_plate_size(small: Tensor, picture: FloatArray, canvas: Canvas, way: Upsampling) -> Tensor:
    """As the renderer does it."""
    guide = guide_of(picture, to_network(picture, canvas.window, canvas))
    return to_plate(small, canvas.window, canvas, way, guide)


def between(depth: Tensor, truth: Tensor) -> float:
    """Of pixels near true edges: how many lie 20 to 80 % between the depths around, if those differ by 20 %."""
    high, low = highest(depth, AROUND_PX), -highest(-depth, AROUND_PX)
    judged = (highest(true_edges(truth).float(), NEAR_PX) > 0) & (high - low > 0.2 * high)
    up = (depth - low) / (high - low).clamp_min(1e-9)
    return float((judged & (up > 0.2) & (up < 0.8)).sum() / judged.sum().clamp_min(1))


def true_edges(truth: Tensor) -> Tensor:
    """`(H, W)` bool: on either side of a step."""
    log = near_depth_m(truth).log()
    step = float(torch.tensor(STEP).log())
    edges = torch.zeros_like(truth, dtype=torch.bool)
    for axis in (0, 1):
        is_step = log.diff(dim=axis).abs() > step
        for first in (0, 1):
            edges.narrow(axis, first, is_step.shape[axis]).logical_or_(is_step)
    return edges


def highest(values: Tensor, reach: int) -> Tensor:
    """The highest value around each."""
    return F.max_pool2d(values[None, None], 2 * reach + 1, 1, reach)[0, 0]


def relative_error(depth: Tensor, truth: Tensor) -> float:
    """Mean, of what is nearer than 70 m."""
    given, true = near_depth_m(depth), near_depth_m(truth)
    near = true < true.new_tensor(70.0)
    return float(((given - true).abs() / true)[near].mean())


def grain_rows(network: Network, scenes: list[tuple[FloatArray, Tensor]]) -> Iterator[GrainRow]:
    """Each plate without and with grain on it; `exact` disparity is the same for both, so the guide alone changes."""
    canvas = network.canvas(WIDTH // 2)
    for source in ("exact", "nano"):
        for way in (Upsampling.BILINEAR, Upsampling.GUIDED):
            found = []
            for index, (picture, truth) in enumerate(scenes):
                noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(index))
                grainy = (torch.from_numpy(picture) + GRAIN * noise).clamp(0, 1).numpy()
                off, on = (
                    at_plate_size(
                        small_disparity(source, network, (seen, truth), canvas), seen, canvas, way
                    )
                    for seen in (picture, grainy)
                )
                change = (on - off).abs()
                share = (change > 0.01 * off.clamp_min(0.05 * float(off.mean()))).float().mean()
                found.append((float(change.mean() / off.mean()), float(share)))
            yield GrainRow(
                source, str(way), *(sum(c) / len(found) for c in zip(*found, strict=True))
            )


def milliseconds(
    network: Network, scenes: list[tuple[FloatArray, Tensor]], way: Upsampling
) -> float:
    """Of a megapixel, of what the network gives at half size: the mean over scenes of the best of three."""
    canvas, best = network.canvas(WIDTH // 2), []
    for picture, _ in scenes:
        small = network.disparity(picture, canvas)
        guide = guide_of(picture, to_network(picture, canvas.window, canvas))
        times = []
        for _ in range(3):
            began = time.perf_counter()
            to_plate(small, canvas.window, canvas, way, guide)
            times.append(time.perf_counter() - began)
        best.append(min(times))
    return 1e3 * sum(best) / len(best) / (WIDTH * HEIGHT / 1e6)


def draw(path: Path, network: Network, scenes: list[tuple[FloatArray, Tensor]]) -> None:
    """The middles of some plates, and depth there as the network gives it, soft and guided."""
    canvas, rows = network.canvas(WIDTH // 2), []
    crop = slice(HEIGHT // 4, 3 * HEIGHT // 4), slice(WIDTH // 4, 3 * WIDTH // 4)
    for picture, truth in scenes[::3]:
        small = network.disparity(picture, canvas)
        ways = (Upsampling.BILINEAR, Upsampling.GUIDED)
        depths = {str(way): at_plate_size(small, picture, canvas, way) for way in ways}
        shown = {"true depth": truth, **depths}
        cells = [(k, coloured(d[crop].numpy(), *scale_of(d.numpy()))) for k, d in shown.items()]
        rows.append([("plate", picture[crop]), *cells])
    draw_contact_sheet(rows, path, 480)


def write_result(
    options: argparse.Namespace,
    rows: list[Row],
    grain: list[GrainRow],
    truth: float,
    speed: dict[str, float],
) -> None:
    """The result as JSON: what was measured, on what, and when."""
    result: dict[str, Any] = {
        "format": FORMAT,
        "benchmark": "edges",
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "settings": {
            "weights": options.weights,
            "scenes": options.scenes,
            "size": f"{WIDTH}x{HEIGHT}",
        },
        "rows": [asdict(row) for row in rows],
        "between_of_the_truth": truth,
        "grain": [asdict(row) for row in grain],
        "grain_deviation": GRAIN,
        "ms_a_megapixel": speed,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n")


def say(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
