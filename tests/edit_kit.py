"""Edits that are drawn: takes of made worlds, joined and disturbed in known ways, and how well cuts are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch

from flashdepth_vfx.cuts import LOOK_AHEAD, LOOK_BACK, Picture, begins_a_take, small_picture
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.preprocess import IMAGENET_MEAN, IMAGENET_STD

HEIGHT, WIDTH = 72, 128
#: Of the worlds that a camera looks at, in widths of the picture.
_WORLD_WIDTHS = 6
#: Share of its full light at which a take that fades in must have been found.
_EMERGED = 0.35


@dataclass(frozen=True)
class Edit:
    """Frames of 0..1, and where takes begin in them: each in a range of frames, since a fade has no one frame.

    `open` are ranges where one cut is neither asked for nor wrong.
    """

    frames: list[FloatArray]
    cuts: tuple[range, ...] = ()
    open: tuple[range, ...] = ()


@dataclass(frozen=True)
class Score:
    """Cuts that were found, invented and missed."""

    found: int
    invented: int
    missed: int

    def __add__(self, other: Score) -> Score:
        sums = (self.found + other.found, self.invented + other.invented)
        return Score(*sums, self.missed + other.missed)

    @property
    def precision(self) -> float:
        """Of what was reported; 1 where nothing was."""
        reported = self.found + self.invented
        return self.found / reported if reported else 1.0

    @property
    def recall(self) -> float:
        """Of what there is; 1 where there is nothing."""
        there = self.found + self.missed
        return self.found / there if there else 1.0


def score(edit: Edit, reported: Iterable[int]) -> Score:
    """Each cut may be reported once; a second time is an invention."""
    left, free, found, invented = list(edit.cuts), list(edit.open), 0, 0
    for frame in reported:
        hit = next((cut for cut in left if frame in cut), None)
        pardon = next((cut for cut in free if frame in cut), None)
        if hit is not None:
            left.remove(hit)
            found += 1
        elif pardon is not None:
            free.remove(pardon)
        else:
            invented += 1
    return Score(found, invented, len(left))


def pictures_of(frames: Iterable[FloatArray]) -> list[Picture]:
    """As the render makes them of what the network takes."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    tensors = (torch.from_numpy(np.ascontiguousarray(f)).permute(2, 0, 1)[None] for f in frames)
    return [small_picture((t - mean) / std) for t in tensors]


def cuts_in(frames: Iterable[FloatArray]) -> list[int]:
    """The frames, from 0, that begin a take, each decided from the pictures around it."""
    all_ = pictures_of(frames)
    return [
        n
        for n, picture in enumerate(all_)
        if begins_a_take(all_[max(0, n - LOOK_BACK) : n], picture, all_[n + 1 : n + 1 + LOOK_AHEAD])
    ]


@cache
def world(seed: int, tint: tuple[float, ...] | None = None) -> FloatArray:
    """A wide picture with structure of all sizes, and things in it."""
    rng = np.random.default_rng(seed)
    height, width = 3 * HEIGHT, _WORLD_WIDTHS * WIDTH
    base = _clouds(rng, height, width)
    made = np.stack([base + 0.4 * _clouds(rng, height, width) for _ in range(3)], axis=-1)
    ground = np.array(rng.uniform(0.25, 0.75, 3) if tint is None else tint)
    made = ground + 0.16 * made / made.std()
    for _ in range(60):
        row, column = rng.integers(0, height - 8), rng.integers(0, width - 8)
        place = np.s_[row : row + rng.integers(6, 50), column : column + rng.integers(6, 50)]
        made[place] = (
            0.05 * made[place] + ground + rng.uniform(-0.4, 0.4) + rng.uniform(-0.1, 0.1, 3)
        )
    return np.clip(made, 0.0, 1.0).astype(np.float32)


