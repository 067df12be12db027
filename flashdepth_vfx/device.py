"""Which machine part runs the network, and the name of the arithmetic that it runs.

`Device.name` and `Device.kernels` go into the state and the files: frames of one shot are only sure to
join without a seam when both are the same.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import torch

from flashdepth_vfx.errors import DeviceError, SettingsError
from flashdepth_vfx.model.kernels import kernels_problem, kernels_version
from flashdepth_vfx.model.precision import DTYPES, Precision
from flashdepth_vfx.model.scan_kernel import Scan, kernel_problem

__all__ = ["Device", "open_device", "told_when_memory_is_short"]

#: Major compute capability of the first cards that multiply bfloat16 themselves.
_BF16_SINCE = 8
#: And of those that multiply float16 many times faster than float32, all of them.
_FP16_SINCE = 7


@dataclass(frozen=True)
class Device:
    """A device that was seen working: `torch_device` for tensors, `name` and `kernels` for the record."""

    torch_device: torch.device
    name: str
    kernels: str
    driver: str
    precision: Precision
    #: Why `auto` settled for the CPU, or what makes this GPU slow; empty when nothing needs saying.
    notice: str = ""


def open_device(
    wanted: str, scan: Scan = "auto", precision: Precision | Literal["auto"] = "auto"
) -> Device:
    """Open `auto`, `cpu`, `cuda` or `cuda:N`, for a network whose wide layers are in `precision`.

    Raises `DeviceError`, with the driver's own words, when a GPU was asked for and none answers or it does not have
    that precision, and `SettingsError` for another name.
    """
    if precision not in (*DTYPES, "auto"):
        raise SettingsError(f"--precision {precision}: give auto, {', '.join(DTYPES)}")
    held: Precision = "fp32" if precision == "auto" else precision
    if wanted == "cpu":
        return _cpu(scan, held, "")
    if wanted == "auto":
        trouble = _cuda_trouble()
        if trouble is None:
            return _cuda("cuda", scan, precision)
        return _cpu(scan, held, f"rendering on the CPU, which is slow: {trouble}")
    if wanted == "cuda" or wanted.startswith("cuda:"):
        trouble = _cuda_trouble()
        if trouble is not None:
            raise DeviceError(f"--device {wanted}: {trouble} (--device cpu renders without a GPU)")
        return _cuda(wanted, scan, precision)
    raise SettingsError(f"--device {wanted}: give auto, cpu, cuda or cuda:N")


@contextlib.contextmanager
def told_when_memory_is_short(device: Device, doing: str) -> Iterator[None]:
    """Turn the end of memory, in any of PyTorch's words for it, into a `DeviceError`."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        on_host = "DefaultCPUAllocator" in str(error) or "not enough memory" in str(error)
        if not on_host and not isinstance(error, torch.OutOfMemoryError | MemoryError):
            raise
        raise DeviceError(
            f"{device.name} ran out of memory {doing}: choose a smaller --resolution"
        ) from error


def _cuda_trouble() -> str | None:
    """Why CUDA cannot be used, in the driver's or PyTorch's words; None when it can."""
    if not torch.version.cuda:
        return f"this PyTorch ({torch.__version__}) was built without CUDA"
    try:
        torch.zeros(1, device="cuda")
    except (RuntimeError, AssertionError) as answer:
        return f"CUDA does not start: {str(answer).splitlines()[0]}"
    return None


def _cpu(scan: Scan, precision: Precision, notice: str) -> Device:
    # Threads too: matrix products round otherwise when another number of them shares the work.
    if scan == "mamba_ssm":
        raise DeviceError("--scan mamba_ssm needs a CUDA device; --scan torch runs anywhere")
    kernels = (
        f"torch {torch.__version__} {torch.backends.cpu.get_cpu_capability()} "
        f"threads={torch.get_num_threads()} {precision} scan=torch"
    )
    return Device(torch.device("cpu"), "cpu", kernels, "", precision, notice)


def _scan(scan: Scan) -> str:
    """Which scan runs on float32, for the record: "auto" leaves the kernel to half precision."""
    if scan != "mamba_ssm":
        return "scan=torch"
    if problem := kernel_problem():
        raise DeviceError(f"--scan mamba_ssm: {problem}; --scan torch runs anywhere")
    # Triton multiplies float32 as TF32; and another build of it rounds otherwise.
    versions = (f"{name} {metadata.version(name)}" for name in ("mamba-ssm", "triton"))
    return f"scan={' '.join(versions)} tf32"


def _nvidia_driver() -> str:
    """The kernel driver's version, where the system tells it without asking a tool."""
    try:
        said = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8")
    except OSError:
        return "not told"
    found = re.search(r"\d+\.\d+(?:\.\d+)?", said)
    return found[0] if found else "not told"


def _cuda(wanted: str, scan: Scan, asked: Precision | Literal["auto"]) -> Device:
    try:
        properties = torch.cuda.get_device_properties(wanted)
    except (RuntimeError, AssertionError, ValueError) as answer:
        raise DeviceError(f"--device {wanted}: {str(answer).splitlines()[0]}") from answer
    capability = f"{properties.major}.{properties.minor}"
    precision = _fitting(properties.major) if asked == "auto" else asked
    if precision == "bf16" and properties.major < _BF16_SINCE:
        raise DeviceError(
            f"--precision bf16: {properties.name} (compute capability {capability}) would only imitate it; "
            "fp16 and fp32 are its own"
        )
    # TF32 and autotuned convolutions would make a frame depend on what ran before it.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    steps, notice = _steps(precision)
    kernels = (
        f"torch {torch.__version__} cuda {torch.version.cuda} "
        f"cudnn {torch.backends.cudnn.version()} {precision} {_scan(scan)}{steps}"  # type: ignore[no-untyped-call]
    )
    driver = (
        f"driver {_nvidia_driver()}, CUDA {torch.version.cuda}, compute capability {capability}"
    )
    # with its number, so that one card has one name
    device = torch.empty(0, device=wanted).device
    return Device(device, properties.name, kernels, driver, precision, notice)


def _fitting(major: int) -> Precision:
    """What `auto` is on a card of this compute capability."""
    return "fp16" if major >= _FP16_SINCE else "fp32"


def _steps(precision: Precision) -> tuple[str, str]:
    """Which small steps run between the large products, for the record; what a person should know of it."""
    if precision == "fp32":
        return "", ""
    problem = kernels_problem()
    if problem is None:
        return f" triton {kernels_version()}", ""
    return " plain", f"frames take longer than they need to: {problem}"
