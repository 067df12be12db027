"""An evaluation from job to report, with real parts at small sizes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from flashdepth_vfx.errors import CorruptPlateError, SettingsError, WeightsError
from flashdepth_vfx.evaluation import EvaluationJob, Model, Report, evaluate, speed

REMEDY = "--fetch FOLDER"


def write_picture(path: Path, pixels: np.ndarray) -> None:
    height, width, channels = pixels.shape
    image = OpenImageIO.ImageBuf(OpenImageIO.ImageSpec(width, height, channels, "uint8"))
    image.set_pixels(OpenImageIO.ROI(0, width, 0, height, 0, 1, 0, channels), pixels / 255.0)
    assert image.write(str(path)), image.geterror()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of noise, whose depth is a slope to the right; no levels and no films."""
    folder = tmp_path_factory.mktemp("data")
    photos = folder / "photos"
    photos.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.float32)
    slope = np.broadcast_to(np.linspace(20, 90, 96, dtype=np.float32), (64, 96))
    write_picture(photos / "motorcycle_left.png", pixels)
    write_picture(photos / "aloeL.jpg", pixels)
    write_picture(photos / "aloeGT.png", np.ascontiguousarray(slope[..., None]))
    np.savez(photos / "motorcycle_disp.npz", slope)
    return folder


