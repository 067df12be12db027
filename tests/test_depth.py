"""Conventions: what a pixel says, what the sky is, and that it can be turned back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from flashdepth_vfx.depth import FARTHEST_M, DepthCode, DepthRange
from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.settings import NORMALISED, Convention, SceneUnit

#: 1 m, 2 m, 4 m, the sky, 50 km: in 100/m.
DISPARITY = np.array([[100.0, 50.0, 25.0, 0.0, 0.002]], np.float32)
SPAN = DepthRange(near_per_m=1.0, far_per_m=0.25)
TURNED_BACK = (Convention.INVERSE_Z, Convention.DISPARITY, Convention.Z)
#: From the sky to a tenth of a metre; less than 0.001 is 100 km.
some_disparity = arrays.arrays(
    np.float32, (3, 4), elements=st.just(0.0) | st.floats(np.float32(0.001), 1000.0, width=32)
)


def encoded(convention: Convention, unit: SceneUnit = SceneUnit.M) -> list[float]:
    span = SPAN if convention in NORMALISED else None
    return [float(v) for v in DepthCode(convention, unit, span=span).encode(DISPARITY)[0]]


@pytest.mark.parametrize(
    ("convention", "wanted"),
    [
        (Convention.INVERSE_Z, [1.0, 0.5, 0.25, 0.0, 0.00002]),
        (Convention.Z, [1.0, 2.0, 4.0, FARTHEST_M, FARTHEST_M]),
        (Convention.DISPARITY, [100.0, 50.0, 25.0, 0.0, 0.002]),
        (Convention.NORMALISED_NEAR_WHITE, [1.0, 1 / 3, 0.0, 0.0, 0.0]),
        (Convention.NORMALISED_NEAR_BLACK, [0.0, 2 / 3, 1.0, 1.0, 1.0]),
    ],
)
def test_what_a_pixel_says(convention: Convention, wanted: list[float]) -> None:
    assert encoded(convention) == pytest.approx(wanted, rel=1e-6)


def test_a_centimetre_is_a_hundredth_and_a_foot_what_it_is() -> None:
    assert encoded(Convention.INVERSE_Z, SceneUnit.CM)[:2] == pytest.approx([0.01, 0.005])
    assert encoded(Convention.Z, SceneUnit.CM)[:2] == pytest.approx([100.0, 200.0])
    assert encoded(Convention.Z, SceneUnit.FT)[0] == pytest.approx(1 / 0.3048)
    assert encoded(Convention.DISPARITY, SceneUnit.CM) == encoded(Convention.DISPARITY)


def test_infinity_is_there_when_it_is_asked_for_and_never_else() -> None:
    assert np.isinf(DepthCode(Convention.Z, infinite_sky=True).encode(DISPARITY)[0, 3])
    assert not np.isinf(DepthCode(Convention.Z, infinite_sky=True).encode(DISPARITY)[0, 4])


@pytest.mark.parametrize("convention", TURNED_BACK)
@given(disparity=some_disparity, unit=st.sampled_from(SceneUnit))
def test_it_can_be_turned_back(
    convention: Convention, unit: SceneUnit, disparity: FloatArray
) -> None:
    code = DepthCode(convention, unit)
    pixels = code.encode(disparity)
    assert pixels.dtype == np.float32
    assert np.isfinite(pixels).all()
    back = code.decode(pixels)
    # beyond 10 km a distance says no more
    kept = (
        disparity if convention is not Convention.Z else np.where(disparity < 0.0101, 0, disparity)
    )
    back = back if convention is not Convention.Z else np.where(back < 0.0101, 0, back)
    np.testing.assert_allclose(back, kept, rtol=1e-5)


@pytest.mark.parametrize("convention", sorted(NORMALISED))
@given(disparity=some_disparity)
def test_a_normalised_pixel_is_between_0_and_1(
    convention: Convention, disparity: FloatArray
) -> None:
    pixels = DepthCode(convention, span=SPAN).encode(disparity)
    assert ((pixels >= 0) & (pixels <= 1)).all()


@given(disparity=some_disparity)
def test_nearer_is_whiter_or_blacker(disparity: FloatArray) -> None:
    white = DepthCode(Convention.NORMALISED_NEAR_WHITE, span=SPAN).encode(disparity)
    black = DepthCode(Convention.NORMALISED_NEAR_BLACK, span=SPAN).encode(disparity)
    order = np.argsort(disparity, axis=None)
    assert (np.diff(white.ravel()[order]) >= 0).all()
    np.testing.assert_allclose(white + black, 1.0, atol=1e-6)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(
        SettingsError, match="flashdepth convert --convention normalised_near_white"
    ):
        DepthCode(Convention.NORMALISED_NEAR_WHITE)
    for near, far in ((0.25, 1.0), (1.0, 1.0), (1.0, -0.1), (np.inf, 0.1), (np.nan, 0.1)):
        with pytest.raises(SettingsError, match="near has to be nearer than far"):
            DepthRange(near, far)
    with pytest.raises(SettingsError, match="cannot be turned back"):
        DepthCode(Convention.NORMALISED_NEAR_BLACK, span=SPAN).decode(DISPARITY)


def test_uncalibrated_depth_is_never_called_metres() -> None:
    for convention in TURNED_BACK:
        code = DepthCode(convention, SceneUnit.CM)
        assert "uncalibrated" in code.unit_text(relative=False, calibrated=False)
        assert "no unit" in code.unit_text(relative=True, calibrated=False)
        assert "calibrated" not in code.unit_text(relative=True, calibrated=True)
    assert DepthCode(Convention.Z, SceneUnit.CM).unit_text(relative=False, calibrated=True) == "cm"
