"""Several processes that train one network, as torchrun starts them: one network at the end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import environment
from torch import nn
from training_kit import CPU, STAGES, made_batch, network, stage_settings

from flashdepth_vfx.errors import DeviceError
from flashdepth_vfx.training.checkpoint import load_checkpoint
from flashdepth_vfx.training.losses import clip_loss
from flashdepth_vfx.training.passes import predict, predict_frames
from flashdepth_vfx.training.ranks import ALONE, Ranks, joined_ranks

pytestmark = pytest.mark.slow

_SCRIPT = Path(__file__).with_name("rank_process.py")


def run_ranks(folder: Path, jobs: dict[str, dict[str, Any]]) -> None:
    """Two processes that run these stages one after the other, each in a folder of its name."""
    for name in jobs:
        (folder / name).mkdir()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, str(_SCRIPT), str(folder), json.dumps(jobs)],
        env=environment(), capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def written(folder: Path) -> list[dict[str, Any]]:
    """What the two wrote."""
    return [torch.load(folder / f"rank{rank}of2.pt") for rank in (0, 1)]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One step of each stage, then a run of the second stage."""
    folder = tmp_path_factory.mktemp("ranks")
    jobs: dict[str, dict[str, Any]] = {
        stage: {"stage": stage, "haste": 1.0, "steps": 1} for stage in STAGES
    }
    run_ranks(folder, {**jobs, "run": {"stage": "stage2", "haste": 1.0, "steps": 5}})
    return folder


def assert_equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert set(one) == set(two)
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name


@pytest.mark.parametrize("stage", STAGES)
def test_a_step_of_two_ranks_is_a_step_by_the_mean_of_their_gradients(
    stage: str, ran: Path
) -> None:
    first, second = written(ran / stage)
    assert_equal(first["net"], second["net"])
    settings = stage_settings(stage, steps=1)
    nets = []
    for part in (0, 1):
        net = network().train()
        net.pretrained.requires_grad_(not settings.temporal)
        net.mamba.requires_grad_(settings.temporal)
        if settings.temporal:
            net.pretrained.eval()
        batch = made_batch(0, settings.data, part)
        given = predict(net, batch.rgb)[0] if settings.temporal else predict_frames(net, batch.rgb)
        torch.autograd.backward(clip_loss(given, batch.disparity_100_per_m, settings.loss)[0])
        nets.append(net)
    by_hand = nets[0]
    for mine, other in zip(by_hand.parameters(), nets[1].parameters(), strict=True):
        if mine.grad is not None and other.grad is not None:
            mine.grad = (mine.grad + other.grad) / 2.0
    moved = [p for p in by_hand.parameters() if p.grad is not None]
    nn.utils.clip_grad_norm_(moved, 1.0)
    # the first step of AdamW: as far as its rate, along the sign of the gradient
    for name, parameter in by_hand.named_parameters():
        if parameter.grad is None:
            assert torch.equal(first["net"][name], parameter), name
            continue
        rate = settings.encoder_rate if name.startswith("pretrained.") else settings.decoder_rate
        rate = 0.5 * (settings.temporal_rate if name.startswith("mamba.") else rate)
        decay = settings.weight_decay if parameter.ndim > 1 else 0.0
        step = rate * parameter.grad / (parameter.grad.abs() + 1e-8)
        wanted = (parameter * (1.0 - rate * decay) - step).detach()
        sure = parameter.grad.abs() > 1e-6
        torch.testing.assert_close(first["net"][name][sure], wanted[sure], rtol=1e-3, atol=2e-5)
    for (name, one), two in zip(by_hand.named_buffers(), nets[1].buffers(), strict=True):
        if one.is_floating_point():
            mean = (one + two) / 2.0
            torch.testing.assert_close(first["net"][name], mean, msg=name)


def test_two_ranks_end_with_one_network_and_one_file(ran: Path) -> None:
    first, second = written(ran / "run")
    assert_equal(first["net"], second["net"])
    checkpoint = load_checkpoint(ran / "run" / "run.pt")
    assert_equal(first["net"], checkpoint.model)
    assert (checkpoint.step, checkpoint.history[-1]["ranks"]) == (5, 2)
    # two frames a step, on each of two ranks
    assert checkpoint.history[-1]["frames_seen"] == 5 * 2 * 2
    assert [line["step"] for line in first["lines"]] == [1, 2, 3, 4, 5]
    assert second["lines"] == [], "the first speaks for all"


def test_ranks_whose_clocks_differ_save_at_the_same_step(tmp_path: Path) -> None:
    # by its own clock the hasty one would write before its second step, and the other would not
    hasty = {"stage": "stage1", "steps": 3, "checkpoint_seconds": 600.0, "haste": 1e5}
    run_ranks(tmp_path, {"hasty": hasty})
    first, second = written(tmp_path / "hasty")
    assert_equal(first["net"], second["net"])


def test_without_torchrun_there_is_one_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined_ranks("cpu") as ranks:
        assert ranks is ALONE
        alone = torch.tensor([3.0], device=CPU)
        ranks.average_([alone])
        assert float(alone) == 3.0


def _compare(rank: int, folder: str) -> None:
    """In a process of its own: what two ranks say that hold the same, and then not."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    mine = [torch.zeros(3), torch.arange(6.0).view(2, 3)]
    said = [Ranks(rank, 2).require_same(mine)]
    mine[1][1, 2] += rank * 1e-6
    try:
        said.append(Ranks(rank, 2).require_same(mine))
    except DeviceError as problem:
        said.append(str(problem))
    Path(folder, f"said{rank}").write_text("\n".join(said), encoding="utf-8")
    torch.distributed.destroy_process_group()


def test_ranks_that_differ_in_a_bit_are_found_out(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_compare, args=(str(tmp_path),), nprocs=2)
    one, two = ((tmp_path / f"said{rank}").read_text(encoding="utf-8") for rank in (0, 1))
    assert one == two
    alike, off = one.splitlines()
    assert alike == ALONE.require_same([torch.zeros(3), torch.arange(6.0)])
    assert "1 of 2 tensors differ" in off


def test_a_fingerprint_is_of_every_bit_and_its_place() -> None:
    plain = torch.arange(6.0)
    prints = {
        ALONE.require_same([t]) for t in (plain, plain.flip(0), torch.nextafter(plain, plain + 1))
    }
    assert len(prints) == 3
    assert ALONE.require_same([plain]) == ALONE.require_same([plain.clone().view(2, 3)])
