"""The edge matte and the edge layers against known depth and a known mix, on made plates with a shutter.

    python benchmarks/edge_layers.py

Draws made scenes at five moments of an exposure as long as a frame: the picture is their mean, depth is that of the
middle, and coverage the share of moments at which a pixel shows the nearer side of the edge around. Disparity comes
from a half and a quarter of the plate: the truth averaged down, and what the weights give. Of the matte: how much it
finds of the pixels whose depth is off by more than a quarter of the step around, or mixed by that much, and how much
of the plate it is, against a gradient threshold. Of coverage: its error against the true mix, and that of the plain
depth, which is the one side or the other. Takes two minutes. Prints tables and writes JSON
(`benchmarks/results/edge_layers.json` unless `--json` says another file); `--sheet FILE.png` draws some of it.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.edges import PlateDepth, at_plate
from flashdepth_vfx.measures.metrics import aligned
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.plate import FloatArray, Window
from flashdepth_vfx.preprocess import guide_of, plan_canvas, to_network
from flashdepth_vfx.settings import RenderSettings, Upsampling
from flashdepth_vfx.sheet import coloured, draw_contact_sheet, scale_of
from flashdepth_vfx.training.data import HELD_OUT
from flashdepth_vfx.training.looks import Look, develop, draw_looks
from flashdepth_vfx.training.scenes import Scene, draw_scenes, render
from flashdepth_vfx.upsample import bilinear, highest

REPOSITORY = Path(__file__).resolve().parents[1]
FORMAT = "flashdepth-benchmark/1"
WIDTH, HEIGHT = 640, 384
FIRST_SCENE, MOMENTS = 1000, 5
#: How far around a pixel its two sides are looked for, in plate pixels, and what step has sides.
AROUND_PX, STEP = 8, 1.25
#: A pixel is wrong that is off by this much of the step around.
WRONG = 0.25
#: Gradients, of disparity's own value, from one network pixel to the next but one.
GRADIENTS = (0.05, 0.1)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Made:
    """`picture` `(H, W, 3)`; `truth` `(H, W)` disparity of the middle, `moments` `(5, H, W)`; `middle` between the
    sides, `step` from far to near, `judged` where there is one, and `coverage`, the true one."""

    picture: FloatArray
    truth: Tensor
    middle: Tensor
    step: Tensor
    judged: Tensor
    coverage: Tensor


def main() -> int:
    """Measure, print, write."""
    options = parse_arguments()
    torch.set_num_threads(1)
    began = time.perf_counter()
    network = Networks().open(RenderSettings(weights=options.weights, device="cpu"))
    network.net.eval()
    scenes = list(made_scenes(options.scenes))
    mattes: list[dict[str, Any]] = []
    covers: list[dict[str, Any]] = []
    for source in ("exact", options.weights):
        for part in (2, 4):
            found = [one_scene(network, source, part, scene) for scene in scenes]
            mattes += mean_rows(source, part, [matte for matte, _, _ in found])
            covers += mean_rows(source, part, [cover for _, cover, _ in found])
            if options.sheet and (source, part) == ("exact", 2):
                draw(options.sheet, scenes, [made for _, _, made in found])
    say_rows(mattes)
    say_rows(covers)
    write_result(options, mattes, covers)
    say(f"{time.perf_counter() - began:.0f} s in all")
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--weights", default="nano", help="a name or a file (default nano)")
    parser.add_argument("--sheet", type=Path, help="where a contact sheet goes")
    result = REPOSITORY / "benchmarks" / "results" / "edge_layers.json"
    parser.add_argument("--json", type=Path, default=result, help="where the result is written")
    return parser.parse_args()


def made_scenes(count: int) -> Iterator[Made]:
    """Scenes that no training draws."""
    for number in range(FIRST_SCENE, FIRST_SCENE + count):
        seeds = range(HELD_OUT + number, HELD_OUT + number + 1)
        drawn = draw_scenes(seeds, MOMENTS, 1 / (MOMENTS - 1))
        clip = render(Scene.from_arrays(drawn, CPU), HEIGHT, WIDTH)
        moments = clip.disparity_100_per_m[0]
        truth = moments[MOMENTS // 2]
        looks = draw_looks(seeds, 1, 0.0)
        looks["flip"] = np.zeros_like(looks["flip"])
        light = clip.rgb_linear.mean(1, keepdim=True)
        rgb = develop(light, truth[None, None], Look.from_arrays(looks, CPU))[0, 0]
        high = highest(moments.amax(0), AROUND_PX)
        low = -highest(-moments.amin(0), AROUND_PX)
        middle = (high + low) / 2
        coverage = (moments > middle).float().mean(0)
        is_mixed = (coverage > 0) & (coverage < 1)
        near_edge = highest(is_mixed.float(), 2) > 0
        judged = (high > STEP * low + 0.05 * truth.mean()) & near_edge
        picture = rgb.permute(1, 2, 0).contiguous().numpy()
        yield Made(picture, truth, middle, high - low, judged, coverage)


def one_scene(
    network: Any, source: str, part: int, scene: Made
) -> tuple[dict[str, list[float]], dict[str, list[float]], PlateDepth]:
    """Of one scene, rows of the matte and rows of coverage, by name."""
    window, config = Window(0, 0, WIDTH, HEIGHT), network.config
    canvas = plan_canvas(
        window, 1.0, WIDTH // part, multiple=config.multiple, minimum=config.min_side_px
    )
    pixels = to_network(scene.picture, window, canvas)
    size = (canvas.height, canvas.width)
    if source == "exact":
        small = F.interpolate(scene.truth[None, None], size, mode="area")[0, 0]
    else:
        with torch.inference_mode():
            small = network.net(pixels, None)[0][0].clone()
        # In the truth's scale, so that sides are the same sides.
        fitted = aligned(bilinear(small, (HEIGHT, WIDTH))[None], scene.truth[None])[0]
        small = F.interpolate(fitted[None, None].float(), size, mode="area")[0, 0]
    guide = guide_of(scene.picture, pixels)
    made = at_plate(small, window, canvas, Upsampling.GUIDED, guide, matte=True, layers=True)
    return mattes_of(scene, made, small), coverages_of(scene, made), made


def mattes_of(scene: Made, made: PlateDepth, small: Tensor) -> dict[str, list[float]]:
    """By matte: recall of wrong pixels, of wrong or mixed ones, share of the plate, and what of it is either."""
    assert made.edge is not None
    has_step = scene.step > (1 - 1 / STEP) * (scene.middle + scene.step / 2)
    wrong = has_step & ((made.disparity - scene.truth).abs() > WRONG * scene.step)
    mixed = (scene.coverage - scene.coverage.round()).abs() > WRONG / 2
    either = wrong | (has_step & mixed)
    mattes = {"edge": made.edge}
    for limit in GRADIENTS:
        steep = gradient(small) > limit
        mattes[f"gradient {limit:g}"] = bilinear(steep.float(), (HEIGHT, WIDTH))
        wide = bilinear(highest(steep.float(), 1), (HEIGHT, WIDTH))
        mattes[f"gradient {limit:g}, a pixel wider"] = wide
    rows = {}
    for name, matte in mattes.items():
        taken = matte > 0.5
        rows[name] = [
            share_of(wrong, taken),
            share_of(either, taken),
            float(taken.float().mean()),
            share_of(taken, either),
        ]
    return rows


def gradient(small: Tensor) -> Tensor:
    """Of the value around and a twentieth of the mean."""
    rim = F.pad(small[None, None], (1,) * 4, mode="replicate")[0, 0]
    across = (rim[1:-1, 2:] - rim[1:-1, :-2]).abs()
    down = (rim[2:, 1:-1] - rim[:-2, 1:-1]).abs()
    return torch.maximum(across, down) / (highest(small, 1) + 0.05 * small.mean())


def coverages_of(scene: Made, made: PlateDepth) -> dict[str, list[float]]:
    """The mean error around edges in motion, and of the pixels that are mixed."""
    assert made.coverage is not None
    assert made.near is not None
    assert made.far is not None
    near, far = made.near > scene.middle, made.far > scene.middle
    said = made.coverage * near + (1 - made.coverage) * far
    plain = (made.disparity > scene.middle).float()
    mixed = scene.judged & (scene.coverage > 0) & (scene.coverage < 1)
    two = mixed & near & ~far
    rows = {}
    for name, value in (("layers", said), ("plain depth", plain)):
        error = (value - scene.coverage).abs()
        rows[name] = [float(error[where].mean()) for where in (scene.judged, mixed, two)]
        rows[name].append(share_of(mixed, two))
    return rows


def share_of(whole: Tensor, part: Tensor) -> float:
    """How much of one mask the other has; NaN of none."""
    return float((whole & part).sum() / whole.sum())


def mean_rows(source: str, part: int, found: list[dict[str, list[float]]]) -> list[dict[str, Any]]:
    """The means over scenes."""
    rows = []
    for name in found[0]:
        columns = zip(*(each[name] for each in found), strict=True)
        values = [float(np.nanmean(column)) for column in columns]
        rows.append({"source": source, "input_share": 1 / part, "name": name, "values": values})
    return rows


def say_rows(rows: list[dict[str, Any]]) -> None:
    """A table."""
    for row in rows:
        values = " ".join(f"{value:6.3f}" for value in row["values"])
        say(f"{row['source']:>6} {row['input_share']:5.2f} {row['name']:>28} {values}")


def draw(path: Path, scenes: list[Made], made: list[PlateDepth]) -> None:
    """The middles of some plates, with what lies beside depth."""
    crop = slice(HEIGHT // 4, 3 * HEIGHT // 4), slice(WIDTH // 4, 3 * WIDTH // 4)
    rows = []
    for scene, depth in list(zip(scenes, made, strict=True))[::3]:
        scale = scale_of(scene.truth.numpy())
        grey = {"edge": depth.edge, "coverage": depth.coverage, "true coverage": scene.coverage}
        cells: list[tuple[str, FloatArray]] = [("plate", scene.picture[crop])]
        for name, values in (("depth", depth.disparity), ("fg", depth.near), ("bg", depth.far)):
            assert values is not None
            cells.append((name, coloured(values[crop].numpy(), *scale)))
        for name, values in grey.items():
            assert values is not None
            cells.append((name, np.repeat(values[crop].numpy()[..., None], 3, -1)))
        rows.append(cells)
    draw_contact_sheet(rows, path, 320)


def write_result(
    options: argparse.Namespace, mattes: list[dict[str, Any]], covers: list[dict[str, Any]]
) -> None:
    """The result as JSON: what was measured, on what, and when."""
    result: dict[str, Any] = {
        "format": FORMAT,
        "benchmark": "edge_layers",
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "settings": {
            "weights": options.weights,
            "scenes": options.scenes,
            "size": f"{WIDTH}x{HEIGHT}",
        },
        "matte_columns": ["recall_wrong", "recall_wrong_or_mixed", "share_of_plate", "precision"],
        "mattes": mattes,
        "coverage_columns": ["error_near_edges", "error_mixed", "error_two_sides", "two_sides"],
        "coverages": covers,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n")


def say(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
