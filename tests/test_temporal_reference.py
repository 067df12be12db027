"""Each mixer against its paper's recurrence, written again as loops over single tokens in float64."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import pytest
import torch
import torch.nn.functional as F
from golden import tiny
from torch import Tensor, nn

from flashdepth_vfx.model import TemporalState
from flashdepth_vfx.model.fusion import CrossAttention
from flashdepth_vfx.model.hydra import HydraMixer
from flashdepth_vfx.model.mixer import BlockState, Grid
from flashdepth_vfx.model.recurrence import RecurrenceMixer, places
from flashdepth_vfx.model.temporal_config import TemporalConfig
from flashdepth_vfx.model.xlstm import MlstmMixer, chunked_mlstm

WIDTH, GRID = 16, Grid(3, 2, 4)
#: Chunks of three leave a rest, and none ends where a frame does.
MAMBA = TemporalConfig(path=3, heads=2, head_dim=8, expand=1, state_dim=5, blocks=1, chunk_tokens=3)


def given(seed: int = 0) -> tuple[Tensor, int]:
    """Tokens of two clips, and how many a frame has."""
    random = torch.Generator().manual_seed(seed)
    count = GRID.rows * GRID.columns
    tokens = torch.randn(2, GRID.frames * count, WIDTH, generator=random, dtype=torch.float64)
    return tokens, count


def before(shapes: tuple[tuple[int, ...], ...]) -> BlockState:
    """The state of a past."""
    random = torch.Generator().manual_seed(9)
    return tuple(torch.randn(s, generator=random, dtype=torch.float64) for s in shapes)


def centred(x: Tensor, conv: nn.Conv1d, back: int) -> Tensor:
    """A depthwise convolution over one frame `(L, C)` that sees `back` tokens before each."""
    out = []
    for t in range(len(x)):
        total = cast(Tensor, conv.bias).clone()
        for tap in range(conv.kernel_size[0]):
            at = t + tap - back
            if 0 <= at < len(x):
                total = total + conv.weight[:, 0, tap] * x[at]
        out.append(total)
    return torch.stack(out)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-11, rtol=1e-10)


def hydra_by_hand(mixer: HydraMixer, clip: Tensor, s: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """One clip `(T L, D)` and S `(H, P, N)`: the quasiseparable sum of each token, written out."""
    heads, p, n = mixer.heads, mixer.head_dim, mixer.state_dim
    inner, a, out = heads * p, -mixer.A_log.exp(), []
    for frame in torch.split(clip, count):
        rows = frame @ mixer.in_proj.weight.T
        z, xbc = rows[:, :inner], rows[:, inner : 2 * inner + 4 * n]
        dt = F.softplus(
            torch.unflatten(rows[:, 2 * inner + 4 * n :], -1, (2, heads)) + mixer.dt_bias
        )
        xbc = F.silu(centred(xbc, mixer.conv1d, mixer.conv1d.kernel_size[0] // 2))
        x = xbc[:, :inner]
        bf, cf, br, cr = torch.split(xbc[:, inner:], n, dim=-1)
        y = torch.zeros(count, heads, p, dtype=clip.dtype)
        for h in range(heads):
            of_head = x[:, h * p : (h + 1) * p]
            forward = s[h]
            for t in range(count):
                forward = (dt[t, 0, h] * a[h]).exp() * forward
                y[t, h] += forward @ cf[t]
                forward = forward + dt[t, 0, h] * torch.outer(of_head[t], bf[t])
            reverse = torch.zeros_like(s[h])
            for t in reversed(range(count)):
                reverse = (dt[t, 1, h] * a[h]).exp() * reverse
                y[t, h] += reverse @ cr[t]
                reverse = reverse + dt[t, 1, h] * torch.outer(of_head[t], br[t])
            diagonal = x @ mixer.diagonal.weight[h] + mixer.D[h]
            y[:, h] += diagonal[:, None] * of_head
            s = torch.stack([forward if i == h else s[i] for i in range(heads)])
        gated = y.flatten(1) * F.silu(z)
        level = gated / (gated.square().mean(-1, keepdim=True) + 1e-5).sqrt() * mixer.norm.weight
        out.append(level @ mixer.out_proj.weight.T)
    return torch.cat(out), s


@pytest.mark.parametrize("taps", [1, 3, 7])
@pytest.mark.parametrize("begun", [False, True])
@torch.no_grad()
def test_hydra_is_two_models_that_meet_in_each_token(taps: int, begun: bool) -> None:
    config = TemporalConfig(**{**vars(MAMBA), "kind": "hydra", "conv_taps": taps})
    mixer = tiny.filled(HydraMixer(WIDTH, config)).double()
    tokens, count = given()
    state = before(mixer.state_shapes(2))
    found, (after,) = mixer(tokens, state if begun else None, GRID)
    for clip in range(2):
        s = state[0][clip] if begun else torch.zeros_like(state[0][clip])
        expected, last = hydra_by_hand(mixer, tokens[clip], s, count)
        close(found[clip], expected)
        close(after[clip], last)


@torch.no_grad()
def test_hydra_sees_to_the_end_of_its_frame_and_no_farther() -> None:
    mixer = tiny.filled(HydraMixer(WIDTH, MAMBA.of_kind("hydra"))).double()
    tokens, count = given()
    changed = tokens.clone()
    changed[:, 2 * count - 1] += 1.0
    one, two = (mixer(t, None, GRID)[0] for t in (tokens, changed))
    moved = (one - two).abs().amax((0, 2)) > 1e-9
    assert not moved[:count].any(), "an earlier frame knows a later one"
    assert moved[count : 2 * count].all(), "the first token of a frame does not know its last"
    assert moved[2 * count :].all(), "the state does not pass to the next frame"


def mlstm_by_hand(given: Iterable[Tensor], state: BlockState) -> Tensor:
    """One head `(L, P)`: the recurrence of the paper without the stabiliser, in float64."""
    q, k, v, i, f = given
    memory, norm, scale = state
    # what a state says is scaled down by exp(m)
    memory, norm, out = scale.exp() * memory, scale.exp() * norm, []
    for t in range(len(q)):
        key = k[t] / math.sqrt(k.shape[-1])
        forget, gain = torch.sigmoid(f[t]), i[t].exp()
        memory = forget * memory + gain * torch.outer(v[t], key)
        norm = forget * norm + gain * key
        out.append(memory @ q[t] / max(float((norm @ q[t]).abs()), 1.0))
    return torch.stack(out)


def drawn_mlstm(length: int, scale: float) -> tuple[tuple[Tensor, ...], tuple[Tensor, Tensor]]:
    random = torch.Generator().manual_seed(length)
    qkv = tuple(
        torch.randn(1, length, 2, 4, generator=random, dtype=torch.float64) for _ in range(3)
    )
    gates = tuple(
        scale * torch.randn(1, length, 2, generator=random, dtype=torch.float64) for _ in range(2)
    )
    return qkv, (gates[0], gates[1])


@pytest.mark.parametrize("chunk_tokens", [1, 4, 64])
@pytest.mark.parametrize("begun", [False, True])
def test_the_chunked_mlstm_is_the_recurrence(chunk_tokens: int, begun: bool) -> None:
    qkv, gates = drawn_mlstm(19, 3.0)
    state = before(((1, 2, 4, 4), (1, 2, 4), (1, 2)))
    zeros = tuple(torch.zeros_like(part) for part in state)
    q, k, v = qkv
    found, _ = chunked_mlstm((q, k, v), gates, state if begun else None, chunk_tokens)
    for h in range(2):
        own = tuple(part[0, h] for part in (state if begun else zeros))
        parts = (tensor[0, :, h] for tensor in (*qkv, *gates))
        close(found[0, :, h], mlstm_by_hand(parts, own))


def test_an_mlstm_state_is_where_the_next_call_goes_on() -> None:
    (q, k, v), (i, f) = drawn_mlstm(20, 2.0)
    whole, last = chunked_mlstm((q, k, v), (i, f), None, 8)
    first, state = chunked_mlstm((q[:, :7], k[:, :7], v[:, :7]), (i[:, :7], f[:, :7]), None, 8)
    rest, end = chunked_mlstm((q[:, 7:], k[:, 7:], v[:, 7:]), (i[:, 7:], f[:, 7:]), state, 8)
    close(torch.cat((first, rest), 1), whole)
    for one, two in zip(end, last, strict=True):
        close(one, two)


def test_gates_beyond_float32_neither_overflow_nor_lose_their_gradient() -> None:
    """exp(200) is no float32, and the stabiliser never computes it."""
    (q, k, v), (i, f) = drawn_mlstm(64, 1.0)
    leaves = [t.float().requires_grad_() for t in (q, k, v, 200.0 * i, 200.0 * f)]
    found, state = chunked_mlstm(
        (leaves[0], leaves[1], leaves[2]), (leaves[3], leaves[4]), None, 16
    )
    assert all(bool(part.isfinite().all()) for part in (found, *state))
    exact, _ = chunked_mlstm((q, k, v), (200.0 * i, 200.0 * f), None, 16)
    assert float((found.detach() - exact).abs().max()) < 1e-3 * float(exact.abs().max())
    # where no key was ever let in, exp(-m) overflows: the mixer's gates are limited for that
    limited = [t.float().requires_grad_() for t in (q, k, v, 15.0 * i.tanh(), 15.0 * f.tanh())]
    found, _ = chunked_mlstm(
        (limited[0], limited[1], limited[2]), (limited[3], limited[4]), None, 16
    )
    torch.autograd.backward(found.sum())
    assert all(leaf.grad is not None and bool(leaf.grad.isfinite().all()) for leaf in limited)


@pytest.mark.parametrize("begun", [False, True])
@torch.no_grad()
def test_an_mlstm_block_is_convolution_memory_norm_and_gate(begun: bool) -> None:
    config = TemporalConfig(path=3, heads=2, head_dim=8, expand=1).of_kind("xlstm")
    mixer = tiny.filled(MlstmMixer(WIDTH, config)).double()
    tokens, count = given(1)
    state = before(mixer.state_shapes(2))
    found, _ = mixer(tokens, state if begun else None, GRID)
    blocks = [
        torch.block_diag(*project.weight) for project in (mixer.q_proj, mixer.k_proj, mixer.v_proj)
    ]
    for clip in range(2):
        x, z = (tokens[clip] @ mixer.in_proj.weight.T).chunk(2, dim=-1)
        back = mixer.conv1d.kernel_size[0] - 1
        near = F.silu(
            torch.cat([centred(one, mixer.conv1d, back) for one in torch.split(x, count)])
        )
        q, k, v = near @ blocks[0].T, near @ blocks[1].T, x @ blocks[2].T
        seen = torch.cat((q, k, v), -1)
        i, f = (
            15.0 * torch.tanh((seen @ gate.weight.T + gate.bias) / 15.0)
            for gate in (mixer.input_gate, mixer.forget_gate)
        )
        heads = []
        for h in range(2):
            own = tuple(part[clip, h] * (1.0 if begun else 0.0) for part in state)
            of_head = (part[:, 8 * h : 8 * h + 8] for part in (q, k, v))
            read = mlstm_by_hand((*of_head, i[:, h], f[:, h]), own)
            middle = read.mean(-1, keepdim=True)
            spread = (read.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
            heads.append((read - middle) / spread)
        out = (torch.cat(heads, -1) * mixer.norm + mixer.skip * near) * F.silu(z)
        close(found[clip], out @ mixer.out_proj.weight.T)


def attention_by_hand(layer: CrossAttention, x: Tensor, context: Tensor) -> Tensor:
    """One query after the other, one head after the other."""
    size = layer.q.weight.shape[0] // layer.heads
    k, v = (context @ layer.kv.weight.T).chunk(2, dim=-1)
    out = []
    for query in x @ layer.q.weight.T:
        parts = []
        for h in range(layer.heads):
            own = slice(h * size, h * size + size)
            weights = torch.softmax(k[:, own] @ query[own] / math.sqrt(size), 0)
            parts.append(weights @ v[:, own])
        out.append(torch.cat(parts) @ layer.proj.weight.T + layer.proj.bias)
    return torch.stack(out)


@pytest.mark.parametrize("begun", [False, True])
@torch.no_grad()
def test_the_recurrence_writes_then_reads(begun: bool) -> None:
    config = TemporalConfig(path=3, heads=2, head_dim=8, expand=1, state_dim=3, kind="transformer")
    mixer = tiny.filled(RecurrenceMixer(WIDTH, config)).double()
    tokens, count = given(2)
    state = before(mixer.state_shapes(2))
    found, (after,) = mixer(tokens, state if begun else None, GRID)
    for clip in range(2):
        s, out = mixer.initial + (state[0][clip] if begun else 0.0), []
        for frame in torch.split(tokens[clip], count):
            placed = frame + places(GRID.rows, GRID.columns, frame)
            seen = mixer.state_norm(s)
            u = attention_by_hand(mixer.write, seen, placed)
            g = torch.sigmoid(torch.cat((seen, u), -1) @ mixer.gate.weight.T + mixer.gate.bias)
            s = g * s + (1 - g) * u
            out.append(attention_by_hand(mixer.read, placed, mixer.state_norm(s)))
        close(found[clip], torch.cat(out))
        close(after[clip], s - mixer.initial)


def test_a_place_has_one_code_at_every_resolution_and_no_other_place_has_it() -> None:
    like = torch.zeros(1, 32, dtype=torch.float64)
    small, large = places(3, 5, like), places(9, 15, like)
    middles = torch.unflatten(large, 0, (9, 15))[1::3, 1::3].flatten(0, 1)
    torch.testing.assert_close(small, middles, atol=1e-4, rtol=0)
    apart = torch.cdist(large, large) + 10.0 * torch.eye(len(large))
    assert apart.min() > 0.1


@torch.no_grad()
def test_the_recurrence_s_state_stays_within_bounds() -> None:
    """A state that only added up would grow with the shot."""
    config = TemporalConfig(path=3, heads=2, head_dim=8, expand=1, state_dim=3, kind="transformer")
    mixer = tiny.filled(RecurrenceMixer(WIDTH, config))
    state: BlockState | None = None
    sizes = []
    for number in range(200):
        frame = torch.randn(1, 8, WIDTH, generator=torch.Generator().manual_seed(number % 5))
        _, state = mixer(frame, state, Grid(1, 2, 4))
        sizes.append(float(state[0].abs().max()))
    assert max(sizes[100:]) < 1.5 * max(sizes[:50])


def test_states_have_what_the_papers_say() -> None:
    shapes = {
        kind: tiny.net("nano", temporal=kind).state_shapes(2)[:3]
        for kind in ("hydra", "xlstm", "transformer")
    }
    assert shapes["hydra"][0] == (2, 2, 16, 16), "heads, channels of a head, state dimension"
    assert shapes["xlstm"] == ((2, 2, 16, 16), (2, 2, 16), (2, 2)), "memory, norm, scale"
    assert shapes["transformer"][0] == (2, 16, 16), "tokens, width"
    assert TemporalState(()) == TemporalState(())
