"""The paper's tables: its protocol over whole scenes, in constant memory, from small files of its sets."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dataset_files import grid, picture, sintel, written
from torch import Tensor

from flashdepth_vfx.errors import PlateError, SettingsError
from flashdepth_vfx.evaluation import (
    Model,
    PublishedJob,
    evaluate_published,
    published_sets,
    published_text,
)
from flashdepth_vfx.evaluation.contestants import open_model
from flashdepth_vfx.evaluation.published.paper import input_size, paper_row
from flashdepth_vfx.evaluation.published.report import (
    PublishedReport,
    PublishedRow,
    SceneFigures,
)
from flashdepth_vfx.evaluation.published.scene import SceneJob, judge_scene
from flashdepth_vfx.measures.clip import Cameras, TruthClip
from flashdepth_vfx.measures.predictor import predict_frame
from flashdepth_vfx.measures.published import at_size
from flashdepth_vfx.measures.temporal import follow, temporal_alignment_error
from flashdepth_vfx.model import ModelConfig, TemporalState
from flashdepth_vfx.training.datasets import DepthSample, SceneRef, open_dataset
from flashdepth_vfx.training.datasets.sintel import Sintel

NO_STATE = TemporalState(())
H, W = 24, 32
CPU = torch.device("cpu")


def slope() -> np.ndarray:
    """Depth of a wall that stands askew: its disparity is a plane."""
    rows, columns = np.mgrid[0:H, 0:W]
    return (1.0 / (0.1 + 0.01 * columns + 0.005 * rows)).astype(np.float32)


def said(values: Callable[[int], Tensor]) -> Callable[..., tuple[Tensor, TemporalState]]:
    """A predictor that says what it is given, by the frame's number."""
    number = -1

    def predict(_rgb: Tensor, _state: Any) -> tuple[Tensor, TemporalState]:
        nonlocal number
        number += 1
        return values(number), NO_STATE

    return predict


def scene_job(root: Path, **changes: Any) -> SceneJob:
    data = open_dataset("sintel", root)
    return SceneJob(data, data.scenes[0], (H, W), CPU, **changes)


def test_a_scaled_and_shifted_truth_is_right_throughout(tmp_path: Path) -> None:
    sintel(tmp_path, frames=3, depth=slope(), step_m=0.0)
    truth = torch.from_numpy(1.0 / slope())
    figures = judge_scene(scene_job(tmp_path), said(lambda n: (truth - 0.3) * 7))
    assert figures.frames == 3
    assert figures.delta1 == 1.0
    assert figures.abs_rel == pytest.approx(0.0, abs=1e-5)
    assert figures.tae == pytest.approx(0.0, abs=1e-3)


def test_a_scale_of_each_frame_is_an_error(tmp_path: Path) -> None:
    sintel(tmp_path, frames=2, depth=slope())
    truth = torch.from_numpy(1.0 / slope())
    figures = judge_scene(scene_job(tmp_path), said(lambda n: truth * (n + 1)))
    assert figures.abs_rel > 0.1
    assert figures.tae is not None
    assert figures.tae > 10.0


def test_streamed_tae_is_that_of_the_whole_clip(tmp_path: Path) -> None:
    sintel(tmp_path, frames=4, depth=slope(), step_m=0.01)
    data = open_dataset("sintel", tmp_path)
    samples = [data.frame(data.scenes[0], index) for index in range(4)]
    generator = torch.Generator().manual_seed(1)
    truth = torch.from_numpy(np.stack([s.disparity_per_m for s in samples]))
    given = truth * (1.0 + 0.1 * torch.rand(truth.shape, generator=generator))
    figures = judge_scene(scene_job(tmp_path), said(lambda n: given[n]))
    p, g = (values.double().numpy().ravel() for values in (given, truth))
    (scale, shift), *_ = np.linalg.lstsq(np.stack([p, np.ones_like(p)], 1), g, rcond=None)
    eye = torch.tensor([[0.01 * n, 0.005 * n, 0.0] for n in range(4)]).double()
    turn = torch.diag(torch.tensor([1.0, -1.0, 1.0])).double().expand(4, 3, 3)
    cameras = Cameras(eye, turn, torch.tensor(100.0))
    whole = TruthClip("whole", torch.empty(4, 3, 0, 0), 100 * truth, cameras)
    expected = temporal_alignment_error(100 * (given.double() * scale + shift), follow(whole))
    assert expected > 0.5
    assert figures.tae == pytest.approx(expected, rel=1e-6)


