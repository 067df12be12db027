"""Draws the Nuke node's panel from its gizmo: `python tests/draw_panel.py` writes docs/nuke-panel.svg.

It is no screenshot: it shows the knobs, in their order and with their defaults, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from fake_nuke.gizmo import Gizmo, UserKnob, read_gizmo

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "nuke-panel.svg"
_WIDTH, _ROW, _LEFT, _LABEL = 620, 26, 16, 128
_TAB, _BUTTON, _WORDS, _FLAG, _CHOICE, _XY = 20, 22, 26, 6, 4, 12
#: Room that a knob takes in its row, by its kind.
_ROOM = {_BUTTON: 84, _CHOICE: 150, 3: 60, 7: 60, _XY: 110, _FLAG: 180}


def panel(gizmo: Gizmo) -> str:
    """The picture as SVG: the tabs one below the other."""
    rows = list(_rows(gizmo))
    parts = [
        part for number, row in enumerate(rows) for part in _drawn(gizmo, row, 52 + number * _ROW)
    ]
    height = 60 + len(rows) * _ROW
    title = (
        "FlashDepth: knobs of nuke/FlashDepth.gizmo, drawn from its text; not a screenshot of Nuke"
    )
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            'font-family="DejaVu Sans, Verdana, sans-serif" font-size="11">',
            f'<rect width="{_WIDTH}" height="{height}" fill="#323232"/>',
            f'<rect width="{_WIDTH}" height="24" fill="#3f6f7f"/>',
            _text(_LEFT, 16, "FlashDepth1", "#f0f0f0"),
            _text(_LEFT, 40, title, "#9a9a9a"),
            *parts,
            "</svg>\n",
        )
    )


def _rows(gizmo: Gizmo) -> Iterator[list[UserKnob]]:
    """Knobs that share a line: one without STARTLINE stands beside the one before it."""
    row: list[UserKnob] = []
    for knob in (k for k in gizmo.user_knobs if "+INVISIBLE" not in k.flags):
        follows = "-STARTLINE" in knob.flags or (
            knob.kind == _BUTTON and "+STARTLINE" not in knob.flags
        )
        if row and not follows:
            yield row
            row = []
        row.append(knob)
    yield row


def _drawn(gizmo: Gizmo, row: list[UserKnob], y: int) -> Iterator[str]:
    first = row[0]
    if first.kind == _TAB:
        yield f'<rect x="0" y="{y}" width="{_WIDTH}" height="{_ROW - 4}" fill="#3c3c3c"/>'
        yield _text(_LEFT, y + 15, first.label, "#ffffff")
        return
    if first.kind == _WORDS and not first.text:
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _LEFT}" y1="{y + 12}" y2="{y + 12}" stroke="#505050"/>'
        return
    x = _LEFT + _LABEL
    for place, knob in enumerate(row):
        if knob.kind not in (_BUTTON, _WORDS, _FLAG):
            label_x = _LEFT + _LABEL - 8 if place == 0 else x + 6 * len(knob.label)
            yield _text(label_x, y + 15, knob.label, "#c8c8c8", anchor="end")
            x = x if place == 0 else label_x + 8
        room = _ROOM.get(knob.kind, _WIDTH - _LEFT - x)
        yield from _knob(knob, gizmo.knobs.get(knob.name, ""), x, y, room)
        x += room + 10


def _knob(knob: UserKnob, value: str, x: int, y: int, room: int) -> Iterator[str]:
    match knob.kind:
        case 26:
            yield _text(x, y + 15, knob.text, "#9fc3cf")
        case 22:
            yield f'<rect x="{x}" y="{y}" width="{room}" height="20" rx="3" fill="#5a5a5a"/>'
            yield _text(x + room / 2, y + 14, knob.label, "#ffffff", anchor="middle")
        case 6:
            yield f'<rect x="{x}" y="{y + 4}" width="12" height="12" fill="#252525" stroke="#6a6a6a"/>'
            yield _text(x + 18, y + 15, knob.label, "#c8c8c8")
        case 4:
            yield f'<rect x="{x}" y="{y}" width="{room}" height="20" rx="2" fill="#464646"/>'
            yield _text(x + 6, y + 14, value or knob.choices[0], "#f0f0f0")
            yield _text(x + room - 14, y + 14, "▾", "#b0b0b0")
        case kind:
            shown = value or {3: "0", 7: "0", 12: "0  0"}.get(kind, "")
            yield f'<rect x="{x}" y="{y}" width="{room}" height="20" fill="#252525"/>'
            yield _text(x + 6, y + 14, shown, "#e0e0e0")


def _text(x: float, y: float, text: str, fill: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y}" fill="{fill}" text-anchor="{anchor}">{escape(text)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(panel(read_gizmo(ROOT / "nuke" / "FlashDepth.gizmo")), encoding="utf-8")
