"""Outputs that cannot be written: a full disk, a folder without permission, a name that is no file's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from render_kit import RenderKit, at, run, same, start_process, states_in, temporaries

from flashdepth_vfx.errors import DiskFullError, FlashDepthError, OutputError, UsageError


def resize(disk: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


def test_full_disk_leaves_whole_frames_and_resume_ends_the_job(
    kit: RenderKit, small_disk: Path
) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates, "whole/shot.####.exr"))
    out = "disk/depth/shot.####.exr"
    with pytest.raises(DiskFullError) as raised:
        run(kit.job(plates, out))
    assert raised.value.exit_code == 75
    assert "\n" not in str(raised.value)
    assert "--resume" in str(raised.value)
    assert temporaries(small_disk) == []
    whole, found = kit.depths("whole/shot.####.exr"), kit.depths(out)
    assert 0 < len(found) < 8
    assert same(found, {frame: whole[frame] for frame in found})
    resize(small_disk, "20m")
    result = run(kit.job(plates, out, resume=True))
    assert result.frames_kept == tuple(found)
    assert same(kit.depths(out), whole)


def test_disk_that_is_full_of_states_says_so_in_a_process_of_its_own(
    kit: RenderKit, small_disk: Path
) -> None:
    plates = kit.shot(range(1, 3))
    job = kit.job(plates, "disk/depth/shot.####.exr", checkpoint_interval_frames=1)
    process = start_process(job, kit.folder)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 75
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert states_in(small_disk / "depth/shot.flashdepth") == []
    assert temporaries(small_disk) == []


def test_disk_without_room_for_anything_leaves_the_error_alone(
    kit: RenderKit, small_disk: Path
) -> None:
    (small_disk / "ballast").write_bytes(bytes(300 * 1024))
    with pytest.raises(DiskFullError):
        run(kit.job(kit.shot((1, 2)), "disk/depth/shot.####.exr"))
    assert kit.depths("disk/depth/shot.####.exr") == {}


def test_disk_that_is_mounted_to_be_read_is_named_and_nothing_is_left(
    kit: RenderKit, small_disk: Path
) -> None:
    plates = kit.shot((1, 2))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    process = start_process(kit.job(plates, "disk/depth/shot.####.exr"), kit.folder)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert said.count("\n") == 1
    assert "Read-only file system" in said
    assert "grant write access or name another folder" in said
    assert list(small_disk.iterdir()) == []


def powers() -> list[str]:
    """A prefix under which permissions hold: root's power to pass over them is taken away."""
    if os.name != "posix":
        pytest.skip("permissions are POSIX ones")
    if os.geteuid() != 0:
        return []
    command = shutil.which("setpriv")
    prefix = [str(command), "--bounding-set=-dac_override,-dac_read_search"]
    probe = [*prefix, "cat", "/proc/self/status"]
    if command is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("this is root, whom no permission stops, and setpriv cannot change that")
    return prefix


@pytest.fixture
def restored(tmp_path: Path) -> Iterator[None]:
    """Permissions as they were, so that the folder can be removed."""
    yield
    for folder, _, _ in os.walk(tmp_path):
        Path(folder).chmod(0o755)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("folder", "mode", "out"),
    [
        ("depth", 0o555, "depth/shot.####.exr"),
        ("depth", 0o555, "depth/new/shot.####.exr"),
        ("depth", 0o000, "depth/shot.####.exr"),
        ("depth/shot.flashdepth", 0o555, "depth/shot.####.exr"),
    ],
    ids=["read-only", "below read-only", "closed", "states read-only"],
)
def test_folder_without_permission_is_named_in_one_line(
    kit: RenderKit, folder: str, mode: int, out: str
) -> None:
    prefix = powers()
    job = kit.job(kit.shot((1, 2)), out)
    (kit.folder / folder).mkdir(parents=True)
    before = sorted((kit.folder / "depth").rglob("*"))
    (kit.folder / folder).chmod(mode)
    process = start_process(job, kit.folder, prefix=prefix)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert "depth" in said
    (kit.folder / folder).chmod(0o755)
    assert sorted((kit.folder / "depth").rglob("*")) == before


