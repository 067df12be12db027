"""States that do not fit: refused with the reason, before anything is written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from render_kit import RenderKit, Watcher, header_of, run, same, start_process
from safetensors.torch import load_file, save_file

from flashdepth_vfx.errors import (
    MissingFrameError,
    OutputExistsError,
    StateError,
    StateMismatchError,
)
from flashdepth_vfx.state import ShotIdentity, load_state, save_state


def change_identity(path: Path, change: Callable[[ShotIdentity], ShotIdentity]) -> None:
    """Make a state say that it comes from elsewhere."""
    state = load_state(path)
    save_state(path, replace(state, identity=change(state.identity)))


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"exposure_stops": 1.0}, "exposure_stops"),
        ({"colorspace": "ACEScg"}, "color"),
        ({"resolution": 320}, "canvas"),
        ({"sparse": True}, "sparse"),
    ],
)
def test_state_of_other_settings_is_refused_with_the_reason(
    kit: RenderKit, other: dict[str, object], named: str
) -> None:
    plates = kit.shot(range(1, 5))
    run(kit.job(plates, frames="1-2", state_out="s.safetensors"))
    with pytest.raises(StateMismatchError, match=named) as raised:
        run(kit.job(plates, "b/shot.####.exr", frames="3-4", state_in="s.safetensors", **other))
    assert raised.value.exit_code == 1
    assert "s.safetensors" in str(raised.value)
    assert not (kit.folder / "b").exists()


def test_state_of_other_weights_is_refused_with_the_reason(
    kit: RenderKit, nano_weights: Path
) -> None:
    from safetensors import safe_open

    plates = kit.shot(range(1, 5))
    run(kit.job(plates, frames="1-2", state_out="s.safetensors"))
    tensors = load_file(nano_weights)
    tensors["mamba.final_layer.1.bias"] = tensors["mamba.final_layer.1.bias"] + 1
    with safe_open(nano_weights, framework="pt") as file:
        save_file(tensors, kit.folder / "other.safetensors", file.metadata())
    job = kit.job(plates, "b/shot.####.exr", frames="3-4", state_in="s.safetensors")
    other = replace(job.settings, weights=str(kit.folder / "other.safetensors"))
    with pytest.raises(StateMismatchError, match="weights_sha256"):
        run(replace(job, settings=other))


def test_state_of_another_shot_is_refused_with_the_reason(kit: RenderKit) -> None:
    run(kit.job(kit.shot((1, 2)), state_out="s.safetensors"))
    other = kit.shot((1, 2, 3), "plates/other.####.exr")
    with pytest.raises(StateMismatchError, match=r"shot is shot\.####\.exr, not other"):
        run(kit.job(other, "b/shot.####.exr", frames="3", state_in="s.safetensors"))


@pytest.mark.parametrize(
    "frames", ["2", "2-4", "1-4x3"], ids=["before", "from before", "partly before"]
)
def test_frames_before_the_state_are_refused(kit: RenderKit, frames: str) -> None:
    plates = kit.shot(range(1, 5))
    run(kit.job(plates, frames="1-2", state_out="s.safetensors"))
    with pytest.raises(StateMismatchError, match="waits for frame 3"):
        run(kit.job(plates, "b/shot.####.exr", frames=frames, state_in="s.safetensors"))


def test_state_that_waits_for_a_frame_beyond_the_plates_is_refused(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 5))
    run(kit.job(plates, state_out="s.safetensors"))
    with pytest.raises(StateMismatchError, match=r"waits for frame 5, but .* holds 1-4"):
        run(kit.job(plates, "b/shot.####.exr", state_in="s.safetensors"))


@pytest.mark.parametrize("field", ["device", "kernels"])
def test_state_of_another_device_needs_a_word_of_consent(kit: RenderKit, field: str) -> None:
    plates = kit.shot(range(1, 5))
    run(kit.job(plates))
    run(kit.job(plates, "a/shot.####.exr", frames="1-2", state_out="s.safetensors"))
    path = kit.folder / "s.safetensors"
    change_identity(path, lambda identity: replace(identity, **{field: "elsewhere"}))
    job = kit.job(plates, "b/shot.####.exr", frames="3-4", state_in="s.safetensors")
    with pytest.raises(StateMismatchError, match=f"{field} is elsewhere.*--allow-device-change"):
        run(job)
    run(replace(job, settings=replace(job.settings, allow_device_change=True)))
    whole = kit.depths()
    assert same(kit.depths("b/shot.####.exr"), {3: whole[3], 4: whole[4]})


def test_consent_to_another_device_is_no_consent_to_another_shot(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 5))
    run(kit.job(plates, frames="1-2", state_out="s.safetensors"))
    change_identity(
        kit.folder / "s.safetensors", lambda i: replace(i, device="elsewhere", color="other")
    )
    job = kit.job(
        plates, "b/s.####.exr", frames="3", state_in="s.safetensors", allow_device_change=True
    )
    with pytest.raises(StateMismatchError, match="color is other"):
        run(job)


def test_number_of_threads_is_part_of_the_kernels(kit: RenderKit) -> None:
    """Two threads round otherwise than one: pixels of two such chunks would not join bit for bit."""
    plates = kit.shot(range(1, 4))
    run(kit.job(plates, frames="1-2", state_out="s.safetensors"))
    mine = torch.get_num_threads()
    job = kit.job(plates, "b/shot.####.exr", frames="3", state_in="s.safetensors")
    process = start_process(job, kit.folder, {"OMP_NUM_THREADS": str(mine + 1)})
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "kernels" in said
    assert "--allow-device-change" in said


def test_frames_of_another_device_are_not_joined_without_consent(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 4))
    process = start_process(
        kit.job(plates, frames="1-2"),
        kit.folder,
        {"OMP_NUM_THREADS": str(torch.get_num_threads() + 1)},
    )
    assert process.wait(60) == 0
    with pytest.raises(OutputExistsError, match="--allow-device-change"):
        run(kit.job(plates, resume=True))
    result = run(kit.job(plates, resume=True, allow_device_change=True))
    assert (result.frames_kept, result.frames_written) == ((1, 2), (3,))
    assert (
        header_of(kit.path(1))["flashdepth/kernels"] != header_of(kit.path(3))["flashdepth/kernels"]
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a state",
        b"\xff" * 64,
        (8).to_bytes(8, "little") + b"{}      ",
        (1 << 40).to_bytes(8, "little") + b"{}",
    ],
    ids=["empty", "text", "noise", "no state", "huge header"],
)
def test_file_that_is_no_state_is_refused_in_one_line(kit: RenderKit, content: bytes) -> None:
    plates = kit.shot((1, 2))
    (kit.folder / "s.safetensors").write_bytes(content)
    with pytest.raises(StateError, match=r"s\.safetensors: ") as raised:
        run(kit.job(plates, state_in="s.safetensors"))
    assert "\n" not in str(raised.value)
    assert not (kit.folder / "depth").exists()


@pytest.mark.parametrize("name", ["absent.safetensors", "plates"])
def test_state_that_is_no_file_is_refused(kit: RenderKit, name: str) -> None:
    plates = kit.shot((1, 2))
    with pytest.raises(StateError, match=name):
        run(kit.job(plates, state_in=name))


def test_torn_state_is_refused(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 3))
    run(kit.job(plates, frames="1-2", state_out="s.safetensors"))
    path = kit.folder / "s.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StateError, match="cannot be read as a state"):
        run(kit.job(plates, "b/shot.####.exr", frames="3", state_in="s.safetensors"))


def test_hole_right_after_a_given_state_has_nothing_to_hold(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 4, 5))
    run(kit.job(plates, "a/s.####.exr", frames="1-2", state_out="s.state"))
    with pytest.raises(MissingFrameError, match="frame 3 "):
        run(kit.job(plates, "b/s.####.exr", frames="3-5", state_in="s.state", missing="hold"))
    assert not (kit.folder / "b").exists()


def test_a_state_from_another_folder_raises_a_question_and_no_more(kit: RenderKit) -> None:
    """Farms copy plates to where they render: only a person can tell a copy from another shot."""
    first = kit.shot(range(1, 4), "sh010/plate.####.exr")
    run(kit.job(first, "a/plate.####.exr", state_out="s.safetensors"))
    second = kit.shot(range(4, 7), "sh020/plate.####.exr")
    watcher = Watcher()
    run(kit.job(second, "b/plate.####.exr", state_in="s.safetensors"), watcher)
    assert any("sh010" in text and "are they one shot?" in text for text in watcher.warnings)


def test_a_state_whose_plates_were_copied_with_their_times_raises_none(kit: RenderKit) -> None:
    first = kit.shot(range(1, 4), "here/plate.####.exr")
    run(kit.job(first, "a/plate.####.exr", state_out="s.safetensors"))
    kit.shot(range(4, 7), "here/plate.####.exr")
    shutil.copytree(kit.folder / "here", kit.folder / "there")
    watcher = Watcher()
    there = str(kit.folder / "there/plate.####.exr")
    run(kit.job(there, "b/plate.####.exr", frames="4-6", state_in="s.safetensors"), watcher)
    assert not any("one shot?" in text for text in watcher.warnings)


def test_a_checkpoint_that_is_passed_over_is_told(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 7))
    run(kit.job(plates, checkpoint_interval_frames=2))
    torn = kit.folder / "depth/shot.flashdepth/state.0000005.safetensors"
    torn.write_bytes(torn.read_bytes()[:-7])
    kit.path(5).unlink()
    watcher = Watcher()
    run(kit.job(plates, resume=True, checkpoint_interval_frames=2), watcher)
    assert any("state.0000005.safetensors" in text for text in watcher.warnings)
