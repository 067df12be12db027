"""`--preview`: a movie of plate and depth, with as many frames as the pass spans, in the right order."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from render_kit import RenderKit, run
from review_kit import depth_file, slope, write_pass

from flashdepth_vfx.errors import OutputError, SettingsError
from flashdepth_vfx.review import PassReport, write_preview, write_report


def played(path: Path) -> tuple[list[np.ndarray], Fraction]:
    """Its pictures, `(H, W, 3)` in 0..1, and its rate."""
    with av.open(str(path)) as movie:
        stream = movie.streams.video[0]
        pictures = [f.to_ndarray(format="rgb24") / 255 for f in movie.decode(stream)]
        assert stream.average_rate is not None
        return pictures, stream.average_rate


def report_of(source: Path) -> PassReport:
    _, (report,) = write_report(str(source))
    return report


def brightening(folder: Path, frames: range) -> PassReport:
    """A pass whose depth is one value a frame, nearer with every frame."""
    values = {f: np.full((40, 60), 0.01 * f, np.float32) for f in frames}
    write_pass(folder, values)
    return report_of(folder)


def test_every_frame_is_shown_in_order(tmp_path: Path) -> None:
    report = brightening(tmp_path / "depth", range(1, 31))
    pictures, rate = played(write_preview(report, tmp_path / "a" / "review.mp4"))
    assert len(pictures) == 30
    assert rate == 24
    lightness = [picture[60:].mean() for picture in pictures]
    assert all(before < after for before, after in itertools.pairwise(lightness))


def test_the_plate_is_beside_its_depth(kit: RenderKit) -> None:
    run(kit.job(kit.shot(range(1, 7))))
    report = report_of(kit.folder / "depth")
    pictures, _ = played(write_preview(report, kit.folder / "review.mp4", frames_per_second=12.5))
    assert len(pictures) == 6
    assert pictures[0].shape[1] == 2 * 640
    left, right = pictures[3][40:, :640], pictures[3][40:, 640:]
    plate = next(shown.plate for shown in report.pictures if shown.frame == 4)
    assert plate is not None
    rows = np.linspace(0, plate.shape[0] - 1, left.shape[0]).round().astype(int)
    columns = np.linspace(0, plate.shape[1] - 1, left.shape[1]).round().astype(int)
    shown = plate[np.ix_(rows, columns)]
    like = np.corrcoef(left.reshape(-1), shown.reshape(-1))[0, 1]
    unlike = np.corrcoef(right.reshape(-1), shown.reshape(-1))[0, 1]
    assert like > 0.9 > abs(unlike)


def test_a_rate_is_kept_and_taken_from_the_plate(kit: RenderKit) -> None:
    run(kit.job(kit.shot(range(1, 4), framesPerSecond=Fraction(30000, 1001))))
    report = report_of(kit.folder / "depth")
    _, rate = played(write_preview(report, kit.folder / "a.mp4"))
    assert rate == Fraction(30000, 1001)
    _, rate = played(write_preview(report, kit.folder / "b.mov", frames_per_second=12.5))
    assert rate == Fraction(25, 2)


def test_a_frame_that_is_not_there_is_a_dull_one(tmp_path: Path) -> None:
    brightening(tmp_path / "depth", range(1, 9))
    depth_file(str(tmp_path / "depth" / "shot.####.exr"), 4).unlink()
    report = report_of(tmp_path / "depth")
    pictures, _ = played(write_preview(report, tmp_path / "review.mp4"))
    assert len(pictures) == 8
    dull = pictures[3][60:]
    assert float(dull.std()) < 0.02
    assert float(dull.mean()) == pytest.approx(0.25, abs=0.03)


def test_a_pass_with_few_frames_plays_those(tmp_path: Path) -> None:
    write_pass(tmp_path, {f: slope() for f in (1001, 1050, 1100)})
    pictures, _ = played(write_preview(report_of(tmp_path), tmp_path / "review.mp4"))
    assert len(pictures) == 3


def test_windows_that_change_do_not_stop_it(tmp_path: Path) -> None:
    write_pass(tmp_path, {1: slope(48, 64), 2: slope(30, 64), 3: slope(60, 70)})
    pictures, _ = played(write_preview(report_of(tmp_path), tmp_path / "review.mp4"))
    assert len(pictures) == 3


def test_a_movie_that_does_not_fit_leaves_nothing(tmp_path: Path, small_disk: Path) -> None:
    rough = np.random.default_rng(5)
    write_pass(tmp_path, {f: rough.random((96, 128), np.float32) for f in range(1, 40)})
    report = report_of(tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        write_preview(report, small_disk / "review.mp4")
    assert not list(small_disk.iterdir())


def test_what_cannot_be_a_movie_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    report = brightening(tmp_path / "depth", range(1, 4))
    for path, rate in (("a.gif", None), ("a", None), ("a.mp4", 0.0), ("a.mp4", float("nan"))):
        with pytest.raises(SettingsError):
            write_preview(report, tmp_path / "out" / path, frames_per_second=rate)
    with pytest.raises(OutputError):
        write_preview(report, Path("/proc/nowhere/a.mp4"))
    assert not (tmp_path / "out").exists()
