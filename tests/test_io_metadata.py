"""What passes from a plate's header to a depth file's, and what would be a lie there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashdepth_vfx.io.metadata import passes_through

KEPT = (
    "timeCode",
    "keyCode",
    "framesPerSecond",
    "worldToCamera",
    "worldToNDC",
    "owner",
    "comments",
    "capDate",
    "utcOffset",
    "longitude",
    "focus",
    "expTime",
    "aperture",
    "isoSpeed",
    "envmap",
    "wrapmodes",
    "reelName",
    "imageCounter",
    "screenWindowCenter",
    "screenWindowWidth",
    "originalDataWindow",
    "nuke/camera/focal",
    "nuke/camera/matrix",
    "arri/lens",
    "com.studio.shot",
    "dpx:Transfer",
)
DROPPED = (
    # how the plate's pixels are stored
    "channels",
    "chunkCount",
    "compression",
    "dataWindow",
    "displayWindow",
    "dwaCompressionLevel",
    "lineOrder",
    "name",
    "pixelAspectRatio",
    "tiles",
    "type",
    "version",
    "view",
    "idManifest",
    "maxSamplesPerPixel",
    # what the colours mean
    "acesImageContainerFlag",
    "adoptedNeutral",
    "chromaticities",
    "colorInteropID",
    "colorSpace",
    "ColorSpace",
    "oiio:ColorSpace",
    "whiteLuminance",
    "lookModTransform",
    "renderingTransform",
    # of the picture or the tree that made it
    "preview",
    "software",
    "Software",
    "writer",
    "nuke/node_hash",
    "nuke/version",
    "nuke/full_layer_names",
    "input/filename",
    "input/mtime",
    "cryptomatte/9a3f/manifest",
    "cryptomatte/9a3f/name",
    # of an earlier depth
    "flashdepth/convention",
)


@pytest.mark.parametrize("name", KEPT)
def test_what_stays_true_passes(name: str) -> None:
    assert passes_through({name: 1}, single_view=True) == {name: 1}


@pytest.mark.parametrize("name", DROPPED)
def test_what_would_lie_does_not_pass(name: str) -> None:
    assert passes_through({name: 1}, single_view=False) == {}


def test_views_are_stated_only_where_all_are_written() -> None:
    attributes = {"multiView": ["right", "left"], "owner": "me"}
    assert passes_through(attributes, single_view=True) == {"owner": "me"}
    assert passes_through(attributes, single_view=False) == attributes


@given(st.dictionaries(st.text(min_size=1), st.integers()), st.booleans())
def test_passing_twice_is_passing_once_and_changes_no_value(
    attributes: dict[str, int], single_view: bool
) -> None:
    given_attributes = dict(attributes)
    once = passes_through(attributes, single_view=single_view)
    assert passes_through(once, single_view=single_view) == once
    assert once.items() <= attributes.items()
    assert attributes == given_attributes
