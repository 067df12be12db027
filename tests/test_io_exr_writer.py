"""Depth files: windows and bits exactly as given; whole or not there."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plates import picture, windows

from flashdepth_vfx.errors import OutputError, SettingsError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.atomic import sweep_orphans
from flashdepth_vfx.io.exr_writer import COMPRESSIONS, ExrDepthWriter
from flashdepth_vfx.plate import DepthFrame, Window

LOSSLESS = [name for name, c in COMPRESSIONS.items() if c.lossless]


def writer(folder: Path, **settings: str) -> ExrDepthWriter:
    return ExrDepthWriter(FrameSequence.parse(str(folder / "depth.####.exr")), **settings)


def frame_of(depth: np.ndarray, number: int = 1001, **attributes: object) -> DepthFrame:
    window = Window(0, 0, depth.shape[1], depth.shape[0])
    return DepthFrame(number, depth, window, window, 1.0, attributes)


def stored(path: Path, channel: str = "depth.Z") -> np.ndarray:
    return OpenEXR.File(str(path), separate_channels=True).channels()[channel].pixels


def awkward(height: int = 40, width: int = 50) -> np.ndarray:
    """Depth with every kind of float32: NaN, infinities, the smallest and largest, minus zero."""
    depth = np.random.default_rng(1).lognormal(0, 3, (height, width)).astype(np.float32)
    info = np.finfo(np.float32)
    depth[0, :7] = (np.nan, np.inf, -np.inf, info.max, info.tiny, info.smallest_subnormal, -0.0)
    return depth


@settings(max_examples=40, deadline=None)
@given(windows, windows, st.sampled_from([1.0, 2.0, 0.5, 1.4587]))
def test_windows_aspect_and_every_bit_survive(
    tmp_path_factory: pytest.TempPathFactory, data: Window, display: Window, aspect: float
) -> None:
    out = writer(tmp_path_factory.getbasetemp() / "windows")
    depth = awkward(max(data.height, 1), max(data.width, 7))[: data.height, : data.width]
    out.write(DepthFrame(7, depth, data, display, aspect, {}))
    plate = open_plates(str(out.path(7)), channels=["depth.Z"]).read(7)
    assert (plate.header.data_window, plate.header.display_window) == (data, display)
    assert plate.header.pixel_aspect == np.float32(aspect)
    assert stored(out.path(7)).tobytes() == np.ascontiguousarray(depth).tobytes()


def survivors(folder: Path, name: str, channel: str) -> list[bool]:
    """Whether noise, awkward numbers and a ramp each come back bit for bit."""
    out = writer(folder, compression=name, channel=channel)
    noise = np.random.default_rng(0).random((70, 80), np.float32) + 100
    kept = []
    for number, pixels in enumerate((noise, awkward(70, 80), np.cumsum(noise, axis=1))):
        out.write(frame_of(pixels, number))
        header = out.attributes(number)
        assert header is not None
        assert header["compression"] == COMPRESSIONS[name].code
        kept.append(stored(out.path(number), channel).tobytes() == pixels.tobytes())
    return kept


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_compression_that_is_called_lossless_keeps_every_bit(tmp_path: Path, name: str) -> None:
    assert survivors(tmp_path, name, "depth.Z") == [True, True, True]


@pytest.mark.parametrize("name", ["pxr24", "dwaa", "dwab"])
def test_a_compression_that_loses_bits_is_not_called_lossless(tmp_path: Path, name: str) -> None:
    # DWA loses bits of channels by name: R, G, B, Y and their like, and spares Z.
    assert not all(survivors(tmp_path, name, "depth.Y"))
    assert not COMPRESSIONS[name].lossless


def test_the_lossless_compressions_are_those_that_the_command_names() -> None:
    assert set(LOSSLESS) == {"none", "rle", "zips", "zip", "piz", "htj2k256", "htj2k32", "zstd"}


def test_an_unknown_compression_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="zips"):
        writer(tmp_path, compression="zipp")


@pytest.mark.parametrize("channel", ["", ".Z", "depth.", "a\0b"])
def test_a_channel_without_a_name_is_refused(tmp_path: Path, channel: str) -> None:
    with pytest.raises(SettingsError):
        writer(tmp_path, channel=channel)


@pytest.mark.parametrize("channel", ["depth.Z", "Z", "depth.left.Z"])
def test_channel_and_part_have_the_names_that_nuke_makes_layers_of(
    tmp_path: Path, channel: str
) -> None:
    out = writer(tmp_path, channel=channel)
    out.write(frame_of(picture()[..., 0]))
    header = out.attributes(1001)
    assert header is not None
    assert [c.name for c in header["channels"]] == [channel]
    assert header.get("name") == (channel.rpartition(".")[0] or None)
    assert OpenImageIO.ImageInput.open(str(out.path(1001))).spec().channelnames == (channel,)


@pytest.mark.parametrize(
    "depth",
    [
        np.asfortranarray(picture()[..., 0]),
        picture()[..., 0],
        picture()[::-1, :, 0],
        picture()[3:11, 5:20, 1],
        picture()[..., 2].astype(np.float64),
        picture()[..., 2].astype(">f4"),
        picture()[..., 0].T,
    ],
    ids=["fortran", "strided", "flipped", "crop", "float64", "big-endian", "transposed"],
)
def test_whatever_its_memory_looks_like_depth_is_written_as_it_reads(
    tmp_path: Path, depth: np.ndarray
) -> None:
    out = writer(tmp_path)
    out.write(frame_of(depth))
    assert np.array_equal(stored(out.path(1001)), depth.astype(np.float32))


def test_writing_changes_nothing_of_the_callers(tmp_path: Path) -> None:
    attributes = {"owner": "me", "flashdepth/near": np.float32(2), "tags": ["a"]}
    depth = picture()[..., 0].copy()
    given_attributes, given_depth = dict(attributes), depth.copy()
    out = writer(tmp_path)
    for number in (1, 2):
        out.write(
            DepthFrame(number, depth, Window(5, 6, 30, 20), Window(0, 0, 9, 9), 1, attributes)
        )
    assert attributes == given_attributes
    assert np.array_equal(depth, given_depth)


@pytest.mark.parametrize("shape", [(5, 4), (4, 5, 1), (20,), (0, 0)])
def test_depth_that_does_not_fill_its_window_is_refused(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    window = Window(0, 0, 5, 4)
    frame = DepthFrame(1, np.zeros(shape, np.float32), window, window, 1.0, {})
    with pytest.raises(OutputError, match="does not fill"):
        writer(tmp_path).write(frame)


def test_write_returns_the_bytes_on_disk_and_makes_the_folder(tmp_path: Path) -> None:
    out = writer(tmp_path / "new" / "folder")
    assert out.write(frame_of(picture()[..., 0])) == out.path(1001).stat().st_size


def test_the_same_frame_is_the_same_bytes(tmp_path: Path) -> None:
    out = writer(tmp_path)
    for number in (1, 2):
        out.write(frame_of(awkward(), number, owner="me"))
    assert out.path(1).read_bytes() == out.path(2).read_bytes()


def test_many_threads_write_what_one_does(tmp_path: Path) -> None:
    alone, together = writer(tmp_path / "alone"), writer(tmp_path / "together")
    frames = [frame_of(awkward() + n, n, take=n) for n in range(24)]
    for frame in frames:
        alone.write(frame)

    def work(part: int) -> None:
        for frame in frames[part::4]:
            together.write(frame)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for frame in frames:
        number = frame.frame
        assert together.path(number).read_bytes() == alone.path(number).read_bytes()


_KILLED = """
import sys, numpy as np
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.plate import DepthFrame, Window
out = ExrDepthWriter(FrameSequence.parse(sys.argv[1]), compression="none")
window = Window(0, 0, 1500, 1000)
depth = np.random.default_rng(0).random(window.shape, np.float32)
print("ready", flush=True)
for frame in range(1, 100000):
    out.write(DepthFrame(frame, depth, window, window, 1.0, {}))
