"""Reading ahead and writing behind: in order, bounded, and honest about failures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashdepth_vfx.pipeline import WriteBehind, on_a_thread, one_ahead, read_ahead


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 4), st.integers(1, 6))
def test_frames_come_in_order_whatever_the_threads_do(
    delays_ms: list[int], workers: int, ahead: int
) -> None:
    def load(item: tuple[int, int]) -> int:
        time.sleep(item[1] / 1000)
        return item[0] * 10

    items = list(enumerate(delays_ms))
    got = list(read_ahead(items, load, workers=workers, ahead=ahead))
    assert got == [(item, item[0] * 10) for item in items]


def test_no_more_than_the_bound_is_read_ahead() -> None:
    begun: list[int] = []

    def load(item: int) -> int:
        begun.append(item)
        return item

    frames = read_ahead(range(1000), load, workers=2, ahead=4)
    next(frames)
    time.sleep(0.05)
    frames.close()
    assert len(begun) <= 5


def test_a_reading_error_surfaces_at_its_own_frame() -> None:
    def load(item: int) -> int:
        if item == 3:
            raise OSError("torn")
        return item

    frames = read_ahead(range(10), load, workers=3, ahead=6)
    seen = []
    with pytest.raises(OSError, match="torn"):
        seen.extend(item for item, _ in frames)
    assert next(frames, None) is None


def test_reading_and_writing_overlap() -> None:
    """Two stages of 10 frames of 40 ms take little more than one of them."""

    def slow(_: int) -> int:
        time.sleep(0.04)
        return 0

    began = time.perf_counter()
    with WriteBehind[int](workers=1, behind=4) as writes:
        for item, _ in read_ahead(range(10), slow, workers=1, ahead=4):
            list(writes.submit(item, lambda: slow(0)))
        list(writes.drain())
    assert time.perf_counter() - began < 0.68


def gate(opened: threading.Event, value: int) -> Callable[[], int]:
    def task() -> int:
        opened.wait(5)
        return value

    return task


def test_oldest_never_runs_ahead_of_the_disk() -> None:
    """A frame that is not written holds back all later ones, though those are done."""
    opened = threading.Event()
    with WriteBehind[int](workers=2, behind=8) as writes:
        collected = list(writes.submit(1, gate(opened, 1)))
        for frame in (2, 3):
            collected += writes.submit(frame, lambda: 0)
        time.sleep(0.05)
        collected += writes.submit(4, lambda: 0)
        assert collected == []
        assert writes.oldest == 1
        opened.set()
        assert list(writes.drain()) == [1, 0, 0, 0]
        assert writes.oldest is None


def test_a_failed_write_stays_the_oldest() -> None:
    def fail() -> int:
        raise OSError("full")

    with WriteBehind[int](workers=1, behind=8) as writes:
        results = writes.submit(7, fail)
        for attempt in (results, writes.drain()):
            with pytest.raises(OSError, match="full"):
                list(attempt)
            assert writes.oldest == 7


def test_writing_waits_when_too_much_is_under_way() -> None:
    opened = threading.Event()
    with WriteBehind[int](workers=1, behind=2) as writes:
        for frame in (1, 2):
            list(writes.submit(frame, gate(opened, frame)))
        threading.Timer(0.1, opened.set).start()
        began = time.perf_counter()
        first = list(writes.submit(3, lambda: 3))
        assert time.perf_counter() - began > 0.05
        assert first[0] == 1
        list(writes.drain())


def test_one_ahead_begins_each_item_before_the_turn_of_the_one_before() -> None:
    said: list[str] = []

    def begin(item: int) -> int:
        said.append(f"begin {item}")
        return 10 * item

    said.extend(f"take {item}" for item in one_ahead((number for number in range(3)), begin))
    assert said == ["begin 0", "begin 1", "take 0", "begin 2", "take 10", "take 20"]


def test_an_error_ahead_waits_for_its_turn() -> None:
    def items() -> Generator[int, None, None]:
        yield 0
        yield 1
        raise OSError("the third")

    ahead = one_ahead(items(), lambda item: item)
    assert [next(ahead), next(ahead)] == [0, 1]
    with pytest.raises(OSError, match="the third"):
        next(ahead)


def test_one_ahead_closes_what_it_reads() -> None:
    closed = []

    def items() -> Generator[int, None, None]:
        try:
            yield from range(5)
        finally:
            closed.append(True)

    ahead = one_ahead(items(), lambda item: item)
    next(ahead)
    ahead.close()
    assert closed == [True]


def test_stages_on_threads_overlap_and_keep_order() -> None:
    def stage(items: Iterable[int]) -> Generator[int, None, None]:
        for item in items:
            time.sleep(0.03)
            yield item + 1

    line = on_a_thread(stage(range(10)), "first")
    for name in ("second", "third"):
        line = on_a_thread(stage(line), name)
    began = time.perf_counter()
    assert list(line) == list(range(3, 13))
    # One after the other they take 0.9 s.
    assert time.perf_counter() - began < 0.7


def test_a_stage_begins_an_item_once_the_one_before_was_taken() -> None:
    begun: list[int] = []

    def items() -> Generator[int, None, None]:
        for number in range(5):
            begun.append(number)
            yield number

    line = on_a_thread(items(), "stage")
    for number in range(3):
        assert next(line) == number
        time.sleep(0.05)
        assert begun == list(range(number + 2))
    line.close()


def test_an_error_of_a_stage_waits_for_its_turn() -> None:
    def items() -> Generator[int, None, None]:
        yield 0
        raise OSError("the second")

    line = on_a_thread(items(), "stage")
    assert next(line) == 0
    with pytest.raises(OSError, match="the second"):
        next(line)


def test_stages_that_are_closed_end_their_threads_and_what_they_read() -> None:
    closed: list[str] = []

    def stage(items: Iterable[int], name: str) -> Generator[int, None, None]:
        try:
            yield from items
        finally:
            closed.append(name)

    before = threading.active_count()
    first = stage(range(100), "a")
    second = stage(on_a_thread(first, "a"), "b")
    line = on_a_thread(second, "b")
    assert [next(line), next(line)] == [0, 1]
    line.close()
    assert sorted(closed) == ["a", "b"]
    assert threading.active_count() == before
