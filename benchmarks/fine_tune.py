"""Fine-tuning on a generated show: error on shots that were held out, before and after.

    python benchmarks/fine_tune.py

Writes a show to disk as a studio would have it: plates as half-float ACEScg EXR and planar Z as float EXR, 35 short
shots of one kind of place (rooms in lit smoke) through one lens, graded cold and flat. One shot has overscan, one
holds its Z in the plates' own files, one is in centimetres with a shot.json that says so, one lacks the Z of a frame.
Then `fine_tune`, the function that the command calls, trains on 28 of them, and is judged on seven and on made scenes
of every kind, which shows what it forgets. Takes 225 s of CPU time. Prints the table and writes JSON
(`benchmarks/results/fine_tune.json` unless `--json` says another file).
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import torch

from flashdepth_vfx.training.finetune import FineTuneResult, FineTuneSettings, fine_tune
from flashdepth_vfx.training.scenes import Scene, draw_scenes, render
from flashdepth_vfx.training.studio import ErrorRow, ShotReport

REPOSITORY = Path(__file__).resolve().parents[1]
FORMAT = "flashdepth-benchmark/1"
#: Seeds of the show: none that training draws, and none that it is judged on.
FIRST_SEED = 1 << 61
WIDTH, HEIGHT, OVERSCAN = 160, 96, 8
FIRST_FRAME = 1001
SHOTS, FRAMES = 35, 4
STEPS, RATE, MADE_CLIPS = 100, 2e-4, 12
#: The show's look: one lens, rooms in smoke that is lit, and a grade that is cold and flat.
FOCAL_RATIO = 0.8
HAZE_PER_M = 0.15
SMOKE = 0.6
GRADE = np.array([0.35, 0.75, 1.25], np.float32)
LIFT, GAIN = 0.06, 0.3
AP1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
#: Linear Rec.709 to ACEScg, Bradford-adapted; rows sum to 1.
TO_ACESCG = np.array(
    [
        [0.613097, 0.339523, 0.047379],
        [0.070194, 0.916354, 0.013452],
        [0.020616, 0.109570, 0.869815],
    ],
    np.float32,
)


def main() -> int:
    """Write the show, fine-tune, print, write."""
    options = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="flashdepth-show-") as folder:
        began = time.perf_counter()
        show = Path(folder) / "show"
        write_show(show)
        say(f"show of {SHOTS} shots written in {time.perf_counter() - began:.0f} s")
        settings = settings_of(options, show)
        result = fine_tune(settings, Path(folder) / "tuned.safetensors", log, say_shots)
    seconds = time.perf_counter() - began
    say_table(result.rows)
    say(f"{seconds:.0f} s in all")
    write_result(options.json, settings, result, seconds)
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--made-share", type=float, default=1 / 8, help="of all clips")
    parser.add_argument("--weights", default="nano", help="a name or a file (default nano)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    result = REPOSITORY / "benchmarks" / "results" / "fine_tune.json"
    parser.add_argument("--json", type=Path, default=result, help="where the result is written")
    return parser.parse_args()


def settings_of(options: argparse.Namespace, show: Path) -> FineTuneSettings:
    """What the command would make of the same options."""
    return FineTuneSettings(
        folder=show,
        weights=options.weights,
        steps=options.steps,
        clips=4,
        frames=3,
        width_px=WIDTH,
        height_px=HEIGHT,
        made_share=options.made_share,
        decoder_rate=RATE,
        temporal_rate=RATE,
        seed=options.seed,
        workers=1,
        device=options.device,
        judged_made_clips=MADE_CLIPS,
    )


def write_show(folder: Path) -> None:
    """Each shot in a folder of its own."""
    for index, seed in zip(range(SHOTS), show_seeds(), strict=False):
        overscan = OVERSCAN if index == 1 else 0
        rgb, z_m = shot_pixels(scene_of(seed, overscan), overscan)
        place = folder / f"sc{index // 5 + 1:02d}" / f"sh{10 * (index + 1):03d}"
        place.mkdir(parents=True)
        centimetres = index == 3
        if centimetres:
            (place / "shot.json").write_text(json.dumps({"scene_unit_m": 0.01}))
        for frame in range(FRAMES):
            z = z_m[frame] * (100.0 if centimetres else 1.0)
            write_frame(place, FIRST_FRAME + frame, rgb[frame], z, overscan, together=index == 2)
    (place / f"z.{FIRST_FRAME + FRAMES - 1}.exr").unlink()


def show_seeds() -> Iterator[int]:
    """Seeds whose scene is a hall or a room that is three times as deep as its nearest things are far."""
    for seed in count(FIRST_SEED):
        scene = scene_of(seed, 0)
        if bool(scene.room_half_m.all()) and not bool(scene.open_top.any()):
            disparity = render(scene.part(0, 1), 24, 40).disparity_100_per_m
            far, near = disparity.quantile(0.05), disparity.quantile(0.95)
            if near > 3.0 * far:
                yield seed


def scene_of(seed: int, overscan: int) -> Scene:
    """In the show's smoke and through its lens; overscan shows more through the same one."""
    arrays = draw_scenes([seed], FRAMES)
    focal = FOCAL_RATIO * WIDTH / (WIDTH + 2 * overscan)
    arrays["focal_ratio"] = np.full_like(arrays["focal_ratio"], focal)
    arrays["haze_per_m"] = np.full_like(arrays["haze_per_m"], HAZE_PER_M)
    arrays["sky"] = np.full_like(arrays["sky"], SMOKE)
    return Scene.from_arrays(arrays, torch.device("cpu"))


