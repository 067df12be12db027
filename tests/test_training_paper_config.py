"""Configuration files: the paper's numbers in the shipped ones, and no key that nobody knows."""

from __future__ import annotations

from pathlib import Path

import paper_kit
import pytest

from flashdepth_vfx.errors import SettingsError, UsageError
from flashdepth_vfx.model import ModelConfig
from flashdepth_vfx.training import read_config, shipped_text
from flashdepth_vfx.training.datasets import DATASETS
from flashdepth_vfx.training.optimizer import rate_at
from flashdepth_vfx.training.paper.config import SHIPPED
from flashdepth_vfx.training.paper.sets import SetsSettings
from flashdepth_vfx.training.run import StageJob

_NEEDED = ["checkpoint=run.pt", "encoder=dav2.pth", "data.root=sets"]
_STAGE2 = ["checkpoint=run.pt", "start=s.pt", "teacher=l.pt", "data.root=sets"]


def shipped(name: str, *more: str) -> StageJob:
    return read_config(name, [*(_STAGE2 if name == "stage2-full" else _NEEDED), *more])


def data_of(job: StageJob) -> SetsSettings:
    assert isinstance(job.settings.data, SetsSettings)
    return job.settings.data


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_ones_are_the_papers(name: str) -> None:
    job = shipped(name)
    train, data = job.settings, data_of(job)
    assert job.preset == ModelConfig.preset(name.rpartition("-")[2])
    rates = (train.encoder_rate, train.decoder_rate, train.temporal_rate)
    assert rates == (5e-6, 5e-5, 1e-4)
    adamw = train.optimizer
    assert (adamw.beta1, adamw.beta2, adamw.decay_all, adamw.clip_norm) == (0.9, 0.95, True, 0.0)
    assert (train.weight_decay, train.warmup_steps, train.last_rate) == (0.01, 1000, 1.0)
    loss = train.loss
    others = (loss.shape, loss.gradient, loss.absolute, loss.ratio, loss.steady)
    assert (loss.l1, *others) == (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert (data.seed, data.clips, data.frames) == (42, 4, 5)
    assert train.temporal
    strides = {one.name: one.stride for one in data.sets}
    assert set(strides) <= set(DATASETS)
    if name == "stage2-full":
        assert (data.width_px, data.height_px, data.crop) == (1918, 1078, "random")
        assert strides == {"mvs-synth": 2, "spring": 2}
        assert (train.steps, train.fusion_rate) == (43002, 1e-4)
    else:
        assert (data.width_px, data.height_px, data.crop) == (518, 518, "centre")
        assert strides.pop("mvs-synth") == 1
        assert set(strides.values()) == {2}
        assert len(strides) == 4
        assert train.steps == {"stage1-s": 14001, "stage1-l": 10001}[name]


def test_the_papers_rates_warm_up_over_a_thousand_steps_and_stay() -> None:
    train = shipped("stage1-s").settings
    for step in (0, 1, 500, 998):
        wanted = 1e-4 + 0.9999 * step / 999
        assert rate_at(step, step / 14001, train) == pytest.approx(wanted, rel=1e-12)
    assert [rate_at(step, step / 14001, train) for step in (999, 5000, 14000)] == [1.0] * 3


@pytest.mark.parametrize("name", SHIPPED)
def test_every_number_says_where_it_is_from(name: str) -> None:
    for line in shipped_text(name).split("[data]")[1].splitlines():
        told, sign, _ = line.partition("#")
        # of a table of strides, and of the terms that are left out, the first line speaks for all
        assert sign or "=" not in told or told.endswith(("= 0.0", "= 2", "= 1")), line


@pytest.mark.parametrize(
    ("change", "words"),
    [("data.hight_px=4", ("data.hight_px", "nearest is data.height_px")),
     ("train.optimizer.beta3=0.9", ("train.optimizer.beta3", "nearest is train.optimizer.beta")),
     ("netwrk=s", ("netwrk", "nearest is network")), ("train.lr=1", ("train.lr", "nearest is train.")),
     ("data.rots=x", ("data.rots", "nearest is data.root")), ("data.clips=four", ("data.clips", "four")),
     ("data.clips=2.5", ("data.clips", "2.5")), ("train.steps=true", ("train.steps", "True")),
     ("data.crop=left", ("data.crop", "left")), ("network=huge", ("huge",)),
     ("train.loss=3", ("train.loss", "[train.loss]")), ("data.clips", ("key=value",)),
     ("network.x=1", ("network holds a value",)),
     ("data.strides={springs = 2}", ("springs", "nearest is data.strides.spring")),
     ("data.roots.sintel=x", ("data.roots.sintel",))],
)  # fmt: skip
def test_what_cannot_be_is_named(change: str, words: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError) as caught:
        shipped("stage1-s", change)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("missing", ["checkpoint", "encoder", "data.root"])
def test_nothing_has_a_place_of_its_own(missing: str) -> None:
    told = [one for one in _NEEDED if not one.startswith(missing)]
    with pytest.raises(SettingsError, match=f"{missing}.*"):
        read_config("stage1-s", told)


def test_paths_are_relative_to_the_file_that_they_stand_in(tmp_path: Path) -> None:
    own = tmp_path / "show" / "mine.toml"
    own.parent.mkdir()
    named = 'checkpoint = "mine.pt"\nencoder = "../dav2.pth"\n'
    text = shipped_text("stage1-s").replace("[data]\n", named + '[data]\nroot = "sets"\n', 1)
    own.write_text(text + '[data.roots]\nspring = "elsewhere"\n', encoding="utf-8")
    job = read_config(str(own), ["train.steps=7", "data.strides={spring = 3, tartanair = 1}"])
    assert job.checkpoint == own.parent / "mine.pt"
    assert job.encoder is not None
    assert job.encoder.resolve() == tmp_path / "dav2.pth"
    folders = {"spring": own.parent / "elsewhere", "tartanair": own.parent / "sets"}
    assert job.roots == folders
    assert [(one.name, one.stride) for one in data_of(job).sets] == [
        ("spring", 3),
        ("tartanair", 1),
    ]
    assert job.settings.steps == 7
    assert read_config(str(own), ["checkpoint=here.pt"]).checkpoint == Path("here.pt")


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="stage1-s, stage1-l, stage2-full"):
        read_config(str(tmp_path / "none.toml"))
    (tmp_path / "torn.toml").write_text("[data\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="not TOML"):
        read_config(str(tmp_path / "torn.toml"))
    with pytest.raises(UsageError, match="stage3"):
        shipped_text("stage3")


def test_random_is_a_beginning_too() -> None:
    assert read_config("stage1-s", paper_kit.changes(Path("sets"), Path("x.pt"))).encoder is None
