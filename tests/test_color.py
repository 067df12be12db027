"""What a colour transform does to pixels."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import PyOpenColorIO
import pytest
from color_show import header
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from flashdepth_vfx.color import ColorPlan, ColorTransform, plan_color
from flashdepth_vfx.color.config import BUILT_IN
from flashdepth_vfx.plate import FloatArray

LINEAR = "Linear Rec.709 (sRGB)"
SRGB = "sRGB Encoded Rec.709 (sRGB)"
# OCIO's fast exponentials stay within a 10-bit code value of the exact way
ENCODINGS = {
    "ACEScg": 1e-4,
    "ACES2065-1": 1e-4,
    "ACEScct": 1e-3,
    "ARRI LogC3 (EI800)": 1e-3,
    "ARRI LogC4": 1e-3,
    "S-Log3 S-Gamut3.Cine": 1e-3,
    "Log3G10 REDWideGamutRGB": 1e-3,
    "V-Log V-Gamut": 1e-3,
    "Apple Log": 1e-3,
    "ADX10": 3e-3,
}


@pytest.fixture(autouse=True)
def no_ocio_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


def transform(colorspace: str, exposure: float = 0.0, view: str | None = None) -> ColorTransform:
    return ColorTransform(
        plan_color(header(), colorspace=colorspace, exposure=exposure, display_view=view)
    )


def srgb_curve(linear: FloatArray) -> FloatArray:
    """IEC 61966-2-1, in double precision."""
    x = np.clip(linear.astype(np.float64), 0.0, 1.0)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055).astype(np.float32)


def scene() -> FloatArray:
    """Linear Rec.709 light over 12 stops, grey to strongly coloured: `(64, 64, 3)`."""
    rng = np.random.default_rng(7)
    luminance = 2.0 ** rng.uniform(-8, 4, (64, 64, 1))
    chroma = rng.uniform(0.15, 1.0, (64, 64, 3))
    return (luminance * chroma).astype(np.float32)


def encode(linear: FloatArray, colorspace: str) -> FloatArray:
    """Scene light as a camera would store it, by OCIO without its shortcuts."""
    config = PyOpenColorIO.Config.CreateFromFile(BUILT_IN)
    cpu = config.getProcessor(LINEAR, colorspace).getOptimizedCPUProcessor(
        PyOpenColorIO.OPTIMIZATION_LOSSLESS
    )
    result = linear.copy()
    cpu.applyRGB(result)
    return result


pixels = arrays(np.float32, (3, 4, 3), elements=st.floats(0.0, 1.0, width=32))
anything = arrays(np.float32, (2, 3, 3), elements=st.floats(width=32))


@given(pixels)
def test_srgb_in_range_is_untouched_to_the_bit(rgb: FloatArray) -> None:
    assert np.array_equal(transform(SRGB).to_network(rgb), rgb)


def test_srgb_out_of_range_is_only_clipped() -> None:
    rgb = np.array([[[-0.5, 0.25, 1.5]]], np.float32)
    assert np.array_equal(transform(SRGB).to_network(rgb), np.clip(rgb, 0, 1))


def test_linear_light_gets_the_srgb_curve() -> None:
    assert np.allclose(transform(LINEAR).to_network(scene()), srgb_curve(scene()), atol=2e-5)


@pytest.mark.parametrize("colorspace", ENCODINGS)
def test_one_scene_is_one_network_input_whatever_encodes_it(colorspace: str) -> None:
    got = transform(colorspace).to_network(encode(scene(), colorspace))
    assert np.abs(got - srgb_curve(scene())).max() < ENCODINGS[colorspace]


@pytest.mark.parametrize("colorspace", ["ACEScg", "ARRI LogC4", SRGB])
@pytest.mark.parametrize("stops", [-2.0, 1.0, 2.5])
def test_a_stop_of_exposure_doubles_light(colorspace: str, stops: float) -> None:
    light = scene() if colorspace != SRGB else np.clip(scene(), 0, 1)
    got = transform(colorspace, stops).to_network(encode(light, colorspace))
    assert np.abs(got - srgb_curve(light * np.float32(2.0**stops))).max() < 2e-3


@pytest.mark.parametrize("colorspace", [LINEAR, "ACEScg", "ARRI LogC3 (EI800)", "ADX10", SRGB])
@pytest.mark.parametrize("view", [None, "sRGB - Display/ACES 2.0 - SDR 100 nits (Rec.709)"])
def test_brighter_grey_is_never_darker(colorspace: str, view: str | None) -> None:
    top = 16.0 if colorspace in (LINEAR, "ACEScg") else 1.0
    ramp = np.repeat(np.linspace(0, top, 4096, dtype=np.float32)[None, :, None], 3, axis=2)
    result = transform(colorspace, view=view).to_network(ramp)
    # the floating-point noise of a flat part
    assert np.diff(result, axis=1).min() > -1e-4
    assert (result[0, -1] - result[0, 0]).min() > (0.9 if view is None else 0.7)


def test_highlights_above_white_are_white() -> None:
    rgb = np.full((1, 4, 3), [[1.0], [4.0], [1000.0], [65504.0]], np.float32)
    assert np.allclose(transform("ACEScg").to_network(rgb), 1.0, atol=1e-6)


@given(anything, st.sampled_from([LINEAR, "ACEScg", "ARRI LogC4", "ADX10", SRGB]))
def test_the_network_never_sees_a_value_outside_0_to_1(rgb: FloatArray, colorspace: str) -> None:
    result = transform(colorspace).to_network(rgb)
    assert result.dtype == np.float32
    assert bool(((result >= 0.0) & (result <= 1.0)).all())


@pytest.mark.parametrize("colorspace", [LINEAR, "ACEScg", "ARRI LogC4", "ADX10", SRGB])
def test_nan_is_black_and_infinity_is_white(colorspace: str) -> None:
    rgb = np.full((2, 3, 3), 0.4, np.float32)
    rgb[0, 0], rgb[0, 1], rgb[0, 2] = np.nan, np.inf, -np.inf
    result = transform(colorspace).to_network(rgb)
    assert result[0].tolist() == [[0.0] * 3, [1.0] * 3, [0.0] * 3]


@pytest.mark.parametrize("colorspace", [LINEAR, "ACEScg", "ARRI LogC4", SRGB])
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_broken_sample_harms_no_other(colorspace: str, poison: float) -> None:
    whole = np.full((5, 5, 3), 0.4, np.float32)
    broken = whole.copy()
    broken[2, 2, 0] = poison
    clean = transform(colorspace).to_network(whole)
    result = transform(colorspace).to_network(broken)
    others = np.ones((5, 5), bool)
    others[2, 2] = False
    assert np.array_equal(result[others], clean[others])
    assert result[2, 2, 0] == (1.0 if poison == np.inf else 0.0)
    if poison != np.inf:  # a red as bright as it gets may well push the others out of the gamut
        assert bool((result[2, 2, 1:] > 0.2).all())


@pytest.mark.parametrize("broken", [0.5, np.nan])
def test_the_plate_is_not_written_to(broken: float) -> None:
    rgb = scene()
    rgb[0, 0, 0] = broken
    before = rgb.copy()
    transform("ACEScg").to_network(rgb)
    assert np.array_equal(rgb, before, equal_nan=True)


def test_a_crop_converts_as_the_whole_does() -> None:
    whole = transform("ARRI LogC4").to_network(scene())
    crop = transform("ARRI LogC4").to_network(scene()[5:40, 3::2, ::-1][..., ::-1])
    assert np.array_equal(crop, whole[5:40, 3::2])


def test_threads_share_a_transform() -> None:
    shared = transform("ARRI LogC4")
    frames = [np.roll(scene(), shift, axis=0) for shift in range(8)]
    alone = [shared.to_network(frame) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(shared.to_network, frames))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_a_view_maps_highlights_that_the_plain_curve_clips() -> None:
    bright = np.array([[[2.0] * 3, [8.0] * 3]], np.float32)
    plain = transform("ACEScg").to_network(bright)
    viewed = transform("ACEScg", view="ACES 2.0 - SDR 100 nits (Rec.709)").to_network(bright)
    assert np.allclose(plain, 1.0, atol=1e-6)
    assert viewed[0, 0, 0] < viewed[0, 1, 0] < 1.0


def test_exposure_goes_before_the_view() -> None:
    view = "sRGB - Display/ACES 2.0 - SDR 100 nits (Rec.709)"
    lifted = transform("ACEScg", exposure=1.0, view=view).to_network(scene())
    doubled = transform("ACEScg", view=view).to_network(scene() * np.float32(2.0))
    assert np.allclose(lifted, doubled, atol=1e-4)


def test_a_plan_survives_pickle_and_json() -> None:
    plan = plan_color(header(), colorspace="ACEScg", exposure=0.5, context={"SHOT": "a"})
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert msgspec.json.decode(msgspec.json.encode(plan), type=ColorPlan) == plan
    again = ColorTransform(pickle.loads(pickle.dumps(plan))).to_network(scene())
    assert np.array_equal(again, ColorTransform(plan).to_network(scene()))
