"""What the report measures, on passes whose flicker and edges are known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from review_kit import slope, write_pass

from flashdepth_vfx.plate import FloatArray, Window
from flashdepth_vfx.review.chart import line_chart
from flashdepth_vfx.review.findings import trembling
from flashdepth_vfx.review.measure import FrameMeasure, measure
from flashdepth_vfx.review.passes import Seen, find_passes
from flashdepth_vfx.settings import Convention, SceneUnit


def measured(
    frames: Mapping[int, FloatArray], starts: frozenset[int] = frozenset((1,))
) -> dict[int, FrameMeasure]:
    """By frame."""
    seen = (Seen(f, v, Window(0, 0, v.shape[1], v.shape[0])) for f, v in frames.items())
    return {one.frame: one for one in measure(seen, starts, ratios=True)}


def test_what_moves_steadily_does_not_flicker_and_what_jumps_does() -> None:
    steady = {frame: slope() * np.float32(1 + 0.1 * frame) for frame in range(1, 8)}
    assert all(
        m.flicker_percent in (None, pytest.approx(0, abs=1e-4)) for m in measured(steady).values()
    )
    still = {frame: slope() for frame in range(1, 8)}
    still[4] = still[4] * np.float32(1.04)
    flicker = {f: m.flicker_percent for f, m in measured(still).items()}
    # Of 1.04: the median pixel is 0.04 from those around it, and half that far from its neighbours' mean.
    assert flicker[4] == pytest.approx(100 * 0.04 / 1.04, rel=1e-3)
    assert flicker[3] == flicker[5] == pytest.approx(2.0, rel=1e-3)
    assert flicker[1] is flicker[7] is None


def test_a_cut_or_a_hole_is_no_flicker() -> None:
    frames = {f: slope() * np.float32(1 if f < 5 else 3) for f in range(1, 9)}
    cut = measured(frames, frozenset((1, 5)))
    assert [m.flicker_percent for m in cut.values()] == [None, 0, 0, None, None, 0, 0, None]
    missing = {f: v for f, v in frames.items() if f != 3}
    assert measured(missing, frozenset((1, 5)))[2].flicker_percent is None
    assert measured(missing, frozenset((1, 5)))[4].flicker_percent is None
    assert max(m.flicker_percent or 0 for m in measured(frames).values()) > 30


def test_every_frame_is_measured_once_and_in_order() -> None:
    frames = {f: slope() for f in (1, 2, 4, 5, 6, 9, 10, 11, 12)}
    for starts in ((1,), (1, 5), (1, 2, 4, 6), (1, 10)):
        assert list(measured(frames, frozenset(starts))) == list(frames)


@pytest.mark.parametrize(("ramp_px", "low", "high"), [(0, 0, 0), (3, 20, 60), (12, 40, 100)])
def test_a_soft_edge_is_told_from_a_sharp_one(ramp_px: int, low: float, high: float) -> None:
    across = np.clip((np.arange(64) - 30) / max(ramp_px, 1e-6), 0, 1)
    values = (0.1 + 0.9 * across).astype(np.float32)[None].repeat(48, 0)
    told = measured({1: values})[1]
    assert told.edge_percent is not None
    assert told.edge_percent > 0
    assert told.between_percent is not None
    assert low <= told.between_percent <= high


def test_what_was_not_shown_has_no_say() -> None:
    values = slope()
    values[:, :32] = np.nan
    told = measured({1: values})[1]
    assert told.unseen_percent == pytest.approx(50)
    assert told.low is not None
    assert told.low > 0.29
    nothing = measured({1: np.full((8, 8), np.nan, np.float32)})[1]
    assert (nothing.low, nothing.median, nothing.flicker_percent) == (None, None, None)


def test_frames_that_stand_out_are_named() -> None:
    def with_flicker(frame: int, percent: float | None) -> FrameMeasure:
        return FrameMeasure(frame, 0.1, 0.2, 0.3, percent, None, None, 0.0, 0)

    calm = [with_flicker(f, 0.4) for f in range(20)]
    assert trembling(calm) == ()
    assert trembling([*calm, with_flicker(20, 9.0), with_flicker(21, None)]) == (20,)
    # Of a pass that trembles all over no frame stands out.
    assert trembling([with_flicker(f, 9.0) for f in range(9)]) == ()


CODES = [
    (Convention.INVERSE_Z, SceneUnit.M),
    (Convention.INVERSE_Z, SceneUnit.CM),
    (Convention.Z, SceneUnit.FT),
    (Convention.DISPARITY, SceneUnit.M),
]


@pytest.mark.parametrize(("convention", "unit"), CODES)
def test_nearness_is_read_whatever_the_convention(
    tmp_path: Path, convention: Convention, unit: SceneUnit
) -> None:
    write_pass(tmp_path, {1: slope()}, convention=convention, unit=unit)
    (found,) = find_passes(str(tmp_path))
    (seen,) = found.look([1])
    assert isinstance(seen, Seen)
    np.testing.assert_allclose(seen.values / unit.metres, slope(), rtol=1e-5)
    assert found.unit == f"1/Z in 1/{unit}"


def test_a_normalised_pass_is_taken_as_it_is(tmp_path: Path) -> None:
    black = Convention.NORMALISED_NEAR_BLACK
    write_pass(tmp_path, {1: slope()}, convention=black, raw=True, unit=SceneUnit.M)
    (found,) = find_passes(str(tmp_path))
    (seen,) = found.look([1])
    assert isinstance(seen, Seen)
    np.testing.assert_array_equal(seen.values, slope())
    assert not found.near_is_larger


def test_memory_does_not_grow_with_the_pass() -> None:
    alive, most = 0, 0

    class Counted(np.ndarray):
        def __del__(self) -> None:
            nonlocal alive
            alive -= self.shape == (300, 400)

    def frames() -> Iterator[Seen]:
        nonlocal alive, most
        for frame in range(60):
            values = np.zeros((300, 400), np.float32).view(Counted)
            alive += 1
            most = max(most, alive)
            yield Seen(frame, values, Window(0, 0, 400, 300))
            del values

    assert len(list(measure(frames(), frozenset((0,)), ratios=True))) == 60
    assert most <= 4


POINTS = st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=3000)


def drawn(svg: str) -> list[tuple[float, float]]:
    """The points of a chart's line."""
    path = svg.split(' d="')[1].split('"')[0].replace("h0", "")
    numbers = [float(word) for word in re.findall(r"-?[\d.]+", path)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


@given(POINTS)
def test_a_chart_keeps_every_peak_and_few_points(values: list[float | None]) -> None:
    svg = line_chart({"one": list(enumerate(values))}, title="a chart")
    numbers = [v for v in values if v is not None]
    if not numbers:
        assert svg == ""
        return
    heights = [y for _, y in drawn(svg)]
    assert len(heights) <= 1300
    assert min(heights) >= 0
    assert max(heights) <= 230
    # However few are drawn, the highest and the lowest are: one more at each changes nothing.
    again = line_chart({"one": [*enumerate(values), (len(values), max(numbers))]}, title="t")
    assert min(y for _, y in drawn(again)) == pytest.approx(min(heights), abs=0.11)
    again = line_chart({"one": [*enumerate(values), (len(values), min(numbers))]}, title="t")
    assert max(y for _, y in drawn(again)) == pytest.approx(max(heights), abs=0.11)


def test_one_peak_among_thousands_of_frames_is_drawn() -> None:
    points = [(frame, 9.0 if frame == 4335 else 1.0) for frame in range(9000)]
    heights = [y for _, y in drawn(line_chart({"one": points}, title="t"))]
    assert len(heights) < 1300
    assert min(heights) < 40
    assert sum(y < 150 for y in heights) == 1


def test_no_line_leads_over_a_cut_or_a_hole() -> None:
    points = [(f, float(f)) for f in range(1, 9)]
    whole = line_chart({"a": points}, title="t")
    cut = line_chart({"a": points}, title="t", cuts=[4])
    hole = line_chart({"a": [(f, None if f == 4 else v) for f, v in points]}, title="t", holes=[4])
    moves = [svg.split('d="')[1].split('"')[0].count("M") for svg in (whole, cut, hole)]
    assert moves == [1, 2, 2]
    assert 'class="hole"' in hole
    assert cut.count('class="cut"') == 1