def test_without_poses_there_is_no_tae(tmp_path: Path) -> None:
    folder = sintel(tmp_path, depth=slope())
    for path in (folder / "training" / "camdata_left").rglob("*.cam"):
        path.unlink()
    figures = judge_scene(scene_job(tmp_path), said(lambda n: torch.from_numpy(1 / slope())))
    assert figures.tae is None


def test_an_axis_out_of_the_middle_has_no_tae(tmp_path: Path) -> None:
    folder = sintel(tmp_path, depth=slope())
    for path in (folder / "training" / "camdata_left").rglob("*.cam"):
        content = bytearray(path.read_bytes())
        content[4 + 2 * 8 : 4 + 3 * 8] = np.float64(W / 2 + 3).tobytes()
        path.write_bytes(content)
    figures = judge_scene(scene_job(tmp_path), said(lambda n: torch.from_numpy(1 / slope())))
    assert figures.tae is None


def test_memory_does_not_depend_on_the_length_of_a_scene(tmp_path: Path) -> None:
    """Two frames at most are alive, and of predictions none but those in hand."""
    sintel(tmp_path, frames=12, depth=slope(), step_m=0.01)
    alive: list[weakref.ref[Any]] = []
    most = 0

    class Counted(Sintel):
        def frame(self, scene: SceneRef, index: int) -> DepthSample:
            nonlocal most
            gc.collect()
            most = max(most, sum(ref() is not None for ref in alive))
            sample = super().frame(scene, index)
            alive.append(weakref.ref(sample.disparity_per_m))
            return sample

    def predicted(number: int) -> Tensor:
        values = torch.from_numpy(1.0 / slope()) * (1.0 + 0.01 * number)
        alive.append(weakref.ref(values))
        return values

    folder = Sintel.find(tmp_path / "sintel")
    assert folder is not None
    data = Counted(folder)
    figures = judge_scene(SceneJob(data, data.scenes[0], (H, W), CPU), said(predicted))
    assert figures.frames == 12
    assert len(alive) == 36
    assert most <= 3


def test_damaged_frames_are_told_of_and_the_state_goes_on(tmp_path: Path) -> None:
    folder = sintel(tmp_path, frames=3, depth=slope())
    path = folder / "training" / "depth" / "alley_1" / "frame_0002.dpt"
    path.write_bytes(b"torn")
    told: list[PlateError] = []
    states = []

    def predict(_rgb: Tensor, state: TemporalState | None) -> tuple[Tensor, TemporalState]:
        states.append(state)
        return torch.from_numpy(1.0 / slope()), NO_STATE

    figures = judge_scene(scene_job(tmp_path, damaged=told.append), predict)
    assert figures.frames == 2
    assert [error.path for error in told] == [str(path)]
    assert states == [None, NO_STATE]


def test_the_sizes_are_the_papers() -> None:
    full, nano = ModelConfig.preset("full"), ModelConfig.preset("nano")
    sizes = {
        name: tuple(input_size(name, scale, (9, 9), full, None) for scale in ("base", "2k"))
        for name in ("eth3d", "waymo", "sintel", "urbansyn", "unreal4k")
    }
    assert sizes == {
        "eth3d": ((518, 784), (1274, 1918)),
        "waymo": ((518, 784), (1274, 1918)),
        "sintel": ((434, 1022), (434, 1022)),
        "urbansyn": ((518, 1036), (1022, 2044)),
        "unreal4k": ((518, 924), (1148, 2044)),
    }
    # what a network does not take is rounded up; another size, and another set, keep the picture's shape
    assert nano.multiple == 32
    assert input_size("sintel", "base", (436, 1024), nano, None) == (448, 1024)
    assert input_size("sintel", "base", (436, 1024), full, 512) == (224, 518)
    assert input_size("spring", "base", (1080, 1920), full, None) == (1092, 1932)


def test_what_the_paper_does_not_state_is_not_there() -> None:
    row = paper_row("full", "2k", "sintel")
    assert row is not None
    assert (row.delta1, row.abs_rel, row.boundary_f1, row.tae) == (0.642, None, None, None)
    assert paper_row("nano", "base", "sintel") is None
    assert paper_row("full", "base", "eth3d") is None


