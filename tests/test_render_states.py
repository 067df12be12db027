"""States handed on from chunk to chunk, and the ones that are refused."""

from __future__ import annotations

import json

import pytest
from render_kit import RenderKit, Watcher, at, run, same, write_plate

from flashdepth_vfx.errors import (
    Interrupted,
)
from flashdepth_vfx.plate import Window
from flashdepth_vfx.state import load_state


def test_chunks_with_the_state_handed_on_equal_the_whole(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates))
    # Each chunk in a folder of its own: nothing but the state passes between them.
    run(kit.job(plates, "a/shot.####.exr", frames="1-3", state_out="states/3.safetensors"))
    watcher = Watcher()
    second = kit.job(plates, "b/shot.####.exr", frames="4-8", state_in="states/3.safetensors")
    run(second, watcher)
    assert (watcher.passed, watcher.written) == ([], [4, 5, 6, 7, 8])
    assert same(kit.depths(), kit.depths("a/shot.####.exr") | kit.depths("b/shot.####.exr"))


@pytest.mark.parametrize("longer", range(0, 64, 8))
def test_state_means_the_same_wherever_in_its_file_it_lies(kit: RenderKit, longer: int) -> None:
    """A longer name moves the numbers in the file, and with them their place in memory.

    Products with one row round otherwise off the 16-byte grid: this size makes one token a frame.
    """
    name, window = "s" * (1 + longer), Window(0, 0, 128, 96)
    plates = kit.shot(range(1, 5), f"plates/{name}.####.exr", data=window)
    run(kit.job(plates, checkpoint_interval_frames=2))
    whole = kit.depths()
    kit.path(4).unlink()
    watcher = Watcher()
    run(kit.job(plates, frames="4"), watcher)
    assert watcher.passed == [3]
    assert same(kit.depths(), whole)


def test_state_out_of_the_last_chunk_equals_that_of_the_whole(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 5))
    run(kit.job(plates, state_out="whole.safetensors"))
    run(kit.job(plates, "a/shot.####.exr", frames="1-2", state_out="half.safetensors"))
    run(
        kit.job(
            plates,
            "b/shot.####.exr",
            frames="3-4",
            state_in="half.safetensors",
            state_out="end.safetensors",
        )
    )
    whole, end = (kit.folder / f"{name}.safetensors" for name in ("whole", "end"))
    assert whole.read_bytes() == end.read_bytes()


def test_gap_after_a_given_state_is_gone_through(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 7))
    run(kit.job(plates))
    run(kit.job(plates, "a/shot.####.exr", frames="1-2", state_out="s.safetensors"))
    watcher = Watcher()
    run(kit.job(plates, "b/shot.####.exr", frames="5", state_in="s.safetensors"), watcher)
    assert watcher.passed == [3, 4]
    assert same(kit.depths("b/shot.####.exr"), {5: kit.depths()[5]})


def test_chunk_that_is_all_hole_hands_the_state_on(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 5, 6))
    run(kit.job(plates, missing="skip"))
    for frames, given, left in (("1-2", None, "2"), ("3-4", "2", "4"), ("5-6", "4", "6")):
        run(
            kit.job(
                plates,
                f"{left}/shot.####.exr",
                frames=frames,
                missing="skip",
                state_in=given and f"{given}.safetensors",
                state_out=f"{left}.safetensors",
            )
        )
    chunks = kit.depths("2/shot.####.exr") | kit.depths("6/shot.####.exr")
    assert same(kit.depths(), chunks)


def test_moved_state_and_mapped_folders_still_fit(kit: RenderKit) -> None:
    """Farms map paths: a state belongs to a sequence by its name, not its folder."""
    plates = kit.shot(range(1, 5))
    run(kit.job(plates, frames="1-2", state_out="s.safetensors"))
    (kit.folder / "plates").rename(kit.folder / "elsewhere")
    moved = str(kit.folder / "elsewhere/shot.%04d.exr")
    result = run(kit.job(moved, "b/shot.####.exr", frames="3-4", state_in="s.safetensors"))
    assert result.frames_written == (3, 4)


def test_state_is_not_handed_on_by_a_render_that_failed(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 3))
    torn = at(plates, 3)
    torn.write_bytes(torn.read_bytes()[:-50])
    with pytest.raises(Exception, match=r"shot\.0003\.exr"):
        run(kit.job(plates, state_out="s.safetensors"))
    assert not (kit.folder / "s.safetensors").exists()


def test_state_is_not_handed_on_by_a_render_that_was_stopped(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 21))
    with pytest.raises(Interrupted):
        run(kit.job(plates, state_out="s.safetensors"), Watcher(stop_after=2))
    assert not (kit.folder / "s.safetensors").exists()
    run(kit.job(plates, state_out="s.safetensors", resume=True))
    assert load_state(kit.folder / "s.safetensors").next_frame == 21


def test_canvas_of_a_given_state_holds_for_later_plates(kit: RenderKit) -> None:
    """Plates of a chunk may have gone from disk: the state's canvas stays the shot's."""
    display = Window(0, 0, 160, 96)
    plates = kit.shot(range(1, 5), display=display)
    write_plate(at(plates, 1), 1, data=Window(-32, 0, 192, 96), display=display)
    run(kit.job(plates))
    run(kit.job(plates, "a/shot.####.exr", frames="1-2", state_out="s.safetensors"))
    at(plates, 1).unlink()
    run(kit.job(plates, "b/shot.####.exr", frames="3-4", state_in="s.safetensors"))
    whole = kit.depths()
    assert same(kit.depths("b/shot.####.exr"), {3: whole[3], 4: whole[4]})


def test_state_says_what_it_belongs_to(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    run(kit.job(plates, state_out="s.safetensors"))
    state = load_state(kit.folder / "s.safetensors")
    assert (state.next_frame, state.frames_seen) == (3, 2)
    assert state.identity.shot == "shot.####.exr"
    assert json.loads(json.dumps(state.identity.device)) == "cpu"
