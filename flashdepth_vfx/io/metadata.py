"""What of a plate's header is still true of a depth file made from it, and so passes through."""

from __future__ import annotations

import re
from typing import Any

from flashdepth_vfx.plate import Attributes

__all__ = ["passes_through"]

#: How the plate's own pixels are stored: the depth writer states its own.
_STORAGE = frozenset(
    (
        "channels",
        "chunkCount",
        "compression",
        "dataWindow",
        "deepImageState",
        "displayWindow",
        "dwaCompressionLevel",
        "idManifest",
        "lineOrder",
        "maxSamplesPerPixel",
        "name",
        "pixelAspectRatio",
        "tiles",
        "type",
        "version",
        "view",
        "zipCompressionLevel",
    )
)
#: What the numbers of R, G and B mean. Depth has no colour, and a reader that honours these would
#: convert it; an ACES container flag on anything else is an error by its standard.
_COLOUR = frozenset(
    (
        "acesimagecontainerflag",
        "adoptedneutral",
        "chromaticities",
        "colorinteropid",
        "colorspace",
        "lookmodtransform",
        "oiio:colorspace",
        "renderingtransform",
        "whiteluminance",
    )
)
#: A thumbnail of the plate; manifests of channels that are not written; the program, and hashes of
#: the tree, that made the plate; and what an earlier depth of ours said.
_LIES = re.compile(
    r"preview|[sS]oftware|writer|input/.*|cryptomatte/.*|flashdepth/.*|nuke/(?!camera/).*",
    re.DOTALL,
)


def passes_through(attributes: Attributes, *, single_view: bool) -> dict[str, Any]:
    """The attributes of a plate that a depth file keeps: time code, lens, camera, owner, and all others.

    Dropped are storage, colour, previews, the program's name, `cryptomatte/*`, `input/*`,
    `flashdepth/*`, and `nuke/*` save `nuke/camera/*`, which stays true of the shot. `multiView` goes
    when only one view is written (`single_view`): a file that states views it has not is misread.
    """
    return {
        name: value
        for name, value in attributes.items()
        if name not in _STORAGE
        and name.lower() not in _COLOUR
        and not _LIES.fullmatch(name)
        and not (single_view and name == "multiView")
    }
