"""Reading ahead and writing behind: threads around the one stage that must go in order.

Both are bounded, so memory does not depend on the length of a shot; both keep order, so the caller
never sorts. An exception of a worker surfaces at the caller, at its own frame.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import TracebackType
from typing import Generic, Protocol, TypeVar

__all__ = ["Waits", "WriteBehind", "each_header", "on_a_thread", "one_ahead", "read_ahead"]

T = TypeVar("T")
R = TypeVar("R")

#: Headers are small and on slow disks: more threads than cores pay.
_HEADER_THREADS = 8


class Waits(Protocol):
    """How a thread is waited for. Once it `gave_up`, threads are left behind: they may never come back."""

    gave_up: bool

    def result_of(self, future: Future[R]) -> R:
        """What `future` gives, or its exception, or one that says that it is waited for no longer."""


class _Always:
    gave_up = False

    def result_of(self, future: Future[R]) -> R:
        return future.result()


_ALWAYS = _Always()


def read_ahead(
    items: Iterable[T],
    load: Callable[[T], R],
    *,
    workers: int,
    ahead: int,
    waits: Waits = _ALWAYS,
) -> Generator[tuple[T, R], None, None]:
    """`(item, load(item))` in order, with up to `ahead` items loading on `workers` threads."""
    waiting = iter(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="read")
    pending = deque((item, pool.submit(load, item)) for item in islice(waiting, ahead))
    try:
        while pending:
            item, loading = pending.popleft()
            loaded = waits.result_of(loading)
            pending.extend((new, pool.submit(load, new)) for new in islice(waiting, 1))
            yield item, loaded
    finally:
        for _, loading in pending:
            loading.cancel()
        pool.shutdown(wait=not waits.gave_up)


def one_ahead(items: Generator[T], begin: Callable[[T], T]) -> Generator[T, None, None]:
    """Each of `items` as `begin` returns it, which is called one item before its turn.

    An exception of `items` waits until the items before it are taken.
    """
    begun: deque[T] = deque()
    error: Exception | None = None
    try:
        while error is None:
            try:
                begun.append(begin(next(items)))
            except StopIteration:
                break
            except Exception as problem:  # noqa: BLE001 - raised again at its turn
                error = problem
            if len(begun) > 1:
                yield begun.popleft()
        yield from begun
        if error is not None:
            raise error
    finally:
        items.close()


def on_a_thread(items: Generator[T], name: str) -> Generator[T, None, None]:
    """`items`, made on a thread of their own while the last one is in hand: a stage of a line of them.

    The next one is begun once the last one was taken, so a stage holds one item at most, at work or done with. An
    exception of `items` is raised at its turn. Closing it ends the thread after the item that it is at, and closes
    `items`.
    """
    slot = _Slot[T]()

    def work() -> None:
        try:
            for item in items:
                if not slot.put(item):
                    break
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            slot.end(error)
        finally:
            items.close()
            slot.end(None)

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        yield from slot
    finally:
        slot.close()
        thread.join()


class _Slot(Generic[T]):
    """Where one thread leaves an item for another, which ends with what `end` was given."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: list[T] = []
        self._error: BaseException | None = None
        self._ended = self._closed = False

    def put(self, item: T) -> bool:
        """Leave it, and wait until it is taken. False where nobody takes any more."""
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or not self._items)
            return not self._closed

    def end(self, error: BaseException | None) -> None:
        """Nothing comes any more; of several reasons the first counts."""
        with self._changed:
            if not self._ended:
                self._ended, self._error = True, error
                self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._ended)
                if not self._items:
                    break
                item = self._items.pop()
                self._changed.notify_all()
            yield item
        if self._error is not None:
            raise self._error


def each_header(items: Iterable[T], load: Callable[[T], R]) -> Generator[tuple[T, R], None, None]:
    """`read_ahead` for what is small and waits for a disk: headers of files."""
    return read_ahead(items, load, workers=_HEADER_THREADS, ahead=4 * _HEADER_THREADS)


class WriteBehind(Generic[R]):
    """Tasks by frame number, run on `workers` threads, collected in the order they were given.

    As a context it waits for its tasks at the end; those not begun are dropped when the body failed.
    """

    def __init__(self, *, workers: int, behind: int, waits: Waits = _ALWAYS) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="write")
        self._pending: deque[tuple[int, Future[R]]] = deque()
        self._behind = behind
        self._waits = waits

    def __enter__(self) -> WriteBehind[R]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=not self._waits.gave_up, cancel_futures=kind is not None)

    @property
    def oldest(self) -> int | None:
        """The first frame that was given and not collected; None when all were."""
        return self._pending[0][0] if self._pending else None

    def submit(self, frame: int, task: Callable[[], R]) -> Iterator[R]:
        """Give one task, and get those that are done; waits while too many are under way."""
        self._pending.append((frame, self._pool.submit(task)))
        return self._collect(self._behind)

    def drain(self) -> Iterator[R]:
        """Wait for all tasks and get what they returned."""
        return self._collect(0)

    def _collect(self, allowed: int) -> Iterator[R]:
        while self._pending and (len(self._pending) > allowed or self._pending[0][1].done()):
            # Taken off only once it is done, so that `oldest` never runs ahead of the disk.
            result = self._waits.result_of(self._pending[0][1])
            self._pending.popleft()
            yield result
