"""Why a market snapshot, a set of scenarios or a risk array is refused."""

from __future__ import annotations

from enum import StrEnum

from primitives.errors import SealedbookError


class MarketCode(StrEnum):
    """One code per check; stable across releases."""

    NUMBER = "number"
    """A figure is not finite, or outside its range."""
    DUPLICATE = "duplicate"
    ORDER = "order"
    """A list is not in the order that its format asks for."""
    UNKNOWN_UNDERLYING = "unknown-underlying"
    UNKNOWN_INSTRUMENT = "unknown-instrument"
    MISSING_FORWARD = "missing-forward"
    MISSING_INDEX = "missing-index"
    PAST_EXPIRY = "past-expiry"
    MISSING_MOVE = "missing-move"
    """A scenario does not say what happens to an underlying."""
    NEGATIVE_PRICE = "negative-price"
    """A scenario moves a price below zero, or that of an inverse contract to zero."""
    RANGE = "range"
    """An entry exceeds 64 bits."""
    PRECISION = "precision"
    """The scale is so fine that floats could differ by more than one unit."""
    LIMIT = "limit"
    GAP = "gap"
    """A price history lacks a time of its calendar, or a series lacks a close."""
    SHORT_HISTORY = "short-history"
    """A price history has fewer closes than the returns asked of it need."""
    MISSING_SERIES = "missing-series"
    """A price history has no closes, or no volatilities, of something that is held."""
    STALE = "stale"
    """A price history ends too early for its market, or after it."""


class MarketError(SealedbookError):
    """A fault of figures, wherever they were read from; `where` is the place, in the style ``instruments[3].mark``."""

    def __init__(self, code: MarketCode, where: str, reason: str) -> None:
        self.code = code
        self.where = where
        self.reason = reason
        super().__init__(f"{where}: {reason} ({code})")


class RiskArrayCode(StrEnum):
    """What of a published risk array is not what the verifier computes."""

    HEADER = "header"
    """Assets, scenarios, scale or Greeks are others."""
    ENTRY = "entry"
    """An entry differs by more than it may."""


class RiskArrayError(SealedbookError):
    """A published risk array is not that of the market and the scenarios; `where` names header or entry."""

    def __init__(self, code: RiskArrayCode, where: str, reason: str) -> None:
        self.code = code
        self.where = where
        super().__init__(f"{where}: {reason} ({code})")