def test_the_papers_row_stands_below_its_model_and_says_what_it_does_not_state() -> None:
    scene = SceneFigures(5, 0.61234, 0.3, None, 1.5)
    row = PublishedRow(
        "sintel", "mine", "2k", 1022, 434, {"alley_1": scene}, paper_row("full", "2k", "sintel")
    )
    report = PublishedReport((), (row,), ("sintel: a file",), "cpu", "1", 2.0)
    _, _, measured, paper, *rest = published_text(report).splitlines()
    assert measured.split() == ["mine", "1022x434", "1", "5", "0.612", "0.300", "-", "1.500"]
    assert paper.split("  ")[0] == "paper: FlashDepth (Full)"
    assert paper.split()[3] == "0.642"
    assert paper.count("not stated") == 3
    assert any("not compared with the paper itself" in line for line in rest)
    assert "left out: sintel: a file" in rest


def test_a_network_is_measured_as_the_protocol_says(nano_weights: Path, tmp_path: Path) -> None:
    depth = slope()
    depth[:4] = 2e4
    depth[5, :3] = np.nan
    for scene in ("alley_1", "market_2"):
        sintel(tmp_path, scene, frames=2, depth=depth)
    model = Model("ours", str(nano_weights), long_side_px=96)
    job = PublishedJob(models=(model,), data=tmp_path, sets=("sintel",), output=tmp_path / "out")
    (row,) = evaluate_published(job, print).rows
    data = open_dataset("sintel", tmp_path)
    net = open_model(model, "cpu", ()).network.net
    state, given = None, []
    samples = [data.frame(data.scenes[0], index) for index in (0, 1)]
    for sample in samples:
        rgb = torch.from_numpy(sample.rgb).permute(2, 0, 1)
        predicted, state = predict_frame(net, rgb, (row.height_px, row.width_px), state)
        given.append(at_size(predicted, (H, W)).double().numpy())
    g = np.stack([sample.disparity_per_m for sample in samples]).astype(np.float64)
    p = np.stack(given)
    near = g >= 1 / 70
    columns = np.stack([p[near], np.ones(near.sum())], 1)
    (scale, shift), *_ = np.linalg.lstsq(columns, g[near], rcond=None)
    metres = [np.clip(1 / np.maximum(v, 1e-3), 1e-3, 70.0) for v in (p * scale + shift, g)]
    one, true = (values[g >= 0] for values in metres)
    figures = row.scenes["alley_1"]
    assert figures.abs_rel == pytest.approx(float((abs(one - true) / true).mean()), rel=1e-6)
    within = np.maximum(one / true, true / one) < 1.25
    assert figures.delta1 == pytest.approx(float(within.mean()))
    assert list(row.scenes) == ["alley_1", "market_2"]
    written_report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert written_report["rows"][0]["mean"]["delta1"] == row.mean("delta1")


def test_scenes_weigh_alike(nano_weights: Path, tmp_path: Path) -> None:
    sintel(tmp_path, "alley_1", frames=1, depth=slope())
    sintel(tmp_path, "market_2", frames=3, depth=slope().T.copy().T + 4 * (slope() < 3))
    model = Model("ours", str(nano_weights), long_side_px=96)
    (row,) = evaluate_published(
        PublishedJob(models=(model,), data=tmp_path, sets=("sintel",)), print
    ).rows
    one, two = (scene.abs_rel for scene in row.scenes.values())
    assert one != two
    assert row.mean("abs_rel") == pytest.approx((one + two) / 2)


def test_sparse_truth_has_no_boundaries_and_it_is_said(nano_weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "eth3d" / "yard"
    picture(folder / "images" / "dslr_images" / "DSC_0001.JPG", H, W)
    raw = slope()
    raw[::2] = np.inf
    written(folder / "ground_truth_depth" / "dslr_images" / "DSC_0001.JPG", raw.tobytes())
    model = Model("ours", str(nano_weights), long_side_px=96)
    report = evaluate_published(
        PublishedJob(models=(model,), data=tmp_path, sets=("eth3d",)), print
    )
    assert report.rows[0].mean("boundary_f1") is None
    assert any("eth3d: boundary F1" in line for line in report.left_out)


def test_nothing_measured_is_refused(nano_weights: Path, tmp_path: Path) -> None:
    sintel(tmp_path, depth=grid(fill=100.0))
    model = Model("ours", str(nano_weights), long_side_px=96)
    job = PublishedJob(models=(model,), data=tmp_path, sets=("sintel",))
    with pytest.raises(SettingsError, match=r"nothing was measured: sintel alley_1: no pixel"):
        evaluate_published(job, print)


def test_a_folder_is_the_papers_or_ours_by_what_lies_in_it(tmp_path: Path) -> None:
    sintel(tmp_path / "sets")
    assert published_sets(tmp_path / "sets") == ("sintel",)
    (tmp_path / "sets" / "photos").mkdir()
    assert published_sets(tmp_path / "sets") == ()