"""


@pytest.mark.parametrize("after_s", [0.02, 0.05, 0.11, 0.17])
def test_a_killed_writer_leaves_whole_frames_and_nothing_that_a_pattern_matches(
    tmp_path: Path, after_s: float
) -> None:
    out = writer(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", _KILLED, out.sequence.pattern], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(after_s)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    frames = out.sequence.frames_on_disk()
    assert all(out.attributes(frame) is not None for frame in frames)
    leftover = [p for p in tmp_path.iterdir() if p not in {out.path(f) for f in frames}]
    assert all(p.name.startswith(".") and p.suffix == ".tmp" for p in leftover)
    if frames:
        assert FrameSequence.find_in(tmp_path).frames_on_disk() == frames
    assert sweep_orphans(tmp_path) == len(leftover)
    assert {p.name for p in tmp_path.iterdir()} == {out.path(f).name for f in frames}


def test_modes_follow_the_umask(tmp_path: Path) -> None:
    out = writer(tmp_path)
    for mask, mode in ((0o022, 0o644), (0o002, 0o664), (0o077, 0o600)):
        old = os.umask(mask)
        try:
            out.write(frame_of(picture()[..., 0], mask))
        finally:
            os.umask(old)
        assert stat.S_IMODE(out.path(mask).stat().st_mode) == mode


def test_writing_a_frame_again_replaces_it(tmp_path: Path) -> None:
    out = writer(tmp_path)
    out.write(frame_of(awkward()))
    out.write(frame_of(picture()[..., 1]))
    assert np.array_equal(stored(out.path(1001)), picture()[..., 1])
    assert [p.name for p in tmp_path.iterdir()] == ["depth.1001.exr"]
