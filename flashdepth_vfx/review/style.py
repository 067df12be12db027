"""How a page of a review looks, in the light and in the dark; and the whole of it, around what it says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["cells", "document", "fold", "section", "table"]

_STYLE = """
:root { color-scheme: light dark; --paper: #fbfbfa; --card: #ffffff; --ink: #1c1e21; --soft: #5d636b;
  --rule: #dcdfe3; --s0: #b3401f; --s1: #6a3d9a; --s2: #1f6fb3; --warn: #8a5200; --warn-paper: #fff4e0; }
@media (prefers-color-scheme: dark) { :root { --paper: #15171a; --card: #1d2024; --ink: #e8eaed; --soft: #a2a8b0;
  --rule: #363b42; --s0: #ff9470; --s1: #c9a2ff; --s2: #79bdff; --warn: #ffc46b; --warn-paper: #33290f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 28px 20px 60px; max-width: 1100px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 24px; margin: 0 0 2px; } h2 { font-size: 20px; margin: 40px 0 2px; }
h3 { font-size: 15px; margin: 28px 0 8px; }
p { margin: 4px 0; } .soft, figcaption, td.soft, th { color: var(--soft); }
.path { overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 10px; margin: 16px 0; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 12px; }
.tile b { display: block; font-size: 21px; line-height: 1.25; font-weight: 600; }
.tile span { color: var(--soft); font-size: 13px; }
.findings { background: var(--warn-paper); border-left: 4px solid var(--warn); border-radius: 4px;
  padding: 8px 14px; margin: 14px 0; } .findings li { margin: 3px 0; overflow-wrap: anywhere; }
.findings ul { margin: 0; padding-left: 18px; }
.frames { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 12px; }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; border-radius: 3px; margin-bottom: 2px; }
figcaption { font-size: 13px; }
.legend { display: flex; align-items: center; gap: 10px; margin: 8px 0 12px; color: var(--soft); font-size: 13px; }
.legend img { width: 220px; height: 12px; border-radius: 3px; }
svg { width: 100%; height: auto; display: block; background: var(--card); border: 1px solid var(--rule);
  border-radius: 8px; } svg text { font-size: 12px; fill: var(--soft); } svg .name { font-weight: 600; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
.line.s0 { stroke: var(--s0); } .line.s1 { stroke: var(--s1); } .line.s2 { stroke: var(--s2); }
text.s0 { fill: var(--s0); } text.s1 { fill: var(--s1); } text.s2 { fill: var(--s2); }
.rule { stroke: var(--rule); } .cut { stroke: var(--soft); stroke-dasharray: 4 3; } .hole { fill: var(--rule); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; font-size: 13px; } th, td { padding: 3px 14px 3px 0; vertical-align: top;
  border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; } td.key { color: var(--soft); width: 180px; }
.bar { height: 9px; border-radius: 2px; background: var(--s2); min-width: 1px; }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 12px;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; }
details { margin: 10px 0; } summary { cursor: pointer; color: var(--soft); }
@media print { body { max-width: none; } details { display: none; } }
"""


def document(title: str, body: Iterable[str]) -> str:
    """A page that needs nothing but itself."""
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
    )
    return head + "\n".join(body) + "</body></html>\n"


def section(title: str, *body: str) -> str:
    """A titled part; nothing where it has nothing to say."""
    inside = "".join(body)
    return f"<h3>{escape(title)}</h3>{inside}" if inside else ""


def cells(values: Sequence[str], kind: str = "td") -> str:
    """One row of a table, of plain text."""
    return "<tr>" + "".join(f"<{kind}>{escape(value)}</{kind}>" for value in values) + "</tr>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain text; nothing without rows."""
    body = "".join(map(cells, rows))
    return f"<table>{cells(head, 'th')}{body}</table>" if body else ""


def fold(title: str, body: str) -> str:
    """What is there for who asks."""
    return f"<details><summary>{escape(title)}</summary>{body}</details>" if body else ""
