"""Attention on Hopper cards in Gluon, Triton's lower language: importing this needs a Triton that has it.

Scores of the next keys are computed while the ones before are exponentiated and their values are summed: all of the
card's slow units are at work at once. `alone_program` has one warpgroup for 64 queries. In
`shared_program` three of them, 192 queries, read the same keys, which a warp of its own brings in: a third of the
traffic, more to wait for. Source of the order: Shah et al., "FlashAttention-3" (2024).

Symbols: heads of dim channels; keys at a time, as many such tiles in flight as there are slots; s scores, p their
exponentials, o the sum.
"""

# Triton reads these functions as its own language: names without types, and no annotations from the future.
from triton.experimental import gluon
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.language.nvidia.hopper import (
    fence_async_shared,
    mbarrier,
    tma,
    warpgroup_mma,
    warpgroup_mma_wait,
)

__all__ = ["QUERIES", "alone_program", "shared_program"]

QUERIES = 64
"""Of one warpgroup."""
_QUERIES = gl.constexpr(QUERIES)


@gluon.jit
def _weighed(s, most, total, scale):
    """exp2 of scores against the largest so far, that one, the sum so far, and what earlier sums shrink by."""
    larger = gl.maximum(most, gl.max(s, 1) * scale)
    p = gl.exp2(s * scale - larger[:, None])
    shrink = gl.exp2(most - larger)
    return p, larger, total * shrink + gl.sum(p, 1), shrink


