"""The paper's baselines at the scale of `nano`: the hybrid, and what else its arithmetic would buy.

    python benchmarks/baselines.py [--device cuda --compiled --workers 15 --minutes 2 --runs runs/baselines]
    python benchmarks/baselines.py --table benchmarks/results/baselines.json

Counts the hybrid's frame, chooses the working sizes that cost as much, trains the hybrid, the base and the learned
upsampling on the same pictures from the same weights, measures all of them, prints the tables and writes JSON
(`benchmarks/results/baselines.json` unless `--json` says another file). With `--runs` its checkpoints are kept, and
the same command goes on from them: it trains what was cut off, and measures again. `--table` prints a result as
Markdown and measures nothing. Without a GPU or options it is a trial of a few steps at a small size, which shows that
everything runs. See docs/baselines.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from flashdepth_vfx import bench
from flashdepth_vfx.evaluation import EvaluationJob, Model, Report, evaluate, report_text
from flashdepth_vfx.evaluation.contestants import open_model
from flashdepth_vfx.evaluation.cost import EqualSizes, equal_sizes, frame_ms
from flashdepth_vfx.evaluation.markdown import comparison_markdown
from flashdepth_vfx.model import ModelConfig
from flashdepth_vfx.settings import Upsampling
from flashdepth_vfx.training import (
    DataSettings,
    StageJob,
    TrainSettings,
    export_weights,
    load_checkpoint,
    run_stage,
)
from flashdepth_vfx.training.upsampler import UpsamplerConfig
from flashdepth_vfx.training.upsampler_run import UpsamplerJob, train_upsampler
from flashdepth_vfx.weights.loading import locate

RESULT = Path(__file__).parent / "results" / "baselines.json"
SETS = ("made", "flicker", "levels", "photos")
#: Of the whole, from which costs may differ and still be equal.
EQUAL = 0.05
ENCODER_RATE, DECODER_RATE, UPSAMPLER_RATE = 5e-5, 3e-4, 1e-3


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, train, measure, print, write."""
    asked = parse_arguments(arguments)
    if asked.table is not None:
        say(comparison_markdown(json.loads(asked.table.read_text(encoding="utf-8"))))
        return 0
    config, size = UpsamplerConfig(asked.upsampler_width), (asked.height_px, asked.width_px)
    sizes = equal_sizes(ModelConfig.preset(asked.hybrid), ModelConfig.preset("nano"), config, *size)
    costs = costs_of(sizes)
    for name, gflops in costs.items():
        say(f"{name:12} {gflops:8.2f} GFLOP a frame, {gflops / sizes.hybrid:.3f} of the hybrid's")
    if sizes.unequal > asked.tolerance:
        say(
            f"costs differ by {100 * sizes.unequal:.1f} %: no sizes are equal here, see --tolerance"
        )
        return 1
    with tempfile.TemporaryDirectory(prefix="flashdepth-baselines-") as own:
        runs = asked.runs or Path(own)
        frames = train(asked, sizes, runs)
        job = evaluation_job(asked, sizes, runs)
        report = evaluate(job, say)
        say(report_text(report))
        ms = {model.name: frame_ms(open_model(model, job.device, ()), job.height_px, job.width_px)
              for model in job.models}  # fmt: skip
    settings = settings_of(asked, sizes, report, frames)
    rows = list(rows_of(report, costs, ms))
    bench.make_folder(asked.json.parent)
    bench.write_record(asked.json, "baselines", bench.this_machine(), settings, rows)
    say(comparison_markdown(json.loads(asked.json.read_text(encoding="utf-8"))))
    return 0


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line. What is not asked for is as large as the device."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--weights", default="nano", help="the nano that everything begins from")
    parser.add_argument("--hybrid", default="nano-twin", choices=("nano-twin", "nano-hybrid"))
    parser.add_argument("--encoder", type=Path, help="published weights for nano-hybrid's student")
    parser.add_argument("--minutes", type=float, help="the hybrid's; the others take as many steps")
    parser.add_argument("--steps", type=int, help="or so many; whichever ends first")
    parser.add_argument("--width-px", type=int)
    parser.add_argument("--height-px", type=int)
    parser.add_argument("--batch", type=int, help="pictures a step")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw scenes")
    parser.add_argument("--compiled", action="store_true", help="the rendering of scenes")
    parser.add_argument("--seed", type=int, default=51)
    parser.add_argument("--upsampler-width", type=int, default=16)
    parser.add_argument("--clips", type=int, help="made clips to measure on")
    parser.add_argument("--frames", type=int, help="frames of each")
    parser.add_argument("--sheets", type=int, help="made clips that get sheets")
    parser.add_argument("--clips-per-level", type=int, default=1)
    parser.add_argument("--data", type=Path, help="what `flashdepth evaluate --fetch` brought")
    parser.add_argument("--sets", nargs="+", default=("made", "levels", "photos"), choices=SETS)
    parser.add_argument("--tolerance", type=float, default=EQUAL, help="share of cost, 0.05")
    parser.add_argument("--runs", type=Path, help="where checkpoints, weights and sheets are kept")
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result is written")
    parser.add_argument("--table", type=Path, metavar="JSON", help="print a result as Markdown")
    asked = parser.parse_args(arguments)
    on_gpu = asked.device != "cpu"
    whole = {"width_px": 768, "height_px": 448, "batch": 32, "clips": 8, "frames": 4, "sheets": 1}
    trial = {"width_px": 128, "height_px": 96, "batch": 1, "clips": 1, "frames": 2, "sheets": 0}
    for name, value in (whole if on_gpu else trial).items():
        if getattr(asked, name) is None:
            setattr(asked, name, value)
    if asked.minutes is None and asked.steps is None:
        asked.minutes, asked.steps = (2.0, None) if on_gpu else (None, 2)
    return asked


