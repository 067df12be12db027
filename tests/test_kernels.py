"""Our kernels give what plain PyTorch gives: on a GPU, or read by Triton's interpreter where there is none."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashdepth_vfx.model import ModelConfig, kernels, steps
from flashdepth_vfx.model.config import TemporalConfig
from flashdepth_vfx.model.mixer import Grid
from flashdepth_vfx.model.ssm import MambaMixer

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
runs_here = pytest.mark.skipif(
    not INTERPRETED and not torch.cuda.is_available(),
    reason="no CUDA device; `test_the_interpreter_agrees` runs these",
)
TEMPORAL = ModelConfig.preset("s").temporal
#: A rounding of float16, of numbers up to four.
ROUNDED = 2.5e-3


@pytest.fixture(autouse=True)
def float32_means_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the plain versions round as TF32 on a GPU."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def drawn(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(shape, generator=random).to(DEVICE, dtype)


def picture(*shape: int, seed: int = 0) -> Tensor:
    """Channels last, as in the network."""
    return drawn(*shape, dtype=torch.float16, seed=seed).to(memory_format=torch.channels_last)


def furthest(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    return float((found.double() - expected.double()).abs().max())


@pytest.mark.skipif(
    INTERPRETED or torch.cuda.is_available(), reason="the kernels themselves are tested here"
)
def test_the_interpreter_agrees() -> None:
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed: no kernel is tested here")
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            __file__,
        ],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-4000:]
    # dots, and the two tests that are not for the interpreter
    assert told.stdout.partition("[")[0].count(".") > 30


@runs_here
@pytest.mark.parametrize("width", [384, 64, 100])
@pytest.mark.parametrize("gained", [True, False])
def test_a_sum_and_its_norm(width: int, gained: bool) -> None:
    x, added = drawn(1, 37, width), drawn(1, 37, width, dtype=torch.float16, seed=1)
    gain = drawn(width, seed=2) if gained else None
    norm = nn.LayerNorm(width, eps=1e-6).to(DEVICE)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    expected = x + (added.float() if gain is None else added.float() * gain)
    found = kernels.stream_norm(x, added, gain, norm, torch.float16)
    # the sum lies where x was
    assert furthest(x, expected) < 1e-6
    assert found.dtype is torch.float16
    assert furthest(found, norm(expected)) < 4 * ROUNDED


@runs_here
def test_a_norm_alone_changes_nothing() -> None:
    x, norm = drawn(2, 5, 48), nn.LayerNorm(48).to(DEVICE)
    before = x.clone()
    assert furthest(kernels.stream_norm(x, None, None, norm, torch.float32), norm(x)) < 1e-5
    assert torch.equal(x, before)


@runs_here
@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("biased", [True, False])
def test_a_sum_of_pictures(count: int, biased: bool) -> None:
    x, bias = picture(2, 48, 9, 13), drawn(48, dtype=torch.float16, seed=9)
    added = tuple(picture(2, 48, 9, 13, seed=seed) for seed in range(1, count + 1))
    expected = sum((tensor.double() for tensor in added), x.double())
    if biased:
        expected = expected + bias.double()[:, None, None]
    assert furthest(kernels.sum_biased(x, bias if biased else None, added), expected) < ROUNDED


@runs_here
@pytest.mark.parametrize("size", [(18, 26), (9, 13), (5, 7), (1, 1), (20, 31), (1, 13)])
def test_a_resize_is_pytorch_s_bilinear_one(size: tuple[int, int]) -> None:
    x, bias = picture(2, 48, 9, 13), drawn(48, dtype=torch.float16)
    expected = F.interpolate(x.float(), size=size, mode="bilinear", align_corners=True)
    assert furthest(kernels.resize(x, size), expected) < ROUNDED
    expected = expected + bias.float()[:, None, None]
    assert furthest(kernels.resize(x, size, bias), expected) < ROUNDED


@runs_here
def test_a_resize_of_many_channels_and_of_float32() -> None:
    x = drawn(1, 130, 6, 5).to(memory_format=torch.channels_last)
    expected = F.interpolate(x, size=(11, 9), mode="bilinear", align_corners=True)
    assert furthest(kernels.resize(x, (11, 9)), expected) < 1e-5


@runs_here
def test_the_last_convolution_is_in_float32() -> None:
    x, weight, bias = picture(2, 32, 9, 13), drawn(1, 32, 1, 1), drawn(1)
    expected = F.relu(F.conv2d(x.float(), weight, bias))[:, 0]
    found = kernels.weighed(x, weight, bias)
    assert found.dtype is torch.float32
    assert furthest(found, expected) < 1e-5


@runs_here
def test_patches_are_what_a_strided_convolution_sees() -> None:
    frame, conv = drawn(2, 3, 28, 42), nn.Conv2d(3, 20, 14, 14).to(DEVICE)
    rows = kernels.patches(frame, 14, 592, torch.float32)
    assert not rows[..., 588:].any()
    weight = conv.weight.permute(0, 2, 3, 1).flatten(1)
    found = F.linear(rows[..., :588], weight, conv.bias)
    assert furthest(found, conv(frame).flatten(2).transpose(1, 2)) < 1e-5


@runs_here
@pytest.mark.parametrize("side", [2, 4])
def test_a_transposed_convolution_is_a_product(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    conv = nn.ConvTranspose2d(8, 6, side, side).to(DEVICE)
    x = drawn(2, 8, 3, 5).to(memory_format=torch.channels_last)
    expected = conv(x)
    monkeypatch.setattr(steps, "fused", lambda _: True)
    found = steps.grown(x, conv)
    assert furthest(found, expected) < 1e-5
    assert found.is_contiguous(memory_format=torch.channels_last)


MIXED: dict[str, tuple[TemporalConfig, int, int]] = {
    "two chunks, the last one short": (TEMPORAL, 464, 1),
    "one whole chunk": (TEMPORAL, 256, 1),
    "a short one, two items": (TEMPORAL, 37, 2),
    "many chunks, two items": (replace(TEMPORAL, chunk_tokens=64), 200, 2),
    "chunks that are no power of two": (replace(TEMPORAL, chunk_tokens=100), 150, 1),
    "a handful": (TEMPORAL, 5, 1),
}


@runs_here
@pytest.mark.parametrize("case", MIXED)
@pytest.mark.parametrize("begun", [True, False])
def test_the_mixer_is_the_plain_one(case: str, begun: bool) -> None:
    config, tokens, batch = MIXED[case]
    torch.manual_seed(1)
    mixer = MambaMixer(64, config, "torch").to(DEVICE)
    state = drawn(batch, mixer.heads, mixer.head_dim, mixer.state_dim) if begun else None
    given, before = drawn(batch, tokens, 64), None if state is None else state.clone()
    with torch.inference_mode():
        held, grid = None if state is None else (state,), Grid(1, 1, tokens)
        expected, (expected_state,) = mixer(given, held, grid)
        found, (found_state,) = mixer(given, held, grid, quick=True)
    assert furthest(found, expected) < 5e-6
    assert furthest(found_state, expected_state) < 2e-6
    assert before is None or (state is not None and torch.equal(state, before))


@runs_here
def test_small_time_steps_keep_their_digits() -> None:
    mixer = MambaMixer(64, TEMPORAL, "torch").to(DEVICE)
    with torch.no_grad():
        mixer.dt_bias.fill_(-12.0)
    state = drawn(1, mixer.heads, mixer.head_dim, mixer.state_dim)
    with torch.inference_mode():
        _, (expected,) = mixer(drawn(1, 40, 64), (state,), Grid(1, 5, 8))
        _, (found,) = mixer(drawn(1, 40, 64), (state,), Grid(1, 5, 8), quick=True)
    # six millionths of a step of time: a careless logarithm of 1 + that is wrong by a hundredth of it
    assert furthest(found - state, expected - state) < 1e-3 * float((expected - state).abs().max())


def test_a_cpu_and_float32_take_no_kernel() -> None:
    with torch.inference_mode():
        assert not steps.fused(torch.zeros(1, dtype=torch.float16))
        assert not steps.fused(
            torch.zeros(1, device=DEVICE if torch.cuda.is_available() else "cpu")
        )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gradients_take_no_kernel() -> None:
    half = torch.zeros(1, dtype=torch.float16, device="cuda")
    assert not steps.fused(half)
    with torch.inference_mode():
        assert steps.fused(half) is (kernels.kernels_problem() is None)
