"""Renders in processes of their own that are stopped and killed: no torn file, and the same pixels."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from render_kit import (
    RenderKit,
    run,
    same,
    start_process,
    states_in,
    temporaries,
)

from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.state import load_state

FRAMES = range(1, 17)
#: `make soak` asks for more.
KILLS = int(os.environ.get("KILLS", "10"))


@pytest.fixture(scope="module")
def shot(
    nano_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[int, FloatArray]]]:
    """Plates, and their depth in one unbroken render."""
    kit = RenderKit(nano_weights, tmp_path_factory.mktemp("unbroken"))
    plates = kit.shot(FRAMES)
    run(kit.job(plates))
    return plates, kit.depths()


def frames_on_disk(folder: Path) -> int:
    """How many frames have their name by now."""
    return len(list(folder.glob("shot.[0-9]*.exr")))


def wait_for_frames(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    """Until `count` frames have appeared."""
    limit = time.monotonic() + 120
    while frames_on_disk(folder) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.001)


def require_nothing_torn(kit: RenderKit, whole: dict[int, FloatArray]) -> None:
    """Every frame, state and manifest under its own name is whole and right."""
    found = kit.depths()
    assert same(found, {frame: whole[frame] for frame in found})
    states = kit.folder / "depth/shot.flashdepth"
    for path in states.glob("state.*.safetensors"):
        waits = load_state(path).next_frame
        assert set(range(1, waits)) <= set(found), "a state ran ahead of its frames"
    for path in states.glob("manifest.*.json"):
        json.loads(path.read_text())


@pytest.mark.parametrize("attempt", range(KILLS))
def test_killed_shot_that_is_resumed_equals_unbroken_shot(
    kit: RenderKit, shot: tuple[str, dict[int, FloatArray]], attempt: int
) -> None:
    plates, whole = shot
    disk = {"SLOW_DISK": "1"} if attempt % 2 else {}
    process = start_process(kit.job(plates, checkpoint_interval_frames=3), kit.folder, disk)
    wait_for_frames(process, kit.folder / "depth", 1 + attempt % 10)
    # Anywhere in a frame: while it is read, inferred, written, renamed, or its state is kept.
    time.sleep(random.Random(attempt).uniform(0, 0.03))
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert 1 <= len(kit.depths()) < len(FRAMES)
    require_nothing_torn(kit, whole)
    kept = len(kit.depths())
    result = run(kit.job(plates, resume=True, checkpoint_interval_frames=3))
    assert same(kit.depths(), whole)
    assert len(result.frames_kept) == kept
    assert temporaries(kit.folder) == []
    manifest = json.loads(result.manifest.read_text())
    assert (manifest["outcome"], manifest["resets"]) == ("done", [1])


def test_shot_that_is_killed_again_and_again_gets_done(
    kit: RenderKit, shot: tuple[str, dict[int, FloatArray]]
) -> None:
    plates, whole = shot
    for _ in range(2):
        job = kit.job(plates, resume=True, checkpoint_interval_frames=2)
        process = start_process(job, kit.folder)
        wait_for_frames(process, kit.folder / "depth", frames_on_disk(kit.folder / "depth") + 2)
        process.kill()
        process.communicate()
        require_nothing_torn(kit, whole)
    run(kit.job(plates, resume=True))
    assert same(kit.depths(), whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_finishes_the_frame_in_hand_saves_the_state_and_exits_143(
    kit: RenderKit, shot: tuple[str, dict[int, FloatArray]], number: signal.Signals
) -> None:
    plates, whole = shot
    process = start_process(kit.job(plates), kit.folder)
    wait_for_frames(process, kit.folder / "depth", 3)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 143, said
    assert "--resume" in said
    require_nothing_torn(kit, whole)
    assert temporaries(kit.folder) == []
    done = max(kit.depths())
    folder = kit.folder / "depth/shot.flashdepth"
    assert states_in(folder) == [done + 1]
    assert json.loads((folder / "manifest.1-16.json").read_text())["outcome"] == "interrupted"
    result = run(kit.job(plates, resume=True))
    assert result.frames_written == tuple(range(done + 1, 17))
    assert same(kit.depths(), whole)


def finish(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said


def test_two_chunks_at_once_share_the_folder_and_clobber_nothing(
    kit: RenderKit, shot: tuple[str, dict[int, FloatArray]]
) -> None:
    plates, whole = shot
    finish(
        *(
            start_process(kit.job(plates, frames=f, checkpoint_interval_frames=1), kit.folder)
            for f in ("1-8", "9-16")
        )
    )
    assert same(kit.depths(), whole)
    assert temporaries(kit.folder) == []
    folder = kit.folder / "depth/shot.flashdepth"
    for frames, first in (("1-8", 1), ("9-16", 9)):
        manifest = json.loads((folder / f"manifest.{frames}.json").read_text())
        assert manifest["outcome"] == "done"
        assert manifest["frames_written"] == list(range(first, first + 8))
        log = (folder / f"render.{frames}.log").read_text()
        assert log.count("done: 8 written") == 1
    for waits in states_in(folder):
        assert load_state(folder / f"state.{waits:07d}.safetensors").frames_seen == waits - 1
