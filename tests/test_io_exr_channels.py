"""Which channels of an EXR are read: layers, names, views, parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plates import (
    H,
    W,
    flat,
    flat_color,
    planes,
    read_one,
    write_exr,
    write_exr_parts,
)

from flashdepth_vfx.errors import NoSuchChannelError, UsageError
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.plate import Window


@pytest.fixture
def layered(tmp_path: Path) -> Path:
    channels = {
        **planes("", 1, 2, 3, 4),
        **planes("beauty.", 5, 6, 7, 0.5),
        **planes("light.key.", 8, 9, 10),
        **planes("N.", 11, 12, 13, names="xyz"),
        **planes("small.", 14, 15, 16, 17, names=("red", "green", "blue", "alpha")),  # type: ignore[arg-type]
        "Z": flat(18),
        "matte.mask": flat(19),
        "lum.Y": flat(20),
    }
    return write_exr(tmp_path / "layers.exr", channels)


@pytest.mark.parametrize(
    ("layer", "seen"),
    [
        (None, [1, 2, 3]),
        ("beauty", [5, 6, 7]),
        ("BEAUTY", [5, 6, 7]),
        ("light.key", [8, 9, 10]),
        ("small", [14, 15, 16]),
        ("matte", [19, 19, 19]),
        ("lum", [20, 20, 20]),
    ],
)
def test_a_layer_is_read_by_name(layered: Path, layer: str | None, seen: list[float]) -> None:
    assert flat_color(read_one(layered, layer=layer)) == seen


def test_alpha_is_that_of_the_layer(layered: Path) -> None:
    plate = read_one(layered, layer="beauty")
    assert plate.alpha is not None
    assert plate.alpha[0, 0] == 0.5
    assert read_one(layered, layer="light.key").alpha is None


@pytest.mark.parametrize(
    ("channels", "seen"),
    [
        (["Z"], [18, 18, 18]),
        (["N.x", "N.y", "N.z"], [11, 12, 13]),
        (["B", "G", "R"], [3, 2, 1]),
        (["R", "R", "R"], [1, 1, 1]),
        (["beauty.R", "beauty.G", "beauty.B"], [5, 6, 7]),
        (["R", "N.x", "light.key.B"], [1, 11, 10]),
        (["n.X"], [11, 11, 11]),
    ],
)
def test_channels_are_read_by_name(layered: Path, channels: list[str], seen: list[float]) -> None:
    assert flat_color(read_one(layered, channels=channels)) == seen


def test_channels_named_as_a_picture_bring_its_alpha(layered: Path) -> None:
    assert read_one(layered, channels=["beauty.R", "beauty.G", "beauty.B"]).alpha is not None
    assert read_one(layered, channels=["beauty.B", "beauty.G", "beauty.R"]).alpha is None


def test_channels_of_a_named_layer_need_no_prefix(layered: Path) -> None:
    assert flat_color(read_one(layered, layer="N", channels=["x", "y", "z"])) == [11, 12, 13]


@pytest.mark.parametrize(
    ("asked", "kind", "listed"),
    [
        ({"layer": "beuty"}, "layer", "light.key"),
        ({"layer": "light"}, "layer", "light.key"),
        ({"layer": "N"}, "channel", "N.x, N.y, N.z"),
        ({"channels": ["Q"]}, "channel", "matte.mask"),
        ({"view": "left"}, "view", "none"),
    ],
)
def test_what_a_plate_has_not_is_an_error_that_lists_what_it_has(
    layered: Path, asked: dict[str, object], kind: str, listed: str
) -> None:
    with pytest.raises(NoSuchChannelError) as caught:
        read_one(layered, **asked)
    assert caught.value.kind == kind
    assert listed in str(caught.value)
    assert str(layered) in str(caught.value)


@pytest.mark.parametrize("channels", [["R", "G"], [], ["R", "G", "B", "A"]])
def test_a_picture_is_of_one_channel_or_three(layered: Path, channels: list[str]) -> None:
    with pytest.raises(UsageError, match="name 1 or 3"):
        read_one(layered, channels=channels)


def test_the_only_layer_with_colour_is_the_default(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", {**planes("ViewLayer.Combined.", 1, 2, 3), "D.Z": flat(9)})
    assert flat_color(read_one(path)) == [1, 2, 3]


def test_two_layers_with_colour_leave_the_choice_to_the_user(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", {**planes("a.", 1, 2, 3), **planes("b.", 4, 5, 6)})
    with pytest.raises(NoSuchChannelError, match=r"a\.R"):
        read_one(path)


def test_a_plate_without_colour_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoSuchChannelError, match="it has: Z"):
        read_one(write_exr(tmp_path / "a.exr", {"Z": flat(1)}))


@pytest.fixture
def stereo(tmp_path: Path) -> Path:
    channels = {
        **planes("", 1, 2, 3),
        **planes("left.", 4, 5, 6),
        **planes("diffuse.left.", 7, 8, 9),
        **planes("diffuse.right.", 10, 11, 12),
        "common.u": flat(13),
    }
    return write_exr(tmp_path / "stereo.exr", channels, multiView=["right", "left"])


@pytest.fixture
def stereo_parts(tmp_path: Path) -> Path:
    parts = [
        ({"name": "rgba.right", "view": "right"}, planes("", 1, 2, 3)),
        ({"name": "rgba.left", "view": "left"}, planes("", 4, 5, 6)),
        ({"name": "diffuse.left", "view": "left"}, planes("diffuse.", 7, 8, 9)),
        ({"name": "diffuse.right", "view": "right"}, planes("", 10, 11, 12)),
        ({"name": "common"}, {"u": flat(13)}),
    ]
    return write_exr_parts(tmp_path / "stereo_parts.exr", parts)


@pytest.mark.parametrize("file", ["stereo", "stereo_parts"])
@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ({}, [1, 2, 3]),
        ({"view": "right"}, [1, 2, 3]),
        ({"view": "left"}, [4, 5, 6]),
        ({"view": "left", "layer": "diffuse"}, [7, 8, 9]),
        ({"view": "right", "layer": "diffuse"}, [10, 11, 12]),
        ({"layer": "diffuse"}, [10, 11, 12]),
        ({"view": "left", "layer": "common"}, [13, 13, 13]),
        ({"view": "left", "channels": ["R", "G", "B"]}, [4, 5, 6]),
        ({"channels": ["left.R"]}, [4, 4, 4]),
    ],
)
def test_a_view_is_read_by_name_and_the_first_is_the_default(
    request: pytest.FixtureRequest, file: str, asked: dict[str, object], seen: list[float]
) -> None:
    plate = read_one(request.getfixturevalue(file), **asked)
    assert flat_color(plate) == seen
    assert plate.header.views == ("right", "left")


@pytest.mark.parametrize("file", ["stereo", "stereo_parts"])
def test_a_view_that_is_not_there_is_named(request: pytest.FixtureRequest, file: str) -> None:
    with pytest.raises(NoSuchChannelError, match="no view 'centre'; it has: right, left"):
        read_one(request.getfixturevalue(file), view="centre")


def test_a_view_in_the_files_name_is_not_looked_for_inside(tmp_path: Path) -> None:
    for view, value in (("left", 1.0), ("right", 2.0)):
        write_exr(tmp_path / view / f"s_{view[0]}.1001.exr", planes("", value, value, value))
    reader = open_plates(f"{tmp_path}/%V/s_%v.####.exr", view="right")
    assert flat_color(reader.read(1001)) == [2, 2, 2]


def test_parts_of_different_windows_each_keep_theirs(tmp_path: Path) -> None:
    """The plate's window is that of the part that is read."""
    small = Window(2, 3, 5, 4)
    (first, last), display = small.to_exr(), ((0, 0), (W - 1, H - 1))
    box = (np.array(first, np.int32), np.array(last, np.int32))
    whole = tuple(np.array(corner, np.int32) for corner in display)
    parts = [
        ({"name": "rgba", "displayWindow": whole}, planes("", 1, 2, 3)),
        (
            {"name": "crop", "displayWindow": whole, "dataWindow": box},
            {n: np.full(small.shape, 7, np.float32) for n in "RGB"},
        ),
    ]
    path = write_exr_parts(tmp_path / "a.exr", parts)
    assert read_one(path).header.data_window == Window(0, 0, W, H)
    plate = read_one(path, layer="crop")
    assert plate.header.data_window == small
    assert plate.rgb.shape == (4, 5, 3)
    assert plate.header.display_window == Window(0, 0, W, H)


def test_channels_of_several_parts_are_told_apart(stereo_parts: Path) -> None:
    names = read_one(stereo_parts).header.channels
    assert len(set(names)) == len(names) == 13
    assert {"R", "left.R", "left.diffuse.R", "diffuse.R", "u"} <= set(names)


def test_channels_of_different_parts_are_not_one_picture(stereo_parts: Path) -> None:
    with pytest.raises(UsageError, match="different parts"):
        read_one(stereo_parts, channels=["R", "G", "left.B"])
