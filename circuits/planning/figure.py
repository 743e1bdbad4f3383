"""A figure of a plan: weights before and after, beside the band of each asset. SVG, the same bytes every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

_WIDTH: Final = 720
_LEFT: Final = 150
_RIGHT: Final = 70
_TOP: Final = 58
_ROW: Final = 46
_BAR: Final = 13
_BEFORE: Final = "#9aa7b5"
_AFTER: Final = "#1f6f8b"
_BAND: Final = "#f2c14e"
_TICKS: Final = 5
_SHOWN: Final = 40
_TEXT: Final = 'font-family="sans-serif" font-size="12"'


@dataclass(frozen=True, slots=True)
class WeightBar:
    """Weights of one asset in percent, and its band; None leaves a side open."""

    asset: str
    before: float
    after: float
    least: float | None
    greatest: float | None


def weight_bars(
    before: Mapping[str, int],
    after: Mapping[str, int],
    bands: Mapping[str, tuple[float | None, float | None]],
) -> tuple[WeightBar, ...]:
    """Bars of the assets that are held before or after, or have a band; from values in value units."""
    old, new = max(1, sum(before.values())), max(1, sum(after.values()))
    return tuple(
        WeightBar(asset, 100 * value / old, 100 * after[asset] / new, *bands.get(asset, (None, None)))
        for asset, value in before.items()
        if value or after[asset] or asset in bands
    )


def plan_figure(title: str, bars: Sequence[WeightBar]) -> str:
    """The figure as SVG; assets beyond the first 40 are left out, and their number is stated."""
    shown = bars[:_SHOWN]
    ends = [
        abs(end)
        for bar in shown
        for end in (bar.before, bar.after, bar.least, bar.greatest)
        if end is not None
    ]
    reach = _round_up(max(ends, default=1.0))
    least = -reach if any(min(bar.before, bar.after) < 0 for bar in shown) else 0.0
    scale = (_WIDTH - _LEFT - _RIGHT) / (reach - least)

    def place(percent: float) -> float:
        return _LEFT + (min(max(percent, least), reach) - least) * scale

    height = _TOP + _ROW * len(shown) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        f'role="img"><title>{escape(title)}</title>',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="22" font-family="sans-serif" font-size="15" font-weight="bold">{escape(title)}</text>',
        *_legend(),
    ]
    for tick in range(_TICKS + 1):
        percent = least + (reach - least) * tick / _TICKS
        x = place(percent)
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{height - 30}" stroke="#e3e7eb"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 12}" text-anchor="middle" {_TEXT}>{percent:g} %</text>')
    for number, bar in enumerate(shown):
        top, name = _TOP + _ROW * number + 8, escape(_short(bar.asset))
        parts.append(f'<text x="{_LEFT - 10}" y="{top + 18}" text-anchor="end" {_TEXT}>{name}</text>')
        if bar.least is not None or bar.greatest is not None:
            low, high = (
                place(least if bar.least is None else bar.least),
                place(reach if bar.greatest is None else bar.greatest),
            )
            parts.append(
                f'<rect x="{low:.1f}" y="{top - 4}" width="{max(1.5, high - low):.1f}" height="{2 * _BAR + 9}" '
                f'fill="{_BAND}" fill-opacity="0.35"/>'
            )
        for percent, color, y in ((bar.before, _BEFORE, top), (bar.after, _AFTER, top + _BAR + 1)):
            start, end = sorted((place(0.0), place(percent)))
            parts.append(
                f'<rect x="{start:.1f}" y="{y}" width="{end - start:.1f}" height="{_BAR}" fill="{color}"/>'
            )
            parts.append(f'<text x="{end + 4:.1f}" y="{y + 11}" {_TEXT}>{percent:.2f}</text>')
    if len(bars) > _SHOWN:
        parts.append(f'<text x="16" y="{height - 12}" {_TEXT}>{len(bars) - _SHOWN:,} more</text>')
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> list[str]:
    parts = []
    for x, color, text in (
        (_LEFT, _BEFORE, "before"),
        (_LEFT + 90, _AFTER, "after"),
        (_LEFT + 170, _BAND, "band"),
    ):
        parts.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{color}"/>')
        parts.append(f'<text x="{x + 18}" y="44" {_TEXT}>{text}</text>')
    return parts


def _round_up(percent: float) -> float:
    """To the next of 5, 10, 20, 50, 100, ... percent."""
    step = 5.0
    while True:
        for factor in (1, 2, 4, 10):
            if percent <= step * factor:
                return step * factor
        step *= 10


def _short(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:19]}\u2026"
