"""The Triton program behind `hit_kernel`. Importing this needs Triton.

Symbols: o and d are a ray's origin and direction in a unit solid, t its parameter; see `solids`.
"""

# Triton reads these functions as its own language: names without types, and no annotations from the future.
import triton
import triton.language as tl

__all__ = ["first_hit_program"]


@triton.jit
def _hash_unit(x, y, salt):  # type: ignore[no-untyped-def]
    h = x * 0x27D4EB2F + y * 0x165667B1 + salt * 0x1B873593
    h = h.to(tl.uint32, bitcast=True)
    h = (h ^ (h >> 15)) * 0x2C1B3C6D
    h = (h ^ (h >> 12)) * 0x297A2D39
    return ((h ^ (h >> 15)) >> 8).to(tl.float32) * (1.0 / 16777216.0)


@triton.jit
def _phase(x):  # type: ignore[no-untyped-def]
    return x - tl.floor(x)


@triton.jit
def _leaves(u, v, salt, radius):  # type: ignore[no-untyped-def]
    cu, cv = tl.floor(u), tl.floor(v)
    x, y = cu.to(tl.int32), cv.to(tl.int32)
    one, two = _hash_unit(x, y, salt), _hash_unit(x, y, salt + 1)
    du = u - cu - (0.35 + 0.3 * one)
    dv = v - cv - (0.35 + 0.3 * two)
    lean = (one - two) * 1.6
    a, b = du + lean * dv, dv - lean * du
    return (a * a * 2.2 + b * b < 0.16 + 0.2 * two) & (radius < 0.55 + 0.45 * one)


@triton.jit
def _cut_out(kind, cells, salt, x, y):  # type: ignore[no-untyped-def]
    radius = tl.sqrt(x * x + y * y)
    solid = radius >= 0.0
    if kind == 1:
        solid = radius < 1.0
    elif kind == 2:
        solid = _leaves(x * cells, y * cells, salt, radius)
    elif kind == 3:
        solid = tl.abs(x) < 0.55 * (1.0 - y * y)
    elif kind == 4:
        solid = (_phase(x * cells) < 0.16) | (_phase(y * cells) < 0.16)
    elif kind == 5:
        turn = x / (tl.abs(x) + tl.abs(y) + 1e-9)
        turn = tl.where(y < 0.0, turn - 1.0, 1.0 - turn)
        spokes = _phase(turn * cells * 0.5) < 0.12
        solid = (radius < 1.0) & ((radius > 0.84) | (radius < 0.12) | spokes)
    elif kind == 6:
        rails = (tl.abs(y) > 0.93) | (tl.abs(y + 0.8) < 0.05)
        solid = (_phase(x * cells * 2.0) < 0.14) | rails
    return solid


@triton.jit
def _safe(d):  # type: ignore[no-untyped-def]
    return tl.where(tl.abs(d) < 1e-9, 1e-9, d)


@triton.jit
def _sphere(ox, oy, oz, dx, dy, dz):  # type: ignore[no-untyped-def]
    square = dx * dx + dy * dy + dz * dz
    middle = -(ox * dx + oy * dy + oz * dz) / square
    qx, qy, qz = ox + middle * dx, oy + middle * dy, oz + middle * dz
    inside = 1.0 - (qx * qx + qy * qy + qz * qz)
    return tl.where(inside > 0.0, middle - tl.sqrt(tl.maximum(inside, 0.0) / square), 1e9)


@triton.jit
def _slab(o, d):  # type: ignore[no-untyped-def]
    inverse = 1.0 / _safe(d)
    one, two = (-1.0 - o) * inverse, (1.0 - o) * inverse
    return tl.minimum(one, two), tl.maximum(one, two)


@triton.jit
def _box(ox, oy, oz, dx, dy, dz):  # type: ignore[no-untyped-def]
    x0, x1 = _slab(ox, dx)
    y0, y1 = _slab(oy, dy)
    z0, z1 = _slab(oz, dz)
    enter = tl.maximum(tl.maximum(x0, y0), z0)
    return tl.where(enter < tl.minimum(tl.minimum(x1, y1), z1), enter, 1e9)


@triton.jit
def _cylinder(ox, oy, oz, dx, dy, dz):  # type: ignore[no-untyped-def]
    square = dx * dx + dy * dy + 1e-12
    middle = -(ox * dx + oy * dy) / square
    x, y = ox + middle * dx, oy + middle * dy
    inside = 1.0 - (x * x + y * y)
    half = tl.sqrt(tl.maximum(inside, 0.0) / square)
    low, high = _slab(oz, dz)
    enter = tl.maximum(middle - half, low)
    return tl.where((inside > 0.0) & (enter < tl.minimum(middle + half, high)), enter, 1e9)


