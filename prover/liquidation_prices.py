"""At which price of an underlying accounts stop being sufficient: for the operator alone.

Everything on the underlying moves together: its index, forwards and marks are m times what they are, m being a
multiple of 10^-8, and the model is evaluated at that market in exact integers, options priced anew. All other prices
stay.

1. Grid. The verdict on every account at evenly spaced multiples; towards lower and towards higher prices, the first one
   with another verdict than today's.
2. Refinement. Between it and the one before, bisection on the lattice of multiples. Every distinct multiple costs a
   compilation of the model, so that large books stop earlier: both ends of what is left are reported.

    account, price, sufficient, below_holds, below_changes, above_holds, above_changes, crossings

``below_holds`` is the lowest price down to which the verdict was found to be today's, ``below_changes`` the next one,
at which it is another; both are empty if it never changes on the grid. `crossings` counts changes of verdict along the
whole grid: with more than one in a direction, an account that is short recovers further out, as books with options can,
and between grid points more may lie. Where equity less requirement is concave in prices there are two at most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from circuits.claim_statement import (
    MARKET_ROLE,
    MODEL_ROLE,
    ClaimDocumentError,
    find_margin_model,
    read_market,
)
from circuits.market.document import MarketDocument
from circuits.market.snapshot import Contract
from circuits.market_figures import exact_text
from circuits.modelling.definition import Evaluator, ModelDefinition
from circuits.modelling.errors import ModelError
from circuits.pmrm2.market_document import Pmrm2Market
from circuits.positions import PositionBatch
from circuits.prices import PriceDocument
from circuits.public_market import PublicMarket
from circuits.statement_errors import StatementError
from circuits.wrappers.shocks import PriceMove, Shock, shocked_market
from primitives.backend import Backend
from prover.account_columns import positions_of
from prover.book.store import Book
from prover.errors import ProverError
from prover.private_table import Row, check_place, private_table
from prover.progress import Progress, no_progress

COLUMNS: Final = (
    "account",
    "price",
    "sufficient",
    "below_holds",
    "below_changes",
    "above_holds",
    "above_changes",
    "crossings",
)
UNIT: Final = 10**8
"""Multiples are counted in 1/UNIT."""
ACCOUNTS_AT_ONCE: Final = 1 << 16
_KEPT_MODELS: Final = 1 << 8
DEFAULT_MULTIPLES: Final = 1 << 12
_LEVELS: Final = UNIT.bit_length()

Verdicts: TypeAlias = NDArray[np.bool_]
Multiples: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class PriceGrid:
    """Multiples of today's price, today's among them: `steps` of them below and above, evenly spaced."""

    lowest: Decimal = Decimal("0.05")
    highest: Decimal = Decimal(3)
    steps: int = 20

    def points(self) -> tuple[list[int], list[int]]:
        """Below and above, outwards, in 1/UNIT. `ProverError` if the ends are not around 1."""
        low, high = int(self.lowest * UNIT), int(self.highest * UNIT)
        if not 0 < low < UNIT < high <= 100 * UNIT or not 1 <= self.steps <= 1_000:
            raise ProverError(
                "the grid must go from above 0 to below 1, and from above 1 to at most 100, in 1..1000 steps"
            )
        down = [UNIT - (UNIT - low) * step // self.steps for step in range(1, self.steps + 1)]
        up = [UNIT + (high - UNIT) * step // self.steps for step in range(1, self.steps + 1)]
        return down, up


@dataclass(frozen=True)
class LiquidationSummary:
    """What came out, as far as it is not about single accounts; private all the same."""

    accounts: int
    price: str
    below: int = field(repr=False)
    above: int = field(repr=False)
    several: int = field(repr=False)
    """Accounts with more than one change of verdict in a direction."""
    resolution: str
    """The widest bracket, as a part of the price."""


def write_liquidation_prices(
    book: Book,
    out: Path,
    backend: Backend,
    *,
    model: bytes,
    market: bytes,
    underlying: str,
    grid: PriceGrid | None = None,
    multiples: int = DEFAULT_MULTIPLES,
    replace: bool = False,
    progress: Progress = no_progress,
) -> LiquidationSummary:
    """Find the prices for every account of `book`, and write `out`: Parquet or CSV, by its name.

    `multiples` is how many markets may be compiled for refinement, about. The file is as that of
    `prover.margin_report.write_margin_report`. Raises `ClaimDocumentError`, `ProverError` and `PublicationError`.
    """
    check_place(out, replace=replace)
    work = _Search(book, backend, model, market, underlying, grid or PriceGrid(), multiples)
    with private_table(out, COLUMNS, truths=("sufficient",)) as table:
        done = 0
        for batch in book.iter_batches(ACCOUNTS_AT_ONCE):
            table.add(work.rows(batch.ids, positions_of(batch)))
            done += len(batch.ids)
            progress("Looking for liquidation prices", done, book.account_count)
    return work.summary()


class Verdict:
    """Whether accounts are sufficient where an underlying costs a multiple of what it does; models are kept."""

    def __init__(
        self, evaluator: Callable[[PublicMarket | None], Evaluator], market: PublicMarket, of: str
    ) -> None:
        self._evaluator = evaluator
        self._market = market
        self._of = of
        self._made = lru_cache(_KEPT_MODELS)(self._make)

    def __call__(self, multiple: int, batch: PositionBatch) -> Verdicts:
        """At ``multiple / UNIT`` times the price."""
        return np.asarray(self._made(multiple)(batch).sufficient, np.bool_)

    def _make(self, multiple: int) -> Evaluator:
        change = Decimal(multiple - UNIT).scaleb(1 - len(str(UNIT)))
        shock = Shock(f"{self._of} times {multiple}/{UNIT}", (PriceMove(self._of, change, Decimal(0)),))
        return self._evaluator(shocked_market(self._market, shock))


@dataclass(frozen=True)
class Crossing:
    """One direction: the last multiple with today's verdict and the first with another; 0 where there is none."""

    holds: Multiples = field(repr=False)
    changes: Multiples = field(repr=False)
    count: Multiples = field(repr=False)
    """Changes of verdict along the grid."""


