"""What an EXR's header says: metadata without loss, and the colour space that it names."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from plates import (
    H,
    RawChannel,
    W,
    exr_attribute,
    flat,
    flat_color,
    planes,
    read_one,
    write_exr,
    write_exr_parts,
    write_raw_exr,
)

from flashdepth_vfx.plate import Window

_AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)


_AP1 = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)


_REC709 = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)


def test_metadata_comes_through_without_loss(tmp_path: Path) -> None:
    kept = {
        "timeCode": OpenEXR.TimeCode(1, 2, 3, 4, True, *[False] * 13),
        "keyCode": OpenEXR.KeyCode(1, 2, 3, 4, 5, 6, 64),
        "framesPerSecond": Fraction(24000, 1001),
        "worldToCamera": np.arange(16, dtype=np.float32).reshape(4, 4),
        "owner": "Ångström & Söhne",
        "nuke/camera/focal": 35.0,
        "camera/long/name/of/more/than/thirty-one/letters": "kept",
        "lenses": ["a", "b"],
        "take": -7,
    }
    path = write_exr(tmp_path / "a.exr", planes("", 1, 2, 3), **kept)
    header = read_one(path).header
    for name, value in kept.items():
        assert repr(header.attributes[name]) == repr(value)
    assert header.frames_per_second == pytest.approx(23.976, abs=1e-3)


def test_a_frame_rate_of_nothing_over_nothing_is_no_rate(tmp_path: Path) -> None:
    """The module raises ZeroDivisionError on the whole header for this."""
    extra = exr_attribute("framesPerSecond", "rational", struct.pack("<iI", 0, 0))
    extra += exr_attribute("owner", "string", b"me")
    path = write_raw_exr(
        tmp_path / "a.exr", [RawChannel("Y", flat(1))], Window(0, 0, W, H), extra=extra
    )
    header = read_one(path).header
    assert header.frames_per_second is None
    assert header.attributes["owner"] == "me"


def test_latin_1_in_a_header_is_read_as_the_letters_it_is(tmp_path: Path) -> None:
    """The module raises UnicodeDecodeError on the whole header for this."""
    words = b"".join(struct.pack("<i", len(w)) + w for w in (b"caf\xe9", "ça".encode()))
    extra = exr_attribute("owner", "string", b"M\xfcller") + exr_attribute(
        "tags", "stringvector", words
    )
    path = write_raw_exr(
        tmp_path / "a.exr", [RawChannel("Y", flat(1))], Window(3, 2, W, H), extra=extra
    )
    plate = read_one(path)
    assert plate.header.attributes["owner"] == "Müller"
    assert plate.header.attributes["tags"] == ["café", "ça"]
    assert flat_color(plate) == [1, 1, 1]


@pytest.mark.parametrize("spoilt", ["Anna M", "Bert M"])
def test_latin_1_in_one_part_spoils_no_other(tmp_path: Path, spoilt: str) -> None:
    parts = [
        ({"name": "a", "owner": "Anna Muller"}, planes("", 1, 2, 3)),
        ({"name": "b", "owner": "Bert Muller"}, planes("", 4, 5, 6)),
    ]
    path = write_exr_parts(tmp_path / "a.exr", parts)
    raw = spoilt.encode()
    path.write_bytes(path.read_bytes().replace(raw + b"uller", raw + b"\xfcller"))
    for layer, owner, value in (("a", "Anna Muller", 1), ("b", "Bert Muller", 4)):
        plate = read_one(path, layer=layer)
        assert flat_color(plate)[0] == value
        expected = owner.replace("u", "ü") if owner.startswith(spoilt) else owner
        assert plate.header.attributes["owner"] == expected


@pytest.mark.parametrize(
    ("attributes", "hint"),
    [
        ({}, None),
        ({"chromaticities": _AP0}, "ACES2065-1"),
        ({"chromaticities": _AP0, "acesImageContainerFlag": 1}, "ACES2065-1"),
        ({"chromaticities": _AP1}, "ACEScg"),
        ({"chromaticities": _REC709}, "Linear Rec.709 (sRGB)"),
        ({"chromaticities": (0.7, 0.3, 0.2, 0.7, 0.1, 0.0, 0.3, 0.3)}, None),
        ({"colorInteropID": "lin_ap1_scene", "chromaticities": _REC709}, "lin_ap1_scene"),
        ({"oiio:ColorSpace": "ARRI LogC4"}, "ARRI LogC4"),
        ({"colorSpace": "unknown", "chromaticities": _AP1}, "ACEScg"),
        ({"colorSpace": ""}, None),
    ],
)
def test_the_colour_space_that_a_header_names(
    tmp_path: Path, attributes: dict[str, object], hint: str | None
) -> None:
    path = write_exr(tmp_path / "a.exr", planes("", 1, 2, 3), **attributes)
    assert read_one(path).header.color_hint == hint
