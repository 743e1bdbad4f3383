"""Net and gross Greeks of the book, and the bands that the net ones are proven to lie in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sealedbook.demo.risk.figures.drawing import WIDTH, Canvas, Figure, Scale

_ROW: Final = 44
_TOP: Final = 78
_GROSS: Final = (180.0, 540.0)
_NET: Final = (600.0, 880.0)
_BAR: Final = 16


@dataclass(frozen=True)
class GreekLine:
    """One limit: what all accounts hold long and short of it, what is left, and the band. `decimals` of all figures."""

    name: str
    unit: str
    long: float
    short: float
    net: float
    most: float
    decimals: int

    def text(self, value: float) -> str:
        """A figure with its sign."""
        return f"{value:+,.{self.decimals}f}"


def greeks_figure(lines: Sequence[GreekLine]) -> Figure:
    """Left, what accounts hold; right, enlarged, what is left of it together."""
    canvas = Canvas()
    canvas.text(_GROSS[0], 20, "What accounts hold, added up by side", "f-strong")
    canvas.key(
        _GROSS[0], 42, (("f-short", "short"), ("f-long", "long"), ("f-band", "the promised band, to scale"))
    )
    canvas.text(_NET[0], 20, "What is left together, enlarged", "f-strong")
    canvas.key(_NET[0], 42, (("f-band", "proven: within this band"), ("f-dot", "net")))
    for number, line in enumerate(lines):
        top = _TOP + number * _ROW
        canvas.text(0, top + 12, line.name, "f-strong")
        canvas.text(0, top + 27, line.unit, "f-soft f-small")
        _gross(canvas, line, top)
        _net(canvas, line, top)
    height = _TOP + len(lines) * _ROW + 6
    canvas.line("f-grid", (0, _TOP - 16), (WIDTH, _TOP - 16))
    words = "; ".join(
        f"{line.name}: {line.text(line.long)} and {line.text(-line.short)} held, {line.text(line.net)} net, "
        f"within {line.most:,.{line.decimals}f} either way"
        for line in lines
    )
    return canvas.figure(
        "balanced-book", "Net and gross Greeks of the book, with the proven bands", words, height
    )


def _gross(canvas: Canvas, line: GreekLine, top: float) -> None:
    most = max(line.long, line.short)
    left, right = _GROSS
    room = 78
    scale = Scale(-most, most, left + room, right - room)
    zero = scale(0)
    canvas.box("f-short", scale(-line.short), top + 3, zero - scale(-line.short), _BAR)
    canvas.box("f-long", zero, top + 3, scale(line.long) - zero, _BAR)
    width = max(2.0, scale(line.most) - scale(-line.most))
    canvas.box("f-band", zero - width / 2, top - 1, width, _BAR + 8)
    canvas.text(scale(-line.short) - 6, top + 16, line.text(-line.short), "f-soft f-small", "end")
    canvas.text(scale(line.long) + 6, top + 16, line.text(line.long), "f-soft f-small")


def _net(canvas: Canvas, line: GreekLine, top: float) -> None:
    left, right = _NET
    scale = Scale(-1.12 * line.most, 1.12 * line.most, left, right)
    middle = top + 3 + _BAR / 2
    canvas.line("f-grid", (left, middle), (right, middle))
    start, stop = scale(-line.most), scale(line.most)
    canvas.box("f-band", start, top + 3, stop - start, _BAR)
    canvas.line("f-axis", (scale(0), top + 3), (scale(0), top + 3 + _BAR))
    canvas.dot("f-dot", scale(line.net), middle, 4.5)
    canvas.text(start, top + 32, f"{-line.most:,.{line.decimals}f}", "f-soft f-small", "middle")
    canvas.text(stop, top + 32, f"+{line.most:,.{line.decimals}f}", "f-soft f-small", "middle")
    near = min(max(scale(line.net), start + 74), stop - 74)
    canvas.text(near, top + 32, line.text(line.net), "f-strong f-small", "middle")
