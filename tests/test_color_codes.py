"""Pictures in whole numbers: colour band by band, and by a table, gives the bits of colour all at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from color_show import header

from flashdepth_vfx.color import ColorTransform, plan_color
from flashdepth_vfx.color import transform as at_work
from flashdepth_vfx.plate import CodeArray, Window
from flashdepth_vfx.preprocess import Canvas, CodeTable, to_network

_SIZE = Window(0, 0, 70, 53)


def _transform(hint: str | None = None, exposure: float = 0.0) -> ColorTransform:
    take = header("movie", hint, window=_SIZE)
    return ColorTransform(
        plan_color(take, colorspace=None, ocio=None, display_view=None, exposure=exposure)
    )


def _codes(kind: type[np.uint8] | type[np.uint16]) -> CodeArray:
    shape = (*_SIZE.shape, 3)
    codes: CodeArray = np.random.default_rng(0).integers(0, np.iinfo(kind).max + 1, shape, kind)
    return codes


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("hint", [None, "Rec.2100-PQ - Display", "Rec.2100-HLG - Display"])
def test_bands_give_the_bits_of_the_whole(
    kind: type[np.uint8] | type[np.uint16], hint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes, color = _codes(kind), _transform(hint)
    whole = color.to_network(codes.astype(np.float32) / np.float32(np.iinfo(kind).max))
    # Seven bands of rows, the last of which is lower.
    monkeypatch.setattr(at_work, "_BAND_PX", 8 * _SIZE.width)
    assert np.array_equal(color.codes_to_network(codes), whole)
    with ThreadPoolExecutor(3) as pool:
        assert np.array_equal(color.codes_to_network(codes, pool.map), whole)


@pytest.mark.parametrize("exposure", [0.0, -1.5])
def test_a_table_gives_the_bits_that_the_network_is_given(exposure: float) -> None:
    codes, color = _codes(np.uint8), _transform(exposure=exposure)
    colours = color.code_table()
    assert colours is not None
    seen = to_network(
        color.codes_to_network(codes), _SIZE, Canvas(_SIZE, 1.0, _SIZE.height, _SIZE.width)
    )
    looked_up = CodeTable(colours, torch.device("cpu")).pixels(torch.from_numpy(codes))
    assert torch.equal(looked_up, seen)
    # On a CPU the layout decides how convolutions round.
    assert looked_up.stride()[1:] == seen.stride()[1:]


def test_no_table_tells_colours_whose_channels_mix() -> None:
    assert _transform("Rec.2100-PQ - Display").code_table() is None
