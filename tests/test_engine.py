"""The engine: order is enforced, the state is a value, and a frame's depth lands on the plate's own pixels."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from flashdepth_vfx.color import ColorTransform, plan_color
from flashdepth_vfx.depth import DepthCode
from flashdepth_vfx.device import open_device, told_when_memory_is_short
from flashdepth_vfx.engine import DepthEngine
from flashdepth_vfx.errors import DeviceError, FrameOrderError, SettingsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.plate import FloatArray, Plate, PlateHeader, Window
from flashdepth_vfx.preprocess import Canvas
from flashdepth_vfx.settings import Convention, Upsampling
from flashdepth_vfx.state import ShotIdentity

DISPLAY = Window(0, 0, 150, 110)
DATA = Window(-6, 2, 150, 100)
CANVAS = Canvas(Window(-6, 0, 156, 110), 1.0, 96, 128)


def plate(
    frame: int,
    *,
    window: Window = DATA,
    rgb: FloatArray | None = None,
    alpha: FloatArray | None = None,
) -> Plate:
    header = PlateHeader(
        path=Path(f"plate.{frame:04d}.exr"),
        frame=frame,
        kind="exr",
        data_window=window,
        display_window=DISPLAY,
        pixel_aspect=1.0,
        channels=("R", "G", "B"),
        views=(),
        color_hint=None,
        frames_per_second=None,
        attributes={},
    )
    if rgb is None:
        rgb = np.random.default_rng(abs(frame)).random((*window.shape, 3), dtype=np.float32)
    return Plate(header, rgb, alpha, premultiplied=alpha is not None)


@pytest.fixture(scope="module")
def network() -> FlashDepthNet:
    torch.manual_seed(3)
    net = FlashDepthNet(ModelConfig.preset("nano")).eval()
    # The temporal module starts neutral: without this, no test here would notice a lost state.
    torch.nn.init.normal_(net.mamba.final_layer[1].weight, std=0.2)
    with torch.no_grad():
        net.depth_head.scratch.output_conv2[2].bias.fill_(3.0)
    return net


@pytest.fixture
def engine(network: FlashDepthNet) -> DepthEngine:
    return make_engine(network)


def make_engine(
    network: FlashDepthNet,
    convention: Convention = Convention.INVERSE_Z,
    upsampling: Upsampling = Upsampling.BILINEAR,
) -> DepthEngine:
    plan = plan_color(plate(1).header, colorspace="sRGB Encoded Rec.709 (sRGB)")
    identity = ShotIdentity(
        shot="plate.####.exr",
        picture="",
        architecture="nano",
        weights_sha256="0" * 64,
        canvas=CANVAS,
        color=plan.fingerprint(),
        exposure_stops=0.0,
        sparse=False,
        device="cpu",
        kernels="test",
    )
    device = open_device("cpu")
    return DepthEngine(
        network,
        identity,
        ColorTransform(plan),
        device,
        code=DepthCode(convention),
        upsampling=upsampling,
    )


def test_depth_has_the_windows_of_its_plate(engine: DepthEngine) -> None:
    depth, _ = engine.step(plate(1), None)
    assert depth.depth.shape == (100, 150)
    assert depth.depth.dtype == np.float32
    assert (depth.data_window, depth.display_window) == (DATA, DISPLAY)
    assert depth.depth.std() > 0


@pytest.mark.parametrize("wrong", [1, 2, 4, 9, -3])
def test_order_is_checked_and_never_guessed(engine: DepthEngine, wrong: int) -> None:
    _, state = engine.step(plate(1), None)
    _, state = engine.step(plate(2), state)
    with pytest.raises(FrameOrderError) as caught:
        engine.step(plate(wrong), state)
    assert (caught.value.expected, caught.value.got) == (3, wrong)


def test_the_state_carries_the_past_into_the_depth(engine: DepthEngine) -> None:
    _, after_one = engine.step(plate(1), None)
    with_past, _ = engine.step(plate(2), after_one)
    without, _ = engine.step(plate(2), None)
    assert np.abs(with_past.depth - without.depth).max() > 1e-4 * without.depth.max()


def test_a_step_changes_neither_state_nor_plate_nor_engine(engine: DepthEngine) -> None:
    _, state = engine.step(plate(1), None)
    before = copy.deepcopy(state)
    two = plate(2)
    pixels = two.rgb.copy()
    first, _ = engine.step(two, state)
    again, _ = engine.step(two, state)
    assert state == before
    assert np.array_equal(two.rgb, pixels)
    assert np.array_equal(first.depth, again.depth)


def test_the_digest_follows_the_files_that_were_seen(engine: DepthEngine) -> None:
    digests = set()
    for stamp in ("size 1", "size 2"):
        _, state = engine.infer(engine.prepare(plate(1), stamp), None)
        digests.add(state.plates_digest)
    assert len(digests) == 2


def test_inverse_z_is_a_hundredth_of_disparity(network: FlashDepthNet) -> None:
    inverse, _ = make_engine(network).step(plate(1), None)
    disparity, _ = make_engine(network, Convention.DISPARITY).step(plate(1), None)
    assert np.allclose(inverse.depth * 100, disparity.depth, rtol=1e-6)


def test_a_guide_is_kept_only_where_it_is_asked_for(network: FlashDepthNet) -> None:
    assert make_engine(network).prepare(plate(1)).guide is None
    engine = make_engine(network, upsampling=Upsampling.GUIDED)
    guide = engine.prepare(plate(1)).guide
    assert guide is not None
    assert (guide.plate.shape, guide.plate.dtype) == ((3, *DATA.shape), torch.uint8)
    depth, _ = engine.step(plate(1), None)
    assert depth.depth.shape == DATA.shape


def test_values_that_are_not_numbers_are_counted_and_poison_nothing(engine: DepthEngine) -> None:
    rgb = np.full((100, 150, 3), 0.5, np.float32)
    clean = engine.prepare(plate(1, rgb=rgb.copy()))
    rgb[10, 10] = np.nan
    rgb[50, 50, 0] = np.inf
    rgb[51, 50, 1] = -np.inf
    dirty = engine.prepare(plate(1, rgb=rgb))
    assert (clean.nan_count, clean.inf_count) == (0, 0)
    assert (dirty.nan_count, dirty.inf_count) == (3, 2)
    assert torch.isfinite(dirty.pixels).all()
    untouched = (dirty.pixels - clean.pixels).abs().amax(1)[0] < 1e-3
    assert untouched.float().mean() > 0.99
    depth, state = engine.step(plate(1, rgb=rgb), None)
    assert np.isfinite(depth.depth).all()
    assert all(torch.isfinite(t).all() for t in state.temporal.tensors)


def test_colour_is_that_of_the_unpremultiplied_plate(engine: DepthEngine) -> None:
    """Half-covered grey over nothing: 0.4 at alpha 0.5 is the colour 0.8, half there."""
    alpha = np.full((100, 150), 0.5, np.float32)
    rgb = np.full((100, 150, 3), 0.4, np.float32)
    seen = engine.prepare(plate(1, rgb=rgb, alpha=alpha))
    opaque = engine.prepare(plate(1, rgb=np.full_like(rgb, 0.8)))
    mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    got = seen.pixels[0, :, 48, 64] * std + mean
    full = opaque.pixels[0, :, 48, 64] * std + mean
    assert torch.allclose(got, full * 0.5, atol=1e-4)


def test_light_without_coverage_is_kept(engine: DepthEngine) -> None:
    alpha = np.zeros((100, 150), np.float32)
    rgb = np.full((100, 150, 3), 0.4, np.float32)
    glow = engine.prepare(plate(1, rgb=rgb, alpha=alpha))
    plain = engine.prepare(plate(1, rgb=rgb))
    assert torch.allclose(glow.pixels, plain.pixels)


def test_a_frame_of_one_pixel_passes_the_state_on(engine: DepthEngine) -> None:
    _, state = engine.step(plate(1), None)
    depth, state = engine.step(plate(2, window=Window(0, 5, 1, 1)), state)
    assert depth.depth.shape == (1, 1)
    assert np.isfinite(depth.depth).all()
    depth, _ = engine.step(plate(3), state)
    assert np.isfinite(depth.depth).all()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_cuda_that_is_not_there_is_refused_in_the_drivers_words() -> None:
    with pytest.raises(DeviceError, match=r"--device cuda: .*CUDA"):
        open_device("cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_auto_says_aloud_that_it_took_the_cpu() -> None:
    assert "CPU" in open_device("auto").notice
    assert open_device("cpu").notice == ""


@pytest.mark.parametrize("wanted", ["tpu", "", "cudaa"])
def test_an_unknown_device_is_refused(wanted: str) -> None:
    with pytest.raises(SettingsError, match="auto, cpu, cuda"):
        open_device(wanted)


def test_a_scan_that_the_device_cannot_run_is_refused_before_the_first_frame() -> None:
    with pytest.raises(DeviceError, match="--scan torch"):
        open_device("cpu", "mamba_ssm")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_the_end_of_memory_is_told_as_such(error: Exception) -> None:
    with (
        pytest.raises(DeviceError, match=r"ran out of memory at 4x4: .*--resolution"),
        told_when_memory_is_short(open_device("cpu"), "at 4x4"),
    ):
        raise error


def test_another_error_is_not_taken_for_the_end_of_memory() -> None:
    with (
        pytest.raises(RuntimeError, match="shapes"),
        told_when_memory_is_short(open_device("cpu"), "at 4x4"),
    ):
        raise RuntimeError("shapes differ")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_and_cpu_agree(network: FlashDepthNet) -> None:
    here = make_engine(network)
    device = open_device("cuda")
    there = DepthEngine(
        copy.deepcopy(network).to(device.torch_device), here.identity, here._color, device
    )
    cpu_state = gpu_state = None
    for frame in (1, 2, 3):
        on_cpu, cpu_state = here.step(plate(frame), cpu_state)
        on_gpu, gpu_state = there.step(plate(frame), gpu_state)
        assert np.abs(on_cpu.depth - on_gpu.depth).max() < 1e-4 * on_cpu.depth.max()