def first_crossing(verdict: Verdict, batch: PositionBatch, points: list[int], levels: int) -> Crossing:
    """Along `points`, which lead away from today's price; then so many bisections between two of them."""
    today = verdict(UNIT, batch)
    before, previous = today, np.full(len(today), UNIT, np.int64)
    holds, changes = np.zeros(len(today), np.int64), np.zeros(len(today), np.int64)
    count = np.zeros(len(today), np.int64)
    for point in points:
        now = verdict(point, batch)
        count += now != before
        first = (now != today) & (changes == 0)
        holds[first], changes[first] = previous[first], point
        before = now
        previous[:] = point
    for _ in range(levels):
        middle = (holds + changes) // 2
        open_ones = np.flatnonzero((changes != 0) & (middle != holds) & (middle != changes))
        if not len(open_ones):
            break
        for multiple in np.unique(middle[open_ones]).tolist():
            places = open_ones[middle[open_ones] == multiple]
            few = PositionBatch.from_mappings([batch.account(int(place)) for place in places])
            same = verdict(multiple, few) == today[places]
            holds[places[same]] = multiple
            changes[places[~same]] = multiple
    return Crossing(holds, changes, count)


class _Search:
    def __init__(
        self,
        book: Book,
        backend: Backend,
        model: bytes,
        market: bytes,
        underlying: str,
        grid: PriceGrid,
        multiples: int,
    ) -> None:
        definition = find_margin_model(model)
        if definition is None:
            raise ClaimDocumentError(MODEL_ROLE, "is no margin model: it has no equity and no requirement")
        public = read_market(market)
        if public is None:
            raise ClaimDocumentError(MARKET_ROLE, "is missing")
        self._price = price_of(public, underlying)
        self._verdict = Verdict(
            lambda moved: _evaluator(definition, book, moved, backend), public, underlying
        )
        self._below, self._above = grid.points()
        self._levels = _levels(book.account_count, 2 * grid.steps, multiples)
        self._accounts = self._down = self._up = self._several = 0
        self._widest = 0

    def rows(self, ids: list[str], batch: PositionBatch) -> list[Row]:
        """One row for each account."""
        try:
            today = self._verdict(UNIT, batch)
            below = first_crossing(self._verdict, batch, self._below, self._levels)
            above = first_crossing(self._verdict, batch, self._above, self._levels)
        except (ModelError, StatementError) as error:
            raise ClaimDocumentError(MODEL_ROLE, str(error)) from error
        self._accounts += len(ids)
        self._down += int((below.changes > 0).sum())
        self._up += int((above.changes > 0).sum())
        self._several += int(((below.count > 1) | (above.count > 1)).sum())
        for crossing in (below, above):
            self._widest = max(self._widest, int(np.abs(crossing.holds - crossing.changes).max(initial=0)))
        price = self._text(UNIT)
        return [
            (
                account,
                price,
                "true" if today[place] else "false",
                self._text(int(below.holds[place])),
                self._text(int(below.changes[place])),
                self._text(int(above.holds[place])),
                self._text(int(above.changes[place])),
                str(int(below.count[place] + above.count[place])),
            )
            for place, account in enumerate(ids)
        ]

    def _text(self, multiple: int) -> str:
        """The price, exactly; nothing for no multiple."""
        if not multiple:
            return ""
        units = Fraction(self._price) * multiple / UNIT
        return exact_text(units)

    def summary(self) -> LiquidationSummary:
        """Of everything so far."""
        resolution = exact_text(Fraction(self._widest, UNIT))
        return LiquidationSummary(
            self._accounts, self._text(UNIT), self._down, self._up, self._several, resolution
        )


def price_of(market: PublicMarket, underlying: str) -> Decimal:
    """The index of an underlying, or the mark of its first contract without one; the price of an asset with its own.

    Raises `ProverError`.
    """
    if isinstance(market, PriceDocument):
        text = market.prices.prices.get(underlying)
        if text is not None:
            return Decimal(text)
    elif isinstance(market, MarketDocument | Pmrm2Market):
        for each in market.snapshot.underlyings:
            if each.id == underlying and each.index is not None:
                return each.index
        for instrument in market.snapshot.instruments:
            if isinstance(instrument, Contract) and instrument.underlying == underlying:
                return instrument.mark
    raise ProverError(f"the market has no price of {underlying!r}")


def _evaluator(
    definition: ModelDefinition, book: Book, market: PublicMarket | None, backend: Backend
) -> Evaluator:
    return definition.evaluator(book.assets.assets, market, backend)


def _levels(accounts: int, points: int, multiples: int) -> int:
    """As many bisections as stay within `multiples` distinct ones, about."""
    if accounts * _LEVELS <= multiples:
        return _LEVELS
    return max(0, (multiples // points).bit_length() - 1)
