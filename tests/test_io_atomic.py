"""A file is whole or it is not there; failures are named; orphans of the dead are swept, no others."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flashdepth_vfx.errors import DiskFullError, OutputError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io import atomic
from flashdepth_vfx.io.atomic import atomic_write_bytes, sweep_orphans
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.plate import DepthFrame, Window


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_bytes_arrive_and_nothing_else(tmp_path: Path) -> None:
    assert atomic_write_bytes(tmp_path / "a" / "state.json", b"{}") == 2
    assert (tmp_path / "a" / "state.json").read_bytes() == b"{}"
    assert names(tmp_path / "a") == ["state.json"]


def test_empty_and_large_data_are_written_whole(tmp_path: Path) -> None:
    big = os.urandom(5_000_000)
    assert atomic_write_bytes(tmp_path / "empty", b"") == 0
    assert atomic_write_bytes(tmp_path / "big", memoryview(big)) == len(big)
    assert (tmp_path / "empty").read_bytes() == b""
    assert (tmp_path / "big").read_bytes() == big


@pytest.mark.parametrize("name", ["x" * 250, "日本" * 40, "a b[1]{2}#%04d.exr", ".hidden"])
def test_any_name_that_a_file_may_have(tmp_path: Path, name: str) -> None:
    atomic_write_bytes(tmp_path / name, b"data")
    assert names(tmp_path) == [name]


def test_modes_follow_the_umask(tmp_path: Path) -> None:
    for mask in (0o022, 0o007, 0o077):
        old = os.umask(mask)
        try:
            atomic_write_bytes(tmp_path / "f", b"data")
        finally:
            os.umask(old)
        assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o666 & ~mask


def test_a_reader_sees_the_old_file_or_the_new_and_nothing_between(tmp_path: Path) -> None:
    path = tmp_path / "f"
    old, new = b"o" * 3_000_000, b"n" * 3_000_000
    code = (
        "import sys; from pathlib import Path; from flashdepth_vfx.io.atomic import atomic_write_bytes\n"
        "for _ in range(20):\n"
        "    for letter in b'no': atomic_write_bytes(Path(sys.argv[1]), bytes([letter]) * 3_000_000)"
    )
    atomic_write_bytes(path, old)
    child = subprocess.Popen([sys.executable, "-c", code, str(path)])
    seen = set()
    while child.poll() is None:
        data = path.read_bytes()
        assert data in (old, new)
        seen.add(data[:1])
    assert child.returncode == 0
    assert seen == {b"o", b"n"}


def test_the_bytes_are_on_disk_before_the_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut a renamed file that was not flushed is empty. The real calls are made."""
    done: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_fsync(descriptor)

    def replace(source: Path, target: Path) -> None:
        done.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    atomic_write_bytes(tmp_path / "f", b"data")
    assert done == ["file", "rename", "folder"]


def test_a_file_where_the_folder_should_be_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    for path in (tmp_path / "out" / "f.exr", tmp_path / "out" / "deeper" / "f.exr"):
        with pytest.raises(
            OutputError, match=r"not a folder.*name another output folder"
        ) as caught:
            atomic_write_bytes(path, b"data")
        assert caught.value.path == str(path)
    assert (tmp_path / "out").read_text() == "a file"


def test_a_folder_where_the_file_should_be_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "f.exr").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        atomic_write_bytes(tmp_path / "f.exr", b"data")
    assert names(tmp_path) == ["f.exr"]


def test_a_folder_that_may_not_be_written_is_named_with_a_remedy() -> None:
    """/proc refuses even root, as a read-only disk does."""
    if not Path("/proc/self").is_dir():
        pytest.skip("needs /proc: a folder that root may not write")
    with pytest.raises(OutputError, match="/proc"):
        atomic_write_bytes(Path("/proc/f.exr"), b"data")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_refused_access_asks_for_access(number: int) -> None:
    error = atomic._as_output_error(Path("/show/f.exr"), OSError(number, os.strerror(number)))
    assert type(error) is OutputError
    assert "grant write access or name another folder" in str(error)
    assert "on Windows, also close the file" in str(error)
    assert "/show" in str(error)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_and_no_quota_are_a_full_disk(number: int) -> None:
    error = atomic._as_output_error(Path("/show/f.exr"), OSError(number, os.strerror(number)))
    assert type(error) is DiskFullError
    assert error.exit_code == 75


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("cannot mount a small file system here (needs root): full disk not tested")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_and_leaves_what_was_there(small_disk: Path) -> None:
    atomic_write_bytes(small_disk / "f", b"before")
    with pytest.raises(DiskFullError, match="--resume"):
        atomic_write_bytes(small_disk / "f", bytes(1_000_000))
    assert names(small_disk) == ["f"]
    assert (small_disk / "f").read_bytes() == b"before"


