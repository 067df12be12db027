"""What a model could reach on the made clips with flicker, and what its own frames lack for it.

    python benchmarks/reach.py

Measures, as `flashdepth evaluate` does, the truth made coarse, the truth made wrong by a smooth error that stays, the
frames of a model without its state, and those frames mended with what only the truth knows: a scale and shift for
each frame, and a memory that follows every still surface. Takes five minutes on two cores. Prints a table and writes
JSON (`benchmarks/results/reach.json` unless `--json` says another file).
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx import RenderSettings, bench
from flashdepth_vfx.measures.clip import Cameras, TruthClip
from flashdepth_vfx.measures.metrics import accuracy, aligned
from flashdepth_vfx.measures.predictor import network_predictor
from flashdepth_vfx.measures.temporal import (
    Followed,
    flicker,
    follow,
    temporal_alignment_error,
)
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.training.made import made_clips

REPOSITORY = Path(__file__).resolve().parents[1]
FRAMES, HEIGHT, WIDTH = 8, 224, 384
COARSE = (4, 8, 16)
WRONG = (0.1, 0.2)
#: Of what a followed surface was before, the share that a frame takes over.
KEPT = 0.7


@dataclasses.dataclass(frozen=True)
class Row:
    """The mean over clips, and the median beside it where one clip rules the mean."""

    name: str
    delta1: float
    abs_rel: float
    tae_percent: float
    tae_median_percent: float
    flicker_percent: float
    flicker_median_percent: float


def main() -> int:
    """Measure, print, and write the JSON."""
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    told: dict[str, list[tuple[float, float, float, float]]] = {}
    predict = network_predictor(*opened(options), carry_state=False)
    for clip in made_clips(0, options.clips, FRAMES, HEIGHT, WIDTH, flicker=1.0):
        followed = follow(clip)
        if followed.has_still_points:
            for name, disparity in contestants(clip, predict(clip.rgb).cpu(), followed):
                told.setdefault(name, []).append(measures(disparity, followed))
        print(clip.name, file=sys.stderr, flush=True)
    rows = [row(name, values) for name, values in told.items()]
    print(table(rows))
    write_result(options, rows)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", default="nano", help="whose frames are mended")
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2, help="of the network")
    result = REPOSITORY / "benchmarks" / "results" / "reach.json"
    parser.add_argument("--json", type=Path, default=result, help="where the result is written")
    return parser.parse_args()


def opened(options: argparse.Namespace) -> tuple[torch.nn.Module, int]:
    """The network, and the long side of what it sees."""
    network = Networks().open(RenderSettings(weights=options.weights, device="cpu"))
    return network.net, network.default_long_side_px or WIDTH


def contestants(
    clip: TruthClip, frames: Tensor, followed: Followed
) -> Iterator[tuple[str, Tensor]]:
    """Names and disparities `(T, H, W)`; `frames` are the network's."""
    truth = clip.truth_100_per_m.clamp_min(0.0)
    for factor in COARSE:
        yield f"truth at {WIDTH // factor}x{HEIGHT // factor}", coarse(truth, factor)
    for share in WRONG:
        yield f"truth, {share:.0%} off, smoothly", truth * torch.exp(share * smooth(truth.shape))
    yield "frames alone", frames
    each = [aligned(f[None].double(), t[None]) for f, t in zip(frames, truth, strict=True)]
    yield "  a true scale and shift for each", torch.cat(each).float()
    yield "  and a memory that follows surfaces", remembered(frames, clip)


def coarse(truth: Tensor, factor: int) -> Tensor:
    """What a network of so many pixels can say at most: means over squares, bilinear between them."""
    size = truth.shape[-2:]
    small = F.avg_pool2d(truth[:, None], factor)
    return F.interpolate(small, size, mode="bilinear", align_corners=False)[:, 0]


def smooth(shape: torch.Size) -> Tensor:
    """Six by four numbers of deviation 1 and what lies between, the same for all frames."""
    drawn = torch.randn(1, 1, 4, 6, generator=torch.Generator().manual_seed(1))
    return F.interpolate(drawn, shape[-2:], mode="bicubic", align_corners=True)[0]


def remembered(frames: Tensor, clip: TruthClip) -> Tensor:
    """Each frame mixed with the one before it, carried along by the true cameras where the truth sees the same."""
    line = aligned(frames.double(), clip.truth_100_per_m)
    pairs = follow(backwards(clip)).pairs
    out = [line[0]]
    height, width = line.shape[-2:]
    for frame in range(1, len(line)):
        # from this frame's pixels into the one before: the reversed clip's way
        pair = pairs[len(line) - 1 - frame]
        grid = 2.0 * pair.pixel / pair.pixel.new_tensor([width, height]) - 1.0
        before = F.grid_sample(
            out[-1][None, None], grid[None], padding_mode="border", align_corners=False
        )[0, 0]
        moved = before * pair.true_change.exp()
        mixed = KEPT * moved + (1.0 - KEPT) * line[frame]
        out.append(torch.where(pair.seen, mixed, line[frame]))
    return torch.stack(out).float()


def backwards(clip: TruthClip) -> TruthClip:
    """The same clip from its last frame to its first."""
    assert clip.cameras is not None
    cameras = Cameras(*(values.flip(0) for values in dataclasses.astuple(clip.cameras)))
    return dataclasses.replace(
        clip,
        rgb=clip.rgb.flip(0),
        truth_100_per_m=clip.truth_100_per_m.flip(0),
        cameras=cameras,
        still=None if clip.still is None else clip.still.flip(0),
    )


def measures(disparity: Tensor, followed: Followed) -> tuple[float, float, float, float]:
    truth = followed.clip.truth_100_per_m
    told = accuracy(disparity, truth)
    line = aligned(disparity.double(), truth).float()
    return (
        told.delta1,
        told.abs_rel,
        temporal_alignment_error(line, followed),
        flicker(line, followed),
    )


def row(name: str, values: list[tuple[float, float, float, float]]) -> Row:
    delta1, abs_rel, tae, change = zip(*values, strict=True)
    return Row(
        name,
        round(statistics.mean(delta1), 3),
        round(statistics.mean(abs_rel), 3),
        round(statistics.mean(tae), 2),
        round(statistics.median(tae), 2),
        round(statistics.mean(change), 2),
        round(statistics.median(change), 2),
    )


def table(rows: list[Row]) -> str:
    """As docs/nano.md has it."""
    lines = [
        "| | delta1 | abs-rel | TAE %, median | flicker %, median |",
        "|---|---|---|---|---|",
    ]
    lines += (
        f"| {r.name} | {r.delta1:.3f} | {r.abs_rel:.3f} | {r.tae_percent:.1f}, {r.tae_median_percent:.1f} "
        f"| {r.flicker_percent:.1f}, {r.flicker_median_percent:.1f} |"
        for r in rows
    )
    return "\n".join(lines)


def write_result(options: argparse.Namespace, rows: list[Row]) -> None:
    settings = {
        "weights": str(options.weights),
        "clips": options.clips,
        "frames": FRAMES,
        "height_px": HEIGHT,
        "width_px": WIDTH,
    }
    plain = map(dataclasses.asdict, rows)
    bench.write_record(options.json, "reach", bench.this_machine(), settings, plain)


if __name__ == "__main__":
    sys.exit(main())