def shot_pixels(scene: Scene, overscan: int) -> tuple[np.ndarray, np.ndarray]:
    """Graded linear ACEScg `(T, H, W, 3)` and planar depth `(T, H, W)` in metres, inf where there is nothing."""
    clip = render(scene, HEIGHT + 2 * overscan, WIDTH + 2 * overscan)
    light = clip.rgb_linear[0].permute(0, 2, 3, 1).numpy()
    graded = (LIFT + GAIN * light) * GRADE
    disparity = clip.disparity_100_per_m[0].numpy()
    z_m = np.where(disparity > 0.0, 100.0 / np.maximum(disparity, 1e-6), np.inf)
    return graded @ TO_ACESCG.T, z_m.astype(np.float32)


def write_frame(
    place: Path, frame: int, rgb: np.ndarray, z: np.ndarray, overscan: int, *, together: bool
) -> None:
    """One frame's plate and Z, or one file with both. With overscan Z has the display window only."""
    display = window(0)
    plate = {"dataWindow": window(overscan), "displayWindow": display, "chromaticities": AP1}
    channels: dict[str, np.ndarray] = {"RGB": np.ascontiguousarray(rgb.astype(np.float16))}
    if together:
        write_exr(place / f"beauty.{frame}.exr", plate, channels | {"depth.Z": z})
        return
    inner = z[overscan : overscan + HEIGHT, overscan : overscan + WIDTH]
    write_exr(place / f"plate.{frame}.exr", plate, channels)
    depth = {"dataWindow": display, "displayWindow": display}
    write_exr(place / f"z.{frame}.exr", depth, {"Z": np.ascontiguousarray(inner)})


def window(overscan: int) -> tuple[np.ndarray, np.ndarray]:
    """The frame with so many pixels more on each side, as OpenEXR takes it."""
    low = np.array([-overscan, -overscan], np.int32)
    return low, np.array([WIDTH + overscan - 1, HEIGHT + overscan - 1], np.int32)


def write_exr(path: Path, header: dict[str, Any], channels: dict[str, np.ndarray]) -> None:
    """A scanline file."""
    whole = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION, **header}
    OpenEXR.File(whole, channels).write(str(path))


def log(line: dict[str, Any]) -> None:
    """A line of the training log."""
    say(json.dumps(line))


def say_shots(reports: Sequence[ShotReport]) -> None:
    """What is on disk."""
    say(f"{'shot':<12} {'frames':>6} {'size':>9} {'near m':>7} {'far m':>7}  notes")
    for r in reports:
        size = f"{r.width_px}x{r.height_px}"
        notes = "; ".join((*r.problems, *r.warnings, *([f"holes {r.holes}"] if r.holes else [])))
        say(
            f"{r.name:<12} {r.frames:>6} {size:>9} {r.near_m or 0:>7.2f} {r.far_m or 0:>7.2f}  {notes}"
        )


def say_table(rows: Sequence[ErrorRow]) -> None:
    """A line for each predictor, on each shot and in the mean."""
    say(f"{'':<15} {'clips':>5} {'':<8} {'delta1':>6} {'abs-rel':>7} {'rank':>6}")
    for r in rows:
        figures = f"{r.delta1:>6.3f} {r.abs_rel:>7.3f} {r.rank:>6.3f}"
        say(f"{r.held_out:<15} {r.clips:>5} {r.predictor:<8} {figures}")


def write_result(
    path: Path, settings: FineTuneSettings, result: FineTuneResult, seconds: float
) -> None:
    """The result as JSON: what was measured, on what, and when."""
    own = dataclasses.asdict(settings)
    own = {name: own[name] for name in own if name not in ("folder", "reading")}
    text: dict[str, Any] = {
        "format": FORMAT,
        "benchmark": "fine_tune",
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "settings": own | {"weights": Path(settings.weights).name},
        "weights_sha256": json.loads(result.metadata["provenance"])["start"]["sha256"],
        "trained_on": {"shots": result.shots, "frames": result.frames},
        "seconds": round(seconds, 1),
        "rows": [rounded(row) for row in result.rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(text, indent=2) + "\n")


def rounded(row: ErrorRow) -> dict[str, Any]:
    """A row in as many digits as mean something."""
    plain = dataclasses.asdict(row)
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in plain.items()}


def say(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
