"""Drawing SVG: a few shapes with classes of ``templates/figures.css``, and scales from figures to pixels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Final

WIDTH: Final = 900
_FEW: Final = 6
_MINUS: Final = re.compile(r"(?<![\w-])-(?=\d)")
"""A hyphen that stands before a number, and not inside an id."""


@cache
def figure_style() -> str:
    """The style sheet of all figures."""
    return (files("sealedbook.demo.risk") / "templates" / "figures.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Figure:
    """A drawing with what it shows in words, for those who do not see it."""

    name: str
    title: str
    words: str
    height: int
    shapes: tuple[str, ...]

    def inline(self) -> str:
        """For a page that has `figure_style`."""
        head = (
            f'<svg class="plot" role="img" width="{WIDTH}" height="{self.height}" '
            f'viewBox="0 0 {WIDTH} {self.height}" aria-label="{escape(self.words)}">'
        )
        return "\n".join([head, f"<title>{escape(self.title)}</title>", *self.shapes, "</svg>"]) + "\n"

    def alone(self) -> str:
        """A file of its own, on white."""
        head, rest = self.inline().split("\n", 1)
        head = head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        paper = f'<rect class="f-paper" x="0" y="0" width="{WIDTH}" height="{self.height}"/>'
        return "\n".join([head, f"<style>{figure_style()}</style>", paper, rest])


class Canvas:
    """Collects shapes; `style` is a class or several. Coordinates are in pixels, from the upper left corner."""

    def __init__(self) -> None:
        self.shapes: list[str] = []

    def box(self, style: str, x: float, y: float, width: float, height: float) -> None:
        """A rectangle; of no width or height, nothing."""
        if width > 0 and height > 0:
            self._add(
                f'<rect class="{style}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"/>'
            )

    def line(self, style: str, start: tuple[float, float], stop: tuple[float, float]) -> None:
        """A straight line."""
        (x1, y1), (x2, y2) = start, stop
        self._add(f'<line class="{style}" x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"/>')

    def path(self, style: str, points: Sequence[tuple[float, float]]) -> None:
        """A line through points."""
        self._add(f'<polyline class="{style}" points="{" ".join(f"{_n(x)},{_n(y)}" for x, y in points)}"/>')

    def dot(self, style: str, x: float, y: float, radius: float) -> None:
        """A disc."""
        self._add(f'<circle class="{style}" cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"/>')

    def text(self, x: float, y: float, words: str, style: str = "", anchor: str = "start") -> None:
        """Words on a base line; `anchor` is start, middle or end."""
        classes = f"f-text {style}".strip()
        words = _MINUS.sub("−", words)
        self._add(
            f'<text class="{classes}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def key(self, x: float, y: float, entries: Sequence[tuple[str, str]]) -> None:
        """A legend from left to right: class of the box, and its words."""
        for style, words in entries:
            self.box(style, x, y - 10, 12, 12)
            self.text(x + 18, y, words, "f-soft")
            x += 18 + 7.0 * len(words) + 22

    def figure(self, name: str, title: str, words: str, height: int) -> Figure:
        """What was drawn."""
        return Figure(name, title, words, height, tuple(self.shapes))

    def _add(self, shape: str) -> None:
        self.shapes.append(shape)


@dataclass(frozen=True)
class Scale:
    """From `low` to `high` along the pixels from `start` to `stop`."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """Round values, about six of them."""
        step = round_step((self.high - self.low) / _FEW)
        first = -int(-self.low / step // 1) if self.low > 0 else int(self.low / step)
        count = int(self.high / step + 1e-9) - first
        return [(first + number) * step for number in range(count + 1)]


def round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, not below `least`, which is above 0."""
    unit = 1.0
    while unit > least:
        unit /= 10
    while unit * 10 <= least:
        unit *= 10
    return next((unit * each for each in (1, 2, 5) if unit * each >= least), unit * 10)


def _n(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
