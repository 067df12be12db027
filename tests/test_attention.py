"""Which attention runs is measured once, written down, and the same from then on."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from flashdepth_vfx.model.attention import (
    Attention,
    AttentionCall,
    attended,
    attending,
    choice_in,
    choose,
    record_of,
)

KINDS: tuple[Attention, ...] = get_args(Attention)
on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@given(st.dictionaries(st.integers(1, 100_000), st.sampled_from(KINDS), max_size=3))
def test_a_record_gives_the_choice_back(choice: dict[int, Attention]) -> None:
    assert choice_in(f"torch 2.13 fp16{record_of(choice)}") == choice
    assert choice_in(f"torch 2.13{record_of(choice)} and more") == choice


def test_a_record_of_another_version_says_nothing() -> None:
    assert choice_in("torch 2.13 fp16 scan=torch") == {}
    assert choice_in("torch attention=12:gone,7:flash,x:cudnn") == {7: "flash"}


def test_there_is_nothing_to_choose_on_a_cpu_or_in_float32() -> None:
    call = AttentionCall(heads=6, tokens=200, head_dim=64, layers=12)
    assert choose([call], torch.device("cpu"), torch.float16, {}) == {}
    assert choose([call], torch.device("cuda"), torch.float32, {200: "flash"}) == {}


def test_attention_is_each_token_s_view_of_all() -> None:
    packed = torch.randn(2, 30, 3, 4, 8)
    q, k, v = packed.double().permute(2, 0, 3, 1, 4)
    weights = (q @ k.transpose(-1, -2) / 8**0.5).softmax(-1)
    expected = (weights @ v).transpose(1, 2).flatten(2).float()
    torch.testing.assert_close(attended(packed), expected)
    with attending({30: "cudnn"}):
        # float32 has no choice
        assert torch.equal(attended(packed), attended(packed))


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("tokens", [129, 192, 300, 2171])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kernel_gives_the_same(
    kind: Attention, batch: int, tokens: int, dtype: torch.dtype
) -> None:
    torch.manual_seed(tokens)
    packed = (2 * torch.randn(batch, tokens, 3, 6, 64, device="cuda")).to(dtype)
    q, k, v = packed.float().permute(2, 0, 3, 1, 4)
    expected = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    with torch.inference_mode(), attending({tokens: kind}):
        try:
            found = attended(packed)
        except (RuntimeError, ValueError, ImportError) as problem:
            pytest.skip(f"{kind} does not run here: {problem}")
        assert torch.equal(found, attended(packed))
    atol = 5e-3 if dtype is torch.float16 else 4e-2
    torch.testing.assert_close(found.float(), expected, atol=atol, rtol=0.0)


@pytest.mark.gpu
@on_gpu
def test_what_an_earlier_part_ran_is_run_again() -> None:
    call = AttentionCall(heads=6, tokens=500, head_dim=64, layers=12)
    device = torch.device("cuda", 0)
    chosen = choose([call], device, torch.float16, {})
    assert set(chosen) == {500}
    assert choose([call], device, torch.float16, {500: "efficient"}) == {500: "efficient"}
    # not for this size: measured
    odd = AttentionCall(heads=6, tokens=100, head_dim=64, layers=12)
    assert choose([odd], device, torch.float16, {100: "shared"})[100] not in ("shared", "alone")


@pytest.mark.parametrize("shared", [True, False])
def test_our_programs_build_for_hopper(shared: bool) -> None:
    compiler = pytest.importorskip("triton.compiler", reason="Triton is not installed")
    runtime = pytest.importorskip("triton.experimental.gluon._runtime")
    from triton.backends.compiler import GPUTarget
    from triton.experimental.gluon import language as gl

    from flashdepth_vfx.model.attention_programs import alone_program, shared_program

    layout = gl.NVMMASharedLayout(swizzle_byte_width=128, element_bitwidth=16, rank=2)
    fixed = {"heads": 6, "dim": 64, "keys": 128, "slots": 2}
    if shared:
        fixed["registers"] = 160
    signature = {
        "q_desc": f"tensordesc<fp16[64, 64],{layout!r}>",
        "kv_desc": f"tensordesc<fp16[128, 64],{layout!r}>",
        "out_ptr": "*fp16",
        "tokens": "i32",
        "scale": "fp32",
        **dict.fromkeys(fixed, "constexpr"),
    }
    program = shared_program if shared else alone_program
    source = runtime.GluonASTSource(fn=program, signature=signature, constexprs=fixed)
    options = {"num_warps": 4, "maxnreg": 128 if shared else 168}
    made = compiler.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    assert "wgmma" in made.asm["ptx"]
