"""ShotState: what a shot is, so far, between two frames; in memory, and on disk as safetensors.

The network's `TemporalState` is part of it. The rest says what it belongs to: a state that is laid under
another shot, another canvas or other weights would render plausible nonsense, so it is refused instead.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from flashdepth_vfx.errors import StateError, StateMismatchError
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.model import TemporalState
from flashdepth_vfx.preprocess import Canvas
from flashdepth_vfx.version import ARITHMETIC

__all__ = [
    "Shapes",
    "ShotIdentity",
    "ShotState",
    "has_other_shapes",
    "load_state",
    "require_fit",
    "roll_digest",
    "save_state",
]

FORMAT = "flashdepth-shot-state/1"
#: Of the network's state, one for each block.
Shapes: TypeAlias = tuple[tuple[int, ...], ...]
_FACTS = "flashdepth_shot_state"
_TENSOR = "temporal.{}"


@dataclass(frozen=True)
class ShotIdentity:
    """What must be the same for two renders to be parts of one shot.

    `shot` is the sequence's name without its folder, since farms map paths; `cuts` is what decides where
    the state begins anew (`CutPlan.text`); `stabilised`, the stabiliser by name, "" for none; `matte` and `empty` are
    what of the plates is ignored (`MaskedPlates`); `preroll_frames` is how much of what came before each part has
    seen, None for all.
    """

    shot: str
    picture: str
    architecture: str
    weights_sha256: str
    canvas: Canvas
    color: str
    exposure_stops: float
    sparse: bool
    device: str
    kernels: str
    arithmetic: int = ARITHMETIC
    cuts: str = "none"
    stabilised: str = ""
    matte: str = ""
    empty: str = "seen"
    preroll_frames: int | None = None

    def differences(self, other: ShotIdentity, *, allow_device_change: bool = False) -> list[str]:
        """What differs, one phrase each, as "weights_sha256 is A, not B"."""
        allowed = {"device", "kernels"} if allow_device_change else set()
        return [
            f"{f.name} is {getattr(self, f.name)}, not {getattr(other, f.name)}"
            for f in dataclasses.fields(self)
            if f.name not in allowed and getattr(self, f.name) != getattr(other, f.name)
        ]


@dataclass(frozen=True)
class ShotState:
    """The state after a frame and before `next_frame`.

    `plates_digest` is rolled over the frames that the network saw, in order, and their files' stamps, from where
    the state began or the take is known to begin: two states with the same digest have the same past. `last_plate`
    is the file of the last of them.
    `decisions` is room for what later stages decide once per shot (cuts, stabiliser), as JSON texts
    by name.
    """

    temporal: TemporalState
    next_frame: int
    identity: ShotIdentity
    plates_digest: str
    frames_seen: int
    last_plate: str = ""
    decisions: Mapping[str, str] = field(default_factory=dict)

    def skip_to(self, frame: int) -> ShotState:
        """The same state, carried over frames that the network does not see, up to `frame`."""
        if frame < self.next_frame:
            raise ValueError(f"cannot carry a state for frame {self.next_frame} back to {frame}")
        return dataclasses.replace(self, next_frame=frame)

    def deciding(self, name: str, text: str) -> ShotState:
        """The same state with a decision, or with what later ones need."""
        return dataclasses.replace(self, decisions={**self.decisions, name: text})


def roll_digest(digest: str, frame: int, stamp: str) -> str:
    """The digest of a past, one seen frame later."""
    return hashlib.sha256(f"{digest}\n{frame}:{stamp}".encode()).hexdigest()


def save_state(path: Path, state: ShotState) -> None:
    """Write a state, whole or not at all. Raises `OutputError`, `DiskFullError`."""
    tensors = {
        _TENSOR.format(i): tensor.detach().to("cpu", torch.float32).contiguous()
        for i, tensor in enumerate(state.temporal.tensors)
    }
    facts = {
        "format": FORMAT,
        "next_frame": state.next_frame,
        "identity": msgspec.to_builtins(state.identity),
        "plates_digest": state.plates_digest,
        "frames_seen": state.frames_seen,
        "last_plate": state.last_plate,
        "decisions": dict(state.decisions),
    }
    # One entry only: safetensors writes several in an order of chance, and the same state must be
    # the same file.
    atomic_write_bytes(path, save(tensors, {_FACTS: json.dumps(facts, sort_keys=True)}))


def load_state(path: Path) -> ShotState:
    """Read a state. Raises `StateError` for a file that is absent, torn, or not a state."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get(_FACTS, "{}"))
            if facts.get("format") != FORMAT:
                raise StateError(path, f"not a state of this version ({FORMAT})")
            names = [_TENSOR.format(i) for i in range(len(file.keys()))]
            # Cloned, since a tensor inside the file lies at any address, and matrix products round
            # otherwise on the CPU where memory is not aligned: a resumed shot would differ.
            tensors = tuple(file.get_tensor(name).clone() for name in names)
        return _assemble(tensors, facts)
    except FileNotFoundError:
        raise StateError(path, "no such state file") from None
    except (SafetensorError, OSError, KeyError, ValueError, msgspec.ValidationError) as wrong:
        raise StateError(path, f"cannot be read as a state: {wrong}") from wrong


def require_fit(
    path: Path,
    state: ShotState,
    identity: ShotIdentity,
    shapes: Shapes,
    *,
    allow_device_change: bool,
) -> None:
    """Raise `StateMismatchError`, with every difference, unless `state` belongs to `identity`.

    `shapes` are those of the network's state.
    """
    if has_other_shapes(state, shapes):
        found = [tuple(tensor.shape) for tensor in state.temporal.tensors]
        raise StateMismatchError(path, f"holds tensors of {found}, not {list(shapes)}")
    wrong = state.identity.differences(identity, allow_device_change=allow_device_change)
    if wrong:
        device_only = not state.identity.differences(identity, allow_device_change=True)
        remedy = " (--allow-device-change accepts a seam)" if device_only else ""
        raise StateMismatchError(path, f"belongs to another render: {'; '.join(wrong)}{remedy}")


def has_other_shapes(state: ShotState, shapes: Shapes) -> bool:
    """Whether the network whose state has `shapes` cannot go on from `state`."""
    return tuple(tuple(tensor.shape) for tensor in state.temporal.tensors) != shapes


def _assemble(tensors: tuple[torch.Tensor, ...], facts: Any) -> ShotState:
    if any(tensor.dtype != torch.float32 for tensor in tensors):
        raise ValueError("its tensors are not float32")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors):
        raise ValueError("it holds values that are not numbers")
    return ShotState(
        temporal=TemporalState(tensors),
        next_frame=int(facts["next_frame"]),
        identity=msgspec.convert(facts["identity"], ShotIdentity),
        plates_digest=str(facts["plates_digest"]),
        frames_seen=int(facts["frames_seen"]),
        last_plate=str(facts["last_plate"]),
        decisions={str(k): str(v) for k, v in facts["decisions"].items()},
    )
