"""Depth passes whose every pixel is known, written by the real writer: what the tests of the review share."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from flashdepth_vfx import FrameSequence
from flashdepth_vfx.depth import DepthCode
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.plate import DepthFrame, FloatArray, Window
from flashdepth_vfx.settings import Convention, SceneUnit

__all__ = ["Page", "depth_file", "page_of", "slope", "write_pass"]

#: Elements that have no end.
VOID = {"meta", "img", "br"}


def slope(height: int = 48, width: int = 64, near: float = 0.5, far: float = 0.1) -> FloatArray:
    """1/Z in 1/m that grows from left to right: no edge in it."""
    return np.linspace(far, near, width, dtype=np.float32)[None].repeat(height, axis=0)


def write_pass(
    folder: Path,
    per_metre: Mapping[int, FloatArray],
    *,
    name: str = "shot",
    convention: Convention = Convention.INVERSE_Z,
    unit: SceneUnit = SceneUnit.M,
    corner: tuple[int, int] = (0, 0),
    raw: bool = False,
    of_frame: Mapping[int, Mapping[str, Any]] | None = None,
    **told: Any,
) -> str:
    """One file a frame of 1/Z in 1/m, or of `raw` pixels; `told` are facts of the headers. Gives their pattern."""
    pattern = folder / f"{name}.####.exr"
    writer = ExrDepthWriter(FrameSequence.parse(str(pattern)))
    code = None if raw else DepthCode(convention, unit)
    for frame, values in per_metre.items():
        pixels = values if code is None else code.encode(values * np.float32(100))
        facts = {
            "version": "0.1.0",
            "frame": frame,
            "convention": convention.value,
            "sceneUnit": unit.value,
            "unit": f"1/{unit.value}",
            "calibrated": 1,
            "settings": "of the test",
            "device": "cpu",
            "reset": int(frame == min(per_metre)),
            **told,
            **(of_frame or {}).get(frame, {}),
        }
        window = Window(*corner, pixels.shape[1], pixels.shape[0])
        writer.write(
            DepthFrame(
                frame=frame,
                depth=pixels,
                data_window=window,
                display_window=window,
                pixel_aspect=1.0,
                attributes={f"flashdepth/{key}": value for key, value in facts.items()},
            )
        )
    return str(pattern)


def depth_file(pattern: str, frame: int) -> Path:
    """The file of a frame."""
    return Path(pattern.replace("####", f"{frame:04d}"))


class Page(HTMLParser):
    """Its text, and what it refers to; fails for a page whose elements do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.sources: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Nothing is left open."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def page_of(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))
