"""What a clip shows of its frames, and that neither the sky nor what is unknown is mixed into depth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashdepth_vfx.training.paper.crops import (
    Crop,
    cut_inverse_depth,
    cut_picture,
    place_crop,
)

_RNG = np.random.default_rng(0)


def whole(height: int, width: int) -> Crop:
    """All of a frame, at another size."""
    return Crop(height, width, 0, 0, height, width)


def halved(*rows: tuple[float, ...]) -> list[float]:
    """One row of half the size."""
    values = np.array(rows, np.float32)
    return [float(v) for v in cut_inverse_depth(values, whole(1, values.shape[1] // 2))[0]]


def test_area_means_by_hand() -> None:
    # surfaces alone; one of four known; three of four sky; one of four sky
    assert halved((0.2, 0.4, 0.6, -1.0), (0.2, 0.4, -1.0, -1.0)) == pytest.approx([0.3, -1.0])
    assert halved((0.0, 0.0, 0.5, 0.0), (0.0, 0.4, 0.7, 0.6)) == pytest.approx([0.0, 0.6])
    # half unknown: what is known decides; half of that sky: sky
    assert halved((-1.0, 0.5, -1.0, 0.0), (-1.0, 0.3, -1.0, 0.4)) == pytest.approx([0.4, 0.0])


def test_pieces_of_pixels_count_as_much_as_lies_in_them() -> None:
    thirds = cut_inverse_depth(np.array([[0.1, 0.2, 0.4]], np.float32), whole(1, 2))
    assert thirds[0] == pytest.approx([(0.1 + 0.5 * 0.2) / 1.5, (0.5 * 0.2 + 0.4) / 1.5])
    grown = cut_inverse_depth(np.array([[0.1, 0.3]], np.float32), whole(1, 3))
    assert grown[0] == pytest.approx([0.1, 0.2, 0.3])


_pixel = st.sampled_from((-1.0, 0.0, 0.25, 0.5, 4.0))


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_no_depth_is_made_up(height: int, width: int, data: st.DataObject) -> None:
    values = [[data.draw(_pixel) for _ in range(7)] for _ in range(5)]
    inverse = np.array(values, np.float32)
    cut = cut_inverse_depth(inverse, whole(height, width))
    surfaces = inverse[inverse > 0.0]
    made = cut[(cut != 0.0) & (cut != -1.0)]
    assert not made.size or (
        made.min() >= surfaces.min() - 1e-6 and made.max() <= surfaces.max() + 1e-6
    )
    # whatever number says that a pixel is unknown
    other = cut_inverse_depth(
        np.where(inverse < 0.0, -1e4, inverse).astype(np.float32), whole(height, width)
    )
    assert np.array_equal(cut, other)


def test_a_crop_is_the_part_of_the_whole() -> None:
    inverse = np.random.default_rng(1).random((30, 40)).astype(np.float32)
    crop = Crop(24, 31, 3, 5, 12, 10)
    all_of_it = cut_inverse_depth(inverse, whole(24, 31))
    np.testing.assert_allclose(cut_inverse_depth(inverse, crop), all_of_it[3:15, 5:15], rtol=1e-6)
    rgb = np.random.default_rng(2).random((30, 40, 3)).astype(np.float32)
    picture = cut_picture(rgb, whole(24, 31))
    np.testing.assert_allclose(cut_picture(rgb, crop), picture[:, 3:15, 5:15], rtol=1e-6)
    assert picture.shape == (3, 24, 31)
    same = cut_inverse_depth(inverse, Crop(30, 40, 2, 4, 6, 8))
    assert np.array_equal(same, inverse[2:8, 4:12])


def test_picture_and_depth_stay_over_each_other() -> None:
    # a step at column 60 of 120: at half the size at column 30
    step = np.repeat(np.where(np.arange(120) < 60, 0.2, 0.8)[None], 90, 0).astype(np.float32)
    crop = place_crop((90, 120), (45, 45), "centre", _RNG)
    depth, picture = (
        cut_inverse_depth(step, crop),
        cut_picture(np.repeat(step[..., None], 3, 2), crop),
    )
    assert (crop.scaled_height, crop.scaled_width, crop.top, crop.left) == (45, 60, 0, 7)
    edge = 30 - 7
    assert depth[0, edge - 1] == pytest.approx(0.2)
    assert depth[0, edge] == pytest.approx(0.8)
    assert picture[0, 0, edge - 1] < 0.4 < 0.6 < picture[0, 0, edge]


@pytest.mark.parametrize(
    ("frame", "wanted", "scaled"),
    [((1080, 1920), (518, 518), (518, 921)), ((480, 640), (518, 518), (518, 691)),
     ((720, 1280), (518, 518), (518, 921)), ((518, 518), (518, 518), (518, 518))],
)  # fmt: skip
def test_stage_one_shows_the_middle_of_a_frame_that_covers_the_crop(
    frame: tuple[int, int], wanted: tuple[int, int], scaled: tuple[int, int]
) -> None:
    crop = place_crop(frame, wanted, "centre", _RNG)
    assert (crop.scaled_height, crop.scaled_width) == scaled
    assert (crop.height, crop.width) == wanted
    assert crop.left == (scaled[1] - wanted[1]) // 2


def test_stage_two_leaves_a_frame_at_its_size_unless_it_is_too_small() -> None:
    rng = np.random.default_rng(3)
    crops = [place_crop((1080, 1920), (1078, 1918), "random", rng) for _ in range(60)]
    assert {(c.scaled_height, c.scaled_width) for c in crops} == {(1080, 1920)}
    assert {c.top for c in crops} == {c.left for c in crops} == {0, 1, 2}
    small = place_crop((540, 960), (1078, 1918), "random", rng)
    assert small.scaled_height >= 1078
    assert small.scaled_width >= 1918
