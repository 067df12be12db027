"""Contact sheets: where each picture lies, what colours say, and what a clip's sheet shows of time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
import torch
from numpy.typing import NDArray

from flashdepth_vfx.errors import OutputError, SettingsError
from flashdepth_vfx.evaluation.sheet import draw_sheet
from flashdepth_vfx.sheet import GAP_PX, Picture, coloured, draw_contact_sheet, scale_of

LINE_PX = 26


def plain(value: float, height: int = 20, width: int = 40) -> Picture:
    """A grey picture."""
    return np.full((height, width), value, np.float32)


def read(path: Path) -> NDArray[np.float32]:
    """A PNG, `(H, W, 3)` in 0..1."""
    image = OpenImageIO.ImageBuf(str(path))
    pixels: NDArray[np.float32] = np.asarray(image.get_pixels(OpenImageIO.FLOAT), np.float32)
    assert pixels.shape[2] == 3, image.geterror()
    return pixels


def test_pictures_lie_in_rows_under_their_labels(tmp_path: Path) -> None:
    path = tmp_path / "made" / "sheet.png"
    tall = np.zeros((40, 20, 3), np.float32) + np.array([0.0, 1.0, 0.0], np.float32)
    rows = [[("a", plain(0.5)), ("b", tall)], [("", plain(1.0, 10, 40))]]
    draw_contact_sheet(rows, path, (80, 120))
    sheet = read(path)
    # Second row: 120 wide, so 30 high. First row: 80x40, and the tall one 20x40 beside it.
    assert sheet.shape == (2 * (LINE_PX + GAP_PX) + 40 + 30, 120 + 2 * GAP_PX, 3)
    paper = sheet[0, 0]
    first = sheet[LINE_PX : LINE_PX + 40]
    assert np.allclose(first[:, GAP_PX : GAP_PX + 80], 0.5, atol=0.01)
    assert np.allclose(first[:, GAP_PX + 80 : 2 * GAP_PX + 80], paper)
    assert np.allclose(first[:, 2 * GAP_PX + 80 : 2 * GAP_PX + 100], (0, 1, 0), atol=0.01)
    assert np.allclose(first[:, 2 * GAP_PX + 100 :], paper)
    begin = 2 * LINE_PX + GAP_PX + 40
    assert np.allclose(sheet[begin : begin + 30, GAP_PX : GAP_PX + 120], 1.0, atol=0.01)
    assert (sheet[:LINE_PX, GAP_PX : GAP_PX + 80] > paper + 0.3).any(), "a label"
    assert np.allclose(sheet[begin - LINE_PX : begin], paper), "no label"
    assert [file.name for file in path.parent.iterdir()] == ["sheet.png"]


def test_a_label_ends_where_its_cell_ends(tmp_path: Path) -> None:
    draw_contact_sheet([[("W" * 90, plain(0.5)), ("", plain(0.5))]], tmp_path / "a.png", 80)
    line = read(tmp_path / "a.png")[:LINE_PX]
    assert (line[:, GAP_PX + 60 : GAP_PX + 80] > 0.5).any()
    assert np.allclose(line[:, GAP_PX + 80 :], line[0, 0])


@pytest.mark.parametrize(
    ("rows", "widths"),
    [
        ([], 80),
        ([[]], 80),
        ([[("a", plain(0.5))], []], 80),
        ([[("a", plain(0.5))]], (80, 80)),
        ([[("a", plain(0.5))]], 0),
        ([[("a", plain(0.5, 0, 40))]], 80),
    ],
)
def test_a_sheet_of_nothing_is_refused(tmp_path: Path, rows: list, widths: int) -> None:  # type: ignore[type-arg]
    with pytest.raises(SettingsError, match=r"a\.png"):
        draw_contact_sheet(rows, tmp_path / "a.png", widths)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_one_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "a.png").mkdir()
    for path in (tmp_path / "file" / "a.png", tmp_path / "a.png", tmp_path / "a.no_such_kind"):
        with pytest.raises(OutputError, match="cannot be written"):
            draw_contact_sheet([[("a", plain(0.5))]], path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.png", "file"]


def test_near_is_lighter_in_grey_too_and_no_number_is_a_colour_of_its_own() -> None:
    shown = coloured(np.linspace(0, 1, 200)[None], 0.0, 1.0)[0]
    assert (np.diff(shown @ [0.2126, 0.7152, 0.0722]) > 0).all()
    ends = coloured(np.array([[-5.0, 0.0, 1.0, 9.0, np.inf]]), 0.0, 1.0)[0]
    assert np.array_equal(ends, [shown[0], shown[0], shown[-1], shown[-1], shown[-1]])
    (nothing,) = coloured(np.array([[np.nan]]), 0.0, 1.0)[0]
    assert np.abs(shown - nothing).sum(axis=1).min() > 0.1


def test_a_scale_is_that_of_the_numbers_and_has_two_ends() -> None:
    values = np.arange(101.0)
    assert scale_of(values) == (1.0, 99.0)
    assert scale_of(np.concatenate([values, [np.nan, np.inf]])) == (1.0, 99.0)
    assert scale_of(np.full(5, np.nan)) == (0.0, 1.0)
    for value in (0.0, 3.0, -1e15, 1e15):
        low, high = scale_of(np.full(5, value))
        assert low == value < high
        assert np.isfinite(coloured(np.full((2, 2), value), low, high)).all()


def clip(frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Grey plates, and a depth that rises downwards, and is twice as large on every other frame."""
    depth = torch.linspace(0.2, 0.5, 90)[:, None].expand(90, 120)
    flicker = 1.0 + torch.arange(frames) % 2
    return torch.full((frames, 3, 90, 120), 0.5), depth * flicker[:, None, None]


