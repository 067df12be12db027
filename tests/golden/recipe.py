"""The recipe behind the golden vectors: weights and frames that anyone can make again, without a
trained file.

A weight is drawn from NumPy's default generator seeded by the CRC-32 of its name, and scaled by
what it is. The golden depth and states were computed once from these weights by the published
research modules, in float32 on a CPU.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

VIDEO_SEED = 7


def weight(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The deterministic float32 value of one state-dict entry."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    normal = random.standard_normal(shape, dtype=np.float32)
    leaf = name.rpartition(".")[2]
    if leaf == "A_log":
        # Drawn after the normal values, which advance the generator although they are not used
        # here.
        return np.log(1 + 15 * random.random(shape, dtype=np.float32)).astype(np.float32)
    if leaf == "dt_bias":
        return (-4.6 + 2.3 * random.random(shape, dtype=np.float32)).astype(np.float32)
    if name.endswith("output_conv2.2.bias"):
        return np.full(shape, 2.0, np.float32)
    is_gain = leaf in ("D", "gamma") or (leaf == "weight" and len(shape) == 1)
    if is_gain:
        return (1 + 0.1 * normal).astype(np.float32)
    if leaf in ("cls_token", "pos_embed", "mask_token", "bias"):
        return (0.02 * normal).astype(np.float32)
    return (normal * (1.0 / math.sqrt(math.prod(shape[1:])))).astype(np.float32)


def fill(net: nn.Module) -> None:
    """Gives every entry of the network its deterministic value; the network may be on the meta
    device.
    """
    values = {
        name: torch.from_numpy(weight(name, tuple(entry.shape)))
        for name, entry in net.state_dict().items()
    }
    net.load_state_dict(values, strict=True, assign=True)


def video(frames: int, height: int, width: int) -> Tensor:
    """Normalised frames `(T, 1, 3, H, W)`: drifting waves with a little noise."""
    random = np.random.default_rng(VIDEO_SEED)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    made = []
    for t in range(frames):
        waves = [
            np.sin(x / 17 + t * 0.3 + c) + np.cos(y / 23 - c * 0.5 + t * 0.2) for c in range(3)
        ]
        noise = 0.1 * random.standard_normal((3, height, width), dtype=np.float32)
        made.append((np.stack(waves) + noise).astype(np.float32))
    return torch.from_numpy(np.stack(made)).unsqueeze(1)