def test_depth_on_a_full_disk_leaves_whole_frames_only(small_disk: Path) -> None:
    out = ExrDepthWriter(FrameSequence.parse(str(small_disk / "d.####.exr")), compression="none")
    window = Window(0, 0, 160, 100)
    depth = np.random.default_rng(0).random(window.shape, np.float32)

    def fill() -> None:
        for frame in range(1, 100):
            out.write(DepthFrame(frame, depth, window, window, 1.0, {}))

    with pytest.raises(DiskFullError):
        fill()
    frames = out.sequence.frames_on_disk()
    assert 0 < len(frames) < 8
    assert names(small_disk) == [out.path(frame).name for frame in frames]
    assert all(out.attributes(frame) is not None for frame in frames)


def test_a_read_only_disk_is_named_with_a_remedy(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OutputError, match="grant write access or name another folder"):
        atomic_write_bytes(small_disk / "f", b"data")
    with pytest.raises(OutputError, match="grant write access or name another folder"):
        atomic_write_bytes(small_disk / "new" / "f", b"data")


def _dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def _temporary(folder: Path, pid: int, *, host: str | None = None, age_s: float = 0) -> Path:
    name = f".depth.1001.exr.{host or atomic.process_space()}.{pid}.0123abcd.tmp"
    path = folder / name
    path.write_bytes(b"half")
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


def test_a_temporary_is_hidden_and_no_pattern_matches_it() -> None:
    name = atomic._temporary_name("depth.1001.exr")
    assert re.fullmatch(r"\.depth\.1001\.exr\..+\.tmp", name)
    assert str(os.getpid()) in name
    assert name != atomic._temporary_name("depth.1001.exr")


def test_temporaries_of_the_dead_are_swept(tmp_path: Path) -> None:
    _temporary(tmp_path, _dead_pid(), age_s=0)
    assert sweep_orphans(tmp_path) == 1
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="told by Linux alone")
def test_temporaries_of_another_container_stay_though_its_host_has_our_name(tmp_path: Path) -> None:
    """Process numbers of another container, or of another boot, say nothing about ours."""
    host = socket.gethostname()
    assert atomic.process_space().startswith(host)
    kept = [
        _temporary(tmp_path, _dead_pid(), host=h, age_s=3600) for h in (host, f"{host}-0123abcd")
    ]
    assert sweep_orphans(tmp_path) == 0
    assert names(tmp_path) == sorted(path.name for path in kept)


def test_temporaries_of_the_living_stay(tmp_path: Path) -> None:
    kept = [_temporary(tmp_path, pid, age_s=3600) for pid in (os.getpid(), 1)]
    assert sweep_orphans(tmp_path) == 0
    assert all(path.exists() for path in kept)


def test_temporaries_of_another_host_stay_for_a_day(tmp_path: Path) -> None:
    kept = _temporary(tmp_path, _dead_pid(), host="other-host", age_s=80_000)
    _temporary(tmp_path, _dead_pid(), host="third", age_s=90_000)
    assert sweep_orphans(tmp_path) == 1
    assert names(tmp_path) == [kept.name]


def test_nothing_but_temporaries_is_swept(tmp_path: Path) -> None:
    host, pid = atomic.process_space(), _dead_pid()
    others = (
        "depth.1001.exr",
        ".depth.1001.exr",
        f"depth.1001.exr.{host}.{pid}.0123abcd.tmp",
        f".depth.1001.exr.{host}.{pid}.0123abcd.tmp2",
        f".depth.1001.exr.{host}.{pid}.tmp",
        ".x.tmp",
    )
    for name in others:
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (0, 0))
    assert sweep_orphans(tmp_path) == 0
    assert names(tmp_path) == sorted(others)


def test_what_was_written_here_and_not_finished_is_what_is_swept(tmp_path: Path) -> None:
    (tmp_path / atomic._temporary_name("日本 [x].exr")).write_bytes(b"half")
    old = time.time() - 90_000
    for path in tmp_path.iterdir():
        os.utime(path, (old, old))
    assert sweep_orphans(tmp_path) == 1


def test_a_folder_that_is_not_there_has_no_orphans(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert sweep_orphans(tmp_path / "none") == 0
    assert sweep_orphans(tmp_path / "file") == 0
