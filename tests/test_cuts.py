"""Where takes begin: what is found in drawn edits, what is not taken for a cut, and from how few frames."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from edit_kit import KINDS, cuts_in, dissolved, flash, joined, measure, pictures_of, take
from hypothesis import given, settings
from hypothesis import strategies as st

from flashdepth_vfx.cutplan import CutPlan
from flashdepth_vfx.cuts import (
    LOOK_AHEAD,
    LOOK_BACK,
    Picture,
    begins_a_take,
    difference,
    from_text,
    to_text,
)
from flashdepth_vfx.schedule import Action, Step
from flashdepth_vfx.takes import Turn, in_takes

SEEDS = range(100, 196, 12)
AUTO = CutPlan(tuple(range(1000)), None, "auto")


@pytest.mark.parametrize("kind", KINDS)
def test_every_cut_is_found_once_and_nothing_else_is(kind: str) -> None:
    total = measure(kind, SEEDS)
    assert (total.precision, total.recall) == (1.0, 1.0), total


def test_the_look_ahead_is_three_frames_at_most() -> None:
    assert LOOK_AHEAD <= 3


@given(
    seed=st.integers(0, 12),
    first=st.integers(0, 15),
    length=st.integers(1, 3),
    gain=st.floats(0.0, 16.0),
    lift=st.floats(0.0, 1.0),
    speed=st.floats(-3.0, 3.0),
)
@settings(max_examples=150)
def test_no_flash_is_a_cut(
    seed: int, first: int, length: int, gain: float, lift: float, speed: float
) -> None:
    frames = take(seed, 16, speed=lambda _: abs(speed))
    assert cuts_in(flash(frames, first, length, gain, lift)) == []


@given(seed=st.integers(0, 12), side=st.integers(20, 110), length=st.integers(1, 3))
@settings(max_examples=40)
def test_no_flash_on_a_part_of_the_picture_is_a_cut(seed: int, side: int, length: int) -> None:
    frames = take(seed, 14)
    lit = [f.copy() for f in frames]
    for n in range(6, 6 + length):
        lit[n][:, :side] = np.clip(lit[n][:, :side] * 6 + 0.3, 0, 1)
    assert cuts_in(lit) == []


def test_a_flash_of_four_frames_is_beyond_the_look_ahead() -> None:
    """So that the law above is about the flash, and not about a detector that sees nothing."""
    other = take(77, 4)
    frames = take(3, 20)
    assert cuts_in([*frames[:8], *other[:3], *frames[11:]]) == []
    assert cuts_in([*frames[:8], *other, *frames[12:]]) == [8, 12]


@pytest.mark.parametrize("length", [1, 2, 4, 6, 8, 16])
def test_a_dissolve_is_one_cut_at_most(length: int) -> None:
    for seed in SEEDS:
        edit = dissolved(take(seed, length + 6), take(seed + 3, length + 6), length)
        assert len(cuts_in(edit.frames)) <= 1


def test_pictures_without_anything_in_them_have_no_cuts() -> None:
    grey = [np.full((72, 128, 3), value, np.float32) for value in (0.0, 0.2, 0.9, 0.1, 1.0) * 3]
    assert cuts_in(grey) == []


def test_the_ends_of_a_shot_have_too_few_frames_to_tell() -> None:
    for first in range(1, LOOK_BACK):
        assert cuts_in(joined([take(1, first), take(4, 9)]).frames) == []
        assert cuts_in(joined([take(1, 9), take(4, first)]).frames) == []


def test_difference_of_shifted_and_brightened_pictures_is_small() -> None:
    first, second = take(5, 2, speed=lambda _: 40.0)
    here, shifted, bright = pictures_of([first, second, 0.2 + 0.6 * first])
    (other,) = pictures_of(take(8, 1))
    assert difference(here, here) == pytest.approx(0.0, abs=1e-6)
    assert difference(here, bright) < 0.05
    assert difference(here, shifted) < 0.3
    assert difference(here, other) > 0.5
    assert difference(here, other) == pytest.approx(difference(other, here))


def test_pictures_in_a_state_are_those_that_were() -> None:
    pictures = pictures_of(take(5, 6))
    again = from_text(to_text(pictures))
    assert len(again) == LOOK_BACK
    for one, other in zip(pictures[-LOOK_BACK:], again, strict=True):
        assert one.codes.tobytes() == other.codes.tobytes()
    assert from_text(to_text([])) == []


@dataclass(frozen=True)
class Loaded:
    """As a render's, as far as takes are concerned."""

    picture: Picture | None


