"""`--exposure auto`: one number for the whole shot, the same wherever a render begins, stops and goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mask_kit import WINDOW, scene, write_shot
from plates import write_exr, write_movie
from render_checks import short_queue, stop_after  # noqa: F401 - a fixture
from render_kit import RenderKit, at, header_of, run, same
from test_color import LINEAR, encode, no_ocio_in_environment  # noqa: F401 - a fixture

from flashdepth_vfx import Shot
from flashdepth_vfx.color import plan_color
from flashdepth_vfx.errors import OutputExistsError
from flashdepth_vfx.exposure import auto_exposure
from flashdepth_vfx.masks import mask_plates
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.settings import RenderSettings
from flashdepth_vfx.shotinfo import open_shot

pytestmark = pytest.mark.usefixtures("short_queue")

FRAMES = range(1, 11)


def stops_of(pattern: str, colorspace: str = LINEAR, **settings: str) -> float:
    shot = Shot(input=pattern)
    reader = mask_plates(open_shot(shot), shot, RenderSettings(**settings), empty=None)
    return auto_exposure(reader, plan_color(reader.header(reader.frames[0]), colorspace=colorspace))


def grey(level: float) -> Callable[[int], FloatArray]:
    return lambda frame: scene(frame) / np.float32(np.median(scene(frame))) * np.float32(level)


@pytest.mark.parametrize("stops", [-6.0, -1.5, 0.0, 2.25, 9.0])
def test_the_middle_of_a_shot_is_brought_to_grey(tmp_path: Path, stops: float) -> None:
    pattern = write_shot(tmp_path, grey(0.18 * 2.0**-stops), FRAMES)
    assert stops_of(pattern) == pytest.approx(stops, abs=0.25)


@pytest.mark.parametrize("colorspace", ["ACEScg", "ARRI LogC3 (EI800)", "ARRI LogC4", "ADX10"])
def test_it_is_light_that_is_measured_and_not_codes(tmp_path: Path, colorspace: str) -> None:
    linear = stops_of(write_shot(tmp_path / "linear", grey(0.02), FRAMES))
    stored = write_shot(tmp_path / "codes", lambda f: encode(grey(0.02)(f), colorspace), FRAMES)
    assert stops_of(stored, colorspace) == pytest.approx(linear, abs=0.25)


def test_slates_black_frames_and_lights_do_not_move_it(tmp_path: Path) -> None:
    plain = stops_of(write_shot(tmp_path / "plain", grey(0.04), range(1, 41)))

    def odd(frame: int) -> FloatArray:
        if frame == 1:
            return np.full((*WINDOW.shape, 3), 0.9, np.float32)
        rgb = grey(0.04)(frame) * np.float32(not 20 < frame < 26)
        rgb[:20, :40] = 6e4 if frame % 2 else np.nan
        return rgb

    assert stops_of(write_shot(tmp_path / "odd", odd, range(1, 41))) == plain


def test_a_torn_frame_has_no_say_and_a_black_shot_is_left_as_it_is(tmp_path: Path) -> None:
    pattern = write_shot(tmp_path, grey(0.04), FRAMES)
    before = stops_of(pattern)
    at(pattern, 5).write_bytes(at(pattern, 5).read_bytes()[:500])
    assert stops_of(pattern) == before
    black = write_shot(tmp_path / "b", lambda f: np.zeros((*WINDOW.shape, 3), np.float32), FRAMES)
    assert stops_of(black) == 0.0


def test_what_is_ignored_has_no_say(tmp_path: Path) -> None:
    def with_rig(frame: int) -> FloatArray:
        rgb = grey(0.04)(frame)
        rgb[:, :100] = 3.0
        return rgb

    matte = np.zeros(WINDOW.shape, np.float32)
    matte[:, :100] = 1
    write_exr(tmp_path / "rig.exr", {"A": matte}, data=WINDOW, display=WINDOW)
    pattern = write_shot(tmp_path, with_rig, FRAMES)
    masked = stops_of(pattern, matte_input=str(tmp_path / "rig.exr"))
    assert masked == pytest.approx(
        stops_of(write_shot(tmp_path / "p", grey(0.04), FRAMES)), abs=0.5
    )
    assert stops_of(pattern) < masked - 3


def test_a_movie_is_measured_too(kit: RenderKit) -> None:
    movie = kit.folder / "dark.mov"
    frames = [scene(f) * np.float32(0.2) for f in range(1, 9)]
    write_movie(movie, frames, codec="prores_ks", pixel_format="yuv422p10le")
    run(kit.job(str(movie), "m/d.####.exr", exposure_stops="auto", cuts="none"))
    stops = header_of(kit.path(1, "m/d.####.exr"))["flashdepth/exposureStops"]
    assert stops > 1
    run(kit.job(str(movie), "n/d.####.exr", exposure_stops=stops, cuts="none"))
    assert same(kit.depths("m/d.####.exr"), kit.depths("n/d.####.exr"))


def fading(frame: int) -> FloatArray:
    """Its frames are as bright as each other in no two."""
    return scene(frame) * np.float32(0.3 / frame)


def test_auto_is_the_number_that_it_finds_and_says_so(kit: RenderKit) -> None:
    plates = write_shot(kit.folder, fading, FRAMES)
    result = run(kit.job(plates, exposure_stops="auto", colorspace=LINEAR))
    stops = header_of(kit.path(1))["flashdepth/exposureStops"]
    assert stops % 0.25 == 0
    assert 1 < stops < 6
    assert f"exposure {stops:+g} stops (auto)" in header_of(kit.path(10))["flashdepth/color"]
    manifest = json.loads(result.manifest.read_text())
    assert manifest["job"]["settings"]["exposure_stops"] == "auto"
    assert manifest["color"]["exposure_stops"] == manifest["identity"]["exposure_stops"] == stops
    run(kit.job(plates, "given/d.####.exr", exposure_stops=stops, colorspace=LINEAR))
    assert same(kit.depths(), kit.depths("given/d.####.exr"))


def test_chunks_and_a_resumed_render_have_the_whole_shots_number(kit: RenderKit) -> None:
    plates = write_shot(kit.folder, fading, FRAMES)
    auto = {"exposure_stops": "auto", "colorspace": LINEAR}
    run(kit.job(plates, "whole/d.####.exr", **auto))
    whole = kit.depths("whole/d.####.exr")
    stop_after(kit, plates, 4, **auto)
    run(kit.job(plates, resume=True, **auto))
    assert same(kit.depths(), whole)
    run(kit.job(plates, "one/d.####.exr", frames="10", **auto))
    assert same(kit.depths("one/d.####.exr"), {10: whole[10]})
    run(kit.job(plates, "two/d.####.exr", frames="1-6", state_out="s.safetensors", **auto))
    for frame in range(1, 7):
        at(plates, frame).unlink()
    run(kit.job(plates, "two/d.####.exr", frames="7-10", state_in="s.safetensors", **auto))
    assert same(kit.depths("two/d.####.exr"), whole)


def test_plates_that_change_the_number_are_refused_beside_the_old(kit: RenderKit) -> None:
    plates = write_shot(kit.folder, fading, FRAMES)
    auto = {"exposure_stops": "auto", "colorspace": LINEAR}
    run(kit.job(plates, **auto))
    write_shot(kit.folder, lambda f: fading(f) * np.float32(0.1), FRAMES)
    with pytest.raises(OutputExistsError, match="exposureStops"):
        run(kit.job(plates, resume=True, **auto))