def small(weights: Path, output: Path, **changes: object) -> EvaluationJob:
    job = EvaluationJob(
        models=(Model("ours", str(weights)), Model("alone", str(weights), carry_state=False)),
        output=output,
        per_frame="alone",
        clips=2,
        frames=2,
        height_px=64,
        width_px=96,
        drift_frames=21,
        sheets=1,
    )
    return dataclasses.replace(job, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(
    data: Path, nano_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Report, Path, list[str]]:
    """A whole evaluation: the report, its folder, and what was told."""
    told: list[str] = []
    output = tmp_path_factory.mktemp("out") / "evaluation"
    job = small(nano_weights, output, data=data, long_sides_px=(96, 128))
    with pytest.MonkeyPatch.context() as quick:
        # how fast it is does not matter here
        quick.setattr(speed, "_FRAMES", 1)
        quick.setattr(speed, "_REPEATS", 1)
        quick.setattr(speed, "_THREADS", 1)
        return evaluate(job, told.append), output, told


Whole = tuple[Report, Path, list[str]]


def test_every_set_has_a_row_for_every_model_and_baseline(whole: Whole) -> None:
    report, _, _ = whole
    sets = {"made": 2, "flicker": 2, "motorcycle": 1, "aloe": 1}
    models = {"constant", "ramp", "ours", "alone"}
    assert {(r.set, r.model) for r in report.rows} == {(s, m) for s in sets for m in models}
    assert all(len(r.clips) == sets[r.set] for r in report.rows)
    assert {r.set for r in report.rows if r.mean.tae is not None} == {"made", "flicker"}


def test_what_is_not_here_is_left_out_loudly_with_its_remedy(whole: Whole) -> None:
    report, output, told = whole
    films = ["film bikes", "film carphone_pristine", "film vtest"]
    assert [line.split(":")[0] for line in report.skipped] == ["levels", *films]
    assert all(REMEDY in line for line in report.skipped)
    assert {f"not measured: {line}" for line in report.skipped} <= set(told)
    text = (output / "report.txt").read_text(encoding="utf-8")
    assert all(line in text for line in report.skipped)


def test_the_folder_holds_the_report_and_the_sheets(whole: Whole) -> None:
    report, output, _ = whole
    plain = json.loads((output / "report.json").read_text(encoding="utf-8"))
    assert [(r["set"], r["model"]) for r in plain["rows"]] == [
        (r.set, r.model) for r in report.rows
    ]
    assert plain["models"][0]["sha256"] == report.models[0].sha256
    whose = ("ours", "alone", "truth")
    # of each set one clip was asked for; photographs have all
    pictures = ("made_made-0000", "flicker_made-0000", "motorcycle", "aloe")
    assert {path.name for path in (output / "sheets").iterdir()} == {
        f"{picture}_{who}.png" for picture in pictures for who in whose
    }


def test_a_model_without_its_state_is_another_one_on_clips_and_the_same_on_stills(
    whole: Whole,
) -> None:
    report, _, _ = whole
    assert report.mean("made", "ours") != report.mean("made", "alone")
    assert report.mean("aloe", "ours") == report.mean("aloe", "alone")
    assert [facts.carry_state for facts in report.models] == [True, False]


def test_sizes_are_compared_on_pictures_beside_the_baselines(whole: Whole) -> None:
    report, _, _ = whole
    assert {r.set for r in report.sizes} == {"motorcycle", "aloe"}
    given = {(r.model, r.long_side_px) for r in report.sizes}
    assert given == {
        ("constant", None), ("ramp", None),
        ("ours", 96), ("ours", 128), ("alone", 96), ("alone", 128),
    }  # fmt: skip
    means = {(r.set, r.long_side_px): r.mean for r in report.sizes if r.model == "ours"}
    # the weights say 128 of themselves
    assert report.models[0].long_side_px == 128
    assert means["aloe", 128] == report.mean("aloe", "ours")
    assert means["aloe", 96] != report.mean("aloe", "ours")


def test_speed_and_drift_are_measured(whole: Whole) -> None:
    report, _, _ = whole
    assert [(s.model, s.width_px, s.long_side_px) for s in report.speeds] == [
        ("ours", 640, 640), ("ours", 96, 128), ("alone", 640, 640), ("alone", 96, 128),
    ]  # fmt: skip
    assert list(report.drift_medians) == [20, 21]


def test_a_damaged_set_is_an_error_and_not_left_out(
    data: Path, nano_weights: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "data" / "photos"
    photos.mkdir(parents=True)
    for path in (data / "photos").iterdir():
        (photos / path.name).write_bytes(path.read_bytes())
    (photos / "motorcycle_disp.npz").write_bytes(b"no archive")
    job = small(nano_weights, tmp_path / "out", data=tmp_path / "data", sets=("photos",))
    with pytest.raises(CorruptPlateError, match="motorcycle_disp"):
        evaluate(job, lambda line: None)


def test_an_evaluation_of_nothing_is_an_error(nano_weights: Path, tmp_path: Path) -> None:
    job = small(nano_weights, tmp_path / "out", sets=("levels", "films"))
    with pytest.raises(SettingsError, match=REMEDY):
        evaluate(job, lambda line: None)
    assert not (tmp_path / "out" / "report.json").exists()


def test_one_photograph_without_the_other_is_measured(
    data: Path, nano_weights: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "data" / "photos"
    photos.mkdir(parents=True)
    for path in (data / "photos").glob("motorcycle*"):
        (photos / path.name).write_bytes(path.read_bytes())
    job = small(nano_weights, tmp_path / "out", data=tmp_path / "data", sets=("photos",))
    report = evaluate(job, lambda line: None)
    assert {r.set for r in report.rows} == {"motorcycle"}
    (skipped,) = report.skipped
    assert skipped.startswith("aloe: ")


def test_ctrl_c_half_way_leaves_the_report_of_before_as_it_was(
    nano_weights: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"

    def press(what: str) -> None:
        if what == "made: made-0001":
            raise KeyboardInterrupt

    job = small(nano_weights, output, sets=("made",))
    with pytest.raises(KeyboardInterrupt):
        evaluate(job, lambda line: None, press)
    assert {path.name for path in output.iterdir()} == {"sheets"}
    (output / "report.json").write_text("of before", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        evaluate(job, lambda line: None, press)
    assert (output / "report.json").read_text(encoding="utf-8") == "of before"


def test_a_network_that_predicts_no_numbers_is_named(nano_weights: Path, tmp_path: Path) -> None:
    tensors = load_file(nano_weights)
    name = next(name for name in tensors if name.endswith("weight"))
    tensors[name] = torch.full_like(tensors[name], torch.nan)
    with safe_open(nano_weights, "pt") as file:
        save_file(tensors, tmp_path / "broken.safetensors", file.metadata())
    job = small(tmp_path / "broken.safetensors", tmp_path / "out", sets=("made",))
    with pytest.raises(WeightsError, match=r"ours on made-0000: .*not numbers"):
        evaluate(job, lambda line: None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"models": ()}, "needs a model"),
        ({"models": (Model("a"), Model("a"))}, "two models are called 'a'"),
        ({"models": (Model("ramp"),)}, "cannot be called 'ramp'"),
        ({"models": (Model("a/b"),)}, "cannot be called 'a/b'"),
        ({"per_frame": "b"}, "'b' is none of the models"),
        ({"hybrid": "a"}, "'a' is none of the models after the first"),
        ({"sets": ("made", "moon")}, "moon: known are made, flicker"),
        ({"sets": ()}, "sets none"),
        ({"clips": 0}, "clips 0: at least 1"),
        ({"drift_frames": 20}, "drift over 20 frames"),
        ({"long_sides_px": (16,)}, "a side of 16 pixels: at least 32"),
        ({"models": (Model("a", long_side_px=0),)}, "a side of 0 pixels"),
    ],
)
def test_a_job_that_cannot_be_is_refused(changes: dict[str, object], said: str) -> None:
    given: dict[str, object] = {"models": (Model("a"),), "output": Path("out"), **changes}
    with pytest.raises(SettingsError, match=said):
        EvaluationJob(**given)  # type: ignore[arg-type]