def take(
    seed: int,
    count: int,
    *,
    speed: Callable[[int], float] = lambda _: 0.0,
    tint: tuple[float, ...] | None = None,
) -> list[FloatArray]:
    """A camera in a world of its own, that pans by `speed(n)` pixels before frame n, with the blur of it."""
    there = world(seed, tint)
    rng = np.random.default_rng(seed + 1)
    at = rng.integers(0, WIDTH) + np.cumsum([0.0, *(speed(n) for n in range(1, count))])
    row = int(rng.integers(HEIGHT // 2, 3 * HEIGHT // 2))
    return [_exposed(there, row, x, speed(n) if n else 0.0) for n, x in enumerate(at)]


def whip(peak: float, first: int, length: int) -> Callable[[int], float]:
    """A speed that rises to `peak` pixels a frame and falls again, from frame `first` on."""

    def speed(frame: int) -> float:
        inside = (frame - first + 0.5) / length
        return peak * float(np.sin(np.pi * inside) ** 2) if 0.0 < inside < 1.0 else 0.0

    return speed


def flash(
    frames: list[FloatArray], first: int, length: int, gain: float, lift: float
) -> list[FloatArray]:
    """The frames with light on `length` of them, clipped as a sensor does."""
    lit = list(frames)
    for n in range(first, min(first + length, len(lit))):
        lit[n] = np.clip(lit[n] * np.float32(gain) + np.float32(lift), 0.0, 1.0)
    return lit


def grain(frames: list[FloatArray], seed: int, deviation: float) -> list[FloatArray]:
    """The frames with noise that is new in each."""
    rng = np.random.default_rng(seed)
    noise = (rng.normal(0.0, deviation, f.shape).astype(np.float32) for f in frames)
    return [np.clip(f + n, 0.0, 1.0) for f, n in zip(frames, noise, strict=True)]


def flicker(frames: list[FloatArray], seed: int, stops: float) -> list[FloatArray]:
    """The frames, each exposed by up to `stops` more or less."""
    gains = 2.0 ** np.random.default_rng(seed).uniform(-stops, stops, len(frames))
    return [np.clip(f * np.float32(g), 0.0, 1.0) for f, g in zip(frames, gains, strict=True)]


def crossing(frames: list[FloatArray], seed: int, share: float, speed: float) -> list[FloatArray]:
    """Something close that passes before the camera, as wide as `share` of the picture."""
    thing = world(seed)[:HEIGHT, : round(WIDTH * share)]
    passed = [f.copy() for f in frames]
    for n, frame in enumerate(passed):
        left = round(-thing.shape[1] + speed * (n - 4))
        first, last = max(left, 0), min(left + thing.shape[1], WIDTH)
        if first < last:
            frame[:, first:last] = thing[:, first - left : last - left]
    return passed


def joined(takes: Sequence[list[FloatArray]]) -> Edit:
    """Takes one after another, by hard cuts."""
    frames = [frame for one in takes for frame in one]
    starts = np.cumsum([len(one) for one in takes])[:-1]
    return Edit(frames, tuple(range(n, n + 1) for n in starts))


def faded(
    one: list[FloatArray],
    two: list[FloatArray],
    fade: int,
    black: int,
    level: float = 0.0,
) -> Edit:
    """The one fades out over `fade` frames into `black` frames of `level`, and the other fades in."""
    down = [_mix(f, level, 1.0 - (n + 1) / (fade + 1)) for n, f in enumerate(one[-fade:])]
    up = [_mix(f, level, (n + 1) / (fade + 1)) for n, f in enumerate(two[:fade])]
    blank = [np.full_like(one[0], level)] * black
    start = len(one) + black
    emerged = start + int(np.ceil(_EMERGED * (fade + 1)))
    # Between the two the picture is as good as black, and may count as the one or the other.
    return Edit([*one[:-fade], *down, *blank, *up, *two[fade:]], (range(start, emerged),))


def dissolved(one: list[FloatArray], two: list[FloatArray], length: int) -> Edit:
    """The one becomes the other over `length` frames."""
    shares = [(n + 1) / (length + 1) for n in range(length)]
    mixed = [
        (1 - s) * a + s * b for s, a, b in zip(shares, one[-length:], two[:length], strict=True)
    ]
    place = range(len(one) - length, len(one) + 1)
    return Edit([*one[:-length], *mixed, *two[length:]], open=(place,))


def _mix(frame: FloatArray, level: float, share: float) -> FloatArray:
    return (np.float32(share) * frame + np.float32((1.0 - share) * level)).astype(np.float32)


def _clouds(rng: np.random.Generator, height: int, width: int) -> FloatArray:
    """Noise whose power falls with the square of the frequency, as that of photographs does."""
    pitch = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    pitch[0, 0] = np.inf
    waves = rng.normal(size=pitch.shape) + 1j * rng.normal(size=pitch.shape)
    clouds: FloatArray = np.fft.irfft2(waves / pitch, (height, width))
    return clouds / clouds.std()


def _exposed(there: FloatArray, row: int, x: float, speed: float) -> FloatArray:
    """What a shutter of 180 degrees sees of a pan."""
    steps = max(1, min(24, round(abs(speed) / 2)))
    lefts = np.round(x + speed * np.linspace(-0.25, 0.25, steps if steps > 1 else 1)).astype(int)
    if steps == 1:
        lefts = np.array([round(x)])
    lefts = np.clip(lefts, 0, there.shape[1] - WIDTH)
    views = [there[row : row + HEIGHT, left : left + WIDTH] for left in lefts]
    return np.mean(views, axis=0, dtype=np.float32)


def _shaken(frame: int) -> float:
    """The pan of a camera on a shoulder."""
    return 2.0 * float(np.sin(frame))


def _disturbed(edit: Edit, frames: list[FloatArray]) -> Edit:
    return replace(edit, frames=frames)


def _still(frames: list[FloatArray]) -> Edit:
    """One take, which has no cut whatever was done to it."""
    return Edit(frames)


def _two(seed: int) -> Edit:
    return joined([take(seed, 8), take(seed + 3, 9, speed=_shaken)])


_TINT = (0.5, 0.45, 0.4)
#: Every kind of edit, drawn from a seed.
KINDS: dict[str, Callable[[int], Edit]] = {
    "hard cuts": lambda s: joined([take(s, 8), take(s + 3, 9, speed=_shaken), take(s + 5, 8)]),
    "hard cuts, one palette": lambda s: joined(
        [take(s, 8, tint=_TINT), take(s + 3, 9, speed=_shaken, tint=_TINT)]
    ),
    "hard cuts, takes of 4 frames": lambda s: joined([take(s + n, 4) for n in range(5)]),
    "hard cut, grain": lambda s: _disturbed(_two(s), grain(_two(s).frames, s, 0.05)),
    "hard cut, flicker of 1 stop": lambda s: _disturbed(_two(s), flicker(_two(s).frames, s, 1.0)),
    "hard cuts between whip pans": lambda s: joined(
        [take(s, 16, speed=whip(75, 3, 9)), take(s + 3, 16, speed=whip(50, 4, 8))]
    ),
    "fade 8 + 8": lambda s: faded(take(s, 14), take(s + 3, 14, speed=_shaken), 8, 0),
    "fade 12 + 3 black + 12": lambda s: faded(take(s, 18), take(s + 3, 18), 12, 3),
    "fade 16 + 12 black + 16": lambda s: faded(take(s, 20), take(s + 3, 20), 16, 12),
    "fade through white": lambda s: faded(take(s, 14), take(s + 3, 14), 8, 3, 1.0),
    "fade, grain": lambda s: _disturbed(
        e := faded(take(s, 16), take(s + 3, 16), 10, 4), grain(e.frames, s, 0.02)
    ),
    "dissolve over 12": lambda s: dissolved(take(s, 18), take(s + 3, 18, speed=_shaken), 12),
    "dissolve over 3": lambda s: dissolved(take(s, 9), take(s + 3, 9, speed=_shaken), 3),
    "static": lambda s: _still(take(s, 10)),
    "grain": lambda s: _still(grain(take(s, 10), s, 0.1)),
    "flicker of 2 stops": lambda s: _still(flicker(take(s, 14, speed=_shaken), s, 2.0)),
    "whip pan, 30 % a frame": lambda s: _still(take(s, 16, speed=whip(40, 3, 9))),
    "whip pan, 60 % a frame": lambda s: _still(take(s, 16, speed=whip(77, 3, 9))),
    "jerk of 40 %": lambda s: _still(take(s, 14, speed=lambda n: 50.0 if n == 7 else 0.0)),
    "flash of 1": lambda s: _still(flash(take(s, 14, speed=_shaken), 5, 1, 4.0, 0.3)),
    "flash of 2": lambda s: _still(flash(take(s, 14, speed=_shaken), 5, 2, 8.0, 0.5)),
    "flash of 3": lambda s: _still(flash(take(s, 14, speed=_shaken), 5, 3, 3.0, 0.1)),
    "crossing, 40 % wide": lambda s: _still(crossing(take(s, 18), s + 7, 0.4, 20.0)),
    "crossing, 80 % wide": lambda s: _still(crossing(take(s, 22), s + 7, 0.8, 20.0)),
}


def measure(kind: str, seeds: Iterable[int]) -> Score:
    """One kind of edit over several seeds."""
    total = Score(0, 0, 0)
    for seed in seeds:
        edit = KINDS[kind](seed)
        total += score(edit, cuts_in(edit.frames))
    return total
