"""The networks give what the published research modules give, on weights that anyone can make
again.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from golden import recipe
from numpy.typing import NDArray

from flashdepth_vfx.model import FlashDepthNet, ModelConfig

GOLDEN = Path(__file__).parent / "golden"
WHOLE = Path(__file__).parents[2] / "shared" / "spec" / "parity"
WHOLE_FILES = {"s": "s_280x364x3.npz", "l": "l_280x364x3.npz", "full": "full_504x644x3.npz"}
TOLERANCE = 5e-5

NAMES = [
    "s",
    pytest.param("l", marks=pytest.mark.slow),
    pytest.param("full", marks=pytest.mark.slow),
]


class Streamed(NamedTuple):
    depth: NDArray[np.float32]
    state: NDArray[np.float32]


@functools.cache
def streamed(name: str, device: str = "cpu") -> Streamed:
    """The golden video through the network frame by frame: (T, H, W), and the last state (blocks,
    heads, P, N).
    """
    height, width = np.load(GOLDEN / f"{name}.npz")["size"]
    with torch.device("meta"):
        net = FlashDepthNet(ModelConfig.preset(name), scan="torch").eval()
    recipe.fill(net)
    net = net.to(device)
    state, depth = None, []
    with torch.inference_mode():
        for frame in recipe.video(3, int(height), int(width)):
            disparity, state = net(frame.to(device), state)
            depth.append(disparity[0].cpu().numpy())
    assert state is not None
    return Streamed(np.stack(depth), np.stack([ssm[0].cpu().numpy() for ssm in state.tensors]))


def assert_golden(name: str, got: Streamed) -> None:
    golden = np.load(GOLDEN / f"{name}.npz")
    step, state_step = int(golden["depth_stride"]), int(golden["state_stride"])
    assert got.depth.shape[1:] == tuple(golden["size"])
    np.testing.assert_allclose(
        got.depth[:, ::step, ::step], golden["depth"], atol=TOLERANCE, rtol=0
    )
    sampled = got.state[:, :, ::state_step, ::state_step]
    np.testing.assert_allclose(sampled, golden["state"], atol=TOLERANCE, rtol=0)
    norm = np.sqrt(np.square(got.state.astype(np.float64)).sum(axis=(2, 3)))
    np.testing.assert_allclose(norm, golden["state_norm"], rtol=TOLERANCE)


@pytest.mark.parametrize("name", ["s", "l", "full"])
def test_state_dict_has_the_published_names_and_shapes_in_order(name: str) -> None:
    expected = json.loads((GOLDEN / "state_dict.json").read_text())[name]
    with torch.device("meta"):
        entries = FlashDepthNet(ModelConfig.preset(name)).state_dict()
    assert [(key, list(entry.shape)) for key, entry in entries.items()] == list(expected.items())
    assert len(expected) == {"s": 305, "l": 473, "full": 776}[name]


@pytest.mark.parametrize("name", NAMES)
def test_streamed_depth_and_state_equal_the_committed_golden_samples(name: str) -> None:
    assert_golden(name, streamed(name))


@pytest.mark.parametrize("name", NAMES)
def test_streamed_depth_and_state_equal_the_whole_golden_vectors(name: str) -> None:
    path = WHOLE / WHOLE_FILES[name]
    if not path.exists():
        pytest.skip(f"the whole golden vectors are not here: {path}")
    golden, got = np.load(path), streamed(name)
    np.testing.assert_allclose(got.depth, golden["depth"][0], atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(got.state, golden["final_ssm_states"][:, 0], atol=TOLERANCE, rtol=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["s", "l", "full"])
def test_golden_holds_on_cuda_in_float32(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    assert_golden(name, streamed(name, "cuda"))
