"""What a frame costs is counted, not guessed, and sizes of equal cost are the nearest that there are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from flashdepth_vfx.evaluation import cost
from flashdepth_vfx.evaluation.contestants import open_model
from flashdepth_vfx.evaluation.cost import (
    EqualSizes,
    equal_sizes,
    frame_ms,
    network_gflops,
    side_at_cost,
    upsampler_gflops,
)
from flashdepth_vfx.evaluation.job import Model
from flashdepth_vfx.evaluation.markdown import comparison_markdown
from flashdepth_vfx.measures.predictor import canvas_of
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.training.checkpoint import Checkpoint, save_checkpoint
from flashdepth_vfx.training.upsampler import LearnedUpsampler, UpsamplerConfig

NANO, TWIN = ModelConfig.preset("nano"), ModelConfig.preset("nano-twin")


@pytest.mark.parametrize("c", [4, 8])
def test_the_cost_of_an_upsampler_is_that_of_its_convolutions_by_hand(c: int) -> None:
    height, width = 32, 48

    def convolution(taps: int, before: int, after: int, shrunk: int) -> int:
        return 2 * taps * before * after * (height // shrunk) * (width // shrunk)

    by_hand = (
        convolution(9, 4, c, 1) + convolution(9, c, c, 1)
        + convolution(9, c, 2 * c, 2) + convolution(9, 2 * c, 2 * c, 2)
        # up again: narrowed while it is small, beside what came down, and out
        + convolution(1, 2 * c, c, 2) + convolution(9, 2 * c, c, 1) + convolution(9, c, c, 1)
        + convolution(1, c, 1, 1)
    )  # fmt: skip
    counted = upsampler_gflops(UpsamplerConfig(width=c, levels=2), height, width)
    assert counted == pytest.approx(by_hand / 1e9, rel=1e-12)


def test_a_network_costs_what_computing_a_frame_does() -> None:
    net = FlashDepthNet(TWIN, scan="torch").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, 3, 64, 96))
    assert network_gflops(TWIN, 64, 96) == counter.get_total_flops() / 1e9
    # one with a teacher, and of more pixels, costs more
    assert (
        network_gflops(NANO, 64, 96) < network_gflops(TWIN, 64, 96) < network_gflops(TWIN, 96, 96)
    )


def test_no_other_size_comes_nearer_to_a_cost() -> None:
    wanted = 0.8 * network_gflops(NANO, 64, 96)
    side, found = side_at_cost(NANO, 64, 96, wanted)
    canvas = canvas_of(NANO, 64, 96, side)
    assert found == network_gflops(NANO, canvas.height, canvas.width)
    for other in range(32, 193, 8):
        there = canvas_of(NANO, 64, 96, other)
        off = abs(network_gflops(NANO, there.height, there.width) - wanted)
        assert off >= abs(found - wanted), other


def test_equal_sizes_are_equal_and_what_is_enlarged_is_small() -> None:
    sizes = equal_sizes(TWIN, NANO, UpsamplerConfig(16), 96, 128)
    assert sizes.unequal <= 0.05
    assert sizes.low_px < sizes.full_px == 128 <= sizes.base_px
    assert sizes.learned == sizes.low + upsampler_gflops(UpsamplerConfig(16), 96, 128)


def test_unequal_is_the_worst_of_those_that_should_be_equal() -> None:
    sizes = EqualSizes(100, 100, 50, hybrid=10.0, base=9.0, low=2.0, learned=10.5)
    assert sizes.unequal == pytest.approx(0.1)
    # what is enlarged for nothing costs less, and is told so
    assert EqualSizes(100, 100, 50, 10.0, 10.0, 0.1, 10.0).unequal == 0.0


def test_a_frame_s_time_has_its_upsampling_in_it(
    nano_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "_REPEATS", 3)
    net, path = LearnedUpsampler(UpsamplerConfig()), tmp_path / "up.pt"
    config = dataclasses.asdict(net.config)
    save_checkpoint(Checkpoint(config, net.state_dict(), {}, 1, 1.0, [{}, {}]), path)
    soft = Model("soft", str(nano_weights), 32)
    models = (soft, dataclasses.replace(soft, name="learned", upsampler=path))
    # of a small run it is nearly all
    alone, whole = (frame_ms(open_model(model, "cpu", ()), 224, 384) for model in models)
    assert 0.0 < alone < 0.5 * whole


def row(contestant: str, **values: float | None) -> dict[str, object]:
    base = dict.fromkeys(
        ("working_px", "gflops", "ms", "delta1", "abs_rel", "boundary_f1", "tae", "flicker")
    )
    return {"set": "made", "contestant": contestant, **base, **values}


def test_a_comparison_as_markdown() -> None:
    record = {
        "machine": {"gpus": ["A GPU"], "cores": 16, "torch": "2.11"},
        "measured_at": "2026-11-27T10:00:00+00:00",
        "settings": {"frames_trained": 30000, "unequal": 0.0123, "sets": {"made": "2 clips"}},
        "rows": [
            row("ramp", delta1=0.9, abs_rel=0.01, boundary_f1=0.9),
            row("base", working_px=785, gflops=33.646, ms=2.5, delta1=0.6, abs_rel=0.2, boundary_f1=0.1),
            row("hybrid", working_px=768, gflops=34.0, ms=2.6, delta1=0.5, abs_rel=0.1, boundary_f1=0.2),
        ],
    }  # fmt: skip
    assert comparison_markdown(record).splitlines() == [
        "A GPU, 16 cores, PyTorch 2.11, 2026-11-27; 30,000 frames of training each; costs equal within 1.2 %.",
        "",
        "| made: 2 clips | px | GFLOP | ms | delta1 | abs-rel | boundary F1 |",
        "|---|---|---|---|---|---|---|",
        # knowing nothing, it competes for nothing
        "| ramp |  |  |  | 0.900 | 0.010 | 0.900 |",
        "| base | 785 | 33.6 | 2.5 | **0.600** | 0.200 | 0.100 |",
        "| hybrid | 768 | 34.0 | 2.6 | 0.500 | **0.100** | **0.200** |",
    ]
