"""The portfolio margin as a model document: kind ``pmrm2``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from circuits.market.errors import MarketError
from circuits.modelling import Model, ModelError
from circuits.modelling.constraints import BoolArray
from circuits.modelling.definition import Evaluator, ModelDefinition, Numbers, expect_market
from circuits.modelling.evaluation import MarginResult
from circuits.pmrm2.book import Book, amounts_of, make_book, row_cap
from circuits.pmrm2.evaluate import Amounts, IntegerMargin, evaluate_margin
from circuits.pmrm2.market_document import Pmrm2Market, PublishedPrices
from circuits.pmrm2.model_document import ModelFields, read_model
from circuits.pmrm2.parameters import MarginInputError
from circuits.pmrm2.rows import MarginKind, PerpHolding, add_rows
from circuits.positions import PositionBatch
from circuits.pricing import PricingError
from circuits.public_market import PublicMarket
from circuits.rows import Scope
from primitives.assets import Asset, AssetList
from primitives.backend import Backend
from primitives.strict_json import JsonObject


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
        book = self.book(listed, market)
        return lambda positions: self._evaluate(positions, listed, book)

    def _evaluate(self, positions: PositionBatch, listed: Sequence[Asset], book: Book) -> MarginResult:
        amounts = amounts_of(positions, listed, book.columns)
        result = evaluate_margin(book.figures, amounts)
        is_initial = MarginKind.INITIAL in self.fields.margins
        # IM <= MM only if f_IM >= f_MM, so that both are looked at.
        margins = [result.im] if is_initial else []
        if MarginKind.MAINTENANCE in self.fields.margins:
            margins.append(result.mm)
        margin = np.minimum.reduce(margins)
        dense = positions.to_dense(len(listed))
        names = {asset.id: place for place, asset in enumerate(listed)}
        signs = [names[name] for name in (*book.columns.collaterals, *book.columns.others)]
        sufficient = (margin >= 0) & (dense[:, signs] >= 0).all(axis=1) & self._holds(amounts)
        worst = result.worst_initial if is_initial else result.worst_maintenance
        return MarginResult(result.value, result.value - margin, sufficient.astype(np.bool_), worst)

    def _holds(self, amounts: Amounts) -> BoolArray:
        holds = np.ones(len(amounts.perp), np.bool_)
        if self.fields.holding is PerpHolding.HELD:
            holds = (amounts.perp != 0).astype(np.bool_)
        elif self.fields.holding is PerpHolding.NONE:
            holds = (amounts.perp == 0).astype(np.bool_)
        return holds

    def _add(self, model: Model, book: Book) -> None:
        add_rows(model, book.figures, book.columns, margins=self.fields.margins, holding=self.fields.holding)
