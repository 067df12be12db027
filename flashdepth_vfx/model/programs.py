"""The Triton programs behind `kernels` and `mixing`. Importing this needs Triton.

Pictures lie with the channels of a pixel side by side, tokens row by row. Sums are in float32, cumulative ones in
float64, each in one order: the same numbers give the same bits.
"""

# Triton reads these functions as its own language: names without types, and no annotations from the future.
import triton
import triton.language as tl

__all__ = [
    "causal_conv_program",
    "decay_program",
    "gate_program",
    "pass_on_program",
    "patches_program",
    "resize_program",
    "stream_norm_program",
    "sum_biased_program",
    "weighed_program",
]


@triton.jit
def stream_norm_program(
    x_ptr, added_ptr, gain_ptr, weight_ptr, bias_ptr, out_ptr, rows, width, eps,
    has_added: tl.constexpr, has_gain: tl.constexpr, at_once: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * at_once + tl.arange(0, at_once)[:, None]
    column = tl.arange(0, block)[None, :]
    inside = (row < rows) & (column < width)
    at = row * width + column
    x = tl.load(x_ptr + at, mask=inside, other=0.0)
    if has_added:
        added = tl.load(added_ptr + at, mask=inside, other=0.0).to(tl.float32)
        if has_gain:
            added *= tl.load(gain_ptr + column, mask=column < width, other=0.0)
        x += added
        tl.store(x_ptr + at, x, mask=inside)
    centred = tl.where(inside, x - (tl.sum(x, 1) / width)[:, None], 0.0)
    scale = tl.rsqrt(tl.sum(centred * centred, 1) / width + eps)[:, None]
    weight = tl.load(weight_ptr + column, mask=column < width, other=0.0)
    bias = tl.load(bias_ptr + column, mask=column < width, other=0.0)
    normed = centred * scale * weight + bias
    tl.store(out_ptr + at, normed.to(out_ptr.dtype.element_ty), mask=inside)


@triton.jit
def sum_biased_program(
    x_ptr, bias_ptr, first_ptr, second_ptr, count, channels,
    has_bias: tl.constexpr, added: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < count
    total = tl.load(x_ptr + at, mask=inside, other=0.0).to(tl.float32)
    if has_bias:
        total += tl.load(bias_ptr + at % channels, mask=inside, other=0.0).to(tl.float32)
    if added > 0:
        total += tl.load(first_ptr + at, mask=inside, other=0.0).to(tl.float32)
    if added > 1:
        total += tl.load(second_ptr + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(x_ptr + at, total.to(x_ptr.dtype.element_ty), mask=inside)


@triton.jit
def resize_program(
    x_ptr, bias_ptr, out_ptr, pixels, channels, height, width, to_height, to_width, down, across,
    has_bias: tl.constexpr, block_p: tl.constexpr, block_c: tl.constexpr,
):  # fmt: skip
    pixel = tl.program_id(0).to(tl.int64) * block_p + tl.arange(0, block_p)
    channel = tl.program_id(1) * block_c + tl.arange(0, block_c)
    inside = (pixel < pixels)[:, None] & (channel < channels)[None, :]
    column, row = pixel % to_width, (pixel // to_width) % to_height
    first = pixel // (to_width * to_height) * height
    y, x = row.to(tl.float32) * down, column.to(tl.float32) * across
    top, left = tl.minimum(y.to(tl.int32), height - 1), tl.minimum(x.to(tl.int32), width - 1)
    below, right = tl.minimum(top + 1, height - 1), tl.minimum(left + 1, width - 1)
    to_below, to_right = (y - top)[:, None], (x - left)[:, None]
    upper, lower = (first + top) * width, (first + below) * width
    a = tl.load(x_ptr + (upper + left)[:, None] * channels + channel[None, :], mask=inside)
    b = tl.load(x_ptr + (upper + right)[:, None] * channels + channel[None, :], mask=inside)
    c = tl.load(x_ptr + (lower + left)[:, None] * channels + channel[None, :], mask=inside)
    d = tl.load(x_ptr + (lower + right)[:, None] * channels + channel[None, :], mask=inside)
    above = a.to(tl.float32) * (1 - to_right) + b.to(tl.float32) * to_right
    under = c.to(tl.float32) * (1 - to_right) + d.to(tl.float32) * to_right
    mixed = above * (1 - to_below) + under * to_below
    if has_bias:
        mixed += tl.load(bias_ptr + channel, mask=channel < channels, other=0.0).to(tl.float32)[
            None, :
        ]
    at = pixel[:, None] * channels + channel[None, :]
    tl.store(out_ptr + at, mixed.to(out_ptr.dtype.element_ty), mask=inside)


@triton.jit
def weighed_program(
    x_ptr, weight_ptr, bias_ptr, out_ptr, pixels, channels,
    block_p: tl.constexpr, block_c: tl.constexpr,
):  # fmt: skip
    pixel = tl.program_id(0).to(tl.int64) * block_p + tl.arange(0, block_p)
    channel = tl.arange(0, block_c)
    inside = (pixel < pixels)[:, None] & (channel < channels)[None, :]
    at = pixel[:, None] * channels + channel[None, :]
    x = tl.load(x_ptr + at, mask=inside, other=0.0).to(tl.float32)
    weight = tl.load(weight_ptr + channel, mask=channel < channels, other=0.0)
    total = tl.sum(x * weight[None, :], 1) + tl.load(bias_ptr)
    tl.store(out_ptr + pixel, tl.maximum(total, 0.0), mask=pixel < pixels)


@triton.jit
def patches_program(
    frame_ptr, out_ptr, batch, tokens, across, height, width, side: tl.constexpr,
    depth: tl.constexpr, padded: tl.constexpr, at_once: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """A patch a row, `(row, column, channel)` in it, from planes: as a convolution with that stride sees it."""
    token = tl.program_id(0).to(tl.int64) * at_once + tl.arange(0, at_once)[:, None]
    place = tl.arange(0, block)[None, :]
    channel, column, row = place % depth, (place // depth) % side, place // (depth * side)
    picture, cell = token // tokens, token % tokens
    y, x = cell // across * side + row, cell % across * side + column
    inside = (picture < batch) & (place < side * side * depth)
    value = tl.load(
        frame_ptr + ((picture * depth + channel) * height + y) * width + x, mask=inside, other=0.0
    )
    there = (picture < batch) & (place < padded)
    tl.store(out_ptr + token * padded + place, value.to(out_ptr.dtype.element_ty), mask=there)


@triton.jit
def causal_conv_program(
    in_ptr, weight_ptr, bias_ptr, x_ptr, b_ptr, c_ptr, tokens, row_width, start, inner,
    taps: tl.constexpr, heads: tl.constexpr, head_dim: tl.constexpr, state_dim: tl.constexpr,
    chunk: tl.constexpr, chunks, block_t: tl.constexpr, block_c: tl.constexpr,
):  # fmt: skip
    """silu of each channel's causal convolution over the tokens, taken apart into x, b and c, chunk by chunk.

    x is laid out (chunk, head, token, P), b and c (chunk, token, N); beyond the last token there are zeros.
    """
    token = tl.program_id(0) * block_t + tl.arange(0, block_t)[:, None]
    channel = tl.program_id(1) * block_c + tl.arange(0, block_c)[None, :]
    item = tl.program_id(2).to(tl.int64)
    there = channel < inner + 2 * state_dim
    total = tl.load(bias_ptr + channel, mask=there, other=0.0) + tl.zeros(
        (block_t, block_c), tl.float32
    )
    for tap in tl.static_range(taps):
        seen = token - (taps - 1) + tap
        value = tl.load(
            in_ptr + (item * tokens + seen) * row_width + start + channel,
            mask=there & (seen >= 0) & (seen < tokens),
            other=0.0,
        )
        total += value * tl.load(weight_ptr + channel * taps + tap, mask=there, other=0.0)
    total = tl.where(token < tokens, total * tl.sigmoid(total), 0.0)
    which, place = item * chunks + token // chunk, token % chunk
    head, p = channel // head_dim, channel % head_dim
    inside = there & (token < chunks * chunk)
    x_at = ((which * heads + head) * chunk + place) * head_dim + p
    tl.store(x_ptr + x_at, total, mask=inside & (channel < inner))
    n = channel - inner
    tl.store(
        b_ptr + (which * chunk + place) * state_dim + n,
        total,
        mask=inside & (n >= 0) & (n < state_dim),
    )
    n -= state_dim
    tl.store(c_ptr + (which * chunk + place) * state_dim + n, total, mask=inside & (n >= 0))


@triton.jit
def _softplus(x):
    # log(1 + u) of a small u loses what the sum rounds off; the quotient puts it back
    u = tl.exp(-tl.abs(x))
    sum_ = 1.0 + u
    small = tl.where(sum_ == 1.0, u, tl.log(sum_) * (u / tl.where(sum_ == 1.0, 1.0, sum_ - 1.0)))
    return tl.maximum(x, 0.0) + small


@triton.jit
def _delta(line, token, tokens, row_width, dt_bias):
    known = token < tokens
    raw = tl.load(line + token.to(tl.int64) * row_width, mask=known, other=0.0)
    return tl.where(known, _softplus(raw + dt_bias), 0.0)


@triton.jit
def decay_program(
    in_ptr, dt_bias_ptr, a_log_ptr, x_ptr, cb_ptr, weights_ptr, to_end_x_ptr, from_start_ptr, whole_ptr,
    tokens, row_width, dt_start, chunks,
    heads: tl.constexpr, head_dim: tl.constexpr, chunk: tl.constexpr, rows: tl.constexpr,
):  # fmt: skip
    """What decays in one head of one chunk, for some of its rows.

    weights (chunk, head, Q, Q) = tril(c b^T * exp(cum_q - cum_s) delta_s); from_start (chunk, head, Q) = exp(cum_q);
    to_end_x (chunk, head, P, Q) = x exp(cum_end - cum_q) delta_q; whole (chunk, head) = exp(cum_end).
    """
    which, head = tl.program_id(0).to(tl.int64) // heads, tl.program_id(0) % heads
    part = (which % chunks).to(tl.int32) * chunk
    line = in_ptr + which // chunks * tokens * row_width + dt_start + head
    s = tl.arange(0, chunk)
    q = tl.program_id(1) * rows + tl.arange(0, rows)
    dt_bias, a = tl.load(dt_bias_ptr + head), -tl.exp(tl.load(a_log_ptr + head))
    delta = _delta(line, part + s, tokens, row_width, dt_bias)
    delta_q = _delta(line, part + q, tokens, row_width, dt_bias)
    step = (delta * a).to(tl.float64)
    reached = s[None, :] <= q[:, None]
    cum_q = tl.sum(tl.where(reached, step[None, :], 0.0), 1)
    since = (cum_q[:, None] - tl.cumsum(step, 0)[None, :]).to(tl.float32)
    decay = tl.exp(tl.where(reached, since, -float("inf")))
    unit = which * heads + head
    cb = tl.load(cb_ptr + (which * chunk + q[:, None]) * chunk + s[None, :])
    tl.store(
        weights_ptr + (unit * chunk + q[:, None]) * chunk + s[None, :], cb * decay * delta[None, :]
    )
    end = tl.sum(step, 0)
    tl.store(from_start_ptr + unit * chunk + q, tl.exp(cum_q.to(tl.float32)))
    p = tl.arange(0, head_dim)
    x = tl.load(x_ptr + (unit * chunk + q[:, None]) * head_dim + p[None, :])
    x *= (tl.exp((end - cum_q).to(tl.float32)) * delta_q)[:, None]
    tl.store(to_end_x_ptr + (unit * head_dim + p[None, :]) * chunk + q[:, None], x)
    if tl.program_id(1) == 0:
        tl.store(whole_ptr + unit, tl.exp(end.to(tl.float32)))


@triton.jit
def pass_on_program(
    state_ptr, added_ptr, whole_ptr, before_ptr, after_ptr, chunks: tl.constexpr,
    has_state: tl.constexpr, heads: tl.constexpr, size: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """The state before each chunk, and after the last: S = whole S + what the chunk added. `size` is a head's P N."""
    item, head = tl.program_id(0).to(tl.int64) // heads, tl.program_id(0) % heads
    at = tl.program_id(1) * block + tl.arange(0, block)
    inside = at < size
    if has_state:
        state = tl.load(state_ptr + (item * heads + head) * size + at, mask=inside, other=0.0)
    else:
        state = tl.zeros((block,), tl.float32)
    for index in range(chunks):
        unit = (item * chunks + index) * heads + head
        tl.store(before_ptr + unit * size + at, state, mask=inside)
        state = tl.load(whole_ptr + unit) * state + tl.load(
            added_ptr + unit * size + at, mask=inside, other=0.0
        )
    tl.store(after_ptr + (item * heads + head) * size + at, state, mask=inside)


@triton.jit
def gate_program(
    y_ptr, carried_ptr, from_start_ptr, x_ptr, skip_ptr, in_ptr, weight_ptr, out_ptr,
    tokens, row_width, chunks, eps,
    heads: tl.constexpr, head_dim: tl.constexpr, chunk: tl.constexpr, at_once: tl.constexpr,
):  # fmt: skip
    """RMSNorm((y + exp(cum) c S + D x) * silu(z)) * weight, `at_once` tokens of a chunk."""
    width: tl.constexpr = heads * head_dim
    which = tl.program_id(1).to(tl.int64)
    q = tl.program_id(0) * at_once + tl.arange(0, at_once)[:, None]
    e = tl.arange(0, width)[None, :]
    token = (which % chunks).to(tl.int32) * chunk + q
    inside = (token < tokens) & (e < width)
    unit = which * heads + e // head_dim
    at = (unit * chunk + q) * head_dim + e % head_dim
    total = tl.load(y_ptr + at, mask=inside, other=0.0)
    carried = tl.load(carried_ptr + (which * chunk + q) * width + e, mask=inside, other=0.0)
    total += tl.load(from_start_ptr + unit * chunk + q, mask=inside, other=0.0) * carried
    total += tl.load(skip_ptr + e // head_dim) * tl.load(x_ptr + at, mask=inside, other=0.0)
    row = which // chunks * tokens + token
    z = tl.load(in_ptr + row * row_width + e, mask=inside, other=0.0)
    total *= z * tl.sigmoid(z)
    scale = tl.rsqrt(tl.sum(total * total, 1) / width + eps)[:, None]
    tl.store(out_ptr + row * width + e, total * scale * tl.load(weight_ptr + e), mask=inside)
