"""One scene, whatever its plates are stored as, has one depth; and light far beyond white does not turn it round."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import PyOpenColorIO
import pytest
from plates import write_dpx, write_exr, write_image
from render_kit import RenderKit, at, run
from test_color import LINEAR, SRGB, encode, no_ocio_in_environment  # noqa: F401 - a fixture

from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.training.made import made_clips

#: Of `docs/color.md`: of its 1/Z, the median pixel and 99 of 100 pixels may be off by so many percent...
MEDIAN_PERCENT, MOST_PERCENT = 0.5, 5.0
#: ...where what is far is held against this share of the nearest.
FAR = 0.02
#: How alike depth stays around lights far beyond white, as a correlation.
LIKE = 0.95
HEIGHT, WIDTH, FRAMES = 192, 320, 2
ENCODINGS = (
    ("ACEScg", "exr"),
    ("ARRI LogC3 (EI800)", "dpx"),
    ("ARRI LogC4", "exr"),
    ("S-Log3 S-Gamut3.Cine", "dpx"),
    ("Log3G10 REDWideGamutRGB", "dpx"),
    ("V-Log V-Gamut", "dpx"),
    ("ADX10", "dpx"),
    (SRGB, "png"),
)


@cache
def light() -> tuple[FloatArray, ...]:
    """Linear Rec.709 of a made scene."""
    (clip,) = made_clips(1000, 1, FRAMES, HEIGHT, WIDTH, 0.0)
    encoded = clip.rgb.permute(0, 2, 3, 1).contiguous().numpy().astype(np.float64)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return tuple(linear.astype(np.float32))


def write(path: Path, codes: FloatArray) -> None:
    """As that kind of file holds it: half floats, 10 bits, 16 bits."""
    if path.suffix == ".exr":
        write_exr(path, {"RGB": codes.astype(np.float16)})
    elif path.suffix == ".dpx":
        path.parent.mkdir(parents=True, exist_ok=True)
        write_dpx(path, (codes.clip(0, 1) * 1023).round().astype(np.uint16))
    else:
        write_image(path, (codes.clip(0, 1) * 65535).round().astype(np.uint16))


def depth_of_plates(
    kit: RenderKit, frames: list[FloatArray], colorspace: str, kind: str, **settings: object
) -> FloatArray:
    """`(T, H, W)`, with the weights in the package."""
    name = f"{len(list(kit.folder.iterdir()))}"
    plates = str(kit.folder / name / f"plate.####.{kind}")
    for number, frame in enumerate(frames, start=1):
        write(at(plates, number), frame)
    out = f"{name}/depth.####.exr"
    run(kit.job(plates, out, weights="nano", colorspace=colorspace, resolution=None, **settings))
    return np.stack(list(kit.depths(out).values()))


@pytest.mark.parametrize(("colorspace", "kind"), ENCODINGS)
def test_one_scene_has_one_depth_whatever_encodes_it(
    kit: RenderKit, colorspace: str, kind: str
) -> None:
    linear = depth_of_plates(kit, list(light()), LINEAR, "exr")
    stored = [encode(frame, colorspace) for frame in light()]
    found = depth_of_plates(kit, stored, colorspace, kind)
    size = np.maximum(linear, FAR * linear.max())
    off = 100 * np.abs(found - linear) / size
    assert np.median(off) < MEDIAN_PERCENT
    assert np.percentile(off, 99) < MOST_PERCENT
    # The law has teeth: the same codes read as what they are not give another depth.
    if kind == "dpx":
        wrong = depth_of_plates(kit, stored, LINEAR, kind)
        assert np.median(100 * np.abs(wrong - linear) / size) > 2 * MEDIAN_PERCENT


def lights(kind: str) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    if kind == "sun":
        return (rows - 30) ** 2 + (columns - 240) ** 2 < 9**2
    if kind == "sparks":
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[5::28, 9::40] = True
        return mask
    return (rows > 120) & (rows < 170) & (abs(columns - 160) < 22 - (180 - rows) // 4)


@pytest.mark.parametrize("kind", ["sun", "sparks", "fire"])
def test_lights_far_beyond_white_do_not_turn_depth_round(kit: RenderKit, kind: str) -> None:
    where = lights(kind)
    plain = depth_of_plates(kit, list(light()), LINEAR, "exr")
    lit = [
        depth_of_plates(
            kit,
            [np.where(where[..., None], np.float32(level), frame) for frame in light()],
            LINEAR,
            "exr",
        )
        for level in (1.0, 1e3, 6e4)
    ]
    # However bright, it is white.
    assert lit[0].tobytes() == lit[1].tobytes() == lit[2].tobytes()
    for one, other in zip(plain, lit[2], strict=True):
        assert np.corrcoef(one[~where], other[~where])[0, 1] > LIKE


def test_a_view_keeps_lights_from_turning_depth_round(kit: RenderKit) -> None:
    where = lights("sun")
    view = "sRGB - Display/ACES 2.0 - SDR 100 nits (Rec.709)"
    lit = [np.where(where[..., None], np.float32(6e4), frame) for frame in light()]
    one, other = (
        depth_of_plates(kit, frames, LINEAR, "exr", display_view=view)
        for frames in (list(light()), lit)
    )
    for plain, sunny in zip(one, other, strict=True):
        assert np.corrcoef(plain[~where], sunny[~where])[0, 1] > LIKE


def test_the_config_has_every_encoding() -> None:
    config = PyOpenColorIO.Config.CreateFromFile("ocio://studio-config-v4.0.0_aces-v2.0_ocio-v2.5")
    assert all(config.getColorSpace(name) for name, _ in ENCODINGS)
