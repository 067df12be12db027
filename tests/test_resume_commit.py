"""What a render that ends badly leaves: no state ahead of its frames, and all to go on from."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from render_checks import marks, short_queue, stop_after  # noqa: F401 - a fixture
from render_kit import (
    RenderKit,
    Watcher,
    at,
    depth_of,
    run,
    same,
    states_in,
    temporaries,
)

from flashdepth_vfx.errors import CorruptPlateError, DiskFullError, Interrupted
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.plate import DepthFrame
from flashdepth_vfx.shotfolder import ShotFolder
from flashdepth_vfx.state import ShotState

pytestmark = pytest.mark.usefixtures("short_queue")


class Slow:
    """Makes every write slow, and looks at the disk whenever a state is kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kit: RenderKit, frames: range) -> None:
        self.early: list[tuple[int, list[int]]] = []
        self.kept: list[int] = []
        write, write_state = ExrDepthWriter.write, ShotFolder.write_state

        def slow_write(writer: ExrDepthWriter, depth: DepthFrame) -> int:
            time.sleep(0.15)
            return write(writer, depth)

        def watched(folder: ShotFolder, state: ShotState) -> Path:
            absent = [f for f in frames if f < state.next_frame and not kit.path(f).is_file()]
            self.kept.append(state.next_frame)
            if absent:
                self.early.append((state.next_frame, absent))
            return write_state(folder, state)

        monkeypatch.setattr(ExrDepthWriter, "write", slow_write)
        monkeypatch.setattr(ShotFolder, "write_state", watched)


@pytest.mark.parametrize("count", [None, 3])
def test_checkpoint_is_committed_only_after_its_frames_are_on_disk(
    kit: RenderKit, monkeypatch: pytest.MonkeyPatch, count: int | None
) -> None:
    plates = kit.shot(range(1, 9))
    slow = Slow(monkeypatch, kit, range(1, 9))
    if count is None:
        run(kit.job(plates, checkpoint_interval_frames=1))
        assert set(slow.kept) == set(range(2, 10))
    else:
        stop_after(kit, plates, count, checkpoint_interval_frames=1)
    assert slow.early == []


@pytest.mark.parametrize("fails_at", [1, 2, 4, 8])
def test_failed_write_leaves_no_state_ahead_of_its_frame(
    kit: RenderKit, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates, "whole/shot.####.exr"))
    write = ExrDepthWriter.write

    def failing(writer: ExrDepthWriter, depth: DepthFrame) -> int:
        if depth.frame == fails_at:
            time.sleep(0.1)
            raise DiskFullError(writer.path(depth.frame))
        return write(writer, depth)

    with monkeypatch.context() as patch:
        patch.setattr(ExrDepthWriter, "write", failing)
        with pytest.raises(DiskFullError, match="--resume"):
            run(kit.job(plates, checkpoint_interval_frames=1, state_out="s.safetensors"))
    assert not (kit.folder / "s.safetensors").exists()
    states = states_in(kit.folder / "depth/shot.flashdepth")
    assert all(waits <= fails_at for waits in states)
    assert [f for f in range(1, fails_at) if not kit.path(f).is_file()] == []
    # The state for the frames before it is kept, so that the way to it need not be gone again.
    assert states == list(range(2, fails_at + 1))
    run(kit.job(plates, resume=True, checkpoint_interval_frames=1))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


def test_torn_plate_in_the_middle_leaves_whole_frames_and_a_state_before_it(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates, "whole/shot.####.exr"))
    plate = at(plates, 5)
    content, times = plate.read_bytes(), plate.stat()
    plate.write_bytes(content[:-200])
    with pytest.raises(CorruptPlateError, match=r"shot\.0005\.exr.*copy it again") as raised:
        run(kit.job(plates))
    assert raised.value.exit_code == 1
    whole = kit.depths("whole/shot.####.exr")
    assert same(kit.depths(), {frame: whole[frame] for frame in (1, 2, 3, 4)})
    assert states_in(kit.folder / "depth/shot.flashdepth") == [5]
    manifest = kit.folder / "depth/shot.flashdepth/manifest.1-8.json"
    assert json.loads(manifest.read_text())["outcome"] == "failed"
    assert temporaries(kit.folder) == []
    plate.write_bytes(content)
    assert plate.stat().st_mtime_ns != times.st_mtime_ns
    before, watcher = marks(kit), Watcher()
    run(kit.job(plates, resume=True), watcher)
    assert (watcher.passed, watcher.written) == ([], [5, 6, 7, 8])
    assert {f: m for f, m in marks(kit).items() if f in before} == before
    assert same(kit.depths(), whole)


def test_observer_that_fails_leaves_a_state_to_go_on_from(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates, "whole/shot.####.exr"))

    class Falls(Watcher):
        def __call__(self, event: object) -> None:
            super().__call__(event)  # type: ignore[arg-type]
            if len(self.written) == 3:
                raise BrokenPipeError("nobody reads")

    with pytest.raises(BrokenPipeError):
        run(kit.job(plates), Falls())
    assert depth_of(kit.path(1)).shape == (96, 160)
    run(kit.job(plates, resume=True))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


def test_stop_before_the_first_frame_writes_none(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 4))
    watcher = Watcher()
    watcher.stop.set()
    with pytest.raises(Interrupted, match="first frame"):
        run(kit.job(plates), watcher)
    assert kit.depths() == {}
    assert run(kit.job(plates, resume=True)).frames_written == (1, 2, 3)


def test_stop_after_the_last_frame_is_a_finished_render(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 4))
    watcher = Watcher(stop_after=3)
    assert run(kit.job(plates), watcher).frames_written == (1, 2, 3)
