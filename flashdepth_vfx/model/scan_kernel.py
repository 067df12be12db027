"""mamba-ssm's Triton scan, where it is installed: the one place that knows that package.

Its top-level `__init__` imports a compiled CUDA extension that the pure wheel does not have, while
the scan is Triton alone. So the operation's module is imported under a bare package that stands in
only during the import.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor

from flashdepth_vfx.errors import DeviceError

__all__ = ["Scan", "kernel_problem", "kernel_scan", "wants_kernel"]

Scan = Literal["auto", "torch", "mamba_ssm"]
"""Which scan runs: "auto" takes the kernel for half precision on CUDA where it is installed, else
PyTorch.
"""

_PACKAGE = "mamba_ssm"
_MODULE = "mamba_ssm.ops.triton.ssd_combined"


def wants_kernel(scan: Scan, x: Tensor) -> bool:
    """Whether `scan` means the kernel for this input. Raises DeviceError if it was asked for and
    cannot run.
    """
    if scan == "mamba_ssm":
        if not x.is_cuda:
            raise DeviceError(
                f"the mamba_ssm scan needs a CUDA device, not {x.device.type}: use the torch scan"
            )
        if problem := kernel_problem():
            raise DeviceError(f"the mamba_ssm scan cannot run: {problem}; use the torch scan")
        return True
    # Triton multiplies float32 as TF32, which float32 callers did not ask for.
    half = x.dtype in (torch.float16, torch.bfloat16)
    return scan == "auto" and x.is_cuda and half and kernel_problem() is None


def kernel_problem() -> str | None:
    """Why mamba-ssm's scan cannot be imported here, or None if it can."""
    loaded = _load()
    return f"{type(loaded).__name__}: {loaded}" if isinstance(loaded, Exception) else None


def kernel_scan(
    x: Tensor,
    delta: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    state: Tensor | None,
    chunk_tokens: int,
) -> tuple[Tensor, Tensor]:
    """The same contract as `ssm.chunked_scan`, in mamba-ssm's kernel: y is in x's precision, the
    state in float32.
    """
    combined = _load()
    if isinstance(combined, Exception):
        raise DeviceError(f"the mamba_ssm scan cannot run: {combined}; use the torch scan")
    y, last = combined(
        x.contiguous(),
        delta,
        a,
        b.unsqueeze(2).contiguous(),
        c.unsqueeze(2).contiguous(),
        chunk_tokens,
        initial_states=state,
        return_final_states=True,
    )
    return y, last.float()


@functools.cache
def _load() -> Callable[..., Any] | Exception:
    """`mamba_chunk_scan_combined`, or why the package, Triton or one of their needs is not here."""
    try:
        kernel: Callable[..., Any] = _import_module().mamba_chunk_scan_combined
    except (ImportError, AttributeError, OSError, RuntimeError) as problem:
        return problem
    return kernel


def _import_module() -> ModuleType:
    """The operation's module, imported without executing the package's own `__init__`."""
    if _PACKAGE in sys.modules:
        return importlib.import_module(_MODULE)
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"no package {_PACKAGE}")
    bare = ModuleType(_PACKAGE)
    bare.__path__ = list(spec.submodule_search_locations)
    sys.modules[_PACKAGE] = bare
    try:
        return importlib.import_module(_MODULE)
    finally:
        # Left behind, the bare package would hide the real one from whoever imports it later.
        del sys.modules[_PACKAGE]
