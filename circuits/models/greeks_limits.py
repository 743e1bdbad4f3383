"""Limits on the Greeks of accounts (docs/models/greeks-limits.md) and of a whole book (docs/models/balanced-book.md).

Both kinds have the same documents but for their name. `GreeksLimits` is about every account; `BalancedBook` about the
sum of all accounts, and is compiled by `circuits.book_statement`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from circuits.market.document import MarketDocument
from circuits.market.risk_array import Greek
from circuits.market.scenarios import ScenarioSet
from circuits.modelling.constraints import band
from circuits.modelling.definition import Evaluator, ModelDefinition, Numbers
from circuits.modelling.errors import ModelError
from circuits.modelling.evaluation import MarginResult
from circuits.modelling.gadgets import absolute_value
from circuits.modelling.model import Model
from circuits.modelling.numeric import Numeric
from circuits.modelling.words import ModelWords, counted, listed
from circuits.models.greek_conditions import Condition, conditions
from circuits.models.greek_limit_document import LimitDocument, Measure
from circuits.models.risk_inputs import RiskInputs
from circuits.positions import PositionBatch
from circuits.public_market import PublicMarket
from circuits.rows import Scope
from primitives.assets import Asset
from primitives.backend import Backend
from primitives.strict_json import JsonObject

_NO_SCENARIOS = ScenarioSet(())


@dataclass(frozen=True)
class LimitModel(ModelDefinition):
    """What both kinds share: the document, and its conditions at a market."""

    document: LimitDocument
    _numbers: Numbers

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the limits, and ``numbers``."""
        return cls(LimitDocument.from_json(fields), Numbers.from_json(fields, Numbers()))

    @property
    def numbers(self) -> Numbers:
        """10^-6 by default."""
        return self._numbers

    def inputs(self, assets: Iterable[Asset], market: PublicMarket | None) -> RiskInputs:
        """Instruments, values and Greeks of the assets that are not ignored. Raises `ModelError`."""
        plain = Model(assets, cap=None)
        unknown = [asset for asset in self.document.ignored if asset not in plain.assets]
        if unknown:
            raise ModelError(f"ignored: asset {unknown[0]!r} is not in the book")
        scales = self._greek_scales(market)
        return RiskInputs.of(
            market, plain, lambda _: _NO_SCENARIOS, self.numbers, scales, self.document.ignored
        )

    def _greek_scales(self, market: PublicMarket | None) -> Mapping[Greek, int]:
        """Of the Greeks that limits are about, or of all that the market publishes, if these are among them."""
        used = self.document.greek_scales
        if not isinstance(market, MarketDocument) or market.risk_array is None:
            return used
        published = {row.greek: row.scale for row in market.risk_array.greeks}
        for greek, scale in used.items():
            if published.get(greek, scale) != scale:
                raise ModelError(
                    f"scales.{greek.value}: is {scale}, the risk array of the market has {published[greek]}"
                )
        return published if used.keys() <= published.keys() else used

    def conditions(self, assets: Iterable[Asset], market: PublicMarket | None) -> tuple[Condition, ...]:
        """The conditions of all limits for a book with these assets. Raises `ModelError` naming the entry."""
        return conditions(self.document, self.inputs(assets, market))

    def limit_words(self, owner: str) -> tuple[str, ...]:
        """A sentence for every limit."""
        return tuple(limit.words(owner, self.document.scales[limit.greek]) for limit in self.document.limits)

    def notes(self) -> tuple[str, ...]:
        """What a reader of the words should know besides."""
        notes = [
            "Greeks are those of the market's risk array, rounded there to integers per base unit",
            "what the market lists as cash has none, whatever coin it is",
        ]
        if self.document.hedge:
            hedge = listed([f"{amount:f} {asset}" for asset, amount in self.document.hedge.items()])
            notes.append(f"the hedge added to positions: {hedge}")
        if self.document.ignored:
            notes.append(f"not looked at: {listed(self.document.ignored)}")
        return tuple(notes)


@dataclass(frozen=True)
class GreeksLimits(LimitModel):
    """``{"kind": "greeks-limits", "version": 1, "limits": [...], ...}``."""

    kind: ClassVar[str] = "greeks-limits"

    def words(self) -> ModelWords:
        """For people."""
        title = f"limits on Greeks, {counted(len(self.document.limits), 'limit')}"
        return ModelWords(title, self.limit_words("an account's"), self.notes())

    def model(self, assets: Iterable[Asset], market: PublicMarket | None, scope: Scope = Scope.BOOK) -> Model:
        """Without a cap: it is on values, and most rows count Greeks."""
        model = Model(assets, scope=scope, position_bound=1 << self.numbers.position_bits)
        self.build(model, market)
        return model

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The rows of every limit: two for both sides (one where their span is 2^w), one for one side."""
        for condition in self.conditions(model.assets, market):
            if model.scope is Scope.BOOK and not condition.holds({}):
                path = condition.limit.path.removeprefix("$.")
                raise ModelError(
                    f"{path}: an account that holds nothing breaks it, and every book has such accounts: prove it of "
                    "one account, or of the whole book as a balanced-book"
                )
            _require(model, condition, self.numbers)

    def evaluator(
        self, assets: Iterable[Asset], market: PublicMarket | None, backend: Backend | None = None
    ) -> Evaluator:
        """Equity at marks, and as requirement what limits against equity ask for: 0 without any."""
        del backend
        listed_assets = tuple(assets)
        model = self.model(listed_assets, market, Scope.ACCOUNT)
        values = model.linear(self.inputs(listed_assets, market).values())
        against = [c for c in self.conditions(listed_assets, market) if c.is_value]

        def evaluate(batch: PositionBatch) -> MarginResult:
            numeric = Numeric(model, batch)
            equity = numeric.value(values)
            required = np.zeros(batch.account_count, object)
            for condition in against:
                slack = numeric.value(model.linear(condition.linear))
                required = np.maximum(required, -((slack - condition.scale * equity) // condition.scale))
            return MarginResult(equity, required, numeric.satisfied(), (None,) * batch.account_count)

        return evaluate


@dataclass(frozen=True)
class BalancedBook(LimitModel):
    """``{"kind": "balanced-book", "version": 1, "limits": [...], ...}``: of the sum of all accounts."""

    kind: ClassVar[str] = "balanced-book"

    def words(self) -> ModelWords:
        """For people."""
        title = f"balanced book, {counted(len(self.document.limits), 'limit')} on the sum of all accounts"
        gross = (
            ("gross figures are of the book's net position in each instrument, not of single accounts",)
            if any(limit.measure is Measure.GROSS for limit in self.document.limits)
            else ()
        )
        return ModelWords(title, self.limit_words("the book's"), (*self.notes(), *gross))

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """It has no rows about an account."""
        del model, market
        raise ModelError(
            "a balanced-book is about the sum of all accounts, not about an account: `sealedbook prove-book` proves "
            "it; limits on every account are of the kind 'greeks-limits'"
        )


def _require(model: Model, condition: Condition, numbers: Numbers) -> None:
    linear = model.linear(condition.linear, condition.constant)
    if condition.span is not None:
        model.require(band(linear, 0, condition.span), condition.label)
        return
    sizes = model.sum(a * absolute_value(model.position(asset)) for asset, a in condition.gross.items())
    width = None
    if condition.gross:
        width = max(1, condition.constant.bit_length())
    elif condition.is_value:
        # Equity and the value of the delta, each within the cap.
        width = (2 * numbers.value_cap * condition.scale - 1).bit_length()
    model.require(linear - sizes >= 0, condition.label, width=width)
