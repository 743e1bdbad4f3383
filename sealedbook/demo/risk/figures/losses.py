"""The losses of one account in every day of the history, with Value at Risk, Expected Shortfall and capital marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sealedbook.demo.risk.figures.drawing import Canvas, Figure, Scale, round_step

_LEFT: Final = 52.0
_RIGHT: Final = 880.0
_TOP: Final = 84.0
_BASE: Final = 330.0
_BINS: Final = 50
_FLAG_ROW: Final = 19


@dataclass(frozen=True)
class LossPicture:
    """Whole USDT. `losses` are those of all days, gains negative; `tail` how many of the largest are looked at."""

    account: str
    losses: Sequence[float]
    tail: float
    value_at_risk: float
    expected_shortfall: float
    charges: float
    capital: float
    level: str


def losses_figure(picture: LossPicture) -> Figure:
    """A histogram; what lies in the tail is red."""
    canvas = Canvas()
    low, high = min(picture.losses), max(*picture.losses, picture.capital)
    step = round_step((high - low) / _BINS)
    first, last = int(low // step), int(high // step) + 1
    counts = {number: [0, 0] for number in range(first, last)}
    for loss in picture.losses:
        counts[int(loss // step)][loss > picture.value_at_risk] += 1
    across = Scale(first * step, last * step, _LEFT, _RIGHT)
    up = Scale(0, max(map(sum, counts.values())), _BASE, _TOP)
    _axes(canvas, across, up)
    for number, (calm, tail) in counts.items():
        x, width = across(number * step), across((number + 1) * step) - across(number * step) - 1.5
        canvas.box("f-calm", x, up(calm), width, _BASE - up(calm))
        canvas.box("f-tail", x, up(calm + tail), width, up(calm) - up(calm + tail))
    flags = (
        ("f-mark", picture.value_at_risk, f"Value at Risk {picture.value_at_risk:,.0f}"),
        ("f-stop", picture.expected_shortfall, f"Expected Shortfall {picture.expected_shortfall:,.0f}"),
        ("f-limit", picture.capital, f"capital {picture.capital:,.0f}"),
    )
    for row, (style, value, words) in enumerate(flags):
        _flag(canvas, style, across(value), 14 + row * _FLAG_ROW, words)
    canvas.key(
        _LEFT,
        _BASE + 52,
        (
            ("f-calm", f"{len(picture.losses):,} days of the history, once more from today's prices"),
            ("f-tail", "losses beyond the Value at Risk"),
        ),
    )
    words = (
        f"Account {picture.account}: of {len(picture.losses)} days the largest loss is {max(picture.losses):,.0f} "
        f"USDT, Value at Risk at {picture.level} {picture.value_at_risk:,.0f}, Expected Shortfall "
        f"{picture.expected_shortfall:,.0f}, capital {picture.capital:,.0f}"
    )
    title = f"What {picture.account} would lose in each day of the history"
    return canvas.figure("expected-shortfall", title, words, int(_BASE) + 66)


def _flag(canvas: Canvas, style: str, x: float, y: float, words: str) -> None:
    canvas.line(style, (x, y + 5), (x, _BASE))
    canvas.text(x, y, words, "f-strong f-small", "middle" if x < _RIGHT - 70 else "end")


def _axes(canvas: Canvas, across: Scale, up: Scale) -> None:
    for tick in up.ticks():
        canvas.line("f-grid", (_LEFT, up(tick)), (_RIGHT, up(tick)))
        canvas.text(_LEFT - 8, up(tick) + 4, f"{tick:,.0f}", "f-soft f-small", "end")
    for tick in across.ticks():
        canvas.line("f-axis", (across(tick), _BASE), (across(tick), _BASE + 5))
        canvas.text(across(tick), _BASE + 19, f"{tick:+,.0f}" if tick else "0", "f-soft f-small", "middle")
    canvas.line("f-axis", (_LEFT, _BASE), (_RIGHT, _BASE))
    canvas.text(_RIGHT, _BASE + 35, "loss of one day in USDT; gains are negative", "f-soft f-small", "end")
    canvas.text(0, _TOP - 12, "days", "f-soft f-small")
