"""The scan is the recurrence, however it is cut, and wherever it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from flashdepth_vfx.errors import DeviceError
from flashdepth_vfx.model import scan_kernel
from flashdepth_vfx.model.config import ModelConfig
from flashdepth_vfx.model.mixer import Grid
from flashdepth_vfx.model.ssm import MambaMixer, chunked_scan

BATCH, HEADS, HEAD_DIM, STATE_DIM = 2, 3, 4, 5


class Inputs(NamedTuple):
    x: Tensor
    delta: Tensor
    a: Tensor
    b: Tensor
    c: Tensor

    def part(self, start: int, stop: int) -> Inputs:
        cut = slice(start, stop)
        return Inputs(self.x[:, cut], self.delta[:, cut], self.a, self.b[:, cut], self.c[:, cut])

    def to(self, target: torch.dtype | str) -> Inputs:
        return Inputs(*(tensor.to(target) for tensor in self))


def inputs(length: int, seed: int, dtype: torch.dtype = torch.float64) -> Inputs:
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64).to(dtype)

    delta = 0.2 * torch.rand(BATCH, length, HEADS, generator=random, dtype=torch.float64)
    a = -1 - 15 * torch.rand(HEADS, generator=random, dtype=torch.float64)
    return Inputs(
        normal(BATCH, length, HEADS, HEAD_DIM),
        delta.to(dtype),
        a.to(dtype),
        normal(BATCH, length, STATE_DIM),
        normal(BATCH, length, STATE_DIM),
    )


def first_state(seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(BATCH, HEADS, HEAD_DIM, STATE_DIM, generator=random, dtype=dtype)


def token_by_token(given_inputs: Inputs, state: Tensor | None) -> tuple[Tensor, Tensor]:
    """The recurrence as it is written in the paper, one token after another."""
    if state is None:
        state = given_inputs.x.new_zeros(BATCH, HEADS, HEAD_DIM, STATE_DIM)
    outputs = []
    for t in range(given_inputs.x.shape[1]):
        keep = torch.exp(given_inputs.delta[:, t] * given_inputs.a)
        stepped = given_inputs.delta[:, t, :, None] * given_inputs.x[:, t]
        added = torch.einsum("bhp,bn->bhpn", stepped, given_inputs.b[:, t])
        state = keep[..., None, None] * state + added
        outputs.append(torch.einsum("bhpn,bn->bhp", state, given_inputs.c[:, t]))
    return torch.stack(outputs, dim=1), state


lengths = st.integers(1, 40)
chunks = st.integers(1, 48)
seeds = st.integers(0, 10_000)


@given(length=lengths, chunk=chunks, seed=seeds, carried=st.booleans())
@settings(deadline=None, max_examples=60)
def test_chunked_scan_equals_the_recurrence(
    length: int, chunk: int, seed: int, carried: bool
) -> None:
    given_inputs = inputs(length, seed)
    state = first_state(seed) if carried else None
    y, last = chunked_scan(*given_inputs, state, chunk)
    expected_y, expected_last = token_by_token(given_inputs, state)
    torch.testing.assert_close(y, expected_y, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(last, expected_last, atol=1e-10, rtol=1e-10)


@given(length=st.integers(2, 40), chunk=chunks, seed=seeds, data=st.data())
@settings(deadline=None, max_examples=40)
def test_streamed_tokens_equal_the_whole_sequence(
    length: int, chunk: int, seed: int, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, length - 1))
    given_inputs, state = inputs(length, seed), first_state(seed)
    whole_y, whole_last = chunked_scan(*given_inputs, state, chunk)
    head_y, between = chunked_scan(*given_inputs.part(0, cut), state, chunk)
    tail_y, last = chunked_scan(*given_inputs.part(cut, length), between, chunk)
    torch.testing.assert_close(torch.cat((head_y, tail_y), dim=1), whole_y, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(last, whole_last, atol=1e-10, rtol=1e-10)


def test_float32_scan_of_a_long_frame_stays_within_a_millionth() -> None:
    exact = inputs(1500, seed=3)
    y, last = chunked_scan(*exact.to(torch.float32), None, 256)
    expected_y, expected_last = token_by_token(exact.to(torch.float32).to(torch.float64), None)
    scale = expected_y.abs().max()
    assert (y - expected_y).abs().max() < 1e-6 * scale
    assert (last - expected_last).abs().max() < 1e-6 * expected_last.abs().max()


def test_scan_gradients_equal_the_recurrence_s_through_inputs_and_state() -> None:
    leaves = [*inputs(11, seed=5), first_state(5)]
    gradients = []
    for scan in (lambda *g: chunked_scan(*g, 4), lambda *g: token_by_token(Inputs(*g[:5]), g[5])):
        fresh = [leaf.clone().requires_grad_() for leaf in leaves]
        y, last = scan(*fresh)
        gradients.append(torch.autograd.grad(y.square().sum() + last.sin().sum(), fresh))
    for got, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(got, expected, atol=1e-9, rtol=1e-9)


def test_the_state_is_never_below_float32() -> None:
    half = inputs(9, seed=1).to(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, state = chunked_scan(*half, None, 4)
    expected_y, expected_state = token_by_token(half.to(torch.float64), None)
    assert y.dtype == state.dtype == torch.float32
    # The products too: autocast would round them to bfloat16, three digits.
    torch.testing.assert_close(state.double(), expected_state, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(y.double(), expected_y, atol=1e-5, rtol=1e-5)


def test_the_scan_does_not_change_the_state_it_was_given() -> None:
    state = first_state(2)
    before = state.clone()
    chunked_scan(*inputs(10, seed=2), state, 4)
    assert torch.equal(state, before)


def mixer(scan: scan_kernel.Scan) -> MambaMixer:
    torch.manual_seed(0)
    config = ModelConfig.preset("s")
    return MambaMixer(config.decoder.width, config.temporal, scan)


def test_the_convolution_starts_afresh_on_each_frame() -> None:
    """Only S is carried: with S forgotten, a frame's output does not know what came before."""
    one = mixer("torch")
    tokens = torch.randn(1, 6, 64)
    grid = Grid(1, 2, 3)
    first, _ = one(tokens, None, grid)
    _, (state,) = one(torch.randn(1, 6, 64), None, grid)
    later, _ = one(tokens, (torch.zeros_like(state),), grid)
    assert torch.equal(first, later)


