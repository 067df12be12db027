"""Does the way a plate is stored change its depth? One scene in every encoding, and with lights far beyond white.

    python benchmarks/color.py

Draws made scenes, takes their light, and stores it as cameras and renderers do: half floats, 10-bit log, 8-bit sRGB.
Each goes through its colour transform to the network, with the state carried over the frames, and its depth is held
against that of the linear plate. Then suns, sparks and fire of 1e3 to 6e4 times white are put into the linear plate.
Takes two minutes. Prints a table and writes JSON (`benchmarks/results/color.json` unless `--json` says another file).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import PyOpenColorIO
import torch
from torch import Tensor

from flashdepth_vfx.color import ColorTransform, plan_color
from flashdepth_vfx.color.config import BUILT_IN
from flashdepth_vfx.model import TemporalState
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.plate import FloatArray, MaskArray, PlateHeader, Window
from flashdepth_vfx.preprocess import plan_canvas, to_network
from flashdepth_vfx.settings import RenderSettings
from flashdepth_vfx.training.made import made_clips

REPOSITORY = Path(__file__).resolve().parents[1]
FORMAT = "flashdepth-benchmark/1"
WIDTH, HEIGHT, FRAMES = 320, 192, 3
FIRST_SCENE = 1000
LINEAR = "Linear Rec.709 (sRGB)"
SRGB = "sRGB Encoded Rec.709 (sRGB)"
WINDOW = Window(0, 0, WIDTH, HEIGHT)


def half(codes: FloatArray) -> FloatArray:
    """As an EXR of half floats holds it."""
    return codes.astype(np.float16).astype(np.float32)


def bits(count: int) -> Callable[[FloatArray], FloatArray]:
    """As whole numbers of so many bits hold it."""
    top = np.float32(2**count - 1)
    return lambda codes: (codes.clip(0, 1) * top).round() / top


ENCODINGS: dict[str, tuple[str, Callable[[FloatArray], FloatArray]]] = {
    "linear Rec.709, half": (LINEAR, half),
    "ACEScg, half": ("ACEScg", half),
    "LogC3, 10 bits": ("ARRI LogC3 (EI800)", bits(10)),
    "LogC4, 12 bits": ("ARRI LogC4", bits(12)),
    "S-Log3, 10 bits": ("S-Log3 S-Gamut3.Cine", bits(10)),
    "Log3G10, 10 bits": ("Log3G10 REDWideGamutRGB", bits(10)),
    "V-Log, 10 bits": ("V-Log V-Gamut", bits(10)),
    "ADX10, 10 bits": ("ADX10", bits(10)),
    "sRGB, 16 bits": (SRGB, bits(16)),
    "sRGB, 8 bits": (SRGB, bits(8)),
}
#: What is far is held against this share of the nearest.
FAR = 0.02
#: Times white.
LIGHTS = (1.0, 1e3, 6e4)


@dataclass(frozen=True)
class Row:
    """How far depth is from the linear plate's, in percent of it: the median pixel, 99 of 100, and the worst scene's
    median. `correlation` is the least of a frame."""

    what: str
    median_percent: float
    most_percent: float
    worst_scene_percent: float
    correlation: float


class Subject:
    """The weights, with state."""

    def __init__(self, weights: str) -> None:
        torch.set_num_threads(1)
        network = Networks().open(RenderSettings(weights=weights, device="cpu"))
        self._net = network.net.eval()
        config = network.config
        self._canvas = plan_canvas(
            WINDOW, 1.0, WIDTH, multiple=config.multiple, minimum=config.min_side_px
        )

    def depths(self, plates: list[FloatArray], colorspace: str) -> list[Tensor]:
        """`(h, w)` disparity of each frame of a shot."""
        color = ColorTransform(plan_color(header(), colorspace=colorspace, ocio=BUILT_IN))
        state: TemporalState | None = None
        found = []
        with torch.inference_mode():
            for plate in plates:
                pixels = to_network(color.to_network(plate), WINDOW, self._canvas)
                disparity, state = self._net(pixels, state)
                found.append(disparity[0])
        return found


def main() -> int:
    """Measure, print, write."""
    options = parse_arguments()
    subject, scenes = Subject(options.weights), list(made_light(options.scenes))
    base = [subject.depths(scene, LINEAR) for scene in scenes]
    say(f"{'':>26} {'median %':>9} {'99 of 100 %':>12} {'worst scene %':>14} {'correlation':>12}")
    rows = [encoding_row(name, subject, scenes, base) for name in ENCODINGS]
    for kind in ("sun", "sparks", "fire"):
        rows += [light_row(kind, level, subject, scenes, base) for level in LIGHTS]
    write_result(options, rows)
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--weights", default="nano", help="a name or a file (default nano)")
    result = REPOSITORY / "benchmarks" / "results" / "color.json"
    parser.add_argument("--json", type=Path, default=result, help="where the result is written")
    return parser.parse_args()


def made_light(count: int) -> Iterator[list[FloatArray]]:
    """Linear Rec.709 light `(H, W, 3)` of a few frames, of scenes that no training draws."""
    for clip in made_clips(FIRST_SCENE, count, FRAMES, HEIGHT, WIDTH, 0.0):
        encoded = clip.rgb.permute(0, 2, 3, 1).contiguous().numpy().astype(np.float64)
        light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
        yield list(light.astype(np.float32))


def encoding_row(
    name: str, subject: Subject, scenes: list[list[FloatArray]], base: list[list[Tensor]]
) -> Row:
    """One encoding against the linear plate."""
    space, stored = ENCODINGS[name]
    config = PyOpenColorIO.Config.CreateFromFile(BUILT_IN)
    exact = PyOpenColorIO.OPTIMIZATION_LOSSLESS
    cpu = config.getProcessor(LINEAR, space).getOptimizedCPUProcessor(exact)
    found = []
    for scene in scenes:
        plates = [frame.copy() for frame in scene]
        for plate in plates:
            cpu.applyRGB(plate)
        found.append(subject.depths([stored(plate) for plate in plates], space))
    everywhere = np.ones((HEIGHT, WIDTH), bool)
    return told(name, found, base, everywhere)


def light_row(
    kind: str,
    level: float,
    subject: Subject,
    scenes: list[list[FloatArray]],
    base: list[list[Tensor]],
) -> Row:
    """Lights of `level` times white in the linear plate; judged outside of them."""
    where = lights(kind)
    found = []
    for scene in scenes:
        lit = [np.where(where[..., None], np.float32(level), frame) for frame in scene]
        found.append(subject.depths([half(frame) for frame in lit], LINEAR))
    return told(f"{kind} at {level:g}", found, base, ~where)


def lights(kind: str) -> MaskArray:
    """Where a sun, sparks, or a fire are."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    if kind == "sun":
        return np.asarray((rows - 30) ** 2 + (columns - 240) ** 2 < 9**2)
    if kind == "sparks":
        places = np.random.default_rng(0).integers((0, 0), (HEIGHT, WIDTH), (60, 2))
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[places[:, 0], places[:, 1]] = True
        return mask
    flame = 25 - np.abs(columns - 160) + 6 * np.sin(rows / 3.0)
    return np.asarray((rows > 120) & (rows < 180) & (flame * 2.2 > 180 - rows))


