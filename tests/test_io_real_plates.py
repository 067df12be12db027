"""The real plates beside the repository: ILM's stereo sequence, the display windows, Nuke's DPX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from plates import shared_plates

from flashdepth_vfx.errors import NoSuchChannelError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.plate import DepthFrame, Window


@pytest.fixture
def beachball() -> str:
    return str(shared_plates("beachball") / "beachball.####.exr")


def test_a_folder_and_a_pattern_are_the_same_eight_frames(beachball: str) -> None:
    for source in (beachball, str(Path(beachball).parent), beachball.replace("####", "%04d")):
        assert open_plates(source).frames == tuple(range(1, 9))


@pytest.mark.parametrize(("view", "prefix"), [(None, ""), ("right", ""), ("left", "left.")])
def test_both_eyes_of_every_frame_are_those_of_the_file(
    beachball: str, view: str | None, prefix: str
) -> None:
    reader = open_plates(beachball, view=view)
    windows = set()
    for frame in reader.frames:
        plate = reader.read(frame)
        file = OpenEXR.File(str(reader.path(frame)), separate_channels=True)
        truth = file.channels()
        for index, name in enumerate("RGB"):
            assert np.array_equal(plate.rgb[..., index], truth[prefix + name].pixels)
        assert plate.alpha is not None
        assert np.array_equal(plate.alpha, truth[prefix + "A"].pixels)
        assert plate.premultiplied
        assert plate.header.data_window == Window.from_exr(file.header()["dataWindow"])
        assert plate.header.display_window == Window(0, 0, 2048, 1556)
        assert plate.header.views == ("right", "left")
        windows.add(plate.header.data_window)
    assert len(windows) == 8


def test_the_real_depth_of_either_eye_is_a_channel_like_any(beachball: str) -> None:
    truth = OpenEXR.File(beachball.replace("####", "0004"), separate_channels=True).channels()
    for asked, name in (
        ({"channels": ["Z"]}, "Z"),
        ({"channels": ["left.Z"]}, "left.Z"),
        ({"channels": ["Z"], "view": "left"}, "left.Z"),
        ({"layer": "whitebarmask", "view": "left"}, "whitebarmask.left.mask"),
    ):
        plate = open_plates(beachball, **asked).read(4)  # type: ignore[arg-type]
        assert np.array_equal(plate.rgb[..., 1], truth[name].pixels)


def test_what_it_has_not_is_listed(beachball: str) -> None:
    with pytest.raises(
        NoSuchChannelError, match="rgba, forward, whitebarmask, disparityL, disparityR"
    ):
        open_plates(beachball, layer="beauty").read(1)
    with pytest.raises(NoSuchChannelError, match="right, left"):
        open_plates(beachball, view="centre").read(1)


def test_depth_written_for_it_has_its_windows_and_lies_on_its_pixels(
    beachball: str, tmp_path: Path
) -> None:
    reader = open_plates(beachball, view="left", channels=["Z"])
    out = ExrDepthWriter(FrameSequence.parse(str(tmp_path / "depth.####.exr")))
    for frame in reader.frames:
        plate, header = reader.read(frame), reader.header(frame)
        assert not {"multiView", "name", "compression", "channels"} & set(header.attributes)
        out.write(
            DepthFrame(
                frame,
                plate.rgb[..., 0],
                header.data_window,
                header.display_window,
                header.pixel_aspect,
                header.attributes,
            )
        )
    written = open_plates(str(tmp_path), layer="depth")
    assert written.frames == reader.frames
    for frame in written.frames:
        back, plate = written.read(frame), reader.read(frame)
        assert np.array_equal(back.rgb, plate.rgb)
        assert back.header.data_window == plate.header.data_window
        assert back.header.display_window == plate.header.display_window
        assert back.header.views == ()


@pytest.mark.parametrize("number", range(1, 9))
def test_display_windows_of_every_kind_are_kept(number: int, tmp_path: Path) -> None:
    path = shared_plates("display_window") / f"t{number:02d}.exr"
    plate = open_plates(str(path)).read(number)
    header = OpenEXR.File(str(path), header_only=True).header()
    assert plate.header.data_window == Window.from_exr(header["dataWindow"])
    assert plate.header.display_window == Window.from_exr(header["displayWindow"])
    assert plate.rgb.shape == (300, 400, 3)


def test_a_dpx_that_nuke_wrote_is_read_code_for_code() -> None:
    path = shared_plates("dpx") / "dpx_nuke_10bits_rgb.dpx"
    plate = open_plates(str(path)).read(1)
    words = np.frombuffer(path.read_bytes()[2048:], ">u4").reshape(512, 512)
    codes = np.stack((words >> 22, words >> 12, words >> 2), axis=-1) & 1023
    assert np.array_equal(plate.rgb, codes.astype(np.float32) / np.float32(1023))
    assert plate.header.color_hint is None
    assert plate.header.kind == "dpx"
    assert plate.header.pixel_aspect == 1.0
