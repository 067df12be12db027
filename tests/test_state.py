"""The state on disk: exact, whole, and refused where it does not belong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from flashdepth_vfx.errors import StateError, StateMismatchError
from flashdepth_vfx.model import TemporalState
from flashdepth_vfx.plate import Window
from flashdepth_vfx.preprocess import Canvas
from flashdepth_vfx.state import (
    ShotIdentity,
    ShotState,
    load_state,
    require_fit,
    roll_digest,
    save_state,
)

IDENTITY = ShotIdentity(
    shot="plate.####.exr",
    picture="beauty@left",
    architecture="nano",
    weights_sha256="a" * 64,
    canvas=Canvas(Window(-10, 3, 200, 100), 2.0, 64, 128),
    color="ACEScg|sRGB|+0",
    exposure_stops=0.0,
    sparse=False,
    device="cpu",
    kernels="torch 2.13.0 AVX512",
)
SHAPES = ((1, 8, 32, 256),) * 4


def state(next_frame: int = 9) -> ShotState:
    torch.manual_seed(next_frame)
    ssm = tuple(torch.randn(1, 8, 32, 256) for _ in range(4))
    return ShotState(
        temporal=TemporalState(ssm),
        next_frame=next_frame,
        identity=IDENTITY,
        plates_digest="d" * 64,
        frames_seen=next_frame - 1,
        decisions={"cuts": "[3, 7]"},
    )


@pytest.mark.parametrize("next_frame", [-4, 0, 9, 1_000_001])
def test_a_state_comes_back_from_disk_bit_for_bit(tmp_path: Path, next_frame: int) -> None:
    path = tmp_path / "deep" / "state.safetensors"
    save_state(path, state(next_frame))
    assert load_state(path) == state(next_frame)


def test_the_same_state_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_state(tmp_path / name, state())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_every_torn_length_of_a_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    save_state(path, state())
    whole = path.read_bytes()
    for length in (0, 1, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(StateError, match=r"state\.safetensors"):
            load_state(path)


def test_a_missing_state_says_so(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no such state file"):
        load_state(tmp_path / "nothing")


def test_another_safetensors_file_is_no_state(tmp_path: Path) -> None:
    save_file({"temporal.0": torch.zeros(2)}, tmp_path / "x")
    with pytest.raises(StateError, match="not a state"):
        load_state(tmp_path / "x")


def test_a_state_below_float32_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    half = state()
    save_state(path, half)
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {k: file.get_tensor(k).half() for k in file.keys()}  # noqa: SIM118
    save_file(tensors, path, metadata)
    with pytest.raises(StateError, match="float32"):
        load_state(path)


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(ShotIdentity)])
def test_a_state_of_another_shot_is_refused_and_says_what_differs(field: str) -> None:
    other_values = {
        "canvas": Canvas(Window(0, 0, 200, 100), 2.0, 64, 128),
        "arithmetic": 99,
        "exposure_stops": 1.0,
        "sparse": True,
    }
    other = dataclasses.replace(IDENTITY, **{field: other_values.get(field, "other")})
    with pytest.raises(StateMismatchError, match=field):
        require_fit(Path("s"), state(), other, SHAPES, allow_device_change=False)


@pytest.mark.parametrize("field", ["device", "kernels"])
def test_another_device_is_accepted_on_request_alone(field: str) -> None:
    other = dataclasses.replace(IDENTITY, **{field: "other"})
    with pytest.raises(StateMismatchError, match="--allow-device-change"):
        require_fit(Path("s"), state(), other, SHAPES, allow_device_change=False)
    require_fit(Path("s"), state(), other, SHAPES, allow_device_change=True)


def test_a_state_of_another_networks_shapes_is_refused() -> None:
    for shapes in (SHAPES[:3], ((1, 8, 64, 256),) * 4):
        with pytest.raises(StateMismatchError, match="holds tensors of"):
            require_fit(Path("s"), state(), IDENTITY, shapes, allow_device_change=False)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_state_with_values_that_are_not_numbers_is_refused(tmp_path: Path, value: float) -> None:
    broken = state()
    broken.temporal.tensors[2][0, 3, 5, 7] = value
    save_state(tmp_path / "state", broken)
    with pytest.raises(StateError, match="not numbers"):
        load_state(tmp_path / "state")


def test_a_state_is_carried_forward_and_never_back() -> None:
    assert state(9).skip_to(12).next_frame == 12
    with pytest.raises(ValueError, match="back to 8"):
        state(9).skip_to(8)


def test_a_digest_tells_every_past_from_every_other() -> None:
    pasts = [
        [(1, "a"), (2, "b")],
        [(1, "a"), (2, "c")],
        [(2, "b"), (1, "a")],
        [(1, "a")],
        [(1, "a"), (3, "b")],
        [],
    ]
    digests = set()
    for past in pasts:
        digest = ""
        for frame, stamp in past:
            digest = roll_digest(digest, frame, stamp)
        digests.add(digest)
    assert len(digests) == len(pasts)
