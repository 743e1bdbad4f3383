"""The portfolio margin as a model document: kind ``pmrm2``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np

from circuits.market.errors import MarketError
from circuits.modelling import Model, ModelError
from circuits.modelling.constraints import BoolArray
from circuits.modelling.definition import Evaluator, ModelDefinition, Numbers, expect_market
from circuits.modelling.evaluation import MarginResult
from circuits.modelling.expressions import Values
from circuits.modelling.words import ModelWords
from circuits.pmrm2.batch_evaluation import BatchEvaluator, NarrowAmounts
from circuits.pmrm2.book import Book, amounts_of, make_book, row_cap
from circuits.pmrm2.evaluate import IntegerMargin, evaluate_margin
from circuits.pmrm2.market_document import Pmrm2Market, PublishedPrices
from circuits.pmrm2.model_document import ModelFields, read_model
from circuits.pmrm2.parameters import MarginInputError
from circuits.pmrm2.rows import MarginKind, PerpHolding, add_rows
from circuits.pmrm2.words import words_of
from circuits.positions import PositionBatch
from circuits.pricing import PricingError
from circuits.public_market import PublicMarket
from circuits.rows import Scope
from primitives.assets import Asset, AssetList
from primitives.backend import Backend
from primitives.strict_json import JsonObject

_ACCOUNTS_AT_ONCE: Final = 1 << 11
"""A table of so many accounts and all scenarios stays in the processor's cache."""


@dataclass(frozen=True)
class PortfolioMargin(ModelDefinition):
    """``{"kind": "pmrm2", "version": 1, ...}``: MM >= 0, IM >= 0, or both, of every account.

    The options of the book are all its assets that the market lists as options on the underlying. The market is a
    `Pmrm2Market`.
    """

    kind: ClassVar[str] = "pmrm2"

    fields: ModelFields

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields of `circuits.pmrm2.model_document`."""
        return cls(read_model(fields))

    @property
    def numbers(self) -> Numbers:
        """Value unit; the cap is on the gross value of an account: notionals, collateral, cash and unsettled."""
        return self.fields.numbers

    @property
    def has_net_equity(self) -> bool:
        """Cash, marks and collateral; no more collateral than nothing can be owed."""
        return True

    def words(self) -> ModelWords:
        """For people."""
        return words_of(self.fields)

    def model(self, assets: Iterable[Asset], market: PublicMarket | None, scope: Scope = Scope.BOOK) -> Model:
        """The model; its rows have room for every account whose gross value is within the cap."""
        listed = tuple(assets)
        book = self.book(listed, market)
        model = Model(
            listed,
            scope=scope,
            cap=row_cap(book, self.numbers),
            position_bound=1 << self.numbers.position_bits,
        )
        self._add(model, book)
        return model

    def value_cap(self, assets: Sequence[Asset], market: PublicMarket | None) -> int:
        """That of `model`."""
        return row_cap(self.book(assets, market), self.numbers)

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The rows."""
        self._add(model, self.book(tuple(model.assets), market))

    def book(self, assets: Sequence[Asset], market: PublicMarket | None) -> Book:
        """Market, integer prices and figures for a book with these `assets`.

        Integer prices published with the market are checked and then used; without any, those computed here are.
        Raises `ModelError`.
        """
        document = expect_market(market, Pmrm2Market)
        try:
            return make_book(self.fields, AssetList(tuple(assets)), document)
        except (MarginInputError, MarketError, PricingError) as error:
            raise ModelError(str(error)) from error

    def published_prices(self, assets: Sequence[Asset], market: Pmrm2Market) -> PublishedPrices | None:
        """The table to publish with `market` for this model and book; None if the book has no options."""
        book = self.book(assets, market)
        if not book.options:
            return None
        return PublishedPrices(self.numbers.scale, book.options, book.expiries, book.prices)

    def evaluate_exactly(
        self, positions: PositionBatch, assets: Sequence[Asset], market: PublicMarket | None
    ) -> IntegerMargin:
        """MM, IM and all that they are made of, per account of `positions`."""
        book = self.book(assets, market)
        return evaluate_margin(book.figures, amounts_of(positions, assets, book.columns))

    def evaluator(
        self, assets: Iterable[Asset], market: PublicMarket | None, backend: Backend | None = None
    ) -> Evaluator:
        """Of the stricter margin that the model proves: V, what V must reach, and whether all constraints hold."""
        del backend
        listed = tuple(assets)
        evaluation = _Evaluation(self.fields, listed, self.book(listed, market))
        return evaluation.evaluate

    def _add(self, model: Model, book: Book) -> None:
        add_rows(model, book.figures, book.columns, margins=self.fields.margins, holding=self.fields.holding)


class _Evaluation:
    """Margins of books, some accounts at a time."""

    def __init__(self, fields: ModelFields, assets: Sequence[Asset], book: Book) -> None:
        self._fields, self._assets, self._book = fields, assets, book
        self._margins = BatchEvaluator(book.figures)
        names = {asset.id: place for place, asset in enumerate(assets)}
        self._signs = [names[name] for name in (*book.columns.collaterals, *book.columns.others)]

    def evaluate(self, positions: PositionBatch) -> MarginResult:
        """One entry per account."""
        count = positions.account_count
        parts = [
            self._part(positions.accounts(start, min(start + _ACCOUNTS_AT_ONCE, count)))
            for start in range(0, count, _ACCOUNTS_AT_ONCE)
        ] or [self._part(positions)]
        value, requirement, sufficient, worst = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        return MarginResult(value, requirement, sufficient, tuple(worst.tolist()))

    def _part(self, positions: PositionBatch) -> tuple[Values, Values, BoolArray, Values]:
        table = positions.to_dense(len(self._assets))
        amounts = NarrowAmounts.of(table, self._assets, self._book.columns)
        result = self._margins(amounts)
        is_initial = MarginKind.INITIAL in self._fields.margins
        # IM <= MM only if f_IM >= f_MM, so that both are looked at.
        margins = [result.im] if is_initial else []
        if MarginKind.MAINTENANCE in self._fields.margins:
            margins.append(result.mm)
        margin = np.minimum.reduce(margins)
        sufficient = (margin >= 0) & (table[:, self._signs] >= 0).all(axis=1) & self._holds(amounts)
        worst = result.worst_initial if is_initial else result.worst_maintenance
        return result.value, result.value - margin, sufficient.astype(np.bool_), worst

    def _holds(self, amounts: NarrowAmounts) -> BoolArray:
        if self._fields.holding is PerpHolding.PRIVATE:
            return np.ones(len(amounts.perp), np.bool_)
        held: BoolArray = amounts.perp != 0
        return held if self._fields.holding is PerpHolding.HELD else ~held