@gluon.jit
def _bring(
    row, column, desc, full, free, into, start, end, slots: gl.constexpr, keys: gl.constexpr
):
    """Tiles `start` to `end` of keys or values, each into its slot once that is free."""
    for j in range(start, end):
        slot = j % slots
        mbarrier.wait(free.index(slot), (j // slots - 1) & 1, pred=j >= slots)
        mbarrier.expect(full.index(slot), desc.block_type.nbytes)
        tma.async_copy_global_to_shared(
            desc, [row + j * keys, column], full.index(slot), into.index(slot)
        )


@gluon.jit
def _producer(k, v, full_k, full_v, free_k, free_v, desc, tiles, row, head, heads: gl.constexpr, dim: gl.constexpr,
              keys: gl.constexpr, slots: gl.constexpr):  # fmt: skip
    for j in range(tiles):
        _bring(row, (heads + head) * dim, desc, full_k, free_k, k, j, j + 1, slots, keys)
        _bring(row, (2 * heads + head) * dim, desc, full_v, free_v, v, j, j + 1, slots, keys)


@gluon.jit
def _next(
    q, k, v, full_k, full_v, free_k, free_v, operand, o, most, total, j, tiles, tokens, scale,
    keys: gl.constexpr, slots: gl.constexpr,
):  # fmt: skip
    """Scores of tile `j` beside the sum over the values of the tile before, which `operand` weighs."""
    s_layout: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [4, 1], [16, keys, 16])
    row_o: gl.constexpr = gl.SliceLayout(1, o.type.layout)
    mbarrier.wait(full_k.index(j % slots), (j // slots) & 1)
    none = gl.zeros([_QUERIES, keys], gl.float32, s_layout)
    keys_t = k.index(j % slots).permute((1, 0))
    s_next = warpgroup_mma(q, keys_t, none, use_acc=False, is_async=True)
    before = (j - 1) % slots
    mbarrier.wait(full_v.index(before), ((j - 1) // slots) & 1)
    o_next = warpgroup_mma(operand, v.index(before), o, is_async=True)
    s = warpgroup_mma_wait(1, deps=[s_next])
    mbarrier.arrive(free_k.index(j % slots), count=1)
    if j == tiles - 1:
        column = j * keys + gl.arange(0, keys, gl.SliceLayout(0, s_layout))
        s = gl.where((column < tokens)[None, :], s, -float("inf"))
    p, most, total, shrink = _weighed(s, most, total, scale)
    o = warpgroup_mma_wait(0, deps=[o_next])
    mbarrier.arrive(free_v.index(before), count=1)
    o = o * gl.convert_layout(shrink, row_o)[:, None]
    return gl.convert_layout(p.to(v.dtype), operand.type.layout), o, most, total


@gluon.jit
def _first(q, k, full_k, free_k, scale, keys: gl.constexpr):
    """Scores of the first tile, exponentiated; the largest of each row, and their sum."""
    s_layout: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [4, 1], [16, keys, 16])
    row_s: gl.constexpr = gl.SliceLayout(1, s_layout)
    mbarrier.wait(full_k.index(0), 0)
    none = gl.zeros([_QUERIES, keys], gl.float32, s_layout)
    s = warpgroup_mma(q, k.index(0).permute((1, 0)), none, use_acc=False, is_async=True)
    s = warpgroup_mma_wait(0, deps=[s])
    mbarrier.arrive(free_k.index(0), count=1)
    most = gl.full([_QUERIES], -float("inf"), gl.float32, row_s)
    total = gl.zeros([_QUERIES], gl.float32, row_s)
    p, most, total, _shrink = _weighed(s, most, total, scale)
    return p, most, total


@gluon.jit
def _consumer(
    q, k, v, full_k, full_v, free_k, free_v, ready, out_ptr, first, tiles, tokens, row, scale, head, desc,
    heads: gl.constexpr, dim: gl.constexpr, keys: gl.constexpr, slots: gl.constexpr, brings: gl.constexpr,
):  # fmt: skip
    """One warpgroup's queries over all keys; with `brings` it asks for its keys itself."""
    o_layout: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [4, 1], [16, dim, 16])
    of_k, of_v = (heads + head) * dim, (2 * heads + head) * dim
    mbarrier.wait(ready, 0)
    p, most, total = _first(q, k, full_k, free_k, scale, keys)
    operand = gl.convert_layout(p.to(v.dtype), gl.DotOperandLayout(0, o_layout, 2))
    o = gl.zeros([_QUERIES, dim], gl.float32, o_layout)
    if brings:
        # all four warps have read what is written over
        gl.thread_barrier()
        _bring(row, of_k, desc, full_k, free_k, k, slots, gl.minimum(slots + 1, tiles), slots, keys)
    for j in range(1, tiles):
        operand, o, most, total = _next(
            q, k, v, full_k, full_v, free_k, free_v, operand, o, most, total, j, tiles, tokens, scale, keys, slots
        )  # fmt: skip
        if brings:
            gl.thread_barrier()
            end = j + slots
            _bring(row, of_k, desc, full_k, free_k, k, end, gl.minimum(end + 1, tiles), slots, keys)
            _bring(row, of_v, desc, full_v, free_v, v, end - 1, gl.minimum(end, tiles), slots, keys)
    last = (tiles - 1) % slots
    mbarrier.wait(full_v.index(last), ((tiles - 1) // slots) & 1)
    o = warpgroup_mma(operand, v.index(last), o, is_async=True)
    o = warpgroup_mma_wait(0, deps=[o])
    _store(o, total, out_ptr, first, tokens, row, head * dim, heads * dim, v.dtype)


@gluon.jit
def _store(o, total, out_ptr, first, tokens, row, column, width, dtype: gl.constexpr):
    row_o: gl.constexpr = gl.SliceLayout(1, o.type.layout)
    o = o / gl.convert_layout(total, row_o)[:, None]
    query = first + gl.arange(0, _QUERIES, row_o)
    at = (row + query)[:, None].to(gl.int64) * width + column
    at += gl.arange(0, o.shape[1], gl.SliceLayout(0, o.type.layout))[None, :]
    gl.store(out_ptr + at, o.to(dtype), mask=(query < tokens)[:, None])


@gluon.jit
def _barriers(count: gl.constexpr, arrivals: gl.constexpr):
    made = gl.allocate_shared_memory(gl.int64, [count, 1], mbarrier.MBarrierLayout())
    for i in gl.static_range(count):
        mbarrier.init(made.index(i), count=arrivals)
    return made


@gluon.jit
def alone_program(
    q_desc,
    kv_desc,
    out_ptr,
    tokens,
    scale,
    heads: gl.constexpr,
    dim: gl.constexpr,
    keys: gl.constexpr,
    slots: gl.constexpr,
):
    """64 queries of one head of one picture: program (part of the queries, head, picture)."""
    first, head, row = gl.program_id(0) * _QUERIES, gl.program_id(1), gl.program_id(2) * tokens
    q = gl.allocate_shared_memory(q_desc.dtype, [_QUERIES, dim], q_desc.layout)
    k = gl.allocate_shared_memory(q_desc.dtype, [slots, keys, dim], kv_desc.layout)
    v = gl.allocate_shared_memory(q_desc.dtype, [slots, keys, dim], kv_desc.layout)
    ready, full_k, full_v = _barriers(1, 1), _barriers(slots, 1), _barriers(slots, 1)
    free_k, free_v = _barriers(slots, 1), _barriers(slots, 1)
    fence_async_shared()
    gl.thread_barrier()
    tiles = (tokens + keys - 1) // keys
    mbarrier.expect(ready.index(0), q_desc.block_type.nbytes)
    tma.async_copy_global_to_shared(q_desc, [row + first, head * dim], ready.index(0), q)
    ahead = gl.minimum(slots, tiles)
    _bring(row, (heads + head) * dim, kv_desc, full_k, free_k, k, 0, ahead, slots, keys)
    _bring(row, (2 * heads + head) * dim, kv_desc, full_v, free_v, v, 0, ahead, slots, keys)
    _consumer(
        q, k, v, full_k, full_v, free_k, free_v, ready.index(0), out_ptr, first, tiles, tokens, row, scale, head,
        kv_desc, heads, dim, keys, slots, True,
    )  # fmt: skip


@gluon.jit
def shared_program(
    q_desc, kv_desc, out_ptr, tokens, scale,
    heads: gl.constexpr, dim: gl.constexpr, keys: gl.constexpr, slots: gl.constexpr, registers: gl.constexpr,
):  # fmt: skip
    """192 queries of one head of one picture: program (part of the queries, head, picture)."""
    first, head, row = (
        gl.program_id(0) * (3 * _QUERIES),
        gl.program_id(1),
        gl.program_id(2) * tokens,
    )
    q = gl.allocate_shared_memory(q_desc.dtype, [3, _QUERIES, dim], q_desc.layout)
    k = gl.allocate_shared_memory(q_desc.dtype, [slots, keys, dim], kv_desc.layout)
    v = gl.allocate_shared_memory(q_desc.dtype, [slots, keys, dim], kv_desc.layout)
    ready, full_k, full_v = _barriers(1, 1), _barriers(slots, 1), _barriers(slots, 1)
    free_k, free_v = _barriers(slots, 3), _barriers(slots, 3)
    fence_async_shared()
    gl.thread_barrier()
    mbarrier.expect(ready.index(0), 3 * q_desc.block_type.nbytes)
    for i in gl.static_range(3):
        tma.async_copy_global_to_shared(
            q_desc, [row + first + _QUERIES * i, head * dim], ready.index(0), q.index(i)
        )
    tiles = (tokens + keys - 1) // keys
    gl.warp_specialize([
        (_consumer, (q.index(0), k, v, full_k, full_v, free_k, free_v, ready.index(0), out_ptr, first,
                     tiles, tokens, row, scale, head, kv_desc, heads, dim, keys, slots, False)),
        (_consumer, (q.index(1), k, v, full_k, full_v, free_k, free_v, ready.index(0), out_ptr, first + _QUERIES,
                     tiles, tokens, row, scale, head, kv_desc, heads, dim, keys, slots, False)),
        (_consumer, (q.index(2), k, v, full_k, full_v, free_k, free_v, ready.index(0), out_ptr, first + 2 * _QUERIES,
                     tiles, tokens, row, scale, head, kv_desc, heads, dim, keys, slots, False)),
        (_producer, (k, v, full_k, full_v, free_k, free_v, kv_desc, tiles, row, head, heads, dim, keys, slots)),
    ], [4, 4, 1], [registers, registers, 24])  # fmt: skip
