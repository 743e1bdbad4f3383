"""Equity of one account before and after its top-up, against what it has to have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sealedbook.demo.risk.figures.drawing import WIDTH, Canvas, Figure, Scale

_LEFT: Final = 176.0
_RIGHT: Final = 790.0
_TOP: Final = 40.0
_ROW: Final = 78
_BAR: Final = 26


@dataclass(frozen=True)
class BufferLine:
    """Whole USDT. `added` is the part of the equity that was paid in; `verdict` says where the account stands."""

    moment: str
    detail: str
    equity: float
    added: float
    requirement: float
    verdict: str
    is_good: bool


def buffer_figure(lines: Sequence[BufferLine], trigger: float, target: float) -> Figure:
    """A bar for each moment; `trigger` and `target` are parts of the equity that margin may use."""
    canvas = Canvas()
    high = 1.03 * max(max(line.equity for line in lines), max(line.requirement / target for line in lines))
    scale = Scale(0, high, _LEFT, _RIGHT)
    bottom = _TOP + _ROW * len(lines)
    for tick in scale.ticks():
        canvas.line("f-grid", (scale(tick), _TOP - 12), (scale(tick), bottom))
        canvas.text(scale(tick), bottom + 18, f"{tick:,.0f}", "f-soft f-small", "middle")
    canvas.text(_RIGHT, bottom + 36, "USDT", "f-soft f-small", "end")
    for number, line in enumerate(lines):
        _line(canvas, scale, line, _TOP + number * _ROW, trigger, target)
    canvas.key(
        _LEFT,
        18,
        (
            ("f-after", "equity"),
            ("f-added", "top-up"),
            ("f-tail", "maintenance margin (100 %)"),
            ("f-short", f"called below this ({100 * trigger:.0f} %)"),
            ("f-band", f"target ({100 * target:.0f} %)"),
        ),
    )
    words = "; ".join(
        f"{line.moment}: equity {line.equity:,.2f} USDT, margin {line.requirement:,.2f}, {line.verdict}"
        for line in lines
    )
    return canvas.figure(
        "top-up", "Equity of one account before and after its top-up", words, int(bottom) + 44
    )


def _line(canvas: Canvas, scale: Scale, line: BufferLine, top: float, trigger: float, target: float) -> None:
    y = top + 14
    own = line.equity - line.added
    canvas.text(0, y + 12, line.moment, "f-strong")
    canvas.text(0, y + 28, line.detail, "f-soft f-small")
    canvas.box("f-after", scale(0), y, scale(own) - scale(0), _BAR)
    canvas.box("f-added", scale(own), y, scale(line.equity) - scale(own), _BAR)
    for style, value in (
        ("f-tail", line.requirement), ("f-short", line.requirement / trigger), ("f-band", line.requirement / target),
    ):  # fmt: skip
        canvas.box(style, scale(value) - 2.5, y - 6, 5, _BAR + 12)
    use = f"{100 * line.requirement / line.equity:.1f} % used: {line.verdict}"
    canvas.text(scale(0), y + _BAR + 20, use, ("f-good-text" if line.is_good else "f-bad-text") + " f-small")
    canvas.text(WIDTH - 6, y + 18, f"{line.equity:,.2f}", "f-strong", "end")