@pytest.mark.usefixtures("restored")
def test_state_out_in_a_closed_folder_is_named_before_anything_is_rendered(kit: RenderKit) -> None:
    prefix = powers()
    job = kit.job(kit.shot((1, 2)), state_out="states/s.safetensors")
    (kit.folder / "states").mkdir(mode=0)
    process = start_process(job, kit.folder, prefix=prefix)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert said.count("\n") == 1
    assert "states/s.safetensors" in said
    assert not (kit.folder / "depth").exists()


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("closed", ["plates", "plates/shot.0001.exr", "plates/shot.0002.exr"])
def test_plates_without_permission_are_named_in_one_line(kit: RenderKit, closed: str) -> None:
    prefix = powers()
    job = kit.job(kit.shot((1, 2)))
    (kit.folder / closed).chmod(0)
    process = start_process(job, kit.folder, prefix=prefix)
    _, said = process.communicate(timeout=60)
    (kit.folder / "plates").chmod(0o755)
    assert process.returncode == 1, said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert closed in said
    assert not (kit.folder / "depth").exists()


@pytest.mark.parametrize(
    "out",
    [
        "file/shot.####.exr",
        "file/new/shot.####.exr",
        "y" * 300 + ".####.exr",
        "shot\0.####.exr",
    ],
    ids=["a file as folder", "below a file", "long name", "zero byte"],
)
def test_output_that_no_file_system_takes_is_refused(kit: RenderKit, out: str) -> None:
    plates = kit.shot((1, 2))
    (kit.folder / "file").write_bytes(b"in the way")
    before = sorted(kit.folder.rglob("*"))
    with pytest.raises(FlashDepthError) as raised:
        run(kit.job(plates, out))
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code in (1, 2)
    assert sorted(kit.folder.rglob("*")) == before


@pytest.mark.parametrize(
    "out",
    ["depth/shot.exr", "depth/shot.####.png", "depth/####/shot.####.exr", "depth/%V.####.exr", ""],
)
def test_output_pattern_that_cannot_be_is_refused(kit: RenderKit, out: str) -> None:
    plates = kit.shot((1, 2))
    job = kit.job(plates)
    with pytest.raises(UsageError) as raised:
        run(replace(job, output=str(kit.folder / out) if out else ""))
    assert "\n" not in str(raised.value)
    assert not (kit.folder / "depth").exists()


def test_frame_name_that_is_a_folder_is_refused_before_anything_is_written(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    kit.path(2).mkdir(parents=True)
    with pytest.raises(OutputError, match=r"shot\.0002\.exr"):
        run(kit.job(plates))
    assert not kit.path(1).exists()


def test_state_that_cannot_be_handed_on_is_refused_before_anything_is_rendered(
    kit: RenderKit,
) -> None:
    plates = kit.shot((1, 2))
    (kit.folder / "states").mkdir()
    with pytest.raises(UsageError, match="--state-out"):
        run(kit.job(plates, state_out="states"))
    assert not (kit.folder / "depth").exists()


def test_output_may_be_a_folder_that_is_not_there_yet(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    run(kit.job(plates, "new/folder"))
    names = sorted(path.name for path in (kit.folder / "new/folder").iterdir())
    assert names == ["shot_depth.0001.exr", "shot_depth.0002.exr", "shot_depth.flashdepth"]


def test_write_that_is_cut_short_leaves_the_old_frame(
    kit: RenderKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    plates = kit.shot((1, 2))
    run(kit.job(plates))
    before = kit.path(2).read_bytes()
    rename = os.replace

    def fails(source: str, target: str) -> None:
        if Path(target).name == "shot.0002.exr":
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "replace", fails)
    at(plates, 1).touch()
    with pytest.raises(DiskFullError):
        run(kit.job(plates, exposure_stops=1.0, overwrite=True))
    assert kit.path(2).read_bytes() == before
    assert temporaries(kit.folder) == []


def test_what_is_written_is_named_only_when_it_is_whole(kit: RenderKit) -> None:
    """Watched from outside: a name in the folder is never that of a half-written file."""
    plates = kit.shot(range(1, 9))
    watch = (
        "import sys, time; sys.path.insert(0, sys.argv[2]);"
        "from pathlib import Path; from flashdepth_vfx.io.exr_layout import check_whole, read_layout\n"
        "folder = Path(sys.argv[1]); seen = 0\n"
        "print('ready', flush=True)\n"
        "while seen < 8:\n"
        "    names = sorted(folder.glob('shot.[0-9]*.exr'))\n"
        "    for path in names[-2:]: check_whole(path, read_layout(path))\n"
        "    seen = len(names)\n"
    )
    repository = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-c", watch, str(kit.folder / "depth"), repository]
    watcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert watcher.stdout is not None
    watcher.stdout.readline()
    run(kit.job(plates))
    _, said = watcher.communicate(timeout=60)
    assert watcher.returncode == 0, said
