"""What is seen, what is crossed and what is written: decided before the first pixel."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flashdepth_vfx.errors import MissingFrameError
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.plate import Plate, PlateHeader
from flashdepth_vfx.schedule import Action, first_needed, plan_steps, steps_from
from flashdepth_vfx.settings import MissingPolicy


class FramesOnDisk:
    """A reader as far as a schedule asks: which frames there are, and what they would be called."""

    name = "plate.####.exr"
    sequential = False

    def __init__(self, *frames: int) -> None:
        self.frames = frames

    def path(self, frame: int) -> Path:
        return Path(f"plate.{frame:04d}.exr")

    def header(self, frame: int) -> PlateHeader:
        raise AssertionError("a schedule reads no header")

    def read(self, frame: int) -> Plate:
        raise AssertionError("a schedule reads no pixels")

    def stamp(self, frame: int) -> str:
        return str(frame)

    def close(self) -> None:
        pass


def test_the_state_passes_through_the_frames_between_those_written() -> None:
    steps = plan_steps(FramesOnDisk(*range(1, 11)), FrameRange.parse("3,6"), MissingPolicy.ERROR)
    assert [s.frame for s in steps] == [1, 2, 3, 4, 5, 6]
    assert all(s.action is Action.SEE for s in steps)
    assert [s.frame for s in steps if s.write] == [3, 6]


def test_sparse_lets_the_network_see_the_listed_frames_alone() -> None:
    steps = plan_steps(
        FramesOnDisk(*range(1, 11)), FrameRange.parse("1-9x4"), MissingPolicy.ERROR, sparse=True
    )
    assert [s.frame for s in steps] == [1, 5, 9]


def test_a_hole_is_an_error_by_default_and_names_the_file() -> None:
    with pytest.raises(MissingFrameError, match=r"plate\.0003\.exr"):
        plan_steps(FramesOnDisk(1, 2, 4), None, MissingPolicy.ERROR)


def test_a_hole_after_the_last_frame_wanted_stops_nothing() -> None:
    steps = plan_steps(FramesOnDisk(1, 2, 9), FrameRange.parse("1-2"), MissingPolicy.ERROR)
    assert len(steps) == 2


def test_hold_writes_the_hole_and_skip_does_not() -> None:
    disk = FramesOnDisk(1, 2, 4)
    held = plan_steps(disk, None, MissingPolicy.HOLD)
    skipped = plan_steps(disk, None, MissingPolicy.SKIP)
    assert (held[2].action, held[2].write) == (Action.HOLD, True)
    assert (skipped[2].action, skipped[2].write) == (Action.SKIP, False)


def test_hold_has_nothing_to_hold_on_the_first_frame() -> None:
    with pytest.raises(MissingFrameError, match="no depth before it to hold; --missing skip"):
        plan_steps(FramesOnDisk(5, 6), FrameRange.parse("4-6"), MissingPolicy.HOLD)


def test_a_held_frame_needs_the_one_seen_before_it() -> None:
    steps = plan_steps(FramesOnDisk(1, 2, 3, 6), None, MissingPolicy.HOLD)
    assert first_needed(steps, frozenset((1, 2, 3, 4))) == 3
    assert first_needed(steps, frozenset((1, 2, 3, 4, 5))) == 6
    assert first_needed(steps, frozenset(range(1, 7))) is None


frames = st.sets(st.integers(-50, 200), min_size=1, max_size=60)


@given(frames, frames, st.sampled_from([MissingPolicy.HOLD, MissingPolicy.SKIP]), st.booleans())
def test_steps_rise_and_write_nothing_that_was_not_asked_for(
    disk: set[int], wanted: set[int], missing: MissingPolicy, sparse: bool
) -> None:
    reader = FramesOnDisk(*sorted(disk))
    try:
        steps = plan_steps(reader, FrameRange.of(wanted), missing, sparse=sparse)
    except MissingFrameError:
        assume(False)
    numbers = [s.frame for s in steps]
    assert numbers == sorted(set(numbers))
    assert {s.frame for s in steps if s.write} <= wanted
    assert {s.frame for s in steps if s.action is Action.SEE} <= disk
    # Every wanted frame that is on disk is written: nothing is lost in silence.
    assert wanted & disk <= {s.frame for s in steps if s.write}
    if not sparse:
        first, last = min(disk), max(wanted)
        assert {f for f in disk if first <= f <= last} <= set(numbers)


@given(frames, st.integers(-60, 210))
def test_what_is_left_of_a_schedule_is_its_tail(disk: set[int], start: int) -> None:
    steps = plan_steps(FramesOnDisk(*sorted(disk)), None, MissingPolicy.SKIP)
    left = steps_from(steps, start)
    assert left == steps[len(steps) - len(left) :]
    assert all(s.frame >= start for s in left)
