"""Which weights there are, what they may be used for, and what they were made from."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from flashdepth_vfx.errors import NoSuchWeightsError

__all__ = ["ENTRIES", "CommercialUse", "WeightsEntry", "find_entry", "suggest"]

#: What the terms say of paid work. "not stated" is not a yes: somebody must decide.
CommercialUse: TypeAlias = Literal["yes", "no", "not stated"]

_FLASHDEPTH = "Eyeline-Labs/FlashDepth"
# The long side that the paper's figures are for; smaller plates keep their size.
_FLASHDEPTH_LONG_SIDE_PX = 2044
# What measures best on real pictures (docs/nano.md): a network this small has learned one scale.
_NANO_LONG_SIDE_PX = 320
# Depth Anything V2 was trained at a short side of 518; this is its long side in a 16:9 picture.
_DAV2_LONG_SIDE_PX = 924
# The authors' own advice: below this short side, L sees more than Full and S do.
_SMALL_SHORT_SIDE_PX = 518


@dataclass(frozen=True)
class WeightsEntry:
    """One set of weights.

    `repository` is on the Hugging Face hub; None is a file inside this package, or the user's own.
    `file` is the path in the repository, and in the folder that keeps the weights. `license` is an
    SPDX name, or words. `default_long_side_px` is the working size when none is asked for, and the
    most; None is the plate's own. `sha256` and `size_bytes` are None where nobody has published
    them. `per_frame` weights have no memory: every frame is a guess of its own.
    """

    name: str
    architecture: str
    repository: str | None
    file: str
    license: str
    commercial_use: CommercialUse
    base: str
    default_long_side_px: int | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    per_frame: bool = False
    notes: str = ""


_NANO = WeightsEntry(
    name="nano",
    architecture="nano",
    repository=None,
    file="nano.safetensors",
    license="Apache-2.0",
    commercial_use="yes",
    base="EfficientNet-Lite2, ImageNet weights (Apache-2.0)",
    default_long_side_px=_NANO_LONG_SIDE_PX,
    notes="In the package. Trained on made scenes only; small, soft, and runs anywhere.",
)
_FULL = WeightsEntry(
    name="full",
    architecture="full",
    repository=_FLASHDEPTH,
    file="flashdepth/iter_43002.pth",
    license="Apache-2.0 by its model card; made from CC-BY-NC-4.0 weights",
    commercial_use="no",
    base="FlashDepth-S, and Depth Anything V2 Large (CC-BY-NC-4.0) as its teacher",
    default_long_side_px=_FLASHDEPTH_LONG_SIDE_PX,
    notes="About 1.65 GB with the optimiser's state. The paper's 2K model.",
)
_L = WeightsEntry(
    name="l",
    architecture="l",
    repository=_FLASHDEPTH,
    file="flashdepth-l/iter_10001.pth",
    license="Apache-2.0 by its model card; made from CC-BY-NC-4.0 weights",
    commercial_use="no",
    base="Depth Anything V2 Large (CC-BY-NC-4.0)",
    default_long_side_px=_FLASHDEPTH_LONG_SIDE_PX,
    sha256="abfa97a9c35d18eb861b81fa6e53eda76bc1dddc08e41a11658a4574d68a2e01",
    notes="About 4.07 GB with the optimiser's state. The most accurate, and slow at 2K.",
)
_S = WeightsEntry(
    name="s",
    architecture="s",
    repository=_FLASHDEPTH,
    file="flashdepth-s/iter_14001.pth",
    license="Apache-2.0 by its model card; the terms of its training data are not stated",
    commercial_use="not stated",
    base="Depth Anything V2 Small (Apache-2.0)",
    default_long_side_px=_FLASHDEPTH_LONG_SIDE_PX,
    notes="About 0.3 GB with the optimiser's state. Full without its teacher: lighter, softer.",
)
_DAV2_S = WeightsEntry(
    name="dav2-s",
    architecture="s",
    repository="depth-anything/Depth-Anything-V2-Small",
    file="depth_anything_v2_vits.pth",
    license="Apache-2.0",
    commercial_use="yes",
    base="DINOv2 ViT-S (Apache-2.0)",
    default_long_side_px=_DAV2_LONG_SIDE_PX,
    sha256="715fade13be8f229f8a70cc02066f656f2423a59effd0579197bbf57860e1378",
    size_bytes=99_218_434,
    per_frame=True,
    notes="No memory from frame to frame. Its disparity is relative: no unit, no fixed zero.",
)
_DAV2_L = WeightsEntry(
    name="dav2-l",
    architecture="l",
    repository="depth-anything/Depth-Anything-V2-Large",
    file="depth_anything_v2_vitl.pth",
    license="CC-BY-NC-4.0",
    commercial_use="no",
    base="DINOv2 ViT-L (Apache-2.0)",
    default_long_side_px=_DAV2_LONG_SIDE_PX,
    sha256="a7ea19fa0ed99244e67b624c72b8580b7e9553043245905be58796a608eb9345",
    size_bytes=1_341_395_338,
    per_frame=True,
    notes="No memory from frame to frame. Its disparity is relative: no unit, no fixed zero.",
)

ENTRIES: Mapping[str, WeightsEntry] = {
    entry.name: entry for entry in (_NANO, _FULL, _L, _S, _DAV2_S, _DAV2_L)
}


def find_entry(name: str) -> WeightsEntry:
    """The registered weights called `name`. Raises `NoSuchWeightsError` that lists the names."""
    try:
        return ENTRIES[name]
    except KeyError:
        close = difflib.get_close_matches(name.lower(), ENTRIES, 1)
        meant = f" (did you mean {close[0]}?)" if close else ""
        raise NoSuchWeightsError(
            f"no weights called '{name}'{meant}; there are: {', '.join(ENTRIES)}, "
            "or the path of a .safetensors or .pth file"
        ) from None


def suggest(entry: WeightsEntry, short_side_px: int) -> str | None:
    """Advice for a plate whose short side is that small, or None."""
    if entry.name not in ("full", "s") or short_side_px >= _SMALL_SHORT_SIDE_PX:
        return None
    return (
        f"the short side is {short_side_px} px: under {_SMALL_SHORT_SIDE_PX} px the authors "
        f"suggest --weights l over {entry.name} (its base is licensed for non-commercial use)"
    )
