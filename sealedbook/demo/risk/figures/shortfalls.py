"""Shortfalls of accounts, one on top of the other, under the fund that covers their sum."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from sealedbook.demo.risk.figures.drawing import Canvas, Figure, Scale

_LEFT: Final = 70.0
_RIGHT: Final = 880.0
_TOP: Final = 44.0
_BASE: Final = 320.0


def shortfalls_figure(shortfalls: Sequence[float], fund: float) -> Figure:
    """Whole USDT, drawn from the largest to the smallest."""
    canvas = Canvas()
    ordered = sorted(shortfalls, reverse=True)
    tops = list(accumulate(ordered))
    total = tops[-1]
    up = Scale(0, 1.06 * max(fund, total), _BASE, _TOP)
    canvas.box("f-fund", _LEFT, up(fund), _RIGHT - _LEFT, _BASE - up(fund))
    for tick in up.ticks():
        canvas.line("f-grid", (_LEFT, up(tick)), (_RIGHT, up(tick)))
        canvas.text(_LEFT - 8, up(tick) + 4, f"{tick:,.0f}", "f-soft f-small", "end")
    width = min(60.0, (_RIGHT - _LEFT - 150) / len(ordered))
    for number, (each, top) in enumerate(zip(ordered, tops, strict=True)):
        x = _LEFT + 12 + number * width
        canvas.box("f-tail", x, up(top), max(1.0, width - 1.5), max(1.0, up(top - each) - up(top)))
    last = _LEFT + 12 + len(ordered) * width
    canvas.line("f-axis", (last, up(total)), (_RIGHT, up(total)))
    canvas.text(_RIGHT - 8, up(total) + 17, f"together {total:,.0f}", "f-strong", "end")
    canvas.line("f-limit", (_LEFT, up(fund)), (_RIGHT, up(fund)))
    canvas.text(_LEFT + 12, up(fund) - 8, f"insurance fund, as stated: {fund:,.0f}", "f-good-text")
    canvas.line("f-axis", (_LEFT, _BASE), (_RIGHT, _BASE))
    canvas.text(0, _TOP - 26, "USDT", "f-soft f-small")
    counted = f"{len(ordered):,} account{'s' if len(ordered) != 1 else ''}"
    canvas.text(
        _LEFT + 12,
        _BASE + 20,
        f"{counted} short, each by the height of its block, from the largest",
        "f-soft f-small",
    )
    words = (
        f"{counted} owe more than collateral is worth, {ordered[0]:,.0f} USDT at most and {total:,.0f} together; the "
        f"fund has {fund:,.0f}"
    )
    return canvas.figure(
        "insurance-fund", "Shortfalls of accounts, and the fund that covers them", words, int(_BASE) + 30
    )
