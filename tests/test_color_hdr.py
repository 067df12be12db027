"""Movies in HDR: what is brighter than a white page is rolled off, and not cut off, before the network sees it."""

from __future__ import annotations

import numpy as np
import pytest
from color_show import header

from flashdepth_vfx.color import ColorTransform, plan_color
from flashdepth_vfx.plate import PlateHeader, Window

_WINDOW = Window(0, 0, 8, 1)
_PQ, _HLG = "Rec.2100-PQ - Display", "Rec.2100-HLG - Display"


def _header(hint: str | None) -> PlateHeader:
    return header("movie", hint, window=_WINDOW)


def _pq(nits: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084."""
    share = (nits / 10_000.0) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * share) / (1 + 2392 / 128 * share)) ** (2523 / 32)


def _seen(header: PlateHeader, codes: np.ndarray, **more: object) -> np.ndarray:
    transform = ColorTransform(plan_color(header, **more))  # type: ignore[arg-type]
    grey = np.repeat(codes[None, :, None], 3, axis=2).astype(np.float32)
    return transform.to_network(grey)[0, :, 0]


def test_a_white_page_is_light_and_what_is_brighter_stays_brighter() -> None:
    nits = np.array([1.0, 10.0, 50.0, 100.0, 203.0, 400.0, 700.0, 1000.0])
    seen = _seen(_header(_PQ), _pq(nits))
    assert (np.diff(seen) > 0).all()
    # 203 nits is x = 1: 0.6 + 0.4 (1 - 1/e), and then the sRGB curve.
    white = 1.055 * (0.6 + 0.4 * (1 - np.exp(-1))) ** (1 / 2.4) - 0.055
    assert seen[4] == pytest.approx(white, abs=0.004)
    # Below the knee it is light in proportion to a white page.
    assert seen[3] == pytest.approx(1.055 * (100 / 203) ** (1 / 2.4) - 0.055, abs=0.004)


def test_hlg_too() -> None:
    seen = _seen(_header(_HLG), np.linspace(0.05, 0.95, 12))
    assert (np.diff(seen) > 0).all()
    # The signal of a white page by BT.2408.
    assert 0.9 < _seen(_header(_HLG), np.array([0.75]))[0] < 0.96


def test_it_is_said_and_tells_plans_apart() -> None:
    hdr, plain = plan_color(_header(_PQ)), plan_color(_header(None))
    assert hdr.hdr
    assert not plain.hdr
    assert "highlights of HDR rolled off" in hdr.sentence()
    assert hdr.describe()["hdr"] is True
    assert hdr.fingerprint().endswith("|hdr")
    assert "hdr" not in plain.fingerprint()


def test_a_view_that_is_asked_for_has_its_own_way_with_highlights() -> None:
    view = "sRGB - Display/ACES 2.0 - SDR 100 nits (Rec.709)"
    plan = plan_color(_header(_PQ), display_view=view)
    assert not plan.hdr


def test_scene_light_is_cut_off_as_it_was() -> None:
    header = _header("ACEScg")
    assert not plan_color(header).hdr
    assert _seen(header, np.array([4.0]))[0] == 1.0
