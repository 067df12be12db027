"""Networks that are loaded once and used for many shots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from flashdepth_vfx.device import Device, open_device, told_when_memory_is_short
from flashdepth_vfx.manifest import WeightsRecord
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.model.attention import Choice, choose
from flashdepth_vfx.model.precision import DTYPES, hold_in
from flashdepth_vfx.preprocess import Canvas
from flashdepth_vfx.runner import FrameRunner
from flashdepth_vfx.settings import RenderSettings
from flashdepth_vfx.weights import WeightsEntry, load, suggest

__all__ = ["Network", "Networks"]


@dataclass(frozen=True)
class Network:
    """Weights on a device, ready to run."""

    net: FlashDepthNet
    runner: FrameRunner
    config: ModelConfig
    entry: WeightsEntry
    record: WeightsRecord
    device: Device

    @property
    def default_long_side_px(self) -> int | None:
        """The working size when none is asked for; None is the plate's own."""
        return self.entry.default_long_side_px

    @property
    def state_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the state's tensors, for one shot."""
        return self.net.state_shapes(1)

    def attention(self, canvas: Canvas, said: Choice) -> Choice:
        """How attention runs on this canvas: as `said` by an earlier part of the shot, or what measures fastest.

        Empty where this network, device and precision leave no choice.
        """
        there = self.device.torch_device
        if there.type != "cuda":
            return {}
        calls = self.net.attention_calls(canvas.height, canvas.width)
        return choose(calls, there, DTYPES[self.device.precision], said)

    def notices(self, canvas: Canvas) -> list[str]:
        """What a person should hear about the device, and about these weights on this canvas."""
        told = self.device.notice, suggest(self.entry, min(canvas.window.shape))
        return [text for text in told if text]


class Networks:
    """Keeps the last network, since a worker renders many shots with one set of weights."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[object, ...], Network] | None = None

    def open(self, settings: RenderSettings) -> Network:
        """The network that `settings` name, on their device.

        Raises `LicenseError` before anything is read, `WeightsError`, `DeviceError`.
        """
        key = (
            settings.weights,
            settings.accept_license,
            settings.device,
            settings.scan,
            settings.precision,
        )
        if self._kept is None or self._kept[0] != key:
            self._kept = None
            self._kept = (key, _load(settings))
        return self._kept[1]


def _load(settings: RenderSettings) -> Network:
    device = open_device(settings.device, settings.scan, settings.precision)
    loaded = load(settings.weights, accept=settings.accept_license)
    config = ModelConfig.from_dict(loaded.config)
    with told_when_memory_is_short(device, "while the weights were loaded"):
        # Never drawn, and held once: the file's own numbers become the network's.
        with torch.device("meta"):
            net = FlashDepthNet(config, scan=settings.scan)
        net.load_state_dict(_own(loaded.state_dict, device), strict=True, assign=True)
        net.eval().requires_grad_(False)
        # before they go to the device, which has less memory than the host
        hold_in(net, device.precision)
        # Channels last: convolutions take half the time, on either kind of device.
        net.to(device.torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    entry = loaded.entry
    record = WeightsRecord(
        name=entry.name,
        sha256=loaded.sha256,
        license=entry.license,
        commercial_use=entry.commercial_use,
        relative=entry.per_frame,
    )
    return Network(net, FrameRunner(net, device.precision), config, entry, record, device)


def _own(tensors: Mapping[str, Tensor], device: Device) -> dict[str, Tensor]:
    """Weights that outlive their file, once more only where they do not go to a GPU anyway.

    A tensor inside a file lies at any address, and products round otherwise on the CPU where memory is not aligned.
    """
    if device.torch_device.type != "cpu":
        return dict(tensors)
    return {name: tensor.clone() for name, tensor in tensors.items()}
