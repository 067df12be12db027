"""Silent corruption that was measured in the codecs, and our guard against each: one test a trap.

Where the trap is a call that we never make, the test holds that we do not make it. The traps
themselves are shown too, so that a codec that was mended shows here.
"""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from plates import RawChannel, picture, write_exr, write_raw_exr

import flashdepth_vfx
from flashdepth_vfx.errors import CorruptPlateError, SettingsError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.exr_writer import COMPRESSIONS, ExrDepthWriter
from flashdepth_vfx.plate import DepthFrame, Window

PACKAGE = Path(flashdepth_vfx.__file__).parent


def names_used(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every name and attribute in the code of `folder`."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                yield path, node.attr
            elif isinstance(node, ast.Name):
                yield path, node.id


def writer(folder: Path) -> ExrDepthWriter:
    return ExrDepthWriter(FrameSequence.parse(str(folder / "depth.####.exr")))


def frame_of(depth: np.ndarray, **attributes: object) -> DepthFrame:
    window = Window(0, 0, depth.shape[1], depth.shape[0])
    return DepthFrame(1, depth, window, window, 1.0, attributes)


def stored(source: str | io.BytesIO, channel: str) -> np.ndarray:
    return OpenEXR.File(source, separate_channels=True).channels()[channel].pixels


def test_openexr_writes_garbage_of_a_strided_array_and_we_do_not(tmp_path: Path) -> None:
    strided = picture(40, 40)[..., 0]
    raw = io.BytesIO()
    OpenEXR.File({}, {"Z": strided}).write(raw)
    raw.seek(0)
    if np.array_equal(stored(raw, "Z"), strided):
        pytest.skip("this OpenEXR heeds strides: the guard costs a copy for nothing")
    out = writer(tmp_path)
    for depth in (strided, strided[::-1], strided[3:17, 5:31], strided.T):
        out.write(frame_of(depth))
        assert np.array_equal(stored(str(out.path(1)), "depth.Z"), depth)


def test_nothing_is_written_with_openimageio_and_no_pixels_come_from_an_imagebuf() -> None:
    """Its writers read past 2-D arrays, take any compression for zip, and hide a full disk."""
    bad = {"ImageOutput", "ImageBuf", "ImageBufAlgo", "write_image", "get_pixels", "UNKNOWN"}
    # sheets to look at, and the textures of a game: no plate and no depth passes through them
    no_plates = {PACKAGE / "sheet.py", PACKAGE / "evaluation" / "levels" / "archive.py"}
    found = [
        (str(path), name) for path, name in names_used(PACKAGE)
        if name in bad and path not in no_plates
    ]  # fmt: skip
    assert found == []


def test_openexr_changes_its_callers_dicts_and_we_do_not(tmp_path: Path) -> None:
    attributes: dict[str, object] = {"owner": "me"}
    writer(tmp_path).write(frame_of(picture()[..., 0], **attributes))
    frame = frame_of(picture()[..., 0], owner="me")
    writer(tmp_path).write(frame)
    assert dict(frame.attributes) == attributes == {"owner": "me"}


def test_openexr_drops_a_part_of_damaged_pixels_and_we_refuse_it(tmp_path: Path) -> None:
    """Subsampled channels are the one thing that is read with it."""
    path = tmp_path / "a.exr"
    window = Window(0, 0, 64, 64)
    half = np.full((32, 32), 0.1, np.float32)
    noise = np.random.default_rng(0).random((64, 64), np.float32)
    raw = [RawChannel("Y", noise), RawChannel("RY", half, 2), RawChannel("BY", half, 2)]
    write_raw_exr(path, raw, window)
    assert open_plates(str(path)).read(1).rgb.shape == (64, 64, 3)
    data = bytearray(path.read_bytes())
    row = data.rindex((63).to_bytes(4, "little") + (256).to_bytes(4, "little"))
    data[row : row + 4] = (70_000).to_bytes(4, "little")
    path.write_bytes(data)
    assert len(OpenEXR.File(str(path), separate_channels=True).parts) == 0
    with pytest.raises(CorruptPlateError, match="damaged"):
        open_plates(str(path)).read(1)


def test_an_unknown_compression_is_an_error_and_never_zip(tmp_path: Path) -> None:
    for name in ("ZIP", "zip ", "lossless", "", "dwaa:45"):
        with pytest.raises(SettingsError):
            ExrDepthWriter(FrameSequence.parse(str(tmp_path / "d.####.exr")), compression=name)


def test_every_compression_is_the_one_that_the_file_then_has(tmp_path: Path) -> None:
    for name, compression in COMPRESSIONS.items():
        pattern = str(tmp_path / f"{name}.####.exr")
        out = ExrDepthWriter(FrameSequence.parse(pattern), compression=name)
        out.write(frame_of(picture(64, 64)[..., 0]))
        header = OpenEXR.File(str(out.path(1)), header_only=True).header()
        assert header["compression"] == compression.code


def test_nan_and_infinity_survive_in_depth(tmp_path: Path) -> None:
    depth = picture()[..., 0].copy()
    depth[0, :3] = (np.nan, np.inf, -np.inf)
    for name, compression in COMPRESSIONS.items():
        if not compression.lossless:
            continue
        pattern = str(tmp_path / f"{name}.####.exr")
        out = ExrDepthWriter(FrameSequence.parse(pattern), compression=name)
        out.write(frame_of(depth))
        assert np.array_equal(stored(str(out.path(1)), "depth.Z"), depth, equal_nan=True)


def test_depth_is_written_as_float32_and_never_as_half(tmp_path: Path) -> None:
    out = writer(tmp_path)
    for kind in (np.float16, np.float32, np.float64):
        out.write(frame_of(picture()[..., 0].astype(kind)))
        assert stored(str(out.path(1)), "depth.Z").dtype == np.float32


def test_a_frame_rate_stays_an_exact_fraction(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", {"RGB": picture()}, framesPerSecond=Fraction(24000, 1001))
    attributes = open_plates(str(path)).header(1).attributes
    out = writer(tmp_path)
    out.write(frame_of(picture()[..., 0], **attributes))
    back = out.attributes(1)
    assert back is not None
    assert back["framesPerSecond"] == Fraction(24000, 1001)


def test_a_depth_file_is_never_called_an_aces_container(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", {"RGB": picture()}, acesImageContainerFlag=1, owner="me")
    header = open_plates(str(path)).header(1)
    assert header.color_hint == "ACES2065-1"
    assert "acesImageContainerFlag" not in header.attributes
    assert header.attributes["owner"] == "me"


def test_a_torn_file_opens_in_openexr_and_is_no_frame_of_ours(tmp_path: Path) -> None:
    out = writer(tmp_path)
    out.write(frame_of(picture(64, 64)[..., 0], owner="me"))
    whole = out.path(1).read_bytes()
    out.path(1).write_bytes(whole[:-10])
    assert OpenEXR.File(str(out.path(1)), header_only=True).header()["owner"] == "me"
    assert out.attributes(1) is None
    with pytest.raises(CorruptPlateError, match="10 bytes short"):
        open_plates(str(out.path(1)), layer="depth").read(1)


def test_the_table_of_chunks_is_what_a_killed_writer_leaves_empty(tmp_path: Path) -> None:
    window = Window(0, 0, 8, 6)
    path = write_raw_exr(tmp_path / "a.exr", [RawChannel("Y", picture(6, 8)[..., 0])], window)
    data = bytearray(path.read_bytes())
    chunk_bytes = 8 + 8 * 4
    last_offset = len(data) - 6 * chunk_bytes - 8
    data[last_offset : last_offset + 8] = bytes(8)
    path.write_bytes(data)
    with pytest.raises(CorruptPlateError, match="is torn: it lacks 1 of its 6 blocks"):
        open_plates(str(path)).read(1)
