"""Flicker of depth with and without the stabiliser: made clips, game levels and films.

    python benchmarks/stability.py --data evaluation_data

Measures TAE and flicker where depth and camera are known, and on films by how much depth changes where the picture
does not. Of exact depth it is measured as it is, which nothing should be done to, and with a known flicker put on.
Takes a few minutes on one core. Prints a table and writes JSON (`benchmarks/results/stability.json` unless `--json`
says another file). Without `--data` there are made clips alone.
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

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.evaluation.films import FILMS, load_film
from flashdepth_vfx.evaluation.job import EvaluationJob, Model
from flashdepth_vfx.evaluation.judge import Judge
from flashdepth_vfx.evaluation.sets import open_set
from flashdepth_vfx.evaluation.steady import unrest
from flashdepth_vfx.measures.clip import TruthClip
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.plate import Window
from flashdepth_vfx.preprocess import plan_canvas, to_network, to_plate
from flashdepth_vfx.settings import RenderSettings, Upsampling
from flashdepth_vfx.stability import steadied
from flashdepth_vfx.training.made import made_clips

REPOSITORY = Path(__file__).resolve().parents[1]
FORMAT = "flashdepth-benchmark/1"
HEIGHT, WIDTH, FRAMES = 224, 384, 24
#: Deviations of the known flicker: of scale, and of offset as a share of the mean.
SCALE, OFFSET = 0.04, 0.02


@dataclass(frozen=True)
class Row:
    """Means over the clips, off and on. `tae` and `flicker` in percent; of films, `flicker` is their unrest."""

    source: str
    clips: str
    tae_off: float | None
    tae_on: float | None
    flicker_off: float
    flicker_on: float
    abs_rel_off: float | None
    abs_rel_on: float | None


class Network:
    """The weights at their own working size, on the CPU."""

    def __init__(self, weights: str) -> None:
        torch.set_num_threads(1)
        self._opened = Networks().open(RenderSettings(weights=weights, device="cpu"))
        self._opened.net.eval()

    def both(self, rgb: Tensor, exact: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Disparity `(T, H, W)` of a take `(T, 3, H, W)` as it comes and steadied; or of `exact` `(T, H, W)`."""
        height, width = rgb.shape[-2:]
        config, side = self._opened.config, self._opened.default_long_side_px or max(height, width)
        window = Window(0, 0, width, height)
        canvas = plan_canvas(
            window, 1.0, side, multiple=config.multiple, minimum=config.min_side_px
        )
        state, memory, found = None, "", []
        with torch.inference_mode():
            for index, frame in enumerate(rgb):
                pixels = to_network(frame.permute(1, 2, 0).contiguous().numpy(), window, canvas)
                if exact is None:
                    small, state = self._opened.net(pixels, state)
                    small = small[0]
                else:
                    size = (canvas.height, canvas.width)
                    small = F.interpolate(exact[index][None, None], size, mode="area")[0, 0]
                steady, memory = steadied(small, pixels, memory)
                found.append(
                    [to_plate(s, window, canvas, Upsampling.BILINEAR) for s in (small, steady)]
                )
        off, on = (torch.stack(each) for each in zip(*found, strict=True))
        return off, on


def main() -> int:
    """Measure, print, write."""
    options = parse_arguments()
    began = time.perf_counter()
    network = Network(options.weights)
    say(f"{'depth':>7} {'clips':>18} {'TAE':>13} {'flicker':>13} {'AbsRel':>15}")
    rows = []
    for row in all_rows(network, options):
        rows.append(row)
        pairs = (
            (row.tae_off, row.tae_on),
            (row.flicker_off, row.flicker_on),
            (row.abs_rel_off, row.abs_rel_on),
        )
        said = ["-" if off is None else f"{off:6.3f} {on:6.3f}" for off, on in pairs]
        say(f"{row.source:>7} {row.clips:>18} {said[0]:>13} {said[1]:>13} {said[2]:>15}")
    write_result(options, rows)
    say(f"{time.perf_counter() - began:.0f} s in all")
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=8, help="made clips of each kind")
    parser.add_argument("--weights", default="nano", help="a name or a file (default nano)")
    parser.add_argument("--data", type=Path, help="what `flashdepth evaluate --fetch` brought")
    result = REPOSITORY / "benchmarks" / "results" / "stability.json"
    parser.add_argument("--json", type=Path, default=result, help="where the result is written")
    return parser.parse_args()


def all_rows(network: Network, options: argparse.Namespace) -> Iterator[Row]:
    """One for each source of depth and kind of clip."""
    for name, flicker in (("made", 0.0), ("made, flickering", 1.0)):
        clips = list(made_clips(0, options.clips, FRAMES, HEIGHT, WIDTH, flicker))
        judges = [Judge(clip) for clip in clips]
        if not flicker:
            yield row_of("exact", name, network, judges, exact=lambda clip: clip.truth_100_per_m)
            yield row_of("exact", "made, put on", network, judges, exact=with_flicker)
        yield row_of(options.weights, name, network, judges)
    if options.data is None:
        return
    job = EvaluationJob(
        models=(Model("nano"),),
        output=Path(),
        data=options.data,
        frames=FRAMES,
        height_px=HEIGHT,
        width_px=WIDTH,
    )
    judges = [Judge(clip) for clip in open_set(job, "levels", torch.device("cpu"))]
    yield row_of(options.weights, "levels", network, judges)
    for name in FILMS:
        film = load_film(options.data, name)
        off, on = (unrest(film.rgb, d) for d in network.both(film.rgb))
        yield Row(options.weights, name, None, None, off, on, None, None)


def row_of(source: str, name: str, network: Network, judges: list[Judge], exact: Any = None) -> Row:
    """The means over what can be followed."""
    found = []
    for judge in judges:
        clip = judge.clip
        both = network.both(clip.rgb, None if exact is None else exact(clip))
        try:
            off, on = (judge.measures(depth) for depth in both)
        except SettingsError as nothing:
            say(f"{clip.name} left out: {nothing}")
            continue
        if off.tae is not None and on.tae is not None:
            found.append((off.tae, on.tae, off.flicker, on.flicker, off.abs_rel, on.abs_rel))
    return Row(source, name, *(sum(column) / len(found) for column in zip(*found, strict=True)))


def with_flicker(clip: TruthClip) -> Tensor:
    """Exact disparity, with the known flicker put on."""
    truth = clip.truth_100_per_m.clamp_min(0.0)
    noise = torch.randn(2, len(truth), 1, 1, generator=torch.Generator().manual_seed(0))
    moved = truth * (SCALE * noise[0]).exp() + OFFSET * noise[1] * truth.mean()
    return torch.where(truth > 0, moved.clamp_min(1e-3), truth)


def write_result(options: argparse.Namespace, rows: list[Row]) -> None:
    """The result as JSON: what was measured, on what, and when."""
    result: dict[str, Any] = {
        "format": FORMAT,
        "benchmark": "stability",
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "settings": {
            "weights": options.weights,
            "clips": options.clips,
            "frames": FRAMES,
            "size": f"{WIDTH}x{HEIGHT}",
            "put_on": {"scale": SCALE, "offset": OFFSET},
        },
        "rows": [asdict(row) for row in rows],
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n")


def say(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
