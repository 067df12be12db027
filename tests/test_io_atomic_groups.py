"""Many files at once: each whole, those of a group in order, and the disk waited for by several together."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flashdepth_vfx.errors import OutputError
from flashdepth_vfx.io import atomic
from flashdepth_vfx.io.atomic import atomic_write_groups


def test_groups_are_written_whole_and_each_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Path] = []
    write = atomic.atomic_write_bytes
    monkeypatch.setattr(atomic, "atomic_write_bytes", lambda p, d: (write(p, d), done.append(p)))
    groups = [
        [(tmp_path / str(number) / name, f"{number}{name}".encode()) for name in ("first", "last")]
        for number in range(50)
    ]
    atomic_write_groups(groups)
    for group in groups:
        assert [path.read_bytes() for path, _ in group] == [data for _, data in group]
        assert done.index(group[0][0]) < done.index(group[1][0])
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 100


def test_few_groups_are_held_and_none_is_begun_after_a_failure(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_bytes(b"")
    asked: list[int] = []

    def groups() -> Iterator[list[tuple[Path, bytes]]]:
        for number in range(1000):
            asked.append(number)
            yield [(tmp_path / ("in the way" if number == 3 else str(number)) / "file", b"x")]

    with pytest.raises(OutputError, match="is not a folder"):
        atomic_write_groups(groups())
    # The failure is seen when the third is waited for, with the groups held by then behind it.
    assert len(asked) <= 3 + 2 * atomic._GROUPS_AT_ONCE + 2
    assert not list(tmp_path.rglob("*.tmp"))


def test_groups_wait_for_the_disk_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits, most = 0, 0
    lock = threading.Lock()

    def slow(descriptor: int) -> None:
        nonlocal waits, most
        with lock:
            waits += 1
            most = max(most, waits)
        time.sleep(0.02)
        with lock:
            waits -= 1

    monkeypatch.setattr(os, "fsync", slow)
    atomic_write_groups([[(tmp_path / str(number) / "file", b"x")] for number in range(24)])
    assert 2 <= most <= atomic._GROUPS_AT_ONCE
