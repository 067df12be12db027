"""Time codes: SMPTE text to EXR's `timeCode`, counted on by frames."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import OpenEXR

__all__ = ["exact_rate", "timecode_after", "timecode_from_bits"]

_TEXT = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")
_GROUPS = (0,) * 11


def exact_rate(frames_per_second: float) -> Fraction | None:
    """A frame rate as the fraction that was meant: 23.976 is 24000/1001. None unless positive."""
    if not 0 < frames_per_second < 1e6:
        return None
    nominal = round(frames_per_second)
    for rate in (Fraction(nominal), Fraction(nominal * 1000, 1001)):
        # Headers hold 23.98, 23.976 and 23.976025 for the same rate.
        if abs(float(rate) - frames_per_second) < 0.005:
            return rate
    return Fraction(frames_per_second).limit_denominator(1001)


def timecode_after(text: str, frames: int, rate: Fraction) -> Any | None:
    """The `OpenEXR.TimeCode` that lies `frames` frames after `text`; None when `text` is not one.

    A `;` or `.` before the frames marks drop-frame counting: at a nominal 30 (60), numbers 0 and 1
    (0 to 3) are left out at the start of each minute but every tenth. A time code's frames end at 29:
    above 30 a second it counts pairs, and marks a pair's second by its field phase. Source: SMPTE ST
    12-1, ST 12-3.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds, frame = (int(match[k]) for k in (1, 2, 3, 5))
    nominal = max(round(rate), 1)
    drop = nominal // 15 if match[4] != ":" and nominal % 30 == 0 else 0
    whole_minutes = hours * 60 + minutes
    count = (whole_minutes * 60 + seconds) * nominal + frame
    count += frames - drop * (whole_minutes - whole_minutes // 10)
    return _from_count(count, nominal, drop)


def _from_count(count: int, nominal: int, drop: int) -> Any:
    per_minute = 60 * nominal - drop
    per_ten = 600 * nominal - 9 * drop
    count %= 144 * per_ten
    if drop:
        tens, rest = divmod(count, per_ten)
        count += drop * (9 * tens + (max(rest - drop, 0) // per_minute))
    seconds, frame = divmod(count, nominal)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    in_group = -(-nominal // 30)
    phase = bool(frame % in_group)
    return OpenEXR.TimeCode(
        hour, minute, second, frame // in_group, bool(drop), False, phase, *_GROUPS
    )


def timecode_from_bits(time_and_flags: int, user_data: int) -> Any | None:
    """An `OpenEXR.TimeCode` from SMPTE bits as DPX keeps them; None for bits that are no time."""
    digits = f"{time_and_flags & 0x7F7F7F3F:08x}"
    if not digits.isdecimal():
        return None
    hours, minutes, seconds, frame = (int(digits[k : k + 2]) for k in (0, 2, 4, 6))
    if hours > 23 or minutes > 59 or seconds > 59 or frame > 29:
        return None
    timecode = OpenEXR.TimeCode()
    timecode.hours, timecode.minutes, timecode.seconds = hours, minutes, seconds
    timecode.frame, timecode.userData = frame, user_data
    timecode.dropFrame = bool(time_and_flags & 0x40)
    return timecode