class Source:
    """Steps as they are read: counts them, and fails at `broken`."""

    def __init__(self, pictures: list[Picture], first: int = 0, broken: int | None = None) -> None:
        self.taken = 0
        self._pictures, self._first, self._broken = pictures, first, broken

    def read(self) -> Generator[tuple[Step, Loaded | None], None, None]:
        for frame in range(self._first, len(self._pictures)):
            if frame == self._broken:
                raise OSError(f"frame {frame}")
            self.taken += 1
            yield Step(frame, Action.SEE, write=True), Loaded(self._pictures[frame])


@cache
def long_edit() -> tuple[Picture, ...]:
    frames = joined([take(20, 7), flash(take(23, 9), 4, 2, 6.0, 0.4), take(26, 6)]).frames
    return tuple(pictures_of(frames))


def turns_of(source: Source, memory: str = "", count: int = 1000) -> list[Turn[Loaded]]:
    return list(in_takes(source.read(), AUTO, memory, count))


def test_the_stream_decides_as_the_whole_shot_does_wherever_it_begins() -> None:
    pictures = list(long_edit())
    whole = [
        begins_a_take(pictures[max(0, n - LOOK_BACK) : n], p, pictures[n + 1 : n + 1 + LOOK_AHEAD])
        for n, p in enumerate(pictures)
    ]
    turns = turns_of(Source(pictures))
    assert [t.cut for t in turns] == whole
    assert [n for n, cut in enumerate(whole) if cut] == [7, 16]
    for start in range(1, len(pictures)):
        later = turns_of(Source(pictures, start), turns[start - 1].memory)
        assert [t.cut for t in later] == whole[start:], start
        assert later[-1].memory == turns[-1].memory


@pytest.mark.parametrize("count", range(4, 14))
def test_the_frames_after_a_range_decide_and_are_no_turns(count: int) -> None:
    pictures = list(long_edit())
    turns = turns_of(Source(pictures), count=count)
    assert [t.step.frame for t in turns] == list(range(count))
    assert [t.step.frame for t in turns if t.cut] == ([7] if count > 7 else [])


def test_no_more_is_read_than_the_look_ahead() -> None:
    source = Source(list(long_edit()))
    ahead = [source.taken - 1 - turn.step.frame for turn in in_takes(source.read(), AUTO, "", 1000)]
    assert max(ahead) == LOOK_AHEAD
    # Where nothing changes nothing is waited for.
    assert ahead[:6] == [0] * 6


@pytest.mark.parametrize(("broken", "given"), [(5, 5), (9, 7), (10, 7), (11, 11)])
def test_a_plate_that_fails_stops_what_cannot_be_decided_without_it(
    broken: int, given: int
) -> None:
    seen: list[int] = []
    turns = in_takes(Source(list(long_edit()), 0, broken).read(), AUTO, "", 1000)
    with pytest.raises(OSError, match=f"frame {broken}"):
        seen.extend(turn.step.frame for turn in turns)
    assert seen == list(range(given))


def test_holes_are_turns_and_decide_nothing() -> None:
    pictures = list(long_edit())

    def read() -> Generator[tuple[Step, Loaded | None], None, None]:
        for frame, picture in enumerate(pictures):
            yield Step(2 * frame, Action.SEE, write=True), Loaded(picture)
            yield Step(2 * frame + 1, Action.SKIP, write=False), None

    turns = list(in_takes(read(), AUTO, "", 1000))
    assert [t.step.frame for t in turns] == list(range(2 * len(pictures)))
    assert [t.step.frame for t in turns if t.cut] == [14, 32]
