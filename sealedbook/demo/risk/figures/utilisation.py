"""How much of their equity accounts use as margin, before and after prices moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sealedbook.demo.risk.figures.drawing import Canvas, Figure, Scale

_LEFT: Final = 44.0
_RIGHT: Final = 880.0
_TOP: Final = 72.0
_BASE: Final = 300.0
_BINS: Final = 20


def utilisation_figure(
    before: Sequence[float],
    after: Sequence[float],
    prices: Sequence[tuple[str, str, str, str]],
    trigger: float,
) -> Figure:
    """Both in steps of 5 %, from 0 to 1; `prices` are coin, before, after, change."""
    canvas = Canvas()
    counts = [_counts(each) for each in (before, after)]
    across, up = Scale(0, 1, _LEFT, _RIGHT), Scale(0, max(map(max, counts)), _BASE, _TOP)
    for tick in up.ticks():
        canvas.line("f-grid", (_LEFT, up(tick)), (_RIGHT, up(tick)))
        canvas.text(_LEFT - 8, up(tick) + 4, f"{tick:,.0f}", "f-soft f-small", "end")
    for number in range(_BINS + 1):
        x = across(number / _BINS)
        canvas.line("f-axis", (x, _BASE), (x, _BASE + 5))
        if number % 2 == 0:
            canvas.text(x, _BASE + 19, f"{100 * number // _BINS} %", "f-soft f-small", "middle")
    width = (across(1 / _BINS) - across(0)) / 2 - 3
    for number, (old, new) in enumerate(zip(*counts, strict=True)):
        x = across(number / _BINS) + 3
        canvas.box("f-before", x, up(old), width, _BASE - up(old))
        canvas.box("f-after", x + width, up(new), width, _BASE - up(new))
        if number / _BINS >= trigger and new:
            canvas.text(x + 1.5 * width, up(new) - 6, f"{new}", "f-bad-text", "middle")
    canvas.line("f-axis", (_LEFT, _BASE), (_RIGHT, _BASE))
    _edges(canvas, across, trigger)
    moved = "; ".join(f"{coin} {old} → {new} ({change})" for coin, old, new, change in prices)
    canvas.text(_LEFT, 16, moved, "f-strong")
    canvas.key(_LEFT, 42, (("f-before", "accounts at noon"), ("f-after", "accounts at the new prices")))
    canvas.text(_RIGHT, _BASE + 38, "maintenance margin as a part of equity", "f-soft f-small", "end")
    words = (
        f"At noon accounts use at most {100 * max(before):.0f} % of their equity as margin, at the new prices at most "
        f"{100 * max(after):.0f} %; {moved}"
    )
    return canvas.figure("remark", "How much of their equity accounts use as margin", words, int(_BASE) + 48)


def _edges(canvas: Canvas, across: Scale, trigger: float) -> None:
    x = across(trigger)
    canvas.line("f-warn", (x, _TOP - 14), (x, _BASE))
    canvas.text(x - 6, _TOP - 6, f"top-up asked for above {100 * trigger:.0f} %", "f-soft f-small", "end")
    canvas.line("f-limit", (_RIGHT, _TOP - 14), (_RIGHT, _BASE))
    canvas.text(_RIGHT - 6, _TOP - 24, "proven: nobody is beyond 100 %", "f-good-text f-small", "end")


def _counts(uses: Sequence[float]) -> list[int]:
    counts = [0] * _BINS
    for use in uses:
        counts[min(_BINS - 1, int(use * _BINS))] += 1
    return counts
