"""The published inference job: its configuration, keys, folders and file names, and movies that cannot be used."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import OpenImageIO
import pytest
from live_kit import write_sound
from movie_plates import write_movie

from flashdepth_vfx import DepthStream, RenderSettings
from flashdepth_vfx.errors import LicenseError, PlateError, SettingsError
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.live import PublishedConfig, legacy_job

#: As it is published, as far as this job reads it.
_CONFIG = """
config_dir: null # overwrite by --config-path
inference: false
load: null  # path to pth file or 'true' when checkpoint exists in config_dir
model:
  vit_size: "vits"
  use_mamba: true
  use_hydra: false
  use_transformer_rnn: false
eval:
  compile: true
  outfolder: "test"
  random_input: null
  out_video: true # whether to save video at all
  out_mp4: true # mp4 if true, gif if false
  save_depth_npy: true
  save_vis_map: false
  dummy_timing: false
"""
Flashdepth = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """The folder of a configuration, by its published name."""
    folder = tmp_path / "configs" / "flashdepth"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(_CONFIG, encoding="utf-8")
    return folder


def _movie(path: Path, count: int = 5, seed: int = 0) -> Path:
    path.parent.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    pictures = [rng.random((64, 80, 3)).astype(np.float32) for _ in range(count)]
    return write_movie(path, pictures, codec="libx264", pixel_format="yuv420p")


def _line(weights: Path, *more: str) -> list[str]:
    """What stands behind train.py in the published command."""
    line = ["legacy", "--config-path", "configs/flashdepth", "--device", "cpu", "inference=true"]
    return [*line, "eval.compile=false", "eval.outfolder=output", f"load={weights}", *more]


def test_the_published_line_gives_the_published_files(
    configs: Path, nano_weights: Path, flashdepth: Flashdepth, tmp_path: Path
) -> None:
    movie = _movie(tmp_path / "examples" / "video1.mp4")
    done = flashdepth(*_line(nano_weights, f"eval.random_input={movie}", "eval.save_vis_map=true"))
    assert done.returncode == 0, done.stderr
    folder = configs / "output" / "video1"
    assert sorted(p.name for p in folder.iterdir()) == [
        "depth_npy_files",
        "flashdepth_0_0.mp4",
        "vis_maps",
    ]
    names = [f"frame_{number}.npy" for number in range(5)]
    assert sorted(p.name for p in (folder / "depth_npy_files").iterdir()) == names
    settings = RenderSettings(weights=str(nano_weights), device="cpu", convention="disparity")  # type: ignore[arg-type]
    pushed, reader = DepthStream(settings), open_plates(str(movie))
    for name, frame in zip(names, reader.frames, strict=True):
        depth = np.load(folder / "depth_npy_files" / name)
        plate = reader.read(frame)
        expected = pushed.push(plate.rgb, color_hint=plate.header.color_hint).depth
        assert depth.dtype == np.float32
        assert np.array_equal(depth, expected)
    with av.open(str(folder / "flashdepth_0_0.mp4")) as container:
        assert [(f.width, f.height) for f in container.decode(video=0)] == [(160, 64)] * 5
    picture = OpenImageIO.ImageBuf(str(folder / "vis_maps" / "frame_4.png"))
    assert (picture.spec().width, picture.nchannels) == (80, 3)
    assert (
        "not used of the configuration: config_dir, inference, model, eval.compile" in done.stderr
    )
    again = flashdepth(*_line(nano_weights, f"eval.random_input={movie}", "eval.out_video=false"))
    assert again.returncode == 1
    assert "is there already" in again.stderr


def test_a_movie_that_cannot_be_used_does_not_stop_the_others(
    configs: Path, nano_weights: Path, flashdepth: Flashdepth, tmp_path: Path
) -> None:
    movies = tmp_path / "movies"
    _movie(movies / "a.mp4", 3)
    (movies / "b.mp4").touch()
    (movies / "c.mp4").write_text("no movie\n" * 99, encoding="utf-8")
    (movies / "notes.txt").touch()
    write_sound(movies / "d.mkv")
    _movie(movies / "e.mov", 2)
    done = flashdepth(*_line(nano_weights, f"eval.random_input={movies}"))
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert [name for name in "abcde" if any(f"{name}.m" in line for line in errors)] == list("bcd")
    made = sorted(str(p.relative_to(configs / "output")) for p in configs.rglob("*.mp4"))
    assert made == ["a/flashdepth_0_0.mp4", "e/flashdepth_0_4.mp4"]
    assert len(list((configs / "output" / "e").rglob("*.npy"))) == 2


def test_frames_that_are_missing_are_told(
    configs: Path, nano_weights: Path, tmp_path: Path
) -> None:
    pictures = [np.random.default_rng(n).random((64, 80, 3)).astype(np.float32) for n in range(9)]
    movie = write_movie(tmp_path / "a.mkv", pictures, codec="mjpeg", pixel_format="yuvj444p")
    torn = bytearray(movie.read_bytes())
    with av.open(str(movie)) as container:
        packet = [p for p in container.demux(container.streams.video[0]) if p.size][4]
        at, size = torn.index(b"\xff\xd8", packet.pos), packet.size
    torn[at : at + size - 40] = bytes(size - 40)
    movie.write_bytes(torn)
    config = PublishedConfig.read(
        configs, ["inference=true", f"load={nano_weights}", f"eval.random_input={movie}"]
    )
    result = legacy_job(config, RenderSettings(device="cpu"))
    assert list(result.failed) == [movie]
    assert "1 damaged packets" in result.failed[movie]


@pytest.mark.parametrize(("width", "resolution"), [(700, "native"), (2100, 2044)])
def test_a_movie_is_seen_at_its_size_up_to_the_published_longest_side(
    configs: Path, tmp_path: Path, width: int, resolution: int | str
) -> None:
    codes = np.random.default_rng(0).integers(0, 256, (16, width, 3), np.uint8)
    movie = write_movie(tmp_path / "wide.mkv", [codes / np.float32(255)])
    # Whose own size is smaller than either.
    asked = ["inference=true", "load=nano", f"eval.random_input={movie}"]
    assert not legacy_job(PublishedConfig.read(configs, asked), RenderSettings(device="cpu")).failed
    depth = np.load(configs / "test" / "wide" / "depth_npy_files" / "frame_0.npy")
    settings = RenderSettings(device="cpu", resolution=resolution, convention="disparity")  # type: ignore[arg-type]
    assert np.array_equal(depth, DepthStream(settings).push(codes).depth)


def test_checkpoints_are_found_as_the_published_code_finds_them(configs: Path) -> None:
    assert PublishedConfig.read(configs).weights() == "full"
    for step in (900, 10001):
        (configs / f"iter_{step}.pth").touch()
    latest = PublishedConfig.read(configs, ["load=true"])
    assert (latest.weights(), latest.step()) == (str(configs / "iter_10001.pth"), 10001)
    named = PublishedConfig.read(configs, ["load=other/iter_7.pth"])
    assert (named.weights(), named.step()) == ("other/iter_7.pth", 7)


def test_published_weights_ask_for_consent(configs: Path, tmp_path: Path) -> None:
    movie = _movie(tmp_path / "a.mp4", 1)
    config = PublishedConfig.read(configs, ["inference=true", f"eval.random_input={movie}"])
    with pytest.raises(LicenseError, match="--accept-license"):
        legacy_job(config, RenderSettings(device="cpu"))
    assert not (configs / "test").exists()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([], "flashdepth train"),
        (["inference=true"], "names no movie"),
        (["inference=true", "eval.dummy_timing=true"], "bench --like-reference"),
        (["inference=true", "eval.random_input=a.mp4", "model.use_hydra=true"], "use_hydra"),
        (["eval=3"], "no keys"),
        (["eval.outfolder"], "KEY=VALUE"),
        (["eval.outfolder=[a"], "no YAML"),
    ],
)
def test_what_is_another_job_is_one_clear_error(
    configs: Path, overrides: list[str], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        legacy_job(PublishedConfig.read(configs, overrides))


def test_movies_that_are_not_there(configs: Path, tmp_path: Path) -> None:
    for place in (tmp_path / "none.mp4", tmp_path):
        config = PublishedConfig.read(configs, ["inference=true", f"eval.random_input={place}"])
        with pytest.raises(PlateError, match=r"no .*movie"):
            legacy_job(config)