@triton.jit
def _flat(ox, oy, oz, dx, dy, dz, mask):  # type: ignore[no-untyped-def]
    t = -oz / _safe(dz)
    x, y = ox + t * dx, oy + t * dy
    square = (tl.abs(x) < 1.0) & (tl.abs(y) < 1.0)
    x = tl.minimum(tl.maximum(x, -1.0), 1.0)
    y = tl.minimum(tl.maximum(y, -1.0), 1.0)
    kind, cells, salt = tl.load(mask), tl.load(mask + 1), tl.load(mask + 2)
    return tl.where(square & _cut_out(kind, cells.to(tl.float32), salt, x, y), t, 1e9)


@triton.jit
def _ray_in(unit, centre, px, py, pz, dx, dy, dz):  # type: ignore[no-untyped-def]
    px, py, pz = px - tl.load(centre), py - tl.load(centre + 1), pz - tl.load(centre + 2)
    a, b, c = tl.load(unit), tl.load(unit + 1), tl.load(unit + 2)
    ox, ux = a * px + b * py + c * pz, a * dx + b * dy + c * dz
    a, b, c = tl.load(unit + 3), tl.load(unit + 4), tl.load(unit + 5)
    oy, uy = a * px + b * py + c * pz, a * dx + b * dy + c * dz
    a, b, c = tl.load(unit + 6), tl.load(unit + 7), tl.load(unit + 8)
    return ox, oy, a * px + b * py + c * pz, ux, uy, a * dx + b * dy + c * dz


@triton.jit
def _loaded(place, inside, other):  # type: ignore[no-untyped-def]
    x = tl.load(place, mask=inside, other=other)
    y = tl.load(place + 1, mask=inside, other=other)
    return x, y, tl.load(place + 2, mask=inside, other=other)


@triton.jit
def first_hit_program(  # type: ignore[no-untyped-def]
    origin, direction, to_unit, centre, mask, used, depth, slot, pixels, start,
    SOLIDS: tl.constexpr, CUTOUTS: tl.constexpr, BOXES: tl.constexpr, CYLINDERS: tl.constexpr,
    FLATS: tl.constexpr, SHARED: tl.constexpr, RAYS: tl.constexpr,
):  # fmt: skip
    """Nearest entry beyond `start` of RAYS rays of one view, and its slot."""
    view = tl.program_id(1).to(tl.int64)
    ray = tl.program_id(0) * RAYS + tl.arange(0, RAYS)
    inside = ray < pixels
    place = (view * pixels + ray) * 3
    dx, dy, dz = _loaded(direction + place, inside, 1.0)
    if SHARED:
        place = view * 3 + ray * 0
    px, py, pz = _loaded(origin + place, inside, 0.0)
    unit, middle, count = to_unit + view * SOLIDS * 9, centre + view * SOLIDS * 3, used + view * 4
    best = px * 0.0 + 1e9
    found = ray * 0
    for s in range(0, tl.load(count)):
        ox, oy, oz, ux, uy, uz = _ray_in(unit + s * 9, middle + s * 3, px, py, pz, dx, dy, dz)
        t = _sphere(ox, oy, oz, ux, uy, uz)
        nearer = (t > start) & (t < best)
        best, found = tl.where(nearer, t, best), tl.where(nearer, s, found)
    for s in range(BOXES, BOXES + tl.load(count + 1)):
        ox, oy, oz, ux, uy, uz = _ray_in(unit + s * 9, middle + s * 3, px, py, pz, dx, dy, dz)
        t = _box(ox, oy, oz, ux, uy, uz)
        nearer = (t > start) & (t < best)
        best, found = tl.where(nearer, t, best), tl.where(nearer, s, found)
    for s in range(CYLINDERS, CYLINDERS + tl.load(count + 2)):
        ox, oy, oz, ux, uy, uz = _ray_in(unit + s * 9, middle + s * 3, px, py, pz, dx, dy, dz)
        t = _cylinder(ox, oy, oz, ux, uy, uz)
        nearer = (t > start) & (t < best)
        best, found = tl.where(nearer, t, best), tl.where(nearer, s, found)
    for s in range(FLATS, FLATS + tl.load(count + 3)):
        ox, oy, oz, ux, uy, uz = _ray_in(unit + s * 9, middle + s * 3, px, py, pz, dx, dy, dz)
        cut = mask + (view * CUTOUTS + s - FLATS) * 3
        t = _flat(ox, oy, oz, ux, uy, uz, cut)
        nearer = (t > start) & (t < best)
        best, found = tl.where(nearer, t, best), tl.where(nearer, s, found)
    tl.store(depth + view * pixels + ray, best, mask=inside)
    tl.store(slot + view * pixels + ray, found, mask=inside)
