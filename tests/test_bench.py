"""What a network costs, measured on small plates: the parts against the whole, and floors against arithmetic."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from flashdepth_vfx import RenderSettings
from flashdepth_vfx.bench import (
    BenchJob,
    BenchReport,
    Size,
    default_size,
    default_weights,
    end_to_end,
    long_shot,
    parse_size,
    report_text,
    report_to_plain,
    run_bench,
    this_machine,
)
from flashdepth_vfx.bench.clock import DeviceClock
from flashdepth_vfx.bench.cores import core_counts
from flashdepth_vfx.bench.floors import copy_rate, flops_of, matmul_rate, work_of
from flashdepth_vfx.bench.length import marks_of
from flashdepth_vfx.bench.stages import STAGES, measure_stages
from flashdepth_vfx.bench.subject import (
    bench_folder,
    bench_job,
    open_subject,
    random_network,
    random_weights,
)
from flashdepth_vfx.color import ColorTransform
from flashdepth_vfx.engine import DepthEngine
from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig

SETTINGS = RenderSettings(resolution="native", device="cpu")
SMALL = Size(96, 96)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def report() -> BenchReport:
    """A hybrid with drawn weights, measured in every way."""
    job = BenchJob(
        weights=("random:nano-hybrid",),
        sizes=(SMALL,),
        settings=SETTINGS,
        frames=12,
        long_frames=20,
    )
    return run_bench(job)


def test_every_stage_of_a_hybrid_is_seen(report: BenchReport) -> None:
    (row,) = report.rows
    assert row.stages is not None
    assert tuple(row.stages.ms) == STAGES
    assert row.stages.manner == "as rendered"
    assert row.stages.compute_dtype == row.floors.dtype == "float32"
    ours = [ms for stage, ms in row.stages.ms.items() if stage != "copy"]
    assert all(ms > 0.0 for ms in ours)


def test_the_stages_add_up_to_the_whole(report: BenchReport) -> None:
    (row,) = report.rows
    assert row.stages is not None
    # wide, since other processes share these cores: left alone, what no stage covers is a few per cent
    assert abs(row.stages.unexplained_ms) < 0.5 * row.stages.whole_ms


def test_a_row_is_on_the_safe_side_of_its_floor(report: BenchReport) -> None:
    (row,) = report.rows
    assert row.rate.on_device_fps > 0.0
    assert row.times_floor > 1.0
    assert sum(row.floors.flops_by_stage.values()) == row.floors.flops


def test_a_new_process_says_when_and_how_much(report: BenchReport) -> None:
    (row,) = report.rows
    assert row.fresh is not None
    assert 0.0 < row.fresh.imported_s < row.fresh.opened_s < row.fresh.first_depth_s
    assert row.fresh.device_peak_bytes is None
    if row.fresh.process_peak_bytes is not None:
        assert row.fresh.process_peak_bytes > 50 << 20


def test_a_long_shot_is_told_at_its_marks(report: BenchReport) -> None:
    (row,) = report.rows
    assert [mark.frame for mark in row.length] == [10, 20]
    assert all(mark.frame_ms > 0.0 for mark in row.length)


def test_text_and_json_tell_the_same(report: BenchReport) -> None:
    plain, text = report_to_plain(report), report_text(report)
    (row,) = plain["rows"]
    assert plain["format"] == "flashdepth-bench/1"
    assert (row["size"], row["network_size"]) == ("96x96", "96x96")
    assert row["random_weights"]
    assert row["stages"]["sum_ms"] == pytest.approx(sum(row["stages"]["ms"].values()), rel=1e-4)
    assert row["rate"]["network_ms"] == pytest.approx(1000.0 / row["rate"]["on_device_fps"], 1e-4)
    assert f"{row['floors']['bound_ms']:.2f}" in text
    assert "weights drawn from a seed" in text
    assert report.machine.line() in text


def test_nothing_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with bench_folder() as folder:
        bench_job("nano", SMALL, SETTINGS, folder)
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_a_convolution_has_the_operations_that_a_hand_counts() -> None:
    conv = nn.Conv2d(3, 8, kernel_size=5, padding=2)
    # each of 8 x 10 x 12 outputs: 3 x 5 x 5 products, each added
    assert flops_of(conv, torch.zeros(1, 3, 10, 12)) == 2 * 8 * 10 * 12 * 3 * 5 * 5


def test_the_floors_of_a_network_do_not_need_its_memory() -> None:
    config = ModelConfig.preset("nano")
    net = FlashDepthNet(config, scan="torch").eval()
    work = work_of(config, SMALL)
    assert work.flops == flops_of(net, torch.zeros(1, 3, 96, 96))
    unused = sum(weight.numel() for weight in net.parameters()) - work.weights
    # The first residual unit of path 4 is in every file of weights, and never used.
    idle = net.get_submodule("depth_head.scratch.refinenet4.resConfUnit1")
    assert unused == sum(weight.numel() for weight in idle.parameters())


def test_attention_counts() -> None:
    """On a CPU its fused kernel has no formula: 2 x tokens^2 x width, twice, in each block."""
    config = ModelConfig.preset("s")
    one, four = (work_of(config, Size(side, side)).flops_by_stage for side in (140, 280))
    tokens, many = 1 + 10 * 10, 1 + 20 * 20
    # What is not attention grows with the tokens, but for the patches, which the class token is not one of.
    attention = 12 * 4 * 384 * (many**2 - tokens**2 * many / tokens)
    assert four["encoder"] - one["encoder"] * many / tokens == pytest.approx(attention, rel=0.01)


def test_rates_of_the_machine_are_plausible() -> None:
    assert 1e8 < matmul_rate(CPU, torch.float32, 256) < 1e14
    assert 1e7 < copy_rate(CPU, 1 << 22) < 1e13


def test_drawn_weights_are_the_same_in_every_run_and_leave_chance_alone(tmp_path: Path) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one = random_network("nano-lite").state_dict()
    assert torch.equal(before, torch.get_rng_state())
    other = random_network("nano-lite").state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    stored = load_file(random_weights("nano-lite", tmp_path))
    assert all(torch.equal(one[name], stored[name]) for name in one)


def test_drawn_weights_give_a_depth_that_is_not_flat(tmp_path: Path) -> None:
    job = bench_job("random:nano-lite", SMALL, SETTINGS, tmp_path)
    with open_subject("random:nano-lite", job, SMALL) as subject:
        disparity, _ = subject.plan.engine.infer(subject.prepared(0), None)
    assert disparity.std() > 0.0
    assert disparity.min() > 0.0


class _Recording(nn.Module):
    """Plays back what was given once, and calls no module: what a recorded graph is to its hooks."""

    def __init__(self, net: FlashDepthNet) -> None:
        super().__init__()
        pixels = torch.zeros(1, 3, 96, 96)
        with torch.inference_mode():
            self._given = net(pixels, None)

    def forward(self, _pixels: torch.Tensor, _state: object) -> object:
        return self._given


def test_an_engine_that_calls_no_module_is_watched_beside_itself(tmp_path: Path) -> None:
    job = bench_job("nano", SMALL, SETTINGS, tmp_path)
    with open_subject("nano", job, SMALL) as subject:
        plan = subject.plan
        engine = DepthEngine(
            _Recording(subject.net),  # type: ignore[arg-type]
            plan.identity,
            ColorTransform(plan.color),
            plan.network.device,
        )
        stages = measure_stages(replace(subject, plan=replace(plan, engine=engine)), 2)
    assert stages.manner == "module by module"
    assert stages.ms["encoder"] > 0.0
    assert "teacher" not in stages.ms


def test_a_long_shot_by_itself_tells_its_growth() -> None:
    shot = long_shot("nano", SMALL, SETTINGS, (5, 40))
    assert [mark.frame for mark in shot.marks] == [5, 40]
    assert all(0.8 < ratio < 1.2 for ratio in shot.growth.values())


def test_a_render_on_one_core_is_measured_in_a_process_of_its_own() -> None:
    (row,) = end_to_end("nano", SMALL, SETTINGS, 6, [1])
    assert row.cores == 1
    assert min(row.render_fps, row.network_fps, row.codec_fps) > 0.0
    assert row.network_size == SMALL


def test_the_machine_tells_no_host() -> None:
    machine = this_machine("driver 1")
    assert machine.cores >= 1
    assert "driver 1" in machine.line()
    assert platform.node() not in machine.line() or len(platform.node()) < 4
    assert "\n" not in machine.line()


def test_marks_and_counts_end_where_they_are_told() -> None:
    assert marks_of(2500) == (10, 100, 1000, 2500)
    assert marks_of(10) == (10,)
    assert core_counts(6) == (1, 2, 4, 6)
    assert core_counts(1) == (1,)


def test_defaults_suit_the_device() -> None:
    assert (default_weights(False), default_size(False)) == ("nano", Size(640, 360))
    assert (default_weights(True), default_size(True)) == ("random:full", Size(2044, 1148))


@pytest.mark.parametrize("text", ["1920", "1920x", "x1080", "8x8", "20000x1080", "1920x1080x3"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="size"):
        parse_size(text)


@pytest.mark.parametrize("given", [{"frames": 0}, {"long_frames": -1}])
def test_a_job_that_measures_nothing_is_refused(given: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="at least"):
        BenchJob(**given)  # type: ignore[arg-type]


def test_the_host_is_its_own_clock() -> None:
    clock = DeviceClock(CPU)
    began = clock.mark()
    clock.wait()
    assert clock.ms(began, clock.mark()) >= 0.0
