"""Time codes and frame rates, as SMPTE has them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashdepth_vfx.io.timecode import exact_rate, timecode_after


def frame_number(code: Any, rate: Fraction | int) -> int:
    """Frames within the second: above 30 of them a time code counts pairs."""
    return int(code.frame * 2 + code.fieldPhase if rate > 31 else code.frame)


@pytest.mark.parametrize(
    ("text", "frames", "rate", "expected"),
    [
        ("01:00:00:00", 24, 24, "01:00:01:00"),
        ("01:00:00:00", 86_400, Fraction(24000, 1001), "02:00:00:00"),
        ("23:59:59:24", 1, 25, "00:00:00:00"),
        ("00:00:59;29", 1, Fraction(30000, 1001), "00:01:00;02"),
        ("00:09:59;29", 1, Fraction(30000, 1001), "00:10:00;00"),
        ("00:00:59;59", 1, Fraction(60000, 1001), "00:01:00;04"),
        ("00:00:00;00", 1_798, Fraction(30000, 1001), "00:00:59;28"),
        ("00:00:00;00", 1_799, Fraction(30000, 1001), "00:00:59;29"),
        ("00:00:00;00", 1_800, Fraction(30000, 1001), "00:01:00;02"),
        ("00:00:00;00", 3_598, Fraction(30000, 1001), "00:02:00;02"),
        ("00:00:00;00", 17_982, Fraction(30000, 1001), "00:10:00;00"),
        ("00:00:00;00", 107_892, Fraction(30000, 1001), "01:00:00;00"),
        ("23:59:59;29", 1, Fraction(30000, 1001), "00:00:00;00"),
        ("01:00:00;00", 25, 25, "01:00:01:00"),
        ("01:00:00:00", 49, 50, "01:00:00:49"),
        ("01:00:00:59", 1, 60, "01:00:01:00"),
    ],
)
def test_time_codes_count_as_smpte_has_it(
    text: str, frames: int, rate: Fraction | int, expected: str
) -> None:
    code = timecode_after(text, frames, Fraction(rate))
    sign = ";" if code.dropFrame else ":"
    number = frame_number(code, rate)
    said = f"{code.hours:02d}:{code.minutes:02d}:{code.seconds:02d}{sign}{number:02d}"
    assert said == expected


@given(st.integers(0, 2_000_000), st.sampled_from([30, 60]))
def test_drop_frame_counting_leaves_out_only_the_numbers_it_drops(start: int, nominal: int) -> None:
    rate = Fraction(nominal * 1000, 1001)
    codes = [timecode_after("00:00:00;00", start + n, rate) for n in (0, 1)]
    numbers = [frame_number(c, nominal) for c in codes]
    flat_counts = [
        ((c.hours * 60 + c.minutes) * 60 + c.seconds) * nominal + n
        for c, n in zip(codes, numbers, strict=True)
    ]
    step = (flat_counts[1] - flat_counts[0]) % (86_400 * nominal)
    at_minute = codes[1].seconds == 0 and numbers[1] == nominal // 15 and codes[1].minutes % 10
    assert step == (1 + nominal // 15 if at_minute else 1)
    assert not (codes[0].minutes % 10 and codes[0].seconds == 0 and numbers[0] < nominal // 15)


@pytest.mark.parametrize("text", ["", "1:2:3:4", "noon", "01:02:03"])
def test_what_is_no_time_code_is_none(text: str) -> None:
    assert timecode_after(text, 0, Fraction(24)) is None


def test_rates_that_are_no_rates_are_none() -> None:
    assert [exact_rate(r) for r in (0.0, -24.0, float("nan"), float("inf"))] == [None] * 4
