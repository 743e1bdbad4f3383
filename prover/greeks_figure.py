"""Figures of a book's Greeks: one bar for each expiry, a panel for each Greek and underlying. SVG, or a page with it.

The same summary makes the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from circuits.market.risk_array import Greek
from prover.greeks_report import GreeksSummary

_PANEL_WIDTH: Final = 330
_BAR: Final = 18
_HEAD: Final = 34
_GAP: Final = 18
_LABEL: Final = 92
_VALUE: Final = 92
_LONG: Final = "#1f6f8b"
_SHORT: Final = "#c2543a"
_FONT: Final = 'font-family="sans-serif" font-size="11"'
_MAX_PANELS: Final = 64
_COLUMNS: Final = 2

_STYLE: Final = (
    "body{font-family:sans-serif;margin:2em auto;max-width:60em;color:#1c2733}"
    "table{border-collapse:collapse;margin:1em 0}"
    "td,th{border-bottom:1px solid #dde3e8;padding:.3em .8em;text-align:left}td.n{text-align:right;"
    "font-variant-numeric:tabular-nums}.no{color:#b03a21;font-weight:bold}.private{background:#fdf1d6;padding:.6em 1em}"
)


def greeks_figure(summary: GreeksSummary) -> str:
    """The book's Greeks as SVG."""
    underlyings = list(dict.fromkeys(underlying for underlying, _ in summary.book))
    panels = [(underlying, greek) for underlying in underlyings for greek in Greek][:_MAX_PANELS]
    most = max((sum(where[0] == name for where in summary.book) for name in underlyings), default=1)
    height = _HEAD + _BAR * most + _GAP
    rows = -(-len(panels) // _COLUMNS)
    width, total = _COLUMNS * _PANEL_WIDTH + 20, rows * height + 46
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{total}" viewBox="0 0 {width} {total}" '
        'role="img"><title>Greeks of the book by expiry</title>',
        f'<rect width="{width}" height="{total}" fill="#ffffff"/>',
        '<text x="10" y="24" font-family="sans-serif" font-size="15" font-weight="bold">'
        f"Greeks of the book by expiry, {escape(summary.as_of)}</text>",
    ]
    for number, (underlying, greek) in enumerate(panels):
        left, top = 10 + number % _COLUMNS * _PANEL_WIDTH, 40 + number // _COLUMNS * height
        parts += _panel(summary, underlying, greek, left, top)
    return "\n".join([*parts, "</svg>", ""])


def _panel(summary: GreeksSummary, underlying: str, greek: Greek, left: int, top: int) -> list[str]:
    index = list(Greek).index(greek)
    bars = [(expiry, values[index]) for (name, expiry), values in summary.book.items() if name == underlying]
    reach = max((abs(value) for _, value in bars), default=0) or 1
    half = (_PANEL_WIDTH - _LABEL - _VALUE - 20) / 2
    middle = left + _LABEL + half
    net = summary.text(greek, sum(value for _, value in bars))
    parts = [
        f'<text x="{left}" y="{top + 20}" font-family="sans-serif" font-size="12" font-weight="bold">'
        f"{escape(underlying)} {greek.value}: {_rounded(net)}</text>",
        f'<line x1="{middle:.1f}" y1="{top + _HEAD - 6}" x2="{middle:.1f}" '
        f'y2="{top + _HEAD + _BAR * len(bars)}" stroke="#9aa7b5"/>',
    ]
    for number, (expiry, value) in enumerate(bars):
        y = top + _HEAD + _BAR * number
        length = half * abs(value) / reach
        start = middle if value >= 0 else middle - length
        color = _LONG if value >= 0 else _SHORT
        parts += [
            f'<text x="{left + _LABEL - 8}" y="{y + 10}" text-anchor="end" {_FONT}>{escape(expiry)}</text>',
            f'<rect x="{start:.1f}" y="{y}" width="{length:.1f}" height="{_BAR - 6}" fill="{color}"/>',
            f'<text x="{left + _PANEL_WIDTH - 16}" y="{y + 10}" text-anchor="end" {_FONT}>'
            f"{_rounded(summary.text(greek, value))}</text>",
        ]
    return parts


def greeks_page(summary: GreeksSummary) -> str:
    """A page with the figure, the limits, the book's table and the largest accounts; it loads nothing."""
    head = ["underlying", "expiry", *(greek.value for greek in Greek)]
    book = [
        [*where, *(summary.text(greek, value) for greek, value in zip(Greek, values, strict=True))]
        for where, values in summary.book.items()
    ]
    parts = [
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Greeks of the book</title><style>{_STYLE}'
        "</style></head><body><h1>Greeks of the book</h1>",
        '<p class="private">Private: it tells what accounts hold.</p>',
        f"<p>{summary.accounts:,} accounts, at the market of {escape(summary.as_of)}. ",
        f"The model: {escape(summary.title)}.</p>",
        greeks_figure(summary),
        "<h2>Limits</h2>",
        _limits_table(summary),
        "<h2>All accounts together</h2>",
        _table(head, book, numbers=len(Greek)),
    ]
    for greek, entries in summary.largest.items():
        shown = [[account, underlying, summary.text(greek, value)] for account, underlying, value in entries]
        parts += [
            f"<h2>Largest in {greek.value}</h2>",
            _table(["account", "underlying", greek.value], shown, numbers=1),
        ]
    return "\n".join([*parts, "</body></html>", ""])


def _limits_table(summary: GreeksSummary) -> str:
    rows = []
    for use in summary.limits:
        verdict = "within" if use.is_met else '<span class="no">beyond</span>'
        count = "" if use.value is not None else f"{use.breaking:,} accounts beyond"
        rows.append(
            f'<tr><td>{escape(use.words)}</td><td class="n">{escape(use.value or count)}</td><td>{verdict}</td></tr>'
        )
    return f"<table><tr><th>limit</th><th>now</th><th></th></tr>{''.join(rows)}</table>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int) -> str:
    """The last `numbers` columns are numbers."""
    first = len(head) - numbers
    lines = ["<table><tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"]
    for row in rows:
        cells = (
            f'<td class="n">{escape(cell)}</td>' if place >= first else f"<td>{escape(cell)}</td>"
            for place, cell in enumerate(row)
        )
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return "".join([*lines, "</table>"])


def _rounded(text: str) -> str:
    """For figures: four significant digits."""
    return f"{float(text):,.4g}"