def told(name: str, found: list[list[Tensor]], base: list[list[Tensor]], judged: MaskArray) -> Row:
    """The row, printed too."""
    mask, off, least = torch.from_numpy(judged), [], 1.0
    for ours, theirs in zip(found, base, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            a, b = one[mask], other[mask]
            off.append(100 * (a - b).abs() / b.clamp_min(FAR * float(b.max())))
            least = min(least, float(torch.corrcoef(torch.stack([a, b]))[0, 1]))
    whole = torch.cat(off).numpy()
    worst = max(float(torch.cat(off[i : i + FRAMES]).median()) for i in range(0, len(off), FRAMES))
    row = Row(name, float(np.median(whole)), float(np.percentile(whole, 99)), worst, least)
    say(
        f"{name:>26} {row.median_percent:>9.3f} {row.most_percent:>12.2f} "
        f"{row.worst_scene_percent:>14.3f} {row.correlation:>12.4f}"
    )
    return row


def header() -> PlateHeader:
    """Of a plate in memory."""
    path = Path("plate.0001.exr")
    return PlateHeader(path, 1, "exr", WINDOW, WINDOW, 1.0, ("R", "G", "B"), (), None, None, {})


def write_result(options: argparse.Namespace, rows: list[Row]) -> None:
    """The result as JSON: what was measured, on what, and when."""
    result = {
        "format": FORMAT,
        "benchmark": "color",
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "settings": {
            "weights": options.weights,
            "scenes": options.scenes,
            "frames": FRAMES,
            "size": f"{WIDTH}x{HEIGHT}",
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
