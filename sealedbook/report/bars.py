"""Bars of plots, in pixels: geometry only, drawn by the templates. Exact figures stand in the text beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

COVER_WIDTH: Final = 300
STACK_WIDTH: Final = 680
_LEAST: Final = Fraction(3, 2)
"""Pixels of the smallest part that is not nothing."""


@dataclass(frozen=True)
class Segment:
    """A part of a bar: its style (a class of the style sheet), where it begins and how long it is."""

    style: str
    start: str
    width: str


@dataclass(frozen=True)
class Part:
    """An amount to be drawn: its style, its name in the legend, and its size."""

    style: str
    name: str
    size: int


def stacked(parts: Sequence[Part], width: int, *, full: int | None = None) -> tuple[Segment, ...]:
    """The parts side by side; `full` is the size that takes the whole `width`, their sum if not given.

    Negative and empty parts are not drawn.
    """
    whole = sum(max(0, part.size) for part in parts) if full is None else full
    segments = []
    place = Fraction(0)
    for part in parts:
        if part.size <= 0 or whole <= 0:
            continue
        length = Fraction(part.size * width, whole)
        segments.append(Segment(part.style, _pixels(place), _pixels(max(length, _LEAST))))
        place += length
    return tuple(segments)


def position(size: Fraction, full: int, width: int) -> str:
    """Where a mark for `size` stands on a scale on which `full` takes the whole `width`."""
    return _pixels(Fraction(width) * size / full)


def _pixels(value: Fraction) -> str:
    return f"{float(value):.2f}"
