"""Both stages of the paper in miniature: what they begin from, what moves, and that a run that was killed goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import paper_kit
import pytest
import torch
from conftest import environment
from golden import tiny

from flashdepth_vfx.errors import UsageError, WeightsError
from flashdepth_vfx.model import FlashDepthNet
from flashdepth_vfx.training.checkpoint import Checkpoint, load_checkpoint
from flashdepth_vfx.training.export import export_weights
from flashdepth_vfx.training.passes import predict, predict_frames
from flashdepth_vfx.training.run import run_stage
from flashdepth_vfx.training.start import guided_by, new_network
from flashdepth_vfx.weights.reading import read_tensors

_SCRIPT = Path(__file__).with_name("paper_process.py")
Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paper_kit.write_sets(tmp_path_factory.mktemp("sets"))


def trained(kind: str, told: list[str], **begin: Any) -> Lines:
    lines: Lines = []
    run_stage(replace(paper_kit.job(kind, told), **begin), lines.append)
    return lines


@pytest.fixture(scope="module")
def stages(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Stage 1 of S and of a network whose decoder is the teacher's, stage 2 of Full: checkpoints and logs."""
    folder = tmp_path_factory.mktemp("stages")
    s, teacher, full = (folder / f"{name}.pt" for name in ("s", "l", "full"))
    longer = {"train.steps": 40, "train.log_every": 10, "train.checkpoint_seconds": 600}
    lines = {"s": trained("s", paper_kit.changes(root, s, **longer))}
    assert tiny.config("full").teacher is not None
    torch.manual_seed(5)
    taught = FlashDepthNet(tiny.config("full")).teacher_model
    assert taught is not None
    torch.save(taught.state_dict(), teacher)
    told = paper_kit.changes(root, full, **longer | {"data.crop": "random"})
    lines["full"] = trained("full", told, start=s, teacher=teacher)
    return {"s": s, "l": teacher, "full": full, "lines": lines}


@pytest.mark.parametrize("kind", ["s", "full"])
def test_loss_falls(kind: str, stages: dict[str, Any]) -> None:
    losses = [line["loss"] for line in stages["lines"][kind]]
    assert losses[-1] < (0.85 if kind == "s" else 0.95) * losses[0], losses