def costs_of(sizes: EqualSizes) -> dict[str, float]:
    """GFLOP of a frame. Guided upsampling takes no products, and a thousand operations a pixel of an edge at most."""
    alone = dict.fromkeys(("nano", "base", "base-guided"), sizes.base)
    return alone | {
        "bilinear": sizes.low,
        "guided": sizes.low,
        "learned": sizes.learned,
        "hybrid": sizes.hybrid,
    }


def train(asked: argparse.Namespace, sizes: EqualSizes, runs: Path) -> int:
    """The hybrid for its minutes or steps, then the others for as many. Returns the frames that each has seen."""
    _, start = locate(asked.weights)
    hybrid, base, learned = (runs / f"{name}.pt" for name in ("hybrid", "base", "learned"))
    first = settings_for(asked, asked.steps, asked.minutes)
    teach(StageJob(hybrid, first, asked.hybrid, asked.encoder, teacher=start, device=asked.device))
    taught = load_checkpoint(hybrid)
    equal = settings_for(asked, taught.step, None)
    teach(StageJob(base, equal, start=start, device=asked.device))
    alone = dataclasses.replace(
        equal, temporal=False, encoder_rate=0.0, decoder_rate=UPSAMPLER_RATE
    )
    config = UpsamplerConfig(asked.upsampler_width)
    train_upsampler(
        UpsamplerJob(learned, alone, sizes.low_px, asked.weights, config, asked.device), log
    )
    return int(taught.history[-1]["frames_seen"])


def teach(job: StageJob) -> None:
    """A network, and write its weights beside the checkpoint where that has changed."""
    weights = job.checkpoint.with_suffix(".safetensors")
    if run_stage(job, log) or not weights.exists():
        export_weights(load_checkpoint(job.checkpoint), weights)


def settings_for(
    asked: argparse.Namespace, steps: int | None, minutes: float | None
) -> TrainSettings:
    """Single pictures in full, through the temporal module as a first frame goes: so they are measured."""
    data = DataSettings(
        seed=asked.seed,
        clips=asked.batch,
        frames=1,
        height_px=asked.height_px,
        width_px=asked.width_px,
        flicker=0.0,
        workers=asked.workers,
        compiled=asked.compiled,
    )
    return TrainSettings(
        data=data,
        temporal=True,
        steps=steps,
        minutes=minutes,
        encoder_rate=ENCODER_RATE,
        decoder_rate=DECODER_RATE,
        temporal_rate=0.0,
        warmup_steps=50,
    )


def evaluation_job(asked: argparse.Namespace, sizes: EqualSizes, runs: Path) -> EvaluationJob:
    """Every contestant frame by frame: what is asked is how edges are had, not what memory gives."""
    own, base = asked.weights, str(runs / "base.safetensors")
    guided, upsampler = Upsampling.GUIDED, runs / "learned.pt"
    models = (
        Model("nano", own, sizes.base_px, False),
        Model("base", base, sizes.base_px, False),
        Model("base-guided", base, sizes.base_px, False, guided),
        Model("bilinear", own, sizes.low_px, False),
        Model("guided", own, sizes.low_px, False, guided),
        Model("learned", own, sizes.low_px, False, upsampler=upsampler, upsampled_px=sizes.full_px),
        Model("hybrid", str(runs / "hybrid.safetensors"), sizes.full_px, False),
    )
    return EvaluationJob(
        models=models,
        output=runs / "evaluation",
        data=asked.data,
        sets=tuple(asked.sets),
        hybrid="hybrid",
        clips=asked.clips,
        frames=asked.frames,
        clips_per_level=asked.clips_per_level,
        height_px=asked.height_px,
        width_px=asked.width_px,
        sheets=asked.sheets,
        device=asked.device,
    )


def settings_of(
    asked: argparse.Namespace, sizes: EqualSizes, report: Report, frames_trained: int
) -> dict[str, Any]:
    """What was asked for and what came of it, without a path."""
    kept = ("hybrid", "minutes", "batch", "seed", "upsampler_width", "width_px", "height_px")
    return {
        **{name: getattr(asked, name) for name in kept},
        "encoder": asked.encoder.name if asked.encoder else None,
        "frames_trained": frames_trained,
        "unequal": round(sizes.unequal, 4),
        "sets": dict(report.sets),
        "skipped": [line.partition(":")[0] for line in report.skipped],
        "precision": report.kernels,
    }


def rows_of(
    report: Report, costs: Mapping[str, float], ms: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    """One for each contestant on each set, and for what knows nothing."""
    facts = {fact.model: fact for fact in report.models}
    for row in report.rows:
        name, mean = row.model, dataclasses.asdict(row.mean)
        gflops = costs.get(name)
        yield {
            "set": row.set,
            "contestant": name,
            "working_px": facts[name].long_side_px if name in facts else None,
            "sha256": facts[name].sha256 if name in facts else None,
            "gflops": None if gflops is None else round(gflops, 2),
            "ms": round(ms[name], 2) if name in ms else None,
            **{key: None if value is None else round(value, 4) for key, value in mean.items()},
        }


def log(line: dict[str, Any]) -> None:
    """A line of a training's log."""
    say(json.dumps(line))


def say(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
