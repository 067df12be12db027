"""Attention, and which kernel runs it: chosen once by measuring, named in the record, the same ever after.

Kernels round differently, and which is the fastest depends on the card, the size and the versions of all of them. On
one H100, for 12,000 tokens of 6 heads: 0.46 ms with our `shared` one, 0.61 with cuDNN's, 0.96 with the flash kernel.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Literal, NamedTuple, TypeAlias, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

__all__ = [
    "Attention",
    "AttentionCall",
    "Choice",
    "attended",
    "attending",
    "choice_in",
    "choose",
    "record_of",
]

Attention: TypeAlias = Literal["shared", "alone", "cudnn", "flash", "efficient"]
"""The first two are ours, for Hopper cards; the others PyTorch's."""

Choice: TypeAlias = Mapping[int, Attention]
"""By the number of tokens; what is not named runs as PyTorch likes."""

_BACKENDS: dict[Attention, SDPBackend] = {
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
}
_KINDS: tuple[Attention, ...] = get_args(Attention)
_HALF = (torch.float16, torch.bfloat16)
_RECORD = "attention="
_REPEATS, _CALLS = 5, 8
#: What a kernel may differ from another by, of numbers around 1: an eighth of float16's steps or of bfloat16's.
_CLOSE = {torch.float16: 2e-3, torch.bfloat16: 2e-2}
_chosen: ContextVar[Choice] = ContextVar("chosen", default={})  # noqa: B039 - nobody changes it


class AttentionCall(NamedTuple):
    """One kind of call in a frame: `layers` of them, of `tokens` on themselves."""

    heads: int
    tokens: int
    head_dim: int
    layers: int


def attended(packed: Tensor) -> Tensor:
    """Of each token to all: queries, keys, values `(B, N, 3, heads, head_dim)` to `(B, N, heads * head_dim)`."""
    kind = _chosen.get().get(packed.shape[1]) if packed.dtype in _HALF else None
    return _run(packed, kind)


@contextlib.contextmanager
def attending(choice: Choice) -> Iterator[None]:
    """Half precision runs as `choice` says inside."""
    before = _chosen.set(choice)
    try:
        yield
    finally:
        _chosen.reset(before)


def choose(
    calls: Sequence[AttentionCall], device: torch.device, dtype: torch.dtype, said: Choice
) -> Choice:
    """For each of `calls` what `said` names, where that runs here, or what is the fastest; empty without a choice."""
    if device.type != "cuda" or dtype not in _HALF:
        return {}
    found = {call.tokens: _fastest(call, device, dtype, said.get(call.tokens)) for call in calls}
    return {tokens: kind for tokens, kind in found.items() if kind is not None}


def record_of(choice: Choice) -> str:
    """What `choice_in` reads, to be added to a record."""
    named = ",".join(f"{tokens}:{kind}" for tokens, kind in sorted(choice.items()))
    return f" {_RECORD}{named}" if named else ""


def choice_in(record: str) -> Choice:
    """What the record of an earlier part of a shot says; of what it does not say, nothing."""
    _, _, named = record.partition(f" {_RECORD}")
    pairs = (pair.partition(":") for pair in named.partition(" ")[0].split(",") if pair)
    kinds = {kind: kind for kind in _KINDS}
    return {int(n): kinds[kind] for n, _, kind in pairs if n.isdecimal() and kind in kinds}


def _run(packed: Tensor, kind: Attention | None) -> Tensor:
    if kind == "shared" or kind == "alone":
        # here, since it needs Triton
        from flashdepth_vfx.model.attention_kernels import hopper_attention

        return hopper_attention(packed, shared=kind == "shared")
    q, k, v = packed.permute(2, 0, 3, 1, 4).unbind(0)
    with contextlib.nullcontext() if kind is None else sdpa_kernel(_BACKENDS[kind]):
        mixed = F.scaled_dot_product_attention(q, k, v)
    return mixed.transpose(1, 2).reshape(*packed.shape[:2], -1)


@functools.cache
def _fastest(
    call: AttentionCall, device: torch.device, dtype: torch.dtype, said: Attention | None
) -> Attention | None:
    # laid out as an encoder does: the three side by side for each token
    shape = (1, call.tokens, 3, call.heads, call.head_dim)
    drawn = torch.Generator(device).manual_seed(0)
    with torch.inference_mode():
        packed = torch.randn(shape, generator=drawn, device=device).to(dtype)
        right = _run(packed, "efficient")
        if said is not None and _seconds(packed, said, right) is not None:
            return said
        took = [(_seconds(packed, kind, right), kind) for kind in _KINDS]
    able = [(seconds, kind) for seconds, kind in took if seconds is not None]
    return min(able)[1] if able else None


def _seconds(packed: Tensor, kind: Attention, right: Tensor) -> float | None:
    """Of one call; None for a kernel that does not run here, or gives something else than `right`."""
    try:
        found = _run(packed, kind)
        if not torch.allclose(found, right, rtol=0.0, atol=_CLOSE[packed.dtype]):
            return None
        # recorded, as a frame is: to start some of them takes longer than they do
        calls = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(packed.device)
        with torch.cuda.graph(calls, capture_error_mode="thread_local"):
            for _ in range(_CALLS):
                _run(packed, kind)
    except Exception:  # noqa: BLE001 - compilers and libraries fail in words of their own; another kernel runs then
        return None
    took = []
    for _ in range(_REPEATS):
        torch.cuda.synchronize(packed.device)
        began = time.perf_counter()
        calls.replay()
        torch.cuda.synchronize(packed.device)
        took.append((time.perf_counter() - began) / _CALLS)
    return min(took)
