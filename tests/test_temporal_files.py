"""Every temporal module from a weights file to frames on disk, and recorded on a GPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from golden import tiny
from render_kit import RenderKit, Watcher, run, same
from safetensors.torch import save_file

from flashdepth_vfx.errors import WeightsError
from flashdepth_vfx.model import TemporalState
from flashdepth_vfx.model.precision import Precision
from flashdepth_vfx.model.temporal_config import TEMPORAL_KINDS, TemporalKind
from flashdepth_vfx.runner import FrameRunner
from flashdepth_vfx.weights import load

every_kind = pytest.mark.parametrize("kind", TEMPORAL_KINDS)


def written(folder: Path, kind: TemporalKind) -> Path:
    """A weights file as training exports it, of a small network with this module."""
    net = tiny.net("nano", temporal=kind)
    said = {"config": json.dumps(net.config.to_dict())}
    path = folder / f"{kind}.safetensors"
    save_file(net.state_dict(), path, said)
    return path


@every_kind
def test_a_render_resumed_equals_the_unbroken_one(
    kind: TemporalKind, kit: RenderKit, tmp_path: Path
) -> None:
    weights = str(written(tmp_path, kind))
    plates = kit.shot(range(1, 6))
    run(kit.job(plates, weights=weights))
    run(kit.job(plates, "a/s.####.exr", frames="1-2", state_out="two", weights=weights))
    watcher = Watcher()
    run(kit.job(plates, "b/s.####.exr", frames="3-5", state_in="two", weights=weights), watcher)
    assert (watcher.passed, watcher.written) == ([], [3, 4, 5])
    assert same(kit.depths(), kit.depths("a/s.####.exr") | kit.depths("b/s.####.exr"))
    run(kit.job(plates, "c/s.####.exr", frames="3-5", preroll_frames=0, weights=weights))
    without = kit.depths("c/s.####.exr")
    assert same(without, kit.depths("b/s.####.exr")) == (kind == "none")


def test_weights_of_another_module_are_refused_and_it_is_named(tmp_path: Path) -> None:
    """Of the research code's other modules no weights were published, and their names are not ours."""
    tensors = tiny.net("nano").state_dict()
    theirs = {n.replace(".mamba.", ".hydra_layer."): t for n, t in tensors.items()}
    path = tmp_path / "theirs.safetensors"
    save_file(theirs, path, {"config": json.dumps(tiny.config("nano").to_dict())})
    with pytest.raises(WeightsError, match=r"hydra_layer.*another than 'mamba2'"):
        load(path)


def test_weights_without_a_module_are_in_the_same_unit_as_those_with_one(tmp_path: Path) -> None:
    """Not as a file of Depth Anything V2, which lacks one and is relative."""
    for kind in ("mamba2", "none"):
        assert not load(written(tmp_path, kind)).entry.per_frame


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@every_kind
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_recording_on_a_gpu_is_the_network(kind: TemporalKind, precision: Precision) -> None:
    """One recorded graph, played for every frame: with each module as with the published one."""
    net, plain = (tiny.net("nano", temporal=kind).cuda() for _ in range(2))
    runner = FrameRunner(net.requires_grad_(False), precision)
    played: TemporalState | None = None
    expected: TemporalState | None = None
    with torch.inference_mode():
        for frame in (tiny.frame(96, 160, seed=seed) for seed in range(4)):
            found, played = runner(frame.cuda(), played)
            wanted, expected = plain(frame.cuda(), expected)
            bound = 1e-3 if precision == "fp32" else 3e-2
            assert float((found - wanted).abs().max()) < bound * float(wanted.abs().max())
