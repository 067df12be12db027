"""Windows: EXR boxes to corners and sizes and back, unions, and the place of one in another."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashdepth_vfx.plate import Plate, PlateHeader, Window

corner, side = st.integers(-5000, 5000), st.integers(1, 5000)
windows = st.builds(Window, corner, corner, side, side)


@given(windows)
def test_an_exr_box_and_back_is_the_same_window(window: Window) -> None:
    assert Window.from_exr(window.to_exr()) == window


def test_a_box_of_arrays_becomes_plain_numbers() -> None:
    box = (np.array([654, 245], np.int32), np.array([1564, 1120], np.int32))
    window = Window.from_exr(box)
    assert window == Window(654, 245, 911, 876)
    assert all(type(v) is int for v in dataclasses.astuple(window))


def test_both_ends_of_a_box_are_inside() -> None:
    assert Window.from_exr(((0, 0), (1919, 1079))) == Window(0, 0, 1920, 1080)
    assert Window(5, 6, 1, 1).to_exr() == ((5, 6), (5, 6))


@given(windows, windows)
def test_a_union_holds_both_and_is_the_smallest_that_does(a: Window, b: Window) -> None:
    union = a.union(b)
    assert union == b.union(a)
    assert union.contains(a)
    assert union.contains(b)
    for smaller in (
        Window(union.x + 1, union.y, union.width - 1, union.height),
        Window(union.x, union.y + 1, union.width, union.height - 1),
        Window(union.x, union.y, union.width - 1, union.height),
        Window(union.x, union.y, union.width, union.height - 1),
    ):
        assert not (smaller.contains(a) and smaller.contains(b))


@given(windows)
def test_a_window_holds_itself(window: Window) -> None:
    assert window.contains(window)
    assert window.union(window) == window


small_corner, small_side = st.integers(-20, 20), st.integers(1, 12)
small = st.builds(Window, small_corner, small_corner, small_side, small_side)


@given(small, small)
def test_slices_cut_a_windows_own_pixels_out_of_any_that_holds_it(a: Window, b: Window) -> None:
    outer = a.union(b)
    rows, columns = np.mgrid[outer.y : outer.y + outer.height, outer.x : outer.x + outer.width]
    top, left = a.slices_in(outer)
    assert rows[top, left].shape == a.shape
    assert rows[top, left][0, 0] == a.y
    assert columns[top, left][0, 0] == a.x
    assert columns[top, left][-1, -1] == a.x + a.width - 1


def test_a_window_prints_as_its_size_and_corner() -> None:
    assert str(Window(-3, 4, 20, 10)) == "20x10-3+4"
    assert Window(0, 0, 20, 10).shape == (10, 20)


def test_a_plate_has_the_frame_of_its_header_and_does_not_change() -> None:
    window = Window(0, 0, 2, 2)
    header = PlateHeader(
        Path("a.exr"), 1001, "exr", window, window, 1.0, ("R", "G", "B"), (), None, None, {}
    )
    plate = Plate(header, np.zeros((2, 2, 3), np.float32))
    assert plate.frame == 1001
    assert plate.alpha is None
    for value, name in ((plate, "rgb"), (header, "frame"), (window, "x")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, None)