def rows_of(sheet: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The four rows of pictures of a clip's sheet: 4 cells of 360x270, and two as wide as these."""
    tops = [LINE_PX + row * (LINE_PX + GAP_PX + 270) for row in range(4)]
    return [sheet[top : top + 270, GAP_PX:-GAP_PX] for top in tops]


def test_a_clip_shows_its_frames_and_its_flicker_as_stripes(tmp_path: Path) -> None:
    rgb, depth = clip(10)
    rgb[3, 0] = 1.0
    draw_sheet("a clip", rgb, depth, tmp_path / "a.png")
    sheet = read(tmp_path / "a.png")
    assert sheet.shape == (4 * (LINE_PX + GAP_PX + 270), 4 * (360 + GAP_PX) + GAP_PX, 3)
    plates, depths, plate_slice, depth_slice = rows_of(sheet)
    cells = [slice(left, left + 360) for left in range(0, 4 * 368, 368)]
    reds = [float(plates[130, cell, 0][20]) for cell in cells]
    assert reds == pytest.approx([0.5, 1.0, 0.5, 0.5], abs=0.01), "frames 0, 3, 6, 9"
    light = [float(depths[:, cell][:, 20].mean()) for cell in cells]
    assert min(light[1], light[3]) > max(light[0], light[2]) + 0.15, "one scale for all"
    # The middle of each of ten bars: the red frame, and light and dark in turn.
    bars = [round((bar + 0.5) * plate_slice.shape[1] / 10) for bar in range(10)]
    assert plate_slice[130, bars, 0] == pytest.approx([0.5] * 3 + [1.0] + [0.5] * 6, abs=0.01)
    shown = depth_slice[130, bars].mean(axis=1)
    assert (np.diff(shown) * [1, -1, 1, -1, 1, -1, 1, -1, 1] > 0.1).all()
    # Ticks on the column that is followed, at the top and the bottom.
    for row in (plates, depths):
        for line in (row[4], row[-5]):
            blue = line[: cells[0].stop, 2] - line[: cells[0].stop, 0]
            assert abs(int(blue.argmax()) - 181) <= 2
            assert blue.max() > 0.4


def test_a_still_has_no_time(tmp_path: Path) -> None:
    draw_sheet("a photograph", *clip(1), tmp_path / "a.png")
    assert read(tmp_path / "a.png").shape == (540 + LINE_PX + GAP_PX, 2 * 720 + 3 * GAP_PX, 3)


def test_a_short_clip_shows_each_frame_once(tmp_path: Path) -> None:
    draw_sheet("three", *clip(3), tmp_path / "a.png")
    assert read(tmp_path / "a.png").shape[1] == 3 * (360 + GAP_PX) + GAP_PX


def test_plates_and_depth_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    rgb, depth = clip(3)
    for plates, predicted in ((rgb, depth[:2]), (rgb[:, :1], depth), (rgb[:0], depth[:0])):
        with pytest.raises(SettingsError, match="sheet of a clip"):
            draw_sheet("a clip", plates, predicted, tmp_path / "a.png")