def test_kernel_on_cpu_is_refused_with_a_reason() -> None:
    with pytest.raises(DeviceError, match="CUDA device, not cpu"):
        mixer("mamba_ssm")(torch.randn(1, 6, 64), None, Grid(1, 2, 3))


@pytest.fixture
def no_mamba(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A process that has not imported mamba-ssm, and forgets afterwards what the test imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "mamba_ssm"]:
        monkeypatch.delitem(sys.modules, name)
    scan_kernel._load.cache_clear()
    yield monkeypatch
    for name in [name for name in sys.modules if name.partition(".")[0] == "mamba_ssm"]:
        del sys.modules[name]
    scan_kernel._load.cache_clear()


def package(folder: Path, operation: str) -> Path:
    """A package laid out as mamba-ssm's pure wheel is: its top level needs an extension that is
    absent.
    """
    inner = folder / "mamba_ssm" / "ops" / "triton"
    inner.mkdir(parents=True)
    (folder / "mamba_ssm" / "__init__.py").write_text("import selective_scan_cuda_absent\n")
    (folder / "mamba_ssm" / "ops" / "__init__.py").write_text("")
    (inner / "__init__.py").write_text("")
    (inner / "ssd_combined.py").write_text(operation)
    return folder


def test_the_operation_loads_although_its_package_cannot(
    tmp_path: Path, no_mamba: pytest.MonkeyPatch
) -> None:
    no_mamba.syspath_prepend(package(tmp_path, "def mamba_chunk_scan_combined(): return 7\n"))
    with pytest.raises(ModuleNotFoundError):
        __import__("mamba_ssm")
    assert scan_kernel.kernel_problem() is None
    assert "mamba_ssm" not in sys.modules, "the stand-in would hide the real package"


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ("import triton_that_is_absent\n", "triton_that_is_absent"),
        ("other = 1\n", "mamba_chunk_scan_combined"),
        ("raise RuntimeError('0 active drivers')\n", "0 active drivers"),
    ],
)
def test_a_broken_installation_is_a_reason_and_not_a_crash(
    tmp_path: Path, no_mamba: pytest.MonkeyPatch, operation: str, reason: str
) -> None:
    no_mamba.syspath_prepend(package(tmp_path, operation))
    problem = scan_kernel.kernel_problem()
    assert problem is not None
    assert reason in problem
    assert "mamba_ssm" not in sys.modules


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 3e-3), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("name", ["s", "l"])
def test_mamba_ssm_equals_torch_on_cuda(name: str, dtype: torch.dtype, tolerance: float) -> None:
    """The tolerance is Triton's TF32 for float32, and the rounding of y for bfloat16."""
    if problem := scan_kernel.kernel_problem():
        pytest.skip(problem)
    temporal = ModelConfig.preset(name).temporal
    heads, dim, states, length = temporal.heads, temporal.head_dim, temporal.state_dim, 700
    torch.manual_seed(1)
    x = torch.randn(2, length, heads, dim, device="cuda").to(dtype)
    delta = 0.1 * torch.rand(2, length, heads, device="cuda")
    a = -1 - 15 * torch.rand(heads, device="cuda")
    b, c = (torch.randn(2, length, states, device="cuda").to(dtype) for _ in range(2))
    state = torch.randn(2, heads, dim, states, device="cuda")
    y, last = scan_kernel.kernel_scan(x, delta, a, b, c, state, temporal.chunk_tokens)
    expected_y, expected_last = chunked_scan(x, delta, a, b, c, state, temporal.chunk_tokens)
    assert last.dtype == torch.float32
    assert (y.float() - expected_y).abs().max() < tolerance * expected_y.abs().max()
    assert (last - expected_last).abs().max() < tolerance * expected_last.abs().max()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_kernel_is_not_chosen_for_float32_and_is_for_bfloat16() -> None:
    if problem := scan_kernel.kernel_problem():
        pytest.skip(problem)
    x = torch.randn(1, 2, 1, 1, device="cuda")
    assert not scan_kernel.wants_kernel("auto", x)
    assert scan_kernel.wants_kernel("auto", x.bfloat16())
    assert not scan_kernel.wants_kernel("torch", x.bfloat16())
