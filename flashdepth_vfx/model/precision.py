"""Numbers of half the size where they are enough: in the wide layers, held so once and not cast on every frame.

What stays in float32: the residual streams and their norms, the temporal module with the state, and the head. A
stream sums what many layers add, a state what many frames do, and a head's steps would be seen in a comp.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from flashdepth_vfx.errors import WeightsError

__all__ = ["DTYPES", "Precision", "fitted", "hold_in"]

Precision = Literal["fp32", "fp16", "bf16"]
"""Of the wide layers. fp16 has eight times finer steps than bf16, and ends at 65,504."""

DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}
_WIDE = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def fitted(x: Tensor, layer: nn.Module) -> Tensor:
    """`x` in the precision of the layer's weights; as it is under autocast, which chooses for itself."""
    if torch.is_autocast_enabled(x.device.type):
        return x
    return x.to(next(layer.parameters()).dtype)


def hold_in(net: nn.Module, precision: Precision) -> None:
    """Hold the wide layers of a network, or of a part of one, in `precision`, in place.

    A module that `precision` is too coarse for names it in `not_in`, and is held in float32. Raises WeightsError for
    a weight beyond `precision`; the network is of no use then.
    """
    for name, module in net.named_children():
        if precision in getattr(module, "not_in", ()):
            hold_in(nn.ModuleList([module]), "fp32")
            continue
        dtype = DTYPES[precision]
        # no pass over a gigabyte of weights that are as they should be
        if isinstance(module, _WIDE) and module.weight.dtype is not dtype:
            if any(_beyond(weight, dtype) for weight in module.parameters()):
                raise WeightsError(
                    f"a weight of {name} is beyond {precision}: use --precision fp32"
                )
            module.to(dtype)
        hold_in(module, precision)


def _beyond(weight: Tensor, dtype: torch.dtype) -> bool:
    return bool((weight.detach().abs() > torch.finfo(dtype).max).any())
