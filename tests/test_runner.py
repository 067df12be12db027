"""A network in half precision: which parts are, how far it is from float32, what becomes of what does not fit."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from golden import tiny
from render_kit import RenderKit, Watcher, run
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from test_render_files import manifest_of
from torch import Tensor, nn

import flashdepth_vfx
from flashdepth_vfx.device import open_device
from flashdepth_vfx.errors import FlashDepthError, SettingsError, WeightsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig, TemporalState
from flashdepth_vfx.model.precision import DTYPES, Precision, hold_in
from flashdepth_vfx.runner import FrameRunner
from flashdepth_vfx.weights.reading import read_tensors

_SHIPPED = Path(flashdepth_vfx.__file__).parent / "data" / "nano.safetensors"
HALVES: tuple[Precision, ...] = ("fp16", "bf16")
#: Of pixels; and what fp16 may be off by there, in percent of the 99th percentile of disparity.
PERCENTILES, FP16_PERCENT = (0.5, 0.99, 0.999), (0.1, 0.6, 1.0)


def frames_of(net: nn.Module, frames: list[Tensor]) -> tuple[Tensor, TemporalState]:
    """All disparity, and the state at the end."""
    state: TemporalState | None = None
    seen = []
    with torch.inference_mode():
        for frame in frames:
            disparity, state = net(frame, state)
            seen.append(disparity)
    assert state is not None
    return torch.cat(seen), state


def off_by_percent(found: Tensor, exact: Tensor) -> list[float]:
    """The error at `PERCENTILES`."""
    error, size = (found - exact).abs().flatten(), exact.flatten().quantile(PERCENTILES[1])
    return [100.0 * float(error.quantile(part) / size) for part in PERCENTILES]


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("kind", tiny.KINDS)
def test_wide_layers_are_halved_and_what_sums_up_is_not(kind: str, precision: Precision) -> None:
    net = tiny.net(kind)
    before = {name: tensor.dtype for name, tensor in net.state_dict().items()}
    hold_in(net, precision)
    halved = {name for name, tensor in net.state_dict().items() if tensor.dtype != before[name]}
    assert all(net.state_dict()[name].dtype is DTYPES[precision] for name in halved)
    # the last layer always, all of the head where halves are coarse
    head = "depth_head.scratch.output_conv"
    exact = ("mamba.", f"{head}2.2" if precision == "fp16" else head)
    assert not [name for name in halved if name.startswith(exact) or "norm" in name]
    wide = {"pretrained", "depth_head"}
    if kind == "full":
        wide |= {"teacher_model", "hybrid_fusion"}
    assert {name.split(".")[0] for name in halved} == wide
    hold_in(net, "fp32")
    assert {name: tensor.dtype for name, tensor in net.state_dict().items()} == before


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_half_precision_is_near_and_fp16_nearer(kind: str) -> None:
    net = tiny.net(kind)
    height, width = (96, 128) if kind == "nano" else (84, 140)
    frames = [tiny.frame(height, width, seed=seed) for seed in range(4)]
    exact, _ = frames_of(net, frames)
    assert float(exact.std()) > 0
    worst = {}
    for precision in HALVES:
        half = copy.deepcopy(net)
        hold_in(half, precision)
        found, state = frames_of(half, frames)
        assert found.dtype is torch.float32
        assert {tensor.dtype for tensor in state.tensors} == {torch.float32}
        worst[precision] = off_by_percent(found, exact)[-1]
        assert 0.0 < worst[precision] < 5.0
    assert worst["fp16"] < 0.5 * worst["bf16"]


def grainy(step: int) -> Tensor:
    """A smooth picture with an edge that moves, and grain on it."""
    rows, columns = torch.meshgrid(torch.arange(192.0), torch.arange(320.0), indexing="ij")
    edge = (columns > 100 + 9 * step).float()
    wave = (columns / 40 + step / 5).sin() * (rows / 25).cos() + edge
    return torch.stack([wave, rows / 96 - 1, wave - rows / 192])[None] + 0.1 * tiny.frame(
        192, 320, seed=step
    )


def test_the_model_of_the_package_is_as_near_as_it_should_be() -> None:
    net = FlashDepthNet(ModelConfig.preset("nano"), scan="torch").eval()
    read = read_tensors(_SHIPPED)
    net.load_state_dict({name: tensor.float() for name, tensor in read.tensors.items()})
    frames = [grainy(step) for step in range(3)]
    exact, _ = frames_of(net, frames)
    hold_in(net, "fp16")
    found, _ = frames_of(net, frames)
    for measured, most in zip(off_by_percent(found, exact), FP16_PERCENT, strict=True):
        assert measured < most


def beyond_half(net: FlashDepthNet) -> FlashDepthNet:
    """The same network, but for two layers whose gains make a feature larger than float16 holds."""
    with torch.no_grad():
        net.get_parameter("depth_head.projects.0.weight").mul_(2.0**12)
        net.get_parameter("depth_head.scratch.layer1_rn.weight").mul_(2.0**12)
    return net


@pytest.mark.parametrize("kind", ["s", "nano"])
def test_what_half_precision_cannot_hold_is_computed_in_float32(kind: str) -> None:
    side = 96 if kind == "nano" else 84
    frames = [tiny.frame(side, side, seed=seed) for seed in range(3)]
    plain = beyond_half(tiny.net(kind))
    exact, _ = frames_of(plain, frames)
    hold_in(plain, "fp16")
    with torch.inference_mode():
        assert not plain(frames[0])[0].isfinite().all(), "this test's network does fit"
    runner = FrameRunner(beyond_half(tiny.net(kind)), "fp16")
    state: TemporalState | None = None
    for count, frame in enumerate(frames, start=1):
        with torch.inference_mode():
            disparity, state = runner(frame, state)
        assert runner.widened == count
        assert off_by_percent(disparity[0], exact[count - 1])[-1] < 5.0
    assert state is not None
    assert all(tensor.isfinite().all() for tensor in state.tensors)


def test_weights_that_do_not_fit_are_refused() -> None:
    net = tiny.net("s")
    with torch.no_grad():
        net.get_parameter("depth_head.projects.1.bias")[0] = 7e4
    with pytest.raises(WeightsError, match="beyond fp16: use --precision fp32"):
        FrameRunner(net, "fp16")
    FrameRunner(net, "bf16")


def test_a_frame_that_fits_is_run_once() -> None:
    runner = FrameRunner(tiny.net("s"), "fp16")
    runner(tiny.frame(84, 84), None)
    assert runner.widened == 0


@pytest.fixture
def wild_weights(nano_weights: Path, tmp_path: Path) -> Path:
    """`nano_weights`, beyond half precision."""
    with safe_open(nano_weights, "pt") as file:
        said = file.metadata()
    net = FlashDepthNet(ModelConfig.preset("nano"), scan="torch")
    net.load_state_dict(load_file(nano_weights))
    path = tmp_path / "wild.safetensors"
    tensors = {name: t.contiguous() for name, t in beyond_half(net).state_dict().items()}
    save_file(tensors, path, said)
    return path


def test_a_render_says_which_frames_were_beyond(kit: RenderKit, wild_weights: Path) -> None:
    plates, watcher = kit.shot(range(1, 4)), Watcher()
    run(kit.job(plates, weights=str(wild_weights), precision="fp16"), watcher)
    assert len([text for text in watcher.warnings if "beyond half precision" in text]) == 1
    told = manifest_of(kit, "1-3")["frames"]
    assert [record["frame"] for record in told if record["widened"]] == [1, 2, 3]
    exact = kit.job(plates, "exact/shot.####.exr", weights=str(wild_weights))
    run(exact)
    found = kit.depths()
    for frame, depth in kit.depths("exact/shot.####.exr").items():
        assert abs(found[frame] - depth).max() < 0.05 * depth.max()


def test_a_precision_is_recorded_and_no_shot_goes_on_in_another(kit: RenderKit) -> None:
    plates, state, rest = kit.shot(range(1, 5)), "after2.safetensors", "rest/shot.####.exr"
    run(kit.job(plates, frames="1-2", state_out=state, precision="fp16"))
    with pytest.raises(FlashDepthError, match=r"kernels is .*fp16.*not .*fp32"):
        run(kit.job(plates, rest, frames="3-4", state_in=state))
    run(kit.job(plates, rest, frames="3-4", state_in=state, precision="fp16"))
    run(kit.job(plates, "whole/shot.####.exr", precision="fp16"))
    whole, parts = kit.depths("whole/shot.####.exr"), kit.depths(rest)
    assert sorted(parts) == [3, 4]
    assert all((whole[frame] == depth).all() for frame, depth in parts.items())


def test_a_precision_has_a_known_name() -> None:
    assert open_device("cpu").precision == "fp32"
    assert open_device("cpu", precision="fp16").precision == "fp16"
    with pytest.raises(SettingsError, match="--precision fp8: give auto, fp32, fp16, bf16"):
        open_device("cpu", precision="fp8")  # type: ignore[arg-type]