def test_stage_two_begins_as_s_beside_its_teacher(stages: dict[str, Any]) -> None:
    config = tiny.config("full")
    net, history = guided_by(config, stages["s"], stages["l"], seed=0)
    s = FlashDepthNet(tiny.config("s"))
    s.load_state_dict(read_tensors(stages["s"]).tensors)
    rgb = torch.rand(1, 3, 3, 98, 112, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        torch.testing.assert_close(predict(net, rgb)[0], predict(s, rgb)[0])
    assert net.teacher_model is not None
    assert not changed_from(net.teacher_model.state_dict(), stages["l"])
    assert (history[0]["encoder"], history[0]["teacher_license"]) == ("random", "unknown")
    assert [stage["steps"] for stage in history[1:]] == [40], "what S was trained by"


def changed_from(state: dict[str, torch.Tensor], path: Path, prefix: str = "") -> set[str]:
    before = read_tensors(path).tensors
    return {n for n, t in state.items() if not torch.equal(t, before[n.removeprefix(prefix)])}


def test_in_stage_two_the_teacher_stays_and_all_else_that_is_used_moves(
    stages: dict[str, Any],
) -> None:
    model = load_checkpoint(stages["full"]).model
    teacher = {n: t for n, t in model.items() if n.startswith("teacher_model.")}
    assert not changed_from(teacher, stages["l"], "teacher_model.")
    student = {
        n: t for n, t in model.items() if n.startswith(("pretrained.", "depth_head.", "mamba."))
    }
    unmoved = set(student) - changed_from(student, stages["s"])
    # what no frame passes through
    assert all("mask_token" in n or "refinenet4.resConfUnit1" in n for n in unmoved), unmoved
    fresh = guided_by(tiny.config("full"), stages["s"], stages["l"], seed=42)[0].state_dict()
    fusion = {
        n for n in model if n.startswith("hybrid_fusion.") and not torch.equal(model[n], fresh[n])
    }
    assert {n for n in model if n.startswith("hybrid_fusion.")} - fusion <= {
        n for n in model if ".context_proj." in n and ".0.0." not in n
    }


def test_a_network_begins_as_depth_anything_was_and_its_memory_without_effect(
    tmp_path: Path,
) -> None:
    config = tiny.config("s")
    torch.manual_seed(8)
    published = {
        n: torch.rand_like(t)
        for n, t in FlashDepthNet(config).state_dict().items()
        if "mamba." not in n
    }
    torch.save(published, tmp_path / "dav2.pth")
    net = new_network(config, tmp_path / "dav2.pth", seed=4)
    for name, tensor in published.items():
        assert torch.equal(net.state_dict()[name], tensor), name
    rgb = torch.rand(1, 3, 3, 70, 84)
    with torch.no_grad():
        assert torch.equal(predict(net, rgb)[0], predict_frames(net, rgb))
        mixer = net.mamba.state_dict()
        # section 11 of what the published weights were begun from: A from 1 to 16, D of 1, dt of 1 ms to 100 ms
        assert bool(((mixer["blocks.0.0.mamba.A_log"].exp() - 8.5).abs() <= 7.5).all())
        assert bool((mixer["blocks.0.0.mamba.D"] == 1.0).all())
        dt = torch.nn.functional.softplus(mixer["blocks.0.0.mamba.dt_bias"])
        assert bool(((dt >= 0.999e-3) & (dt <= 0.1001)).all())
    torch.save(published | {"mamba.x": torch.ones(1)}, tmp_path / "later.pth")
    with pytest.raises(WeightsError, match=r"later\.pth.*temporal module"):
        new_network(config, tmp_path / "later.pth", seed=4)
    torch.save({n: t for n, t in published.items() if "cls_token" not in n}, tmp_path / "torn.pth")
    with pytest.raises(WeightsError, match="cls_token"):
        new_network(config, tmp_path / "torn.pth", seed=4)


def test_a_hybrid_without_its_two_networks_is_refused(
    root: Path, stages: dict[str, Any], tmp_path: Path
) -> None:
    told = paper_kit.changes(root, tmp_path / "full.pt")
    with pytest.raises(UsageError, match="two networks"):
        trained("full", told, teacher=stages["l"])
    with pytest.raises(UsageError, match="teacher=FILE"):
        trained("full", told)
    with pytest.raises(WeightsError, match=r"s\.pt: not weights of this teacher"):
        trained("full", told, start=stages["s"], teacher=stages["s"])


def test_a_killed_run_goes_on_as_if_it_had_not_been(root: Path, tmp_path: Path) -> None:
    """A real process, ended by SIGKILL between two of its steps."""
    told = {"train.steps": 6, "train.checkpoint_seconds": 0}
    whole, broken = tmp_path / "whole.pt", tmp_path / "broken.pt"
    unbroken = trained("s", paper_kit.changes(root, whole, **told))
    command = [sys.executable, str(_SCRIPT), "s", *paper_kit.changes(root, broken, **told)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout is not None
        before = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.kill()
    assert process.returncode == -9
    left = load_checkpoint(broken).step
    assert 2 <= left < 6, "cut off in the middle"
    after = trained("s", paper_kit.changes(root, broken, **told))
    assert [line["step"] for line in after] == list(range(left + 1, 7))
    for line in (*before, *after):
        assert line["loss"] == unbroken[line["step"] - 1]["loss"]
    assert_same(load_checkpoint(whole), load_checkpoint(broken))


def assert_same(one: Checkpoint, two: Checkpoint) -> None:
    assert one.step == two.step
    for name, tensor in one.model.items():
        assert torch.equal(tensor, two.model[name]), name
    for number, slots in one.optimizer["state"].items():
        for name, value in slots.items():
            assert torch.equal(two.optimizer["state"][number][name], value), name


@pytest.mark.slow
def test_two_ranks_step_as_one_with_twice_the_clips(root: Path, tmp_path: Path) -> None:
    told = {"train.steps": 1, "data.frames": 2}
    alone, both = tmp_path / "alone.pt", tmp_path / "both.pt"
    trained("s", paper_kit.changes(root, alone, **(told | {"data.clips": 4})))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, str(_SCRIPT), "s", *paper_kit.changes(root, both, **(told | {"data.clips": 2}))],
        env=environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    # after one step a tenth of the gradient is AdamW's first moment
    one, two = (load_checkpoint(path).optimizer["state"] for path in (alone, both))
    assert one.keys() == two.keys()
    for number, slots in one.items():
        scale = float(slots["exp_avg"].abs().max())
        torch.testing.assert_close(
            two[number]["exp_avg"], slots["exp_avg"], rtol=1e-3, atol=1e-3 * scale + 1e-9
        )
    record = load_checkpoint(both).history[-1]
    assert (record["ranks"], record["frames_seen"]) == (2, 8)


def test_weights_say_which_sets_they_were_trained_on(
    stages: dict[str, Any], tmp_path: Path
) -> None:
    said = export_weights(load_checkpoint(stages["full"]), tmp_path / "full.safetensors")
    assert said["notes"] == "Trained on mvs-synth, tartanair."
    assert said["commercial_use"] == "not stated"
    assert "training data" in said["license"]
    bound = load_checkpoint(stages["s"])
    bound.history[0]["license"] = "CC-BY-NC-4.0"
    assert export_weights(bound, tmp_path / "s.safetensors")["commercial_use"] == "no"
    assert str(tmp_path.parent) not in said["provenance"], "no paths"


def test_a_whole_hybrid_is_trained_on_from_where_another_training_left_it(
    root: Path, stages: dict[str, Any], tmp_path: Path
) -> None:
    told = paper_kit.changes(root, tmp_path / "on.pt", **{"train.steps": 1})
    (line,) = trained("full", told, start=stages["full"])
    assert line["step"] == 1
    history = load_checkpoint(tmp_path / "on.pt").history
    assert [stage["steps"] for stage in history[1:]] == [40, 40, 1]
