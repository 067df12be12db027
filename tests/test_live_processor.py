"""The published stream processor's class: a script runs by changing its import, and the state is kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
from conftest import environment
from live_kit import camera, free_port, require_camera
from movie_plates import write_movie

from flashdepth_vfx import DepthStream, FlashDepthProcessor, RenderSettings
from flashdepth_vfx.errors import LicenseError, SettingsError
from flashdepth_vfx.io import open_plates

#: As its users write it, but for the first line.
_SCRIPT = """
from flashdepth_vfx import FlashDepthProcessor

processor = FlashDepthProcessor(
    config_path='configs/flashdepth/config.yaml',
    stream_mode=True,
    save_depth_png=True,
    max_frames=4
)
try:
    processor.run_inference()
finally:
    processor.cleanup()
"""
_CONFIG = """
inference: true
load: {weights}
dataset:
  resolution: 2k
model:
  use_mamba: true
eval:
  stream_url: {source}
  compile: false
  target_fps: 30
"""


def _configured(folder: Path, source: object, weights: Path, name: str = "flashdepth") -> Path:
    config = folder / "configs" / name / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(_CONFIG.format(source=source, weights=weights), encoding="utf-8")
    return config


def _movie(folder: Path, count: int = 6) -> Path:
    pictures = [
        np.random.default_rng(n).random((64, 80, 3)).astype(np.float32) for n in range(count)
    ]
    return write_movie(folder / "take.mkv", pictures)


def test_a_script_of_the_published_one_runs_and_keeps_its_state(
    nano_weights: Path, tmp_path: Path
) -> None:
    movie = _movie(tmp_path)
    _configured(tmp_path, movie, nano_weights)
    for run in (1, 2):
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        folder = tmp_path / "result" / f"stream_{run}"
        assert sorted(p.name for p in folder.glob("*.npy")) == [f"{n}_depth.npy" for n in range(4)]
        assert sorted(p.name for p in (folder / "depth_PNGs").iterdir()) == [
            f"{n}_depth.png" for n in range(4)
        ]
    log = (folder / "run.log").read_text(encoding="utf-8")
    assert (
        "not used of the configuration: inference, dataset, model, eval.compile, eval.target_fps"
        in log
    )
    settings = RenderSettings(weights=str(nano_weights), convention="disparity")  # type: ignore[arg-type]
    pushed = DepthStream(settings)
    reader = open_plates(str(movie))
    alone = DepthStream(settings)
    for number, frame in enumerate(reader.frames[:4]):
        depth = np.load(folder / f"{number}_depth.npy")
        assert depth.dtype == np.float32
        picture = reader.read(frame).rgb
        assert np.array_equal(depth, pushed.push(picture).depth)
        alone.reset()
        if number:
            # The published one forgets on every frame.
            assert not np.array_equal(depth, alone.push(picture).depth)
    assert OpenImageIO.ImageBuf(str(folder / "depth_PNGs" / "2_depth.png")).nchannels == 3


def test_it_tells_what_it_does_and_where(
    nano_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = _configured(tmp_path, _movie(tmp_path, 2), nano_weights)
    processor = FlashDepthProcessor(config.parent)
    assert (processor.pred, processor.stopped) == (None, False)
    assert processor.run_inference().frames == 2
    assert processor.stopped
    assert processor.run_dir == Path("result/stream_1")
    assert processor.pred is not None
    assert np.array_equal(processor.pred, np.load("result/stream_1/1_depth.npy"))
    assert not Path("result/stream_1/depth_PNGs").exists()


def test_weights_are_those_of_the_folder_and_their_licence_is_asked_for(
    nano_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = _configured(tmp_path, _movie(tmp_path, 1), nano_weights, "flashdepth-l")
    text = config.read_text(encoding="utf-8")
    config.write_text("\n".join(line for line in text.splitlines() if not line.startswith("load")))
    with pytest.raises(LicenseError, match="--accept-license"):
        FlashDepthProcessor(config).run_inference()
    assert "LicenseError" in Path("result/stream_1/run.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("eval: {}", "names no stream"),
        ("[1, 2]", "no configuration"),
        ("eval: [", "no YAML"),
        ("eval: {url: a.mov}", "names no weights"),
    ],
)
def test_a_configuration_that_says_nothing_is_refused(
    tmp_path: Path, text: str, words: str
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=words):
        FlashDepthProcessor(tmp_path)
    with pytest.raises(SettingsError, match="cannot be read"):
        FlashDepthProcessor(tmp_path / "none")


@pytest.mark.parametrize(
    ("folder", "model", "words"),
    [
        ("flashdepth", "use_hydra: true", "use_hydra: no weights"),
        ("flashdepth-s", "use_xlstm: true", "use_xlstm: no weights"),
        ("own", "use_transformer_rnn: true", "use_transformer_rnn: no weights"),
        ("flashdepth-l", "mamba_in_dpt_layer: [1]", r"is \[1\].*weights' is \[3\]"),
        ("flashdepth", "mamba_in_dpt_layer: [3]", r"is \[3\].*weights' is \[1\]"),
        ("flashdepth", "mamba_in_dpt_layer: [1]", None),
        ("own", "mamba_in_dpt_layer: [0]", None),
        ("flashdepth-s", "use_hydra: false", None),
    ],
)
def test_another_temporal_module_than_the_published_weights_is_refused(
    tmp_path: Path, folder: str, model: str, words: str | None
) -> None:
    """Else they would run, on a path that they were not trained for."""
    file = tmp_path / folder / "config.yaml"
    file.parent.mkdir()
    file.write_text(f"load: own.safetensors\nmodel: {{{model}}}\neval: {{url: a.mov}}\n")
    if words is None:
        FlashDepthProcessor(file)
        return
    with pytest.raises(SettingsError, match=words):
        FlashDepthProcessor(file)


def test_a_camera(nano_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_camera()
    monkeypatch.chdir(tmp_path)
    port = free_port()
    config = _configured(tmp_path, f"rtsp://127.0.0.1:{port}/cam", nano_weights)
    with camera(port):
        done = FlashDepthProcessor(config, max_frames=5).run_inference()
    assert (done.frames, done.resets) == (5, 0)
    assert len(list(Path("result/stream_1").glob("*.npy"))) == 5
