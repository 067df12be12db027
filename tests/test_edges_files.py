"""The edge matte and the edge layers in files: their channels, their settings, and their way through a conversion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
import torch
from render_kit import Probe, RenderKit, at, run_with

from flashdepth_vfx import Convention, ConvertJob, SceneUnit, convert_depth
from flashdepth_vfx.errors import NoSuchChannelError, OutputError, OutputExistsError, PlateError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.plate import DepthFrame, FloatArray, Window
from flashdepth_vfx.settings import Upsampling

ALL = {"edge_matte": True, "edge_layers": True, "upsampling": Upsampling.GUIDED}


@pytest.fixture
def shot(kit: RenderKit) -> tuple[RenderKit, str, Probe]:
    """Three plates of an edge, and a network that sees it."""
    pattern = kit.shot(range(1, 4))
    answer = torch.full((96, 160), 2.0)
    answer[20:70, 50:100] = 9.0
    answer[:10] = 0.0
    return kit, pattern, Probe(answer)


def channels(path: Path) -> dict[str, Any]:
    found = OpenEXR.File(str(path), separate_channels=True).channels()
    return {name: channel.pixels for name, channel in found.items()}


def test_channels_lie_in_the_depths_layer_and_depth_is_unchanged(
    shot: tuple[RenderKit, str, Probe],
) -> None:
    kit, plates, net = shot
    run_with(net, kit.job(plates, "plain/shot.####.exr", upsampling=Upsampling.GUIDED))
    run_with(net, kit.job(plates, **ALL))
    found = channels(kit.path(2))
    names = {f"depth.{name}" for name in ("Z", "edge", "fg", "bg", "coverage")}
    assert set(found) == names
    kinds = {name: pixels.dtype.name for name, pixels in found.items()}
    halves = {name for name, kind in kinds.items() if kind == "float16"}
    assert halves == {"depth.edge", "depth.coverage"}
    assert np.array_equal(found["depth.Z"], channels(kit.path(2, "plain/shot.####.exr"))["depth.Z"])
    header = read_headers(kit.path(2))[0]
    assert header["flashdepth/beside"] == "edge,fg,bg,coverage"
    whole = np.where(found["depth.coverage"] == 1, found["depth.fg"], found["depth.Z"])
    assert np.array_equal(whole, found["depth.Z"])
    assert {"Z", "edge"} == set(_bare(kit, plates, net))


def _bare(kit: RenderKit, plates: str, net: Probe) -> dict[str, Any]:
    run_with(net, kit.job(plates, "bare/shot.####.exr", depth_layer="", edge_matte=True))
    return channels(kit.path(1, "bare/shot.####.exr"))


def test_the_matte_is_the_same_in_every_convention_and_part(
    shot: tuple[RenderKit, str, Probe],
) -> None:
    kit, plates, net = shot
    run_with(net, kit.job(plates, **ALL))
    run_with(net, kit.job(plates, "z/shot.####.exr", convention=Convention.Z, frames="3", **ALL))
    one, two = channels(kit.path(3)), channels(kit.path(3, "z/shot.####.exr"))
    for name in ("depth.edge", "depth.coverage"):
        assert np.array_equal(one[name], two[name])
    for name in ("depth.fg", "depth.bg"):
        np.testing.assert_allclose(two[name], np.minimum(1 / one[name].clip(1e-9), 1e4), rtol=1e-5)


def test_frames_without_the_channels_are_of_other_settings(
    shot: tuple[RenderKit, str, Probe],
) -> None:
    kit, plates, net = shot
    run_with(net, kit.job(plates))
    with pytest.raises(OutputExistsError, match="beside none, not edge"):
        run_with(net, kit.job(plates, edge_matte=True, resume=True))
    run_with(net, kit.job(plates, edge_matte=True, overwrite=True))
    again = run_with(net, kit.job(plates, edge_matte=True, resume=True))
    assert again.frames_kept == (1, 2, 3)


def test_conversion_carries_the_channels_through(shot: tuple[RenderKit, str, Probe]) -> None:
    kit, plates, net = shot
    run_with(net, kit.job(plates, **ALL))
    source = str(kit.folder / "depth/shot.####.exr")
    out = str(kit.folder / "out/shot.####.exr")
    convert_depth(
        ConvertJob(input=source, output=out, convention=Convention.Z, scene_unit=SceneUnit.CM)
    )
    before, after = channels(kit.path(1)), channels(at(out, 1))
    assert set(before) == set(after)
    for name in ("depth.edge", "depth.coverage"):
        assert after[name].dtype == np.float16
        assert np.array_equal(before[name], after[name])
    for name in ("depth.Z", "depth.fg", "depth.bg"):
        expected = np.minimum(100 / before[name].clip(1e-9), 1e6)
        np.testing.assert_allclose(after[name], expected, rtol=1e-5)
    assert read_headers(at(out, 1))[0]["flashdepth/beside"] == "edge,fg,bg,coverage"


def test_conversion_refuses_frames_that_are_not_alike(
    shot: tuple[RenderKit, str, Probe],
) -> None:
    kit, plates, net = shot
    run_with(net, kit.job(plates, frames="1-2"))
    run_with(net, kit.job(plates, "other/shot.####.exr", frames="3", edge_matte=True))
    kit.path(3, "other/shot.####.exr").rename(kit.path(3))
    source, out = str(kit.folder / "depth/shot.####.exr"), kit.folder / "out"
    with pytest.raises(PlateError, match="frame 3 has edge beside its depth, and frame 1 has none"):
        convert_depth(ConvertJob(input=source, output=f"{out}/shot.####.exr"))
    assert not out.exists()


def test_conversion_refuses_a_file_that_lacks_what_its_header_says(
    shot: tuple[RenderKit, str, Probe],
) -> None:
    kit, plates, net = shot
    run_with(net, kit.job(plates, frames="1", edge_matte=True))
    header = {k: v for k, v in read_headers(kit.path(1))[0].items() if k != "channels"}
    depth = channels(kit.path(1))["depth.Z"]
    OpenEXR.File(header, {"depth.Z": depth}).write(str(kit.path(1)))
    source, out = str(kit.path(1)), kit.folder / "out"
    with pytest.raises(NoSuchChannelError, match="edge"):
        convert_depth(ConvertJob(input=source, output=f"{out}/shot.0001.exr"))
    assert not out.exists()


def test_a_channel_of_another_size_is_refused(tmp_path: Path) -> None:
    window = Window(0, 0, 8, 6)
    frame = DepthFrame(1, np.ones((6, 8), np.float32), window, window, 1.0, {})
    writer = ExrDepthWriter(FrameSequence.parse(str(tmp_path / "d.####.exr")))
    small: FloatArray = np.ones((6, 7), np.float32)
    with pytest.raises(OutputError, match=r"edge of \(6, 7\) does not fill"):
        writer.write(replace(frame, beside={"edge": small}))
    assert not list(tmp_path.iterdir())
